//! Places on SSH servers, over SFTP: a store of whole objects, and trees of files.
//!
//! Deliberately not here: addresses people type (`address`), where passwords are kept.

mod error;
pub mod known_hosts;
mod packet;

pub use known_hosts::KnownHosts;
