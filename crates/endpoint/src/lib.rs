//! Where data lives, behind two doors.
//!
//! [`store`] is a place that holds whole named objects (a repository lives in one); [`tree`] is a place that holds a
//! tree of files (sync works on two). Behind them lie [`local`] (this machine, with everything a file system keeps about
//! a file), [`object`] (buckets), [`webdav`] and [`sftp`]; [`open`] opens the one an [`address`] means.
//! Invariants: an object is either absent or whole and durable; an empty answer never means "gone"; nothing here follows
//! a symbolic link it was not asked to follow; every error carries the path, and no secret.
//! Deliberately not here: what the objects mean (`repository`), which files to take (`backup`, `sync`).

pub mod address;
pub mod alike;
pub mod credentials;
pub mod error;
pub mod local;
pub mod object;
pub mod open;
pub mod retry;
pub mod server_key;
pub mod sftp;
mod spool;
pub mod store;
pub mod tree;
pub mod webdav;

pub use address::Address;
pub use credentials::Credentials;
pub use error::EndpointError;
pub use open::{OpenOptions, open_store, open_tree};
pub use server_key::ServerKey;
pub use store::{Store, StoredObject, Upload};
pub use tree::Tree;
