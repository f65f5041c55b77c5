//! A run of a pair is killed at random moments: nothing is lost, nothing looks whole that is not, the next one goes on.
//!
//! The number of kills is 12, or what `KEEPWELL_KILLS` says; `KEEPWELL_SEED` begins another row of moments and edits.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use keepwell_testkit::SeededRandom;

use crate::harness::files_below;
use crate::interruption::{kill_somewhere, kills};
use crate::syncing::Pair;

/// Every content that lies anywhere on a side, its bin with it.
fn contents(pair: &Pair) -> BTreeSet<[u8; 32]> {
    ["left", "right"]
        .into_iter()
        .flat_map(|side| files_below(&pair.path(side)))
        .filter_map(|path| fs::read(path).ok())
        .map(|bytes| *blake3::hash(&bytes).as_bytes())
        .collect()
}

#[test]
fn killed_at_any_moment_nothing_is_lost_and_the_next_run_goes_on() {
    let pair = Pair::new();
    let seed = std::env::var("KEEPWELL_SEED").ok().and_then(|text| text.parse().ok());
    let mut random = SeededRandom::new(seed.unwrap_or(31));
    for number in 0..60 {
        pair.write("left", &format!("folder {}/file {number}", number % 7), random.bytes(40_000));
    }
    let started = Instant::now();
    pair.sync(&[]).expect(0);
    let usual: Duration = started.elapsed();
    for kill in 0..kills() {
        // Something of everything, on both sides.
        for number in 0..12 {
            let side = if random.once_in(2) { "left" } else { "right" };
            let name = format!("folder {}/new {kill} {number}", random.below(7));
            pair.write(side, &name, random.bytes(120_000));
        }
        let files = files_below(&pair.path("left"));
        let seen: Vec<_> =
            files.iter().filter(|path| !path.to_string_lossy().contains("/.keepwell/")).collect();
        let (changed, removed) =
            (seen[random.below(seen.len() as u64) as usize], seen[random.below(seen.len() as u64) as usize]);
        fs::write(changed, random.bytes(90_000)).unwrap();
        let before = contents(&pair);
        // What a person removed themselves may be gone for good on that side, never on the other.
        let _ = fs::remove_file(removed);
        let child = pair
            .room
            .command(pair.arguments(&[]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        kill_somewhere(child, usual, &mut random);
        let after = contents(&pair);
        let lost: Vec<_> = before.difference(&after).collect();
        assert!(lost.len() <= 1, "kill {kill}: {} contents are nowhere any more", lost.len());
        // The next run settles what the killed one left, conflicts it may find included.
        let next = pair.sync(&["--conflict", "both"]);
        assert!(matches!(next.code, Some(0 | 3)), "kill {kill}: {next:?}");
        let next = pair.sync(&[]);
        assert!(matches!(next.code, Some(0 | 3)), "kill {kill}: {next:?}");
        pair.assert_alike();
        let unfinished: Vec<_> = files_below(&pair.room.path(""))
            .into_iter()
            .filter(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".keepwell-staged-"))
            })
            .collect();
        assert_eq!(unfinished, Vec::<std::path::PathBuf>::new(), "kill {kill}: unfinished files stay");
    }
}
