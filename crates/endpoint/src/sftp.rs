//! Places on SSH servers, over SFTP: a store of whole objects ([`SftpStore`]), and trees of files
//! ([`SftpTree`]).
//!
//! Why SFTP alone, without commands on the server: accounts for backups are often allowed nothing else. Invariants:
//! nothing is sent to a server whose key nobody accepted; what is written is invisible until it is whole; a broken
//! connection is made again, and only what may be done twice is tried twice. Deliberately not here: addresses people
//! type (`address`), where passwords are kept.

#[cfg(unix)]
mod agent_unix;
#[cfg(windows)]
mod agent_windows;
mod calls;
mod connection;
mod error;
mod item;
pub mod known_hosts;
mod naming;
mod options;
mod outgoing;
mod packet;
mod place;
mod probe;
mod reading;
mod session;
mod sign_in;
mod store;
mod tree;
mod tree_content;
mod tree_staged;

pub use known_hosts::KnownHosts;
pub use options::{Secret, SftpOptions, SignIn};
pub use store::SftpStore;
pub use tree::SftpTree;
