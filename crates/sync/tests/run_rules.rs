//! The shared rules, written into both places at once: the pair agrees on them, and no item goes because of them.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;

use std::fs;

use home::Home;
use keepwell_model::Control;
use keepwell_sync::Mode;
use keepwell_sync::policy::BrakeKind;

const RULES: &str = ".keepwell/rules";

fn rules_of(home: &Home) -> [Option<String>; 2] {
    ["left", "right"].map(|side| home.read(&format!("{side}/{RULES}")))
}

fn both(text: &str) -> [Option<String>; 2] {
    [Some(text.into()), Some(text.into())]
}

#[test]
fn rules_that_are_written_lie_in_both_places_and_the_pair_agrees_at_once() {
    for mode in [Mode::TwoWay, Mode::Mirror, Mode::Update] {
        let mut home = Home::new();
        home.pair.mode = mode;
        for name in ["kept.txt", "scratch.tmp"] {
            home.write(&format!("left/{name}"), name);
        }
        home.run();
        home.open().set_shared_rules(b"*.tmp\n").unwrap();
        assert_eq!(rules_of(&home), both("*.tmp\n"), "{mode:?}");
        assert_eq!(
            home.open().shared_rules().unwrap(),
            [Some(b"*.tmp\n".to_vec()), Some(b"*.tmp\n".to_vec())]
        );
        let (report, done) = home.run();
        assert_eq!((report.conflicts, done.len()), (0, 0), "{mode:?}: {done:?}");
        // What is left out now is nobody's business: it stays where it is, whatever becomes of the other.
        assert!(home.path("right/scratch.tmp").exists());
        fs::remove_file(home.path("left/scratch.tmp")).unwrap();
        home.run();
        assert!(home.path("right/scratch.tmp").exists(), "{mode:?}");
    }
}

#[test]
fn two_files_that_differ_become_one_where_rules_are_written() {
    let mut home = Home::new();
    home.write(&format!("left/{RULES}"), "*.tmp\n");
    home.run();
    home.write(&format!("left/{RULES}"), "*.tmp\n*.left\n");
    home.write(&format!("right/{RULES}"), "*.tmp\n*.right\n");
    home.open().set_shared_rules(b"*.tmp\n*.left\n*.right\n").unwrap();
    assert_eq!(rules_of(&home), both("*.tmp\n*.left\n*.right\n"));
    assert_eq!(home.run().0.conflicts, 0, "both changed it, to the same");
    // What nobody changes is not written again.
    let time = |home: &Home| fs::metadata(home.path("right/.keepwell/rules")).unwrap().modified().unwrap();
    let before = time(&home);
    home.open().set_shared_rules(b"*.tmp\n*.left\n*.right\n").unwrap();
    assert_eq!(time(&home), before);
}

#[test]
fn rules_that_are_taken_away_halt_before_anything_goes_because_of_it() {
    let mut home = Home::new();
    for name in ["kept.txt", "scratch.tmp"] {
        home.write(&format!("left/{name}"), name);
    }
    home.run();
    home.open().set_shared_rules(b"*.tmp\n").unwrap();
    home.run();
    fs::remove_file(home.path("left/scratch.tmp")).unwrap();
    home.run();
    home.open().set_shared_rules(b"").unwrap();
    assert_eq!(rules_of(&home), both(""), "an empty file says so to the other devices too");
    let mut syncer = home.open();
    let prepared = syncer.prepare(None, false, &Control::new()).unwrap();
    let brakes: Vec<BrakeKind> = prepared.plan().brakes.iter().map(|brake| brake.kind).collect();
    assert_eq!(brakes, [BrakeKind::RulesChanged]);
    assert!(home.path("right/scratch.tmp").exists());
}
