//! What was agreed on is lost or damaged, and files that change while they are synced: nothing is lost, and it is said.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use keepwell_testkit::SeededRandom;

use crate::harness::files_below;
use crate::syncing::Pair;

/// The database of the pair.
fn database(pair: &Pair) -> PathBuf {
    let files = files_below(&pair.path("state/sync"));
    let is_it = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "sqlite") && !path.to_string_lossy().contains(".texts.")
    };
    files.into_iter().find(is_it).expect("a database")
}

/// What lies in the log is worked into the database: what was in the log counts, whatever the file says.
fn work_in_log(database: &Path) {
    let connection = rusqlite::Connection::open(database).unwrap();
    let is_busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    assert_eq!(is_busy, Ok(0));
}

/// What becomes of the bytes of a database.
type Damage = fn(&mut Vec<u8>);

#[test]
fn a_damaged_memory_of_the_pair_is_told_and_loses_nothing() {
    let damages: [(&str, Damage); 4] = [
        ("half of it is missing", |bytes| bytes.truncate(bytes.len() / 2)),
        ("its beginning is missing", |bytes| drop(bytes.drain(..4096))),
        ("it is rubbish", |bytes| *bytes = SeededRandom::new(5).bytes(bytes.len())),
        ("its middle is rubbish", |bytes| {
            let (start, end) = (4096, bytes.len() - 4096);
            bytes[start..end].copy_from_slice(&SeededRandom::new(6).bytes(end - start));
        }),
    ];
    for (what, damage) in damages {
        let pair = Pair::in_step(12);
        pair.write("left", "new on the left", "1");
        pair.write("right", "folder 0/file 0", "edited on the right");
        let path = database(&pair);
        work_in_log(&path);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        for end in ["-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(end);
            let _ = fs::remove_file(name);
        }
        let run = pair.sync(&["--conflict", "newest"]);
        assert!(matches!(run.code, Some(0 | 3)), "{what}: {run:?}");
        assert!(run.said().contains("was lost"), "{what}: {run:?}");
        assert_eq!(pair.read("right", "new on the left"), "1", "{what}");
        assert_eq!(pair.read("left", "folder 0/file 0"), "edited on the right", "{what}");
        assert_eq!(files_below(&pair.path("left")).len() - pair.binned("left"), 13, "{what}");
        pair.assert_alike();
        let again = pair.sync(&[]).expect(0).says("nothing to do");
        assert!(!again.said().contains("was lost"), "{what}: it is told again and again");
    }
}

#[test]
fn a_lost_memory_of_the_pair_loses_nothing() {
    let pair = Pair::in_step(12);
    pair.write("left", "folder 0/file 0", "edited on the left, later");
    fs::remove_dir_all(pair.path("state/sync")).unwrap();
    pair.sync(&["--conflict", "both"]).expect(3).says("was lost");
    pair.assert_alike();
    let mut texts: Vec<_> = files_below(&pair.path("right/folder 0"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .filter(|text| text == "content 0" || text.contains("edited"))
        .collect();
    texts.sort();
    assert_eq!(texts, ["content 0", "edited on the left, later"]);
}

#[test]
fn files_that_change_while_they_are_synced_are_whole_in_the_end() {
    let pair = Pair::new();
    let is_over = AtomicBool::new(false);
    let edit = |side: &'static str, seed: u64| {
        let mut random = SeededRandom::new(seed);
        while !is_over.load(Ordering::Relaxed) {
            // Each file is one letter over and over: half of one version and half of another would show.
            let letter = b'a' + u8::try_from(random.below(26)).unwrap();
            let length = usize::try_from(200_000 + random.below(200_000)).unwrap();
            let name = format!("{side} {}", random.below(6));
            let staged = pair.path("temporary").join(format!("{side} staged"));
            // Programs save so: whole, under its name at once.
            fs::write(&staged, vec![letter; length]).unwrap();
            fs::rename(staged, pair.path(side).join(name)).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| edit("left", 1));
        scope.spawn(|| edit("right", 2));
        for _ in 0..8 {
            let run = pair.sync(&[]);
            assert!(matches!(run.code, Some(0 | 3)), "{run:?}");
            for side in ["left", "right"] {
                for path in files_below(&pair.path(side)) {
                    let Ok(bytes) = fs::read(&path) else { continue };
                    let is_own = path.components().any(|part| part.as_os_str() == ".keepwell");
                    assert!(is_own || bytes.windows(2).all(|two| two[0] == two[1]), "{path:?} is mixed");
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    pair.sync(&[]);
    pair.sync(&[]).expect(0);
    pair.assert_alike();
}
