//! Object services (S3 and compatibles, Azure Blob, Google Cloud Storage) as places: [`ObjectStore`] holds the whole
//! named objects of a repository, [`ObjectTree`] a tree of files.
//!
//! Why OpenDAL below: three protocols with their signatures, conditions and multipart uploads behind one interface.
//! Invariants: an answer that could be a lie of an empty or vanished bucket is checked against a marker in the root, so
//! an empty listing never means "gone"; every request is tried again by itself; nothing here reads the environment.
//! Deliberately not here: addresses and credentials (`address`, `credentials`), WebDAV (`webdav`).

mod errors;
#[cfg(test)]
mod fake;
mod items;
mod listing;
mod moving;
mod root;
mod service;
mod staged;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod unfinished;
mod upload;

pub(crate) mod runtime;
pub(crate) mod transport;

pub use store::ObjectStore;
pub use tree::ObjectTree;

/// Bytes of one part of a large upload, and of one range of a large read.
const PART_BYTES: usize = 8 << 20;
