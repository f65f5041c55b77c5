//! Where data lives, behind two small doors.
//!
//! [`store`] is a place that holds whole named objects (a repository lives in one); [`local`] is a tree of files on
//! this machine with everything a file system keeps about them. Invariants: an object is either absent or whole and
//! durable; nothing here follows a symbolic link it was not asked to follow; every error carries the path.
//! Deliberately not here: what the objects mean (`repository`), which files to take (`backup`).

pub mod error;
pub mod local;
pub mod store;

pub use error::EndpointError;
pub use store::{Store, StoredObject, Upload};
