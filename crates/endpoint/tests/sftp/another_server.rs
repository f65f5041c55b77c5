//! Places on a server that is not OpenSSH: rclone's knows no links, and offers to tell the free space without being able to.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keepwell_endpoint::sftp::{SftpStore, SftpTree};
use keepwell_endpoint::tree::Expected;
use keepwell_endpoint::{EndpointError, Store, Tree};
use keepwell_model::Timestamp;
use keepwell_testkit::SeededRandom;

use crate::harness::Bench;
use crate::tree::{at, expected, path, put, read, seen};

/// A server that ends with its test, over the folder `place` of a bench, with the keys of the bench's own server.
struct Rclone {
    process: Child,
    port: u16,
}

impl Rclone {
    fn start(bench: &Bench) -> Self {
        fs::create_dir_all(bench.root()).unwrap();
        let keys = bench.server.folder();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("rclone")
            .args(["serve", "sftp", "--addr", &format!("127.0.0.1:{port}")])
            .arg("--key")
            .arg(keys.join("host_key"))
            .arg("--authorized-keys")
            .arg(keys.join("authorized_keys"))
            .arg(bench.root())
            .env("XDG_CONFIG_HOME", bench.folder.path())
            .env("XDG_CACHE_HOME", bench.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("rclone does not start ({error}): the tests' set-up installs it"));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "rclone does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, port }
    }
}

impl Drop for Rclone {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// It also says that it made a second name for a file when it did nothing, and spoils what is read while it is written.
#[test]
fn what_a_server_of_another_make_says_is_looked_at() {
    let bench = Bench::new();
    let server = Rclone::start(&bench);
    let tree = SftpTree::create(bench.options_at(server.port), "/made/here").unwrap();
    assert!(!tree.capabilities().symlinks && tree.capabilities().times);
    assert_eq!(tree.free_bytes().unwrap(), None);
    for (name, size) in [("empty", 0), ("small", 11), ("large", 3_456_789)] {
        let content = SeededRandom::new(size as u64).bytes(size);
        put(&tree, name, &content, &Expected::Absent, &at(1_000_000_007)).unwrap();
        assert_eq!(read(&tree, name), content);
        assert_eq!(seen(&tree, name).fingerprint.modified, Some(Timestamp::new(1_000_000_007, 0)));
        let error = put(&tree, name, b"other", &Expected::Absent, &at(2_000)).unwrap_err();
        assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
        put(&tree, name, b"newer", &expected(&tree, name), &at(2_000)).unwrap();
        assert_eq!(read(&tree, name), b"newer");
    }
    tree.create_folder(&path("folder"), &at(1_000)).unwrap();
    put(&tree, "third", b"third", &Expected::Absent, &at(2_000)).unwrap();
    tree.rename(&path("third"), &path("folder/moved"), &expected(&tree, "third"), &Expected::Absent).unwrap();
    assert_eq!(read(&tree, "folder/moved"), b"third");
    tree.remove(&path("empty"), &seen(&tree, "empty").fingerprint).unwrap();
    let names = tree.list(&path("")).unwrap().into_iter().map(|item| item.name).collect::<BTreeSet<_>>();
    assert_eq!(names, [&b"folder"[..], b"large", b"small"].map(<[u8]>::to_vec).into());
}

#[test]
fn a_repository_is_kept_on_a_server_of_another_make() {
    let bench = Bench::new();
    let server = Rclone::start(&bench);
    let store = SftpStore::create(bench.options_at(server.port), "/store").unwrap();
    let content = SeededRandom::new(1).bytes(2_345_678);
    store.put("data/one", &content).unwrap();
    assert_eq!(store.read("data/one", 4_000_000).unwrap(), content);
}
