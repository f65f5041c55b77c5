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
use keepwell_endpoint::tree::ItemMetadata;
use keepwell_endpoint::{Address, Credentials, EndpointError, Store, Tree};
use keepwell_model::{EntryKind, RelativePath};
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
        takes_parts: true,
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
        takes_parts: true,
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
        takes_parts: true,
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

/// This server keeps a folder of its file system whose last file went, and breaks when it is asked for it as a file.
#[test]
fn a_folder_that_lost_its_last_file_is_surely_gone_also_on_a_server_that_breaks_on_it() {
    let server = servers::s3();
    let tree = tree(server.port, "left", true).unwrap();
    let folder = server.folder().join("data/bucket/left");
    fs::create_dir(folder.join("gone")).unwrap();
    fs::write(folder.join("gone to stay"), "here").unwrap();
    let path = |text: &str| RelativePath::parse(text.as_bytes()).unwrap();
    assert_eq!(tree.stat(&path("gone")).unwrap(), None);
    assert!(tree.stat(&path("gone to stay")).unwrap().is_some());
    tree.create_folder(&path("gone"), &ItemMetadata::default()).unwrap();
    assert_eq!(tree.stat(&path("gone")).unwrap().unwrap().fingerprint.kind, EntryKind::Folder);
}

/// Any kind of bucket.
struct Bucket {
    /// The address of a folder in it.
    address: Box<dyn Fn(&str) -> Address>,
    credentials: Credentials,
    /// Takes away what is in a folder.
    lose: Box<dyn Fn(&str)>,
    takes_parts: bool,
}

impl Bucket {
    fn store(&self, name: &str, create: bool) -> Result<Arc<dyn Store>, EndpointError> {
        let (address, patience) = ((self.address)(name), quick());
        Ok(Arc::new(if create {
            ObjectStore::create(&address, &self.credentials, &patience)?
        } else {
            ObjectStore::open(&address, &self.credentials, &patience)?
        }))
    }

    fn tree(&self, name: &str, create: bool) -> Result<Box<dyn Tree>, EndpointError> {
        Ok(Box::new(ObjectTree::open(&(self.address)(name), &self.credentials, &quick(), create)?))
    }

    fn keeps_its_promises(&self) {
        conformance::keeps_its_promises(&Stores {
            create: &|name| self.store(name, true),
            open: &|name| self.store(name, false),
            lose: &self.lose,
            takes_parts: self.takes_parts,
        });
        conformance_tree::keeps_its_promises(&Trees {
            create: &|name| self.tree(&format!("tree-{name}"), true),
            open: &|name| self.tree(&format!("tree-{name}"), false),
            lose: &|name| (self.lose)(&format!("tree-{name}")),
            takes_parts: self.takes_parts,
        });
    }
}

/// Removes all that is in a folder, markers included, through a tree over the folder above it.
fn remove_all(above: &dyn Tree, name: &str) {
    let folder = RelativePath::parse(name.as_bytes()).unwrap();
    let mut found = Vec::new();
    above.visit_all(&folder, &mut |path, item| found.push((path, item))).unwrap();
    while let Some((path, item)) = found.pop() {
        above.remove(&path, &item.fingerprint).unwrap();
    }
    let folder_item = above.stat(&folder).unwrap().unwrap();
    above.remove(&folder, &folder_item.fingerprint).unwrap();
}

fn bucket(address: impl Fn(&str) -> Address + Clone + 'static, credentials: Credentials) -> Bucket {
    let (whole, keys) = (address.clone(), credentials.clone());
    let lose = move |name: &str| {
        let above = ObjectTree::open(&whole(""), &keys, &quick(), false).unwrap();
        remove_all(&above, name);
    };
    Bucket { address: Box::new(address), credentials, lose: Box::new(lose), takes_parts: true }
}

fn simulated_s3(port: u16) -> Bucket {
    bucket(move |name| s3_address(port, name), s3_keys())
}

fn azure(port: u16) -> Bucket {
    let address = move |name: &str| {
        let account = servers::AZURE_ACCOUNT;
        let text =
            format!("azure://container/{name}?account={account}&endpoint=http://127.0.0.1:{port}/{account}");
        text.parse().unwrap()
    };
    bucket(address, Credentials::new(CredentialKind::AccountKey, &[("account_key", servers::AZURE_KEY)]))
}

fn google(port: u16) -> Bucket {
    let address =
        move |name: &str| format!("gcs://bucket/{name}?endpoint=http://127.0.0.1:{port}").parse().unwrap();
    // The emulator has no uploads in parts.
    Bucket { takes_parts: false, ..bucket(address, Credentials::none()) }
}

#[test]
fn a_bucket_of_the_s3_simulator_keeps_its_promises() {
    let server = servers::s3_simulator();
    simulated_s3(server.port).keeps_its_promises();
}

#[test]
fn a_container_of_the_azure_emulator_keeps_its_promises() {
    let server = servers::azure();
    azure(server.port).keeps_its_promises();
}

#[test]
fn a_container_behind_an_azure_emulator_that_lies_keeps_its_promises() {
    let server = servers::azure();
    let liar = Proxy::every_third(server.port);
    azure(liar.port).keeps_its_promises();
}

#[test]
fn a_bucket_of_the_google_emulator_keeps_its_promises() {
    let server = servers::google();
    google(server.port).keeps_its_promises();
}

#[test]
fn uploads_that_never_ended_are_listed_and_can_be_taken_back() {
    let server = servers::s3_simulator();
    let place = simulated_s3(server.port);
    let store = place.store("left", true).unwrap();
    let elsewhere = place.store("other", true).unwrap();
    store.put("packs/x", b"1").unwrap();
    assert!(store.unfinished().unwrap().is_empty());
    let mut upload = store.create("packs/large").unwrap();
    upload.write(&conformance::content(9, 20 << 20)).unwrap();
    // As if the program was killed now: nothing takes the parts back.
    std::mem::forget(upload);
    let leftovers = store.unfinished().unwrap();
    assert_eq!(leftovers.len(), 1);
    assert!(leftovers[0].modified_ms.is_some());
    assert!(elsewhere.unfinished().unwrap().is_empty());
    assert_eq!(store.list("packs").unwrap().len(), 1);
    store.delete(&leftovers[0].key).unwrap();
    assert!(store.unfinished().unwrap().is_empty());
    let mut given_up = store.create("packs/large").unwrap();
    given_up.write(&conformance::content(9, 20 << 20)).unwrap();
    drop(given_up);
    assert!(store.unfinished().unwrap().is_empty());
}

#[test]
fn a_bucket_that_is_not_there_and_keys_that_do_not_fit_are_told_apart() {
    let server = servers::s3();
    let absent: Address = format!("s3://absent/x?endpoint=http://127.0.0.1:{}", server.port).parse().unwrap();
    let error = ObjectStore::create(&absent, &s3_keys(), &quick()).err().unwrap();
    assert!(matches!(error, EndpointError::NotFound { .. }), "{error:?}");
    let wrong = Credentials::new(
        CredentialKind::AccessKey,
        &[("access_key_id", "access"), ("secret_access_key", "guessed")],
    );
    let error = ObjectStore::create(&s3_address(server.port, "x"), &wrong, &quick()).err().unwrap();
    assert!(
        matches!(error, EndpointError::SignIn { .. } | EndpointError::PermissionDenied { .. }),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("guessed"));
    let nobody = format!("s3://bucket/x?endpoint=http://127.0.0.1:{}", servers::free_port());
    let error = ObjectStore::open(&nobody.parse().unwrap(), &s3_keys(), &quick()).err().unwrap();
    assert!(matches!(error, EndpointError::Unreachable { .. }), "{error:?}");
}

#[test]
fn a_listing_over_many_pages_is_whole() {
    let server = servers::s3();
    let store = create(server.port, "pages").unwrap();
    store.create_folders(&["packs"]).unwrap();
    // Behind the store's back: 2,500 uploads would only take long.
    let folder = server.folder().join("data/bucket/pages/packs");
    for number in 0..2500 {
        fs::write(folder.join(format!("{number:05}")), b"x").unwrap();
    }
    assert_eq!(store.list("packs").unwrap().len(), 2500);
    let liar = Proxy::every_third(server.port);
    assert_eq!(open(liar.port, "pages").unwrap().list("packs").unwrap().len(), 2500);
}

#[test]
fn a_listing_that_is_always_cut_is_an_error() {
    let server = servers::s3();
    let store = create(server.port, "cut").unwrap();
    store.put("packs/x", b"1").unwrap();
    let liar =
        Proxy::start(
            server.port,
            |_, line| {
                if line.contains("list-type=2") { Lie::CutAnswer } else { Lie::Honest }
            },
        );
    let through = ObjectStore::open(&s3_address(liar.port, "cut"), &s3_keys(), &quick()).unwrap();
    assert!(matches!(through.list("packs"), Err(EndpointError::Unreachable { .. })));
    assert!(through.names().is_err());
}

#[test]
fn slow_answers_are_waited_for() {
    let server = servers::s3();
    let slow = Proxy::start(server.port, |number, _| if number % 5 == 0 { Lie::Slow } else { Lie::Honest });
    let store = create(slow.port, "slow").unwrap();
    store.put("packs/x", b"1").unwrap();
    assert_eq!(store.read("packs/x", 9).unwrap(), b"1");
}
