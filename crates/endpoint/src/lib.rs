//! Where data lives, behind three small doors.
//!
//! [`store`] is a place that holds whole named objects (a repository lives in one); [`tree`] is a place that holds a
//! tree of files (sync works on two); [`local`] is this machine, with everything a file system keeps about a file. Invariants: an object is either absent or whole and
//! durable; nothing here follows a symbolic link it was not asked to follow; every error carries the path.
//! Deliberately not here: what the objects mean (`repository`), which files to take (`backup`).

pub mod address;
pub mod credentials;
pub mod error;
pub mod local;
pub mod object;
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
pub use server_key::ServerKey;
pub use store::{Store, StoredObject, Upload};
pub use tree::Tree;
