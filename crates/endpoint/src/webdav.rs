//! WebDAV servers (Apache, Nextcloud, a NAS) as places: [`WebDavStore`] holds the whole named objects of a repository.
//!
//! Why not through OpenDAL like the buckets: its WebDAV makes missing folders up to the root by itself, replaces without
//! being asked, takes an absent folder for an empty one, and holds a whole file in memory. Invariants: folders are never
//! made above the root, nor the root itself once it was seen; a listing that does not hold the folder it was asked for is
//! an error. Deliberately not here: locks, which half of the servers do not have.

mod client;
mod multistatus;
mod store;

pub use store::WebDavStore;
