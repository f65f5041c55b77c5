//! Pairs that are in step, and held by a brake.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use keepwell_model::{Control, JobId};
use keepwell_sync::plan::Brake;
use keepwell_sync::policy::BrakeKind;
use keepwell_sync::{Limits, Prepared, Side, SyncError, Syncer};

use super::home::Home;

/// Looks, and hands back the brakes with what was prepared.
pub fn braked(syncer: &mut Syncer) -> (Prepared, Vec<Brake>) {
    let prepared = syncer.prepare(None, false, &Control::new()).unwrap();
    let brakes = prepared.plan().brakes.clone();
    (prepared, brakes)
}

pub fn apply(syncer: &mut Syncer, prepared: &Prepared, run: u8) -> Result<(), SyncError> {
    let control = Control::new();
    syncer.apply(prepared, JobId([run; 16]), &control, &Limits::default(), &mut |_| {}).map(drop)
}

/// The one brake that holds this pair, of this side; and nothing can be done despite it.
#[track_caller]
pub fn halts(syncer: &mut Syncer, kind: BrakeKind, side: Side) -> (Prepared, Brake) {
    let (prepared, brakes) = braked(syncer);
    assert_eq!(brakes.iter().map(|brake| (brake.kind, brake.side)).collect::<Vec<_>>(), [(kind, side)]);
    assert!(matches!(apply(syncer, &prepared, 200), Err(SyncError::Braked)));
    (prepared, brakes.into_iter().next().unwrap())
}

/// The answer "bring back from the other side".
#[track_caller]
pub fn bring_back(syncer: &mut Syncer, prepared: &Prepared, from: Side) {
    let mut back = syncer.bring_back_from(prepared, from).unwrap();
    // That another place sits there has to be said as well.
    let kinds: Vec<_> = back.plan().brakes.iter().map(|brake| brake.kind).collect();
    assert!(kinds.iter().all(|kind| *kind == BrakeKind::AnotherPlace), "{kinds:?}");
    if !kinds.is_empty() {
        back = syncer.release(&back, &kinds).unwrap();
    }
    apply(syncer, &back, 202).unwrap();
}

/// A pair in step with so many files, each with a time of its own long ago.
pub fn in_step(files: usize) -> Home {
    let mut home = Home::new();
    for number in 0..files {
        let name = format!("left/folder {}/file {number}", number % 4);
        home.write(&name, &format!("content {number}"));
        set_time(&home, &name, 1_600_000_000 + number as u64);
    }
    home.run();
    home.assert_in_step();
    home
}

pub fn set_time(home: &Home, name: &str, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options().write(true).open(home.path(name)).unwrap().set_modified(time).unwrap();
}
