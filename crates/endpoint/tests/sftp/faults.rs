//! Bad days: lines that break, servers that are killed, silent, slow or full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use keepwell_endpoint::sftp::SftpStore;
use keepwell_endpoint::{EndpointError, Store};
use keepwell_testkit::{SeededRandom, SshSetup};

use crate::harness::Bench;

#[test]
fn an_upload_goes_on_where_it_was_when_the_line_breaks() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let store = bench.store_at(proxy.port());
    let content = SeededRandom::new(3).bytes(12_000_000);
    let mut upload = store.create("packs/x").unwrap();
    for (number, piece) in content.chunks(1_000_000).enumerate() {
        upload.write(piece).unwrap();
        if number == 2 || number == 7 {
            proxy.cut_now();
        }
    }
    upload.finish().unwrap();
    assert_eq!(fs::read(bench.root().join("packs/x")).unwrap(), content);
    assert!(store.unfinished().unwrap().is_empty());
    assert!(proxy.connections() >= 3);
}

/// Every third connection lives, the others are cut at growing depths: somewhere in signing in, in the upload, between
/// a request and its answer.
#[test]
fn a_line_that_breaks_again_and_again_loses_and_doubles_nothing() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let store = bench.store_at(proxy.port());
    let mut random = SeededRandom::new(4);
    let mut written = Vec::new();
    for number in 0..7_u64 {
        proxy.cut_after(2_000 + number * 16_000, 2);
        let key = format!("packs/{number:02}");
        let content = random.bytes(40_000 + 3_000 * number as usize);
        store.put(&key, &content).unwrap();
        written.push((key, content));
    }
    proxy.cut_after(0, 0);
    assert!(proxy.connections() > 7, "nothing was cut");
    let mut listed = store.list("packs").unwrap();
    listed.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(listed.len(), written.len());
    for (key, content) in &written {
        assert_eq!(&store.read(key, 1 << 20).unwrap(), content, "{key}");
    }
    assert!(store.unfinished().unwrap().is_empty(), "{:?}", store.unfinished());
    // Names that are taken stay taken, also over a line that breaks.
    proxy.cut_after(3_000, 3);
    assert!(matches!(store.put("packs/00", b"other"), Err(EndpointError::AlreadyExists { .. })));
}

#[test]
fn reading_goes_on_when_the_line_breaks() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let store = bench.store_at(proxy.port());
    let content = SeededRandom::new(5).bytes(3_000_000);
    store.put("packs/x", &content).unwrap();
    for number in 0..4 {
        proxy.cut_now();
        let offset = number * 500_000;
        assert_eq!(
            store.read_range("packs/x", offset as u64, 900_000).unwrap(),
            content[offset..offset + 900_000]
        );
    }
    proxy.cut_now();
    assert_eq!(store.list("packs").unwrap().len(), 1);
}

#[test]
fn a_server_that_is_killed_and_started_again_costs_nothing() {
    let mut bench = Bench::new();
    let store = bench.store();
    let content = SeededRandom::new(6).bytes(6_000_000);
    let mut upload = store.create("packs/x").unwrap();
    upload.write(&content[..4_000_000]).unwrap();
    bench.server.kill();
    let server = &mut bench.server;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            upload.write(&content[4_000_000..]).unwrap();
            upload.finish().unwrap();
        });
        std::thread::sleep(Duration::from_millis(300));
        server.restart();
    });
    assert_eq!(fs::read(bench.root().join("packs/x")).unwrap(), content);
}

/// The server came back without what it had confirmed, as after a power cut.
#[test]
fn what_a_restarted_server_lost_is_noticed_before_the_object_is_shown() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let store = bench.store_at(proxy.port());
    let content = SeededRandom::new(7).bytes(9_000_000);
    let mut upload = store.create("packs/x").unwrap();
    upload.write(&content[..8_000_000]).unwrap();
    proxy.cut_now();
    let unfinished = fs::read_dir(bench.root().join("tmp")).unwrap().next().unwrap().unwrap().path();
    let file = fs::File::options().write(true).open(unfinished).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0; 4096], 4096).unwrap();
    upload.write(&content[8_000_000..]).unwrap();
    let error = upload.finish().unwrap_err();
    assert!(matches!(&error, EndpointError::Unexpected { why, .. } if why.contains("lost")), "{error}");
    assert!(!bench.root().join("packs/x").exists());
    assert!(store.unfinished().unwrap().is_empty());
}

#[test]
fn a_server_that_stays_away_is_an_error_in_bounded_time_and_nothing_is_shown() {
    let mut bench = Bench::new();
    let mut options = bench.options();
    options.patience.attempts = 3;
    let store = SftpStore::create(options, bench.root().to_str().unwrap()).unwrap();
    store.put("packs/before", b"1").unwrap();
    let mut upload = store.create("packs/x").unwrap();
    upload.write(&vec![1; 2_000_000]).unwrap();
    bench.server.kill();
    let error = upload.finish().unwrap_err();
    assert!(matches!(error, EndpointError::Unreachable { .. }), "{error}");
    for error in [
        store.list("packs").map(drop).unwrap_err(),
        store.read("packs/before", 9).map(drop).unwrap_err(),
        store.delete("packs/before").unwrap_err(),
        store.unfinished().map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, EndpointError::Unreachable { .. }), "{error}");
    }
    bench.server.restart();
    assert_eq!(store.list("packs").unwrap().len(), 1);
    assert_eq!(store.unfinished().unwrap().len(), 1, "the leftover is listed when the server is back");
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let mut options = bench.options_at(proxy.port());
    options.silence_limit = Duration::from_millis(400);
    options.connect_limit = Duration::from_millis(400);
    options.patience.attempts = 2;
    let store = SftpStore::create(options, bench.root().to_str().unwrap()).unwrap();
    store.put("packs/x", b"1").unwrap();
    proxy.stall(true);
    let error = store.list("packs").unwrap_err();
    assert!(matches!(error, EndpointError::Unreachable { .. }), "{error}");
    proxy.stall(false);
    assert_eq!(store.list("packs").unwrap().len(), 1);
}

/// Slow is not silent: as long as anything comes, the work goes on, however long it takes altogether.
#[test]
fn a_slow_server_is_waited_for() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let mut options = bench.options_at(proxy.port());
    options.silence_limit = Duration::from_millis(1500);
    let store = SftpStore::create(options, bench.root().to_str().unwrap()).unwrap();
    proxy.slow_down(Duration::from_millis(25));
    let content = SeededRandom::new(8).bytes(3_000_000);
    store.put("packs/x", &content).unwrap();
    assert_eq!(store.read("packs/x", 4_000_000).unwrap(), content);
    assert_eq!(proxy.connections(), 1);
}

/// A small file system where this account may mount one; otherwise a limit on how large a file of the server gets.
struct SmallDisk(Option<PathBuf>);

impl SmallDisk {
    fn at(path: &Path) -> Self {
        fs::create_dir_all(path).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(path).output();
        Self(mount.is_ok_and(|output| output.status.success()).then(|| path.to_path_buf()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = Command::new("umount").arg("-l").arg(path).status();
        }
    }
}

#[test]
fn a_full_disk_is_told_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let small = SmallDisk::at(&folder.path().join("small"));
    let limit = if small.0.is_some() { "exec \"$@\"" } else { "trap '' XFSZ; ulimit -f 6000; exec \"$@\"" };
    let through = ["sh", "-c", limit, "sh"].map(str::to_owned).to_vec();
    let bench = Bench::with(&SshSetup { through, ..SshSetup::default() });
    let root = folder.path().join("small/place");
    let store = SftpStore::create(bench.options(), root.to_str().unwrap()).unwrap();
    store.put("packs/before", b"safe").unwrap();
    let error = store.put("packs/x", &vec![1; 8_000_000]).unwrap_err();
    if small.0.is_some() {
        assert!(matches!(error, EndpointError::NoSpace { .. }), "{error}");
    }
    assert!(store.unfinished().unwrap().is_empty(), "the part that fitted still takes the room");
    assert_eq!(store.list("packs").unwrap().len(), 1);
    assert_eq!(store.read("packs/before", 9).unwrap(), b"safe");
    store.put("packs/y", b"fits").unwrap();
}
