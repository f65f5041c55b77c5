//! What a backup is told to leave out.

use std::fs;

use crate::harness::Room;

#[test]
fn rules_are_read_as_git_reads_them() {
    let room = Room::with_repository();
    let all = [
        "keep.txt",
        "drop.tmp",
        "deep/drop.tmp",
        "deep/important.tmp",
        "build/out",
        "deep/build/out",
        "only/here",
    ];
    for name in all {
        room.write(name, name);
    }
    room.backup_with(&[
        "--exclude",
        "*.tmp",
        "--exclude",
        "!important.tmp",
        "--exclude",
        "/build/",
        "--exclude",
        "only/*",
    ])
    .expect(0);
    let found = room.restore("latest", "target");
    for (name, there) in all.into_iter().zip([true, false, false, true, false, true, false]) {
        assert_eq!(found.join(name).exists(), there, "{name}");
    }
}

#[test]
fn caches_and_large_files_are_left_out_when_asked() {
    let room = Room::with_repository();
    room.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    room.write("cache/content", "1");
    room.write("not a cache/CACHEDIR.TAG", "something else");
    room.write("not a cache/content", "1");
    room.write("large", vec![1; 2000]);
    room.write("small", vec![1; 1000]);
    room.backup_with(&["--exclude-caches", "--exclude-larger-than", "1500"]).expect(0);
    let found = room.restore("latest", "target");
    assert!(!found.join("cache/content").exists());
    assert!(found.join("not a cache/content").exists());
    assert!(!found.join("large").exists());
    assert!(found.join("small").exists());
}

#[test]
fn a_file_of_rules_works_like_rules() {
    let room = Room::with_repository();
    room.write("a.tmp", "1");
    room.write("b.txt", "1");
    fs::write(room.path("rules"), "# a comment\n\n*.tmp\n").unwrap();
    room.backup_with(&["--exclude-file", &room.path("rules").to_string_lossy()]).expect(0);
    let found = room.restore("latest", "target");
    assert!(!found.join("a.tmp").exists());
    assert!(found.join("b.txt").exists());
}
