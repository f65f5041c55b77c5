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
