//! Buckets as places, on real servers: promises of stores, servers that lie, and a repository from making to restoring.

// Where the servers run; see `scripts/servers.mjs`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "conformance/store.rs"]
mod conformance;
#[path = "conformance/tree.rs"]
mod conformance_tree;
#[path = "support/proxy.rs"]
#[allow(dead_code, reason = "shared by several test programs")]
mod proxy;
#[path = "support/servers.rs"]
#[allow(dead_code, reason = "shared by several test programs")]
mod servers;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use conformance::Stores;
use conformance_tree::Trees;
use keepwell_endpoint::credentials::CredentialKind;
use keepwell_endpoint::object::{ObjectStore, ObjectTree};
use keepwell_endpoint::retry::{Patience, Stop};
use keepwell_endpoint::{Address, Credentials, EndpointError, Store, Tree};
use proxy::Proxy;

/// Tries often, and waits for nothing.
fn quick() -> Patience {
    Patience {
        attempts: 8,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(5),
        stop: Stop::default(),
    }
}

fn s3_address(port: u16, prefix: &str) -> Address {
    format!("s3://bucket/{prefix}?endpoint=http://127.0.0.1:{port}").parse().unwrap()
}

fn s3_keys() -> Credentials {
    Credentials::new(
        CredentialKind::AccessKey,
        &[("access_key_id", "access"), ("secret_access_key", "hidden")],
    )
}

fn create(port: u16, prefix: &str) -> Result<Arc<dyn Store>, EndpointError> {
    Ok(Arc::new(ObjectStore::create(&s3_address(port, prefix), &s3_keys(), &quick())?))
}

fn open(port: u16, prefix: &str) -> Result<Arc<dyn Store>, EndpointError> {
    Ok(Arc::new(ObjectStore::open(&s3_address(port, prefix), &s3_keys(), &quick())?))
}

#[test]
fn a_bucket_keeps_its_promises() {
    let server = servers::s3();
    conformance::keeps_its_promises(&Stores {
        create: &|name| create(server.port, name),
        open: &|name| open(server.port, name),
        lose: &|name| fs::remove_dir_all(server.folder().join("data/bucket").join(name)).unwrap(),
    });
}

#[test]
fn a_bucket_behind_a_server_that_lies_keeps_its_promises() {
    let server = servers::s3();
    let liar = Proxy::every_third(server.port);
    conformance::keeps_its_promises(&Stores {
        create: &|name| create(liar.port, name),
        open: &|name| open(liar.port, name),
        lose: &|name| fs::remove_dir_all(server.folder().join("data/bucket").join(name)).unwrap(),
    });
    assert!(liar.calls() > 300);
}

fn tree(port: u16, prefix: &str, create: bool) -> Result<Box<dyn Tree>, EndpointError> {
    Ok(Box::new(ObjectTree::open(&s3_address(port, prefix), &s3_keys(), &quick(), create)?))
}

fn tree_promises(server: &servers::Server, port: u16) {
    conformance_tree::keeps_its_promises(&Trees {
        create: &|name| tree(port, name, true),
        open: &|name| tree(port, name, false),
        lose: &|name| fs::remove_dir_all(server.folder().join("data/bucket").join(name)).unwrap(),
    });
}

#[test]
fn a_tree_in_a_bucket_keeps_its_promises() {
    let server = servers::s3();
    tree_promises(&server, server.port);
}

#[test]
fn a_tree_in_a_bucket_behind_a_server_that_lies_keeps_its_promises() {
    let server = servers::s3();
    let liar = Proxy::every_third(server.port);
    tree_promises(&server, liar.port);
}
