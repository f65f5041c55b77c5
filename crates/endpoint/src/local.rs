//! Places on this machine: a store of whole objects in a folder ([`store`]).

pub mod store;
#[cfg(unix)]
mod store_unix;
#[cfg(windows)]
mod store_windows;
#[cfg(windows)]
mod windows_path;

pub use store::LocalStore;
