//! SFTP places against real servers that the tests start themselves, OpenSSH first: what is promised on good days and bad.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can not go on has failed")]

mod another_server;
#[path = "../conformance/store.rs"]
mod conformance_store;
#[path = "../conformance/tree.rs"]
mod conformance_tree;
mod connecting;
mod faults;
mod harness;
mod store;
mod tree;
mod tree_faults;
