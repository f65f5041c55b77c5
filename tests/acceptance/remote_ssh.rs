//! A repository and a sync side on a real OpenSSH server, through nothing but the command line.

use std::fs;
use std::path::PathBuf;

use keepwell_testkit::{Proxy, SshServer, SshSetup, TreeOptions, make_tree};

use crate::harness::{Room, assert_same};

/// A server, and a room whose `ssh` knows it.
pub struct Far {
    pub room: Room,
    pub server: SshServer,
}

impl Far {
    pub fn new() -> Self {
        let room = Room::new();
        let server = SshServer::start(&room.path("ssh"), &SshSetup::default());
        let keys = room.path("home/.ssh");
        fs::create_dir(&keys).unwrap();
        fs::copy(server.user_key(), keys.join("id_ed25519")).unwrap();
        let mut far = Self { room, server };
        far.reach_by(far.server.port());
        far.accept(far.server.port());
        far
    }

    /// The repository is at this port.
    pub fn reach_by(&mut self, port: u16) {
        let (user, folder) = (SshServer::user(), self.folder());
        self.room.set_repository(&format!("sftp://{user}@127.0.0.1:{port}{}", folder.display()));
    }

    /// The server at this port is known to the person.
    pub fn accept(&self, port: u16) {
        let list = fs::read(self.server.known_hosts(port)).unwrap();
        fs::write(self.room.path("home/.ssh/known_hosts"), list).unwrap();
    }

    pub fn folder(&self) -> PathBuf {
        self.room.path("far/place")
    }

    pub fn init(&self) -> crate::harness::Run {
        self.room.run(["repository".into(), "init".into(), self.room.repository()])
    }
}

#[test]
fn a_repository_on_an_ssh_server_works_like_one_in_a_folder() {
    let far = Far::new();
    make_tree(&far.room.source(), &TreeOptions::seeded(9)).unwrap();
    far.init().expect(0).says("Recovery key");
    far.init().expect(1);
    far.room.backup().expect(0);
    far.room.write("new", "new");
    far.room.backup().expect(0);
    assert_eq!(far.room.snapshots().len(), 2);
    far.room.check().expect(0);
    assert_same(&far.room.source(), &far.room.restore("latest", "target"));
    assert!(far.folder().join("packs").is_dir());
}

#[test]
fn a_line_that_breaks_costs_nothing() {
    let mut far = Far::new();
    let line = Proxy::to(far.server.port());
    far.reach_by(line.port());
    far.accept(line.port());
    make_tree(&far.room.source(), &TreeOptions::plain(2, 5, 10)).unwrap();
    far.init().expect(0);
    line.cut_after(20_000, 3);
    far.room.backup().expect(0);
    assert_eq!(line.cuts_left(), 0, "the line never broke");
    far.room.check().expect(0);
    assert_same(&far.room.source(), &far.room.restore("latest", "target"));
}

#[test]
fn a_server_nobody_accepted_gets_nothing_and_its_fingerprint_is_shown() {
    let far = Far::new();
    fs::remove_file(far.room.path("home/.ssh/known_hosts")).unwrap();
    far.init().expect(1).says("SHA256:");
    assert!(!far.folder().exists());
}

/// What a person at a terminal sees and types: `script` gives the program a terminal.
fn at_a_terminal(room: &Room, words: &str, typed: &str) -> (Option<i32>, String) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let program = crate::harness::program().display();
    let mut command = room.command(["--version"]);
    let variables: Vec<_> = command
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.map(std::ffi::OsStr::to_owned)))
        .collect();
    command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &format!("{program} {words}"), "/dev/null"]);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.expect("`script` of util-linux is installed");
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Far {
    /// The address of another folder there.
    pub fn address_of(&self, folder: &std::path::Path) -> String {
        format!("sftp://{}@127.0.0.1:{}{}", SshServer::user(), self.server.port(), folder.display())
    }

    /// The server's fingerprint, as its keeper tells it.
    fn fingerprint(&self) -> String {
        let key = self.server.folder().join("host_key.pub");
        let output = std::process::Command::new("ssh-keygen").arg("-lf").arg(key).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Nobody has said yet that it is the right server.
    fn unknown() -> Self {
        let far = Self::new();
        fs::remove_file(far.room.path("home/.ssh/known_hosts")).unwrap();
        far
    }
}

#[test]
fn without_a_terminal_the_very_command_that_accepts_the_server_is_said() {
    let far = Far::unknown();
    let fingerprint = far.fingerprint();
    let address = format!("sftp://127.0.0.1:{}", far.server.port());
    let command = format!("keepwell place trust {address} --fingerprint {fingerprint}");
    far.init().expect(1).says(&command).says("ssh-ed25519");
    let wrong = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    far.room.run(["place", "trust", &address, "--fingerprint", wrong]).expect(1).says("was not accepted");
    far.room.run(["place", "trust", &address]).expect(1).says("no terminal");
    far.init().expect(1);
    far.room.run(["place", "trust", &address, "--fingerprint", &fingerprint]).expect(0).says("Accepted");
    far.room.run(["place", "trust", &address]).expect(0).says("trusted already");
    far.init().expect(0);
    assert!(!far.room.path("home/.ssh/known_hosts").exists(), "the person's own list is theirs");
}

#[test]
fn at_a_terminal_a_person_is_asked_and_then_the_work_is_done() {
    let far = Far::unknown();
    let words = format!("repository init '{}'", far.room.repository().display());
    let (code, said) = at_a_terminal(&far.room, &words, "no\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&far.fingerprint()) && !far.folder().exists(), "{said}");
    let (code, said) = at_a_terminal(&far.room, &words, "yes\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Accepted") && said.contains("Recovery key"), "{said}");
    assert!(far.folder().join("repository").exists());
    // Also where a job is the one to meet the server.
    far.room.run(["place", "distrust", &far.address_of(&far.folder())]).expect(0).says("taken back");
    let left = far.room.path("left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("letter"), "Dear Ada\n").unwrap();
    let right = far.room.path("far/right");
    fs::create_dir_all(&right).unwrap();
    let words = format!("sync run '{}' '{}'", left.display(), far.address_of(&right));
    let (code, said) = at_a_terminal(&far.room, &words, "yes\n");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read_to_string(right.join("letter")).unwrap(), "Dear Ada\n");
}

#[test]
fn a_changed_key_is_never_accepted_by_a_yes() {
    let mut far = Far::unknown();
    let address = format!("sftp://127.0.0.1:{}", far.server.port());
    let old = far.fingerprint();
    far.room.run(["place", "trust", &address, "--fingerprint", &old]).expect(0);
    far.init().expect(0);
    far.server.kill();
    far.server.change_key();
    far.server.restart();
    let new = far.fingerprint();
    assert_ne!(old, new);
    let refused = far.room.check().expect(1).says("WARNING").says(&old).says(&new);
    refused.says(&format!("keepwell place distrust {address}"));
    let (code, said) = at_a_terminal(&far.room, &format!("place trust {address}"), "yes\n");
    assert_eq!(code, Some(1), "{said}");
    far.room.run(["place", "trust", &address, "--fingerprint", &new]).expect(1).says("WARNING");
    far.room.check().expect(1);
    far.room.run(["place", "distrust", &address]).expect(0);
    far.room.run(["place", "trust", &address, "--fingerprint", &new]).expect(0);
    far.room.check().expect(0);
}

/// Waits for something that has to happen soon; a test that waits for ever says nothing.
fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_500 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{what} did not happen");
}

#[test]
fn a_run_that_is_cancelled_does_not_wait_for_a_server_that_is_silent_or_gone() {
    let mut far = Far::new();
    let line = Proxy::to(far.server.port());
    far.reach_by(line.port());
    far.accept(line.port());
    far.init().expect(0);
    far.room.write("large", keepwell_testkit::SeededRandom::new(3).bytes(8_000_000));
    let is_uploading = |far: &Far| !crate::harness::files_below(&far.folder().join("tmp")).is_empty();
    for is_gone in [false, true] {
        line.slow_down(std::time::Duration::from_millis(20));
        let mut child = far.room.start(["backup", "run"], [far.room.source()]);
        soon("the upload", || is_uploading(&far));
        if is_gone {
            far.server.kill();
        } else {
            line.stall(true);
        }
        // It notices, and begins to wait for the server.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let asked = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(asked.unwrap().success());
        let mut ended = None;
        for _ in 0..500 {
            ended = child.try_wait().unwrap();
            if ended.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = child.kill();
        assert_eq!(ended.and_then(|ended| ended.code()), Some(130), "is gone: {is_gone}");
        line.stall(false);
        line.slow_down(std::time::Duration::ZERO);
        if is_gone {
            far.server.restart();
        }
        for leftover in crate::harness::files_below(&far.folder().join("tmp")) {
            fs::remove_file(leftover).unwrap();
        }
    }
    far.room.backup().expect(0);
    far.room.check().expect(0);
}
