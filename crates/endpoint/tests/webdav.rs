//! A WebDAV server as a place: Apache with mod_dav, honest and behind a proxy that lies.

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
use keepwell_endpoint::retry::{Patience, Stop};
use keepwell_endpoint::tree::PlaceIdentity;
use keepwell_endpoint::webdav::{WebDavStore, WebDavTree};
use keepwell_endpoint::{Address, Credentials, EndpointError, Store, Tree};
use keepwell_model::RelativePath;
use proxy::{Lie, Proxy};

/// Tries often, and waits for nothing.
fn quick() -> Patience {
    Patience {
        attempts: 8,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(5),
        stop: Stop::default(),
    }
}

fn address(port: u16, folder: &str) -> Address {
    format!("webdav://127.0.0.1:{port}/dav/{folder}").parse().unwrap()
}

fn ada() -> Credentials {
    Credentials::new(CredentialKind::Password, &[("user", "ada"), ("password", "lovelace")])
}

fn promises(server: &servers::Server, port: u16) {
    conformance::keeps_its_promises(&Stores {
        create: &|name| Ok(Arc::new(WebDavStore::create(&address(port, name), &ada(), &quick())?)),
        open: &|name| Ok(Arc::new(WebDavStore::open(&address(port, name), &ada(), &quick())?)),
        lose: &|name| fs::remove_dir_all(server.folder().join("data/dav").join(name)).unwrap(),
        takes_parts: true,
    });
}

#[test]
fn a_server_keeps_its_promises() {
    let server = servers::web_dav();
    promises(&server, server.port);
}

#[test]
fn a_server_that_lies_keeps_its_promises() {
    let server = servers::web_dav();
    let liar = Proxy::every_third(server.port);
    promises(&server, liar.port);
    assert!(liar.calls() > 300);
}

#[test]
fn a_folder_is_made_with_those_above_it_and_only_when_asked() {
    let server = servers::web_dav();
    let deep = address(server.port, "a b/100%25/ü");
    let error = WebDavStore::open(&deep, &ada(), &quick()).err().unwrap();
    assert!(matches!(error, EndpointError::NotFound { .. }), "{error}");
    let store = WebDavStore::create(&deep, &ada(), &quick()).unwrap();
    store.put("config", b"x").unwrap();
    assert!(server.folder().join("data/dav/a b/100%/ü/config").exists());
    assert_eq!(WebDavStore::open(&deep, &ada(), &quick()).unwrap().names().unwrap().len(), 2);
}

#[test]
fn the_wrong_password_is_told_as_such() {
    let server = servers::web_dav();
    let wrong = Credentials::new(CredentialKind::Password, &[("user", "ada"), ("password", "hidden")]);
    for credentials in [wrong, Credentials::none()] {
        let error = WebDavStore::open(&address(server.port, ""), &credentials, &quick()).err().unwrap();
        assert!(matches!(error, EndpointError::SignIn { .. }), "{error}");
        assert!(!format!("{error:?}").contains("hidden"));
    }
}

#[test]
fn leftovers_of_a_killed_writer_are_listed_and_can_be_deleted() {
    let server = servers::web_dav();
    let store = WebDavStore::create(&address(server.port, "left"), &ada(), &quick()).unwrap();
    store.put("packs/x", b"1").unwrap();
    assert!(store.unfinished().unwrap().is_empty());
    fs::write(server.folder().join("data/dav/left/tmp/0123"), "half").unwrap();
    let leftovers = store.unfinished().unwrap();
    assert_eq!(leftovers.len(), 1);
    assert_eq!(store.list("").unwrap().len(), 1);
    store.delete(&leftovers[0].key).unwrap();
    assert!(store.unfinished().unwrap().is_empty());
}

fn tree(port: u16, folder: &str, create: bool) -> Result<Box<dyn Tree>, EndpointError> {
    Ok(Box::new(WebDavTree::open(&address(port, folder), &ada(), &quick(), create)?))
}

fn tree_promises(server: &servers::Server, port: u16) {
    conformance_tree::keeps_its_promises(&Trees {
        create: &|name| tree(port, name, true),
        open: &|name| tree(port, name, false),
        lose: &|name| fs::remove_dir_all(server.folder().join("data/dav").join(name)).unwrap(),
        takes_parts: true,
    });
}

#[test]
fn a_removal_whose_answer_was_lost_takes_nothing_that_came_since() {
    let server = servers::web_dav();
    let place = server.folder().join("data/dav/removed");
    let path = RelativePath::parse(b"file").unwrap();
    tree(server.port, "removed", true).unwrap();
    fs::write(place.join("file"), "old").unwrap();
    let (written, removals) = (place.join("file"), std::sync::atomic::AtomicU32::new(0));
    let liar = Proxy::start(server.port, move |_, line| {
        let is_removal = line.starts_with("DELETE") && line.contains("/removed/file");
        let before = removals.fetch_add(u32::from(is_removal), std::sync::atomic::Ordering::SeqCst);
        if is_removal && before == 0 {
            return Lie::LoseAnswer;
        }
        if before == 1 && !written.exists() {
            fs::write(&written, "somebody's new work").unwrap();
        }
        Lie::Honest
    });
    let tree = tree(liar.port, "removed", false).unwrap();
    let seen = tree.stat(&path).unwrap().unwrap().fingerprint;
    tree.remove(&path, &seen).unwrap();
    assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "somebody's new work");
}

/// The address alone says nothing about a folder: such a place needs a marker, and what was remembered before that was
/// known is still told.
#[test]
fn a_place_on_a_server_that_takes_no_notes_is_known_by_nothing() {
    let server = servers::web_dav();
    let strict = Proxy::start(server.port, |_, line| match line.starts_with("PROPPATCH") {
        true => Lie::Forbidden,
        false => Lie::Honest,
    });
    let without = tree(strict.port, "without", true).unwrap();
    assert_eq!(without.identity().unwrap(), PlaceIdentity { volume: String::new(), root: 0 });
    let former = PlaceIdentity { volume: without.describe(), root: 0 };
    assert_eq!(without.former_identity().unwrap(), Some(former));
    let with = tree(server.port, "with", true).unwrap();
    assert_eq!(with.identity().unwrap().volume, with.describe());
    assert_eq!(with.former_identity().unwrap(), None);
}

#[test]
fn a_tree_keeps_its_promises() {
    let server = servers::web_dav();
    tree_promises(&server, server.port);
}

#[test]
fn a_tree_on_a_server_that_lies_keeps_its_promises() {
    let server = servers::web_dav();
    let liar = Proxy::every_third(server.port);
    tree_promises(&server, liar.port);
}
