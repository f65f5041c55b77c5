//! What a place refuses: it is said once, in whole sentences, and what hangs on it waits for that.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;
#[path = "common/place.rs"]
mod place;

use home::Home;
use keepwell_model::{Control, JobId, Problem};
use keepwell_sync::{Limits, Side, SyncReport};

/// A run in which one of the places refuses something, and the problems it told.
fn run_refused(home: &mut Home, side: Side, call: &'static str, of: &str) -> (SyncReport, Vec<Problem>) {
    let place = place::lasting(&home.path(if side == Side::Left { "left" } else { "right" }));
    *place.refused.lock().unwrap() = Some((call, of.to_owned()));
    let mut syncer = home.open_at(side, place);
    let control = Control::new();
    home.runs += 1;
    let prepared = syncer.prepare(None, false, &control).unwrap();
    let run = JobId([home.runs; 16]);
    let report = syncer.apply(&prepared, run, &control, &Limits::default(), &mut |_| {}).unwrap();
    (report, control.problems().problems)
}

#[test]
fn a_file_that_can_not_be_read_is_one_problem_in_whole_sentences() {
    let mut home = Home::new();
    for side in ["left", "right"] {
        home.write(&format!("{side}/secret"), "the same on both sides");
    }
    let (_, problems) = run_refused(&mut home, Side::Left, "open", "secret");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].what, "This could not be read, so it is left alone.");
    assert!(problems[0].why.starts_with("No permission to ") && problems[0].why.ends_with("secret."));
}

#[test]
fn what_is_in_a_folder_that_could_not_be_made_waits_for_it_and_has_not_changed() {
    let mut home = Home::new();
    for name in ["new/file", "new/inside/file", "new/inside/deep/file", "free"] {
        home.write(&format!("left/{name}"), "content");
    }
    let (report, problems) = run_refused(&mut home, Side::Right, "create_folder", "new");
    assert_eq!((report.right.created, report.failed, report.changed_meanwhile), (1, 1, 0), "{report:?}");
    assert_eq!(report.held_back, 5, "each item in it once");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].what, "This folder could not be made.");
    let (report, _) = home.run();
    assert_eq!((report.right.created, report.failed, report.held_back), (6, 0, 0));
    home.assert_in_step();
}
