//! WebDAV servers (Apache, Nextcloud, a NAS) as places: [`WebDavStore`] holds the whole named objects of a repository,
//! [`WebDavTree`] a tree of files.
//!
//! Why not through OpenDAL like the buckets: its WebDAV makes missing folders up to the root by itself, replaces without
//! being asked, takes an absent folder for an empty one, and holds a whole file in memory. Invariants: folders are never
//! made above the root, nor the root itself once it was seen; a listing that does not hold the folder it was asked for is
//! an error. Deliberately not here: locks, which half of the servers do not have.

mod client;
mod multistatus;
mod staged;
mod store;
mod tree;
mod tree_probe;

pub use store::WebDavStore;
pub use tree::WebDavTree;
