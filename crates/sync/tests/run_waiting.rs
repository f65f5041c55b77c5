//! What waits for a person goes on waiting, whatever runs come between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/home.rs"]
mod home;

use home::Home;
use keepwell_sync::Syncer;

fn waiting(syncer: &Syncer) -> Vec<String> {
    let stored = syncer.database().conflicts().unwrap();
    stored.iter().map(|stored| stored.conflict.path.to_string()).collect()
}

/// One that comes later and has its name before the other's does not take its place in the list.
#[test]
fn a_conflict_that_is_new_is_in_the_list_beside_one_that_waited() {
    let mut home = Home::new();
    home.write("left/b", "left");
    home.write("right/b", "another right");
    home.run();
    home.write("left/a", "left");
    home.write("right/a", "another right");
    let (report, _) = home.run();
    assert_eq!(report.conflicts, 2);
    assert_eq!(waiting(&home.open()), ["a", "b"]);
}
