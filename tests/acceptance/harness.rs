//! A room to work in for each test, and the program run in it.
//!
//! Invariants: every room has a state folder, a home and a password of its own; nothing of the person who runs the
//! tests is read or written; the room is gone when the test ends, however deep the trees in it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Child;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use keepwell_testkit::{CompareOptions, compare_trees, remove_tree};
use serde_json::Value;

/// What opens the repositories of the tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// What a restored tree may differ in.
pub const RESTORED: CompareOptions = CompareOptions {
    ignore_owners: false,
    ignore_folder_times: false,
    ignore_sockets: true,
    ignore_holes: false,
};

/// The program: `KEEPWELL_BIN`, or built once a run and found where cargo says it is.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| env::var_os("KEEPWELL_BIN").map_or_else(build, PathBuf::from))
}

/// Builds the program. Every test of a nextest run is a process of its own: the first builds, the rest read the note
/// it leaves.
fn build() -> PathBuf {
    let run = env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
    let note = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("keepwell-built-{run}"));
    let lock =
        File::options().create(true).append(true).open(note.with_extension("lock")).expect("a lock file");
    lock.lock().expect("the lock is free sooner or later");
    if let Ok(path) = fs::read_to_string(&note) {
        return PathBuf::from(path);
    }
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "keepwell-cli", "--message-format=json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "keepwell-cli does not build");
    let path = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "keepwell")
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .expect("cargo says where the program is");
    fs::write(&note, &path).expect("the note can be written");
    PathBuf::from(path)
}

/// What a run of the program said, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub arguments: Vec<OsString>,
    /// Nothing where a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Fails with everything said unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "keepwell {:?}\n--- out\n{}\n--- err\n{}",
            self.arguments,
            self.out,
            self.err
        );
        self
    }

    /// What was printed, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| {
            panic!("not JSON ({error}): keepwell {:?}\n{}\n{}", self.arguments, self.out, self.err)
        })
    }

    /// Everything it said.
    pub fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Fails unless it said this.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.said().contains(words),
            "\"{words}\" was not said by keepwell {:?}\n{}",
            self.arguments,
            self.said()
        );
        self
    }
}

/// A room to work in.
pub struct Room {
    folder: PathBuf,
    password: String,
    wrapper: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    /// Where the repository is, if not in the room.
    elsewhere: Option<PathBuf>,
}

impl Room {
    /// An empty room.
    pub fn new() -> Self {
        let folder =
            tempfile::Builder::new().prefix("keepwell-").tempdir().expect("a temporary folder").keep();
        let (wrapper, variables) = (Vec::new(), Vec::new());
        let room = Self { folder, password: PASSWORD.into(), wrapper, variables, elsewhere: None };
        for name in ["home", "source", "temporary"] {
            fs::create_dir(room.path(name)).expect("a folder in the room");
        }
        room
    }

    /// A room with a repository and a small tree with everything in it.
    pub fn with_tree(seed: u64) -> Self {
        let room = Self::with_repository();
        let options = keepwell_testkit::TreeOptions::seeded(seed);
        keepwell_testkit::make_tree(&room.source(), &options).expect("a tree");
        room
    }

    /// A room with a repository and an empty source.
    pub fn with_repository() -> Self {
        let room = Self::new();
        room.run(["repository", "init"].map(OsString::from).into_iter().chain([room.repository().into()]))
            .expect(0);
        room
    }

    /// Something in the room.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn source(&self) -> PathBuf {
        self.path("source")
    }

    pub fn repository(&self) -> PathBuf {
        self.elsewhere.clone().unwrap_or_else(|| self.path("repository"))
    }

    /// From here on the repository is at this address.
    #[cfg(target_os = "linux")]
    pub fn set_repository(&mut self, address: &str) {
        self.elsewhere = Some(address.into());
    }

    /// Writes a file below the source, with the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.source().join(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// The same room with another password.
    pub fn set_password(&mut self, password: &str) {
        self.password = password.into();
    }

    /// From here on the program is started through another one.
    #[cfg(unix)]
    pub fn run_through(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(OsString::from).collect();
    }

    /// From here on the program sees this variable.
    #[cfg(unix)]
    pub fn set_variable(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.variables.push((name.into(), value.as_ref().into()));
    }

    /// The program, ready to start.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut words = self.wrapper.iter().map(OsString::as_os_str).chain([program().as_os_str()]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command.args(words).args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        // A keyring of the person must not be asked, and nothing they set may matter.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy().into_owned();
            if text.starts_with("KEEPWELL_") || text.starts_with("XDG_") || text.starts_with("DBUS_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("temporary"))
            .env("KEEPWELL_HOME", self.path("state"))
            .env("KEEPWELL_PASSWORD", &self.password)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        let mut command = self.command(arguments);
        let output = command.output().expect("the program starts");
        Run {
            arguments: command.get_args().map(OsStr::to_owned).collect(),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command on the room's repository: the verb in two words, then `--repository`, then the rest.
    pub fn on_repository(&self, verb: [&str; 2], rest: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        self.run(self.arguments(verb, rest))
    }

    /// The arguments of a command on the room's repository.
    pub fn arguments(
        &self,
        verb: [&str; 2],
        rest: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = verb.map(OsString::from).into();
        arguments.extend(["--repository".into(), self.repository().into()]);
        arguments.extend(rest.into_iter().map(|word| word.as_ref().to_owned()));
        arguments
    }

    /// Starts a command on the room's repository and lets it run.
    #[cfg(unix)]
    pub fn start(&self, verb: [&str; 2], rest: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Child {
        self.command(self.arguments(verb, rest))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    /// Backs the source up.
    pub fn backup(&self) -> Run {
        self.backup_with(&[])
    }

    /// Backs the source up with more arguments.
    pub fn backup_with(&self, more: &[&str]) -> Run {
        let more = more.iter().map(OsString::from);
        self.on_repository(["backup", "run"], more.chain([self.source().into()]))
    }

    /// Restores a snapshot into a folder of the room, with more arguments.
    pub fn restore_with(&self, snapshot: &str, target: &Path, more: &[&str]) -> Run {
        let arguments = [OsString::from(snapshot), "--target".into(), target.into()];
        self.on_repository(["restore", "run"], arguments.into_iter().chain(more.iter().map(OsString::from)))
    }

    /// Restores a snapshot into a new folder of the room; where its source then is.
    #[track_caller]
    pub fn restore(&self, snapshot: &str, name: &str) -> PathBuf {
        self.restore_with(snapshot, &self.path(name), &[]).expect(0);
        self.restored(&self.path(name))
    }

    /// Where the source lies below a target, as the snapshots say.
    pub fn restored(&self, target: &Path) -> PathBuf {
        target.join(self.root())
    }

    /// The path of the source inside the snapshots.
    pub fn root(&self) -> String {
        let newest = self.snapshots().into_iter().next().expect("a snapshot");
        newest["roots"][0]["path"].as_str().expect("a root").to_owned()
    }

    /// The snapshots as the program lists them, newest first.
    #[track_caller]
    pub fn snapshots(&self) -> Vec<Value> {
        let page = self.on_repository(["snapshot", "list"], ["--json"]).expect(0).json();
        page["snapshots"].as_array().expect("snapshots").clone()
    }

    /// The ids of the snapshots, newest first.
    #[track_caller]
    pub fn snapshot_ids(&self) -> Vec<String> {
        self.snapshots().iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Checks the repository, every byte of it.
    pub fn check(&self) -> Run {
        self.check_with(&[])
    }

    /// Checks the repository with more arguments.
    pub fn check_with(&self, more: &[&str]) -> Run {
        let arguments = ["repository", "check"].map(OsString::from).into_iter();
        self.run(arguments.chain(more.iter().map(OsString::from)).chain([self.repository().into()]))
    }

    /// The files of the repository below one of its folders, sorted.
    pub fn repository_files(&self, folder: &str) -> Vec<PathBuf> {
        files_below(&self.repository().join(folder))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let removed = remove_tree(&self.folder);
        if !std::thread::panicking() {
            removed.expect("the room can be removed");
        }
    }
}

/// All regular files below a folder, sorted; none where it is absent.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for item in fs::read_dir(folder).into_iter().flatten().flatten() {
            match item.file_type() {
                Ok(kind) if kind.is_dir() => open.push(item.path()),
                Ok(kind) if kind.is_file() => found.push(item.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Copies a folder of plain files.
pub fn copy_folder(from: &Path, to: &Path) {
    for path in files_below(from) {
        let target = to.join(path.strip_prefix(from).expect("it lies below"));
        fs::create_dir_all(target.parent().expect("a folder above")).expect("a folder");
        fs::copy(path, target).expect("a copy");
    }
}

/// Fails with the first differences unless a restored tree is what was backed up.
#[track_caller]
pub fn assert_same(expected: &Path, found: &Path) {
    assert_same_but(expected, found, RESTORED);
}

/// As [`assert_same`], with something left out.
#[track_caller]
pub fn assert_same_but(expected: &Path, found: &Path, options: CompareOptions) {
    let list = compare_trees(expected, found, options).expect("both trees can be read");
    let first = list.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    assert!(list.is_empty(), "{} differences:\n  {first}", list.len());
}
