//! A pair with a side on a real server, and one between two servers, does what one between two folders does: both ways,
//! conflicts, the bin, moves, undo; and what does not open a server is told in plain words.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::remote::proxy::Proxy;
use super::remote::servers;
use super::remote_ssh::Far;
use crate::harness::{Room, Run};

const NAME: &str = "left and right";

/// One side: how it is called, and where its files really lie.
struct Side {
    address: String,
    folder: PathBuf,
}

impl Side {
    fn local(room: &Room) -> Self {
        Self::at(room.path("left").display().to_string(), room.path("left"))
    }

    fn at(address: String, folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let side = Self { address, folder };
        side.open_to_all("");
        side
    }

    /// The server may run as somebody else.
    fn open_to_all(&self, name: &str) {
        let rights = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(self.folder.join(name), rights).unwrap();
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        if let Some((folder, _)) = name.rsplit_once('/') {
            fs::create_dir_all(self.folder.join(folder)).unwrap();
            self.open_to_all(folder);
        }
        fs::write(self.folder.join(name), content).unwrap();
        self.open_to_all(name);
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{}: {name}: {error}", self.address))
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// What the files whose names begin so hold.
    fn texts(&self, start: &str) -> Vec<String> {
        let items = fs::read_dir(&self.folder).unwrap().map(|item| item.unwrap());
        let fitting = items.filter(|item| item.file_name().to_string_lossy().starts_with(start));
        let mut texts: Vec<String> = fitting.map(|item| fs::read_to_string(item.path()).unwrap()).collect();
        texts.sort();
        texts
    }
}

struct Pair<'a> {
    room: &'a Room,
    left: &'a Side,
    right: &'a Side,
}

impl Pair<'_> {
    fn sync(&self, more: &[&str]) -> Run {
        let words = ["sync", "run", &self.left.address, &self.right.address];
        self.room.run(words.iter().chain(more))
    }

    #[track_caller]
    fn plan(&self) -> Vec<Value> {
        self.sync(&["--preview", "--json"]).expect(0).json().as_array().unwrap().clone()
    }

    fn both(&self) -> [&Side; 2] {
        [self.left, self.right]
    }
}

const LETTERS: [&str; 2] = ["Dear Ada, the roof is mended\n", "Dear Ada, the roof leaks again and again\n"];

/// Everything two places do together, and the last run undone.
fn does_it_all(room: &Room, left: &Side, right: &Side) {
    keeps_alike(room, left, right);
    room.run(["sync", "undo", NAME]).expect(0).says("paused");
    assert_eq!(right.read("deep/er/file"), b"down here, and longer");
    assert!(right.has("old/one") && !right.has("older/one"));
}

/// A first copy, edits on both sides, a conflict of which both stay, a deletion and a move.
fn keeps_alike(room: &Room, left: &Side, right: &Side) {
    let pair = Pair { room, left, right };
    let big: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).take(700_000).collect();
    let files: [(&str, &[u8]); 6] = [
        ("letter", b"Dear Ada\n"),
        ("deep/er/file", b"down here"),
        ("\u{fc}n\u{ef} & c\u{f6}d\u{e9} 100%.txt", b"odd"),
        ("big", &big),
        ("old/one", b"1"),
        ("old/two", b"22"),
    ];
    for (name, content) in files {
        left.write(name, content);
    }
    pair.sync(&[]).expect(0);
    for (name, content) in files {
        assert!(right.read(name) == content, "{name} did not arrive as it was");
    }
    assert_eq!(pair.plan(), Vec::<Value>::new(), "a second run has something to do");

    left.write("letter", "Dear Ada, how are you\n");
    right.write("answer", "fine, thank you");
    right.write("deep/er/file", "down here, and longer");
    pair.sync(&[]).expect(0);
    assert_eq!(right.read("letter"), b"Dear Ada, how are you\n");
    assert_eq!(left.read("answer"), b"fine, thank you");
    assert_eq!(left.read("deep/er/file"), b"down here, and longer");

    left.write("letter", LETTERS[0]);
    right.write("letter", LETTERS[1]);
    pair.sync(&[]).expect(3).says("1 conflict");
    room.run(["sync", "resolve", NAME, "--all", "--keep", "both"]).expect(0);
    for side in pair.both() {
        assert_eq!(side.texts("letter"), LETTERS);
    }

    fs::remove_file(left.folder.join("deep/er/file")).unwrap();
    let (old, new) = ("old", "older");
    fs::rename(left.folder.join(old), left.folder.join(new)).unwrap();
    let run = pair.sync(&["--json"]).expect(0).json();
    let facts = run["result"]["facts"].as_array().unwrap();
    let fact = |key: &str| facts.iter().find(|fact| fact["key"] == key).unwrap()["value"].as_u64().unwrap();
    assert!(fact("moved") > 0 && fact("created") == 0, "it was copied rather than moved: {run}");
    // Of files: a bucket has no folders, and what its server makes of them is its own affair.
    let has_file = |folder: &str| right.has(&format!("{folder}/one"));
    assert!(has_file(new) && !has_file(old) && !right.has("deep/er/file"));
    let bin = room.run(["sync", "bin", NAME, "--json"]).expect(0).json();
    let binned = |row: &Value| row["path"]["path"] == "deep/er/file" && row["why"] == "removed";
    assert!(bin["rows"].as_array().unwrap().iter().any(binned), "{bin}");
    // A move inside a bucket gives a file another time: that is nothing the other side has to take over.
    assert_eq!(pair.plan(), Vec::<Value>::new());
}

#[test]
fn a_folder_and_an_ssh_server_are_kept_alike() {
    let far = Far::new();
    let folder = far.room.path("far/right");
    let address = far.address_of(&folder);
    does_it_all(&far.room, &Side::local(&far.room), &Side::at(address, folder));
}

#[test]
fn a_folder_and_an_s3_server_are_kept_alike() {
    let server = servers::s3();
    let mut room = Room::new();
    room.set_variable("AWS_ACCESS_KEY_ID", "access");
    room.set_variable("AWS_SECRET_ACCESS_KEY", "hidden");
    // The bucket is the right one, where things are moved, removed and brought back.
    let address = format!("s3://bucket/right?endpoint=http://127.0.0.1:{}", server.port);
    let right = Side::at(address, server.folder().join("data/bucket/right"));
    does_it_all(&room, &Side::local(&room), &right);
}

/// Answers that get lost, connections that are cut, refusals: nothing of it shows but in the time it takes.
#[test]
fn a_folder_and_a_server_that_fails_every_third_call_are_kept_alike() {
    let server = servers::s3();
    let liar = Proxy::every_third(server.port);
    let mut room = Room::new();
    room.set_variable("AWS_ACCESS_KEY_ID", "access");
    room.set_variable("AWS_SECRET_ACCESS_KEY", "hidden");
    let address = format!("s3://bucket/right?endpoint=http://127.0.0.1:{}", liar.port);
    let right = Side::at(address, server.folder().join("data/bucket/right"));
    does_it_all(&room, &Side::local(&room), &right);
    assert!(liar.calls() > 30);
}

#[test]
fn two_folders_and_an_azure_container_between_them_are_kept_alike() {
    let server = servers::azure();
    let mut room = Room::new();
    room.set_variable("AZURE_STORAGE_KEY", servers::AZURE_KEY);
    let (account, port) = (servers::AZURE_ACCOUNT, server.port);
    let endpoint = format!("endpoint=http://127.0.0.1:{port}/{account}");
    goes_through(&room, &format!("azure://container/between?account={account}&{endpoint}"));
}

#[test]
fn two_folders_and_a_google_bucket_between_them_are_kept_alike() {
    let server = servers::google();
    goes_through(&Room::new(), &format!("gcs://bucket/between?endpoint=http://127.0.0.1:{}", server.port));
}

/// What two folders have of each other with a bucket between them into which nobody can look: new files, edits on both
/// ends, a removal and a move.
fn goes_through(room: &Room, bucket: &str) {
    let (left, right) =
        (Side::local(room), Side::at(room.path("right").display().to_string(), room.path("right")));
    let bucket = Side { address: bucket.to_owned(), folder: PathBuf::new() };
    let [first, second] =
        [(&left, &bucket), (&right, &bucket)].map(|(left, right)| Pair { room, left, right });
    for name in ["letter", "deep/er/file", "old/one", "\u{fc}n\u{ef} & c\u{f6}d\u{e9} 100%.txt"] {
        left.write(name, name);
    }
    left.write("big", vec![7; 700_000]);
    for pair in [&first, &second] {
        pair.sync(&[]).expect(0);
        assert_eq!(pair.plan(), Vec::<Value>::new(), "a second run has something to do");
    }
    assert_eq!(right.read("\u{fc}n\u{ef} & c\u{f6}d\u{e9} 100%.txt").len(), 23);
    assert_eq!(right.read("big"), vec![7; 700_000]);

    right.write("letter", "an answer");
    left.write("deep/er/file", "edited on the left");
    fs::remove_file(left.folder.join("big")).unwrap();
    fs::rename(left.folder.join("old"), left.folder.join("older")).unwrap();
    for pair in [&first, &second, &first] {
        pair.sync(&[]).expect(0);
    }
    for side in [&left, &right] {
        assert_eq!(side.read("letter"), b"an answer");
        assert_eq!(side.read("deep/er/file"), b"edited on the left");
        assert_eq!(side.read("older/one"), b"old/one");
        assert!(!side.has("big") && !side.has("old/one"));
    }
    assert_eq!(first.plan(), Vec::<Value>::new());
    assert_eq!(second.plan(), Vec::<Value>::new());
}

#[test]
fn a_folder_and_a_web_dav_server_are_kept_alike() {
    let server = servers::web_dav();
    let mut room = Room::new();
    room.set_variable("KEEPWELL_PLACE_USER", "ada");
    room.set_variable("KEEPWELL_PLACE_PASSWORD", "lovelace");
    let address = format!("webdav://127.0.0.1:{}/dav/right", server.port);
    let right = Side::at(address, server.folder().join("data/dav/right"));
    does_it_all(&room, &Side::local(&room), &right);
}

#[test]
fn two_servers_are_kept_alike() {
    let server = servers::s3();
    let mut far = Far::new();
    far.room.set_variable("AWS_ACCESS_KEY_ID", "access");
    far.room.set_variable("AWS_SECRET_ACCESS_KEY", "hidden");
    let address = format!("s3://bucket/left?endpoint=http://127.0.0.1:{}", server.port);
    let left = Side::at(address, server.folder().join("data/bucket/left"));
    let folder = far.room.path("far/right");
    let right = Side::at(far.address_of(&folder), folder);
    does_it_all(&far.room, &left, &right);
}

#[test]
fn what_does_not_open_a_server_is_said_in_plain_words_and_changes_nothing() {
    let server = servers::web_dav();
    let mut room = Room::new();
    let left = Side::local(&room);
    left.write("letter", "Dear Ada\n");
    let address = format!("webdav://127.0.0.1:{}/dav/right", server.port);
    let right = Side::at(address, server.folder().join("data/dav/right"));
    room.set_variable("KEEPWELL_PLACE_USER", "ada");
    room.set_variable("KEEPWELL_PLACE_PASSWORD", "guessed");
    let pair = |room: &Room| Pair { room, left: &left, right: &right }.sync(&[]);
    let run = pair(&room).expect(1).says("did not accept the sign-in").says("Check the user name");
    assert!(!run.said().contains("guessed"), "{}", run.said());
    // Nobody listens there, and no other test will: the port is one of the system's own.
    let away = Side { address: "webdav://127.0.0.1:1/dav/right".to_owned(), folder: right.folder.clone() };
    let run = Pair { room: &room, left: &left, right: &away }.sync(&[]);
    run.expect(1).says("can not be reached").says("Check the network");
    assert_eq!(left.texts("letter"), ["Dear Ada\n"]);
}
