//! A repository on a server is worked with like one in a folder: made, filled, checked, brought back, and never at the
//! price of a secret on the command line.

#[path = "../../crates/endpoint/tests/support/proxy.rs"]
#[allow(dead_code, reason = "shared with the tests of places")]
pub mod proxy;
#[path = "../../crates/endpoint/tests/support/servers.rs"]
#[allow(dead_code, reason = "shared with the tests of places")]
pub mod servers;

use std::fs;

use keepwell_testkit::{TreeOptions, make_tree};

use crate::harness::{Room, assert_same};
use proxy::Proxy;

/// A room whose repository will be on an S3 server.
fn room_on_s3(port: u16) -> Room {
    let mut room = Room::new();
    room.set_repository(&format!("s3://bucket/backups/ada?endpoint=http://127.0.0.1:{port}"));
    room.set_variable("AWS_ACCESS_KEY_ID", "access");
    room.set_variable("AWS_SECRET_ACCESS_KEY", "hidden");
    room
}

/// A room whose repository will be on a WebDAV server.
fn room_on_web_dav(port: u16) -> Room {
    let mut room = Room::new();
    room.set_repository(&format!("webdav://127.0.0.1:{port}/dav/backups/ada"));
    room.set_variable("KEEPWELL_PLACE_USER", "ada");
    room.set_variable("KEEPWELL_PLACE_PASSWORD", "lovelace");
    room
}

/// Made, filled twice, checked to the last byte, brought back.
fn works(room: &Room) {
    make_tree(&room.source(), &TreeOptions::seeded(7)).unwrap();
    room.run(["repository".into(), "init".into(), room.repository()]).expect(0).says("Recovery key");
    room.run(["repository".into(), "init".into(), room.repository()]).expect(1);
    room.backup().expect(0);
    room.write("new", "new");
    room.backup().expect(0);
    assert_eq!(room.snapshots().len(), 2);
    room.check().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
}

#[test]
fn a_repository_on_an_s3_server_works_like_one_in_a_folder() {
    let server = servers::s3();
    works(&room_on_s3(server.port));
    assert!(server.folder().join("data/bucket/backups/ada/repository").exists());
}

#[test]
fn a_repository_on_a_web_dav_server_works_like_one_in_a_folder() {
    let server = servers::web_dav();
    works(&room_on_web_dav(server.port));
}

#[test]
fn a_repository_on_a_server_that_fails_every_third_call_works_all_the_same() {
    let server = servers::s3();
    let liar = Proxy::every_third(server.port);
    let room = room_on_s3(liar.port);
    make_tree(&room.source(), &TreeOptions::plain(2, 5, 10)).unwrap();
    room.run(["repository".into(), "init".into(), room.repository()]).expect(0);
    room.backup().expect(0);
    room.check().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
    assert!(liar.calls() > 30);
}

#[test]
fn keys_that_do_not_fit_and_places_that_are_lost_are_told_apart() {
    let server = servers::s3();
    let mut room = room_on_s3(server.port);
    room.write("file", "content");
    room.backup().expect(1).says("does not exist");
    room.run(["repository".into(), "init".into(), room.repository()]).expect(0);
    room.backup().expect(0);
    fs::rename(server.folder().join("data/bucket/backups"), server.folder().join("data/bucket/moved"))
        .unwrap();
    room.backup().expect(1).says("does not exist");
    assert!(!server.folder().join("data/bucket/backups").exists(), "a lost place was made again");
    room.set_variable("AWS_SECRET_ACCESS_KEY", "guessed");
    let run = room.backup().expect(1);
    assert!(!run.said().contains("guessed"), "{}", run.said());
}

#[test]
fn a_secret_in_an_address_is_refused() {
    let room = Room::new();
    for address in ["webdavs://ada:lovelace@host/x", "s3://bucket?secret_access_key=lovelace"] {
        let run = room.run(["repository", "init", address]).expect(1);
        assert!(!run.err.contains("ada:lovelace") || run.err.contains("must not hold"), "{}", run.err);
    }
}
