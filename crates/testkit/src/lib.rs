//! What tests are made of: trees with everything in them, a comparison that misses nothing, and stores that fail.
//!
//! Invariants: the same seed makes the same tree on every machine of one system; nothing here shares code with the
//! crates it helps to test beyond the `Store` trait, so that a mistake there can not hide here. Deliberately not here:
//! anything a release would contain; the measuring of time.

pub mod compare;
pub mod faulty_store;
mod memory_staged;
pub mod memory_state;
pub mod memory_store;
pub mod memory_tree;
pub mod proxy;
pub mod random;
#[cfg(unix)]
pub mod ssh_server;
pub mod steps;
pub mod tree;

pub use compare::{CompareOptions, Observed, compare_trees, differences, observe};
pub use faulty_store::{Call, Fault, FaultyStore, Gate, Operation, Rule};
pub use memory_store::MemoryStore;
pub use memory_tree::{MemoryTree, StepFault, Steps};
pub use proxy::Proxy;
pub use random::SeededRandom;
#[cfg(unix)]
pub use ssh_server::{SshServer, SshSetup};
pub use tree::{TreeOptions, make_deep_tree, make_tree, remove_tree};
