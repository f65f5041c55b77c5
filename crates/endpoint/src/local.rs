//! Places on this machine: a store of whole objects in a folder ([`store`]), and trees of files with all their
//! metadata ([`Folder`], [`LocalFile`]; [`LocalTree`] offers one to sync).
//!
//! Every system offers the same types and functions; what differs lies in one file a system. Deliberately not here:
//! walking, excluding, copying (`backup`).

mod item;
mod mounts;
pub mod store;
mod tree;
mod tree_content;
#[cfg(unix)]
mod tree_folder;
mod tree_holders;
mod tree_probe;
mod tree_put_back;
mod tree_rename;
mod tree_staged;

#[cfg(unix)]
mod accounts_unix;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod store_unix;
#[cfg(target_os = "linux")]
mod tree_linux;
#[cfg(target_os = "macos")]
mod tree_macos;
#[cfg(unix)]
mod tree_unix;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_file;
#[cfg(unix)]
mod unix_handles;
#[cfg(unix)]
mod unix_metadata;

#[cfg(windows)]
mod accounts_windows;
#[cfg(windows)]
mod store_windows;
#[cfg(windows)]
mod tree_windows;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
mod windows_file;
#[cfg(windows)]
mod windows_path;
#[cfg(windows)]
mod windows_stat;

#[cfg(unix)]
pub use accounts_unix::Accounts;
pub use item::{MetadataOptions, MetadataPart, MetadataTrouble, NamedItem, Stat};
pub use mounts::{mounted_below, unescaped};
pub use store::LocalStore;
pub use tree::LocalTree;
#[cfg(unix)]
pub use unix::Folder;
#[cfg(unix)]
pub use unix_file::LocalFile;
#[cfg(unix)]
pub use unix_handles::OPEN_FOLDERS_LIMIT;
#[cfg(unix)]
pub use unix_metadata::ATTRIBUTE_LIMIT_BYTES;

#[cfg(windows)]
pub use accounts_windows::Accounts;
#[cfg(windows)]
pub use windows::{ATTRIBUTE_LIMIT_BYTES, Folder, OPEN_FOLDERS_LIMIT};
#[cfg(windows)]
pub use windows_file::LocalFile;
