//! Live pairs: what changes is over there soon, bursts that take things away halt, files that are open wait.

use std::fs;

use keepwell_catalog::{JobFilter, JobState};
use keepwell_jobs::{CONTINUE, Halt, Live, LiveState};
use keepwell_model::JobId;
use keepwell_sync::policy::BrakeKind;

use super::house::{House, PAIR, Room, wait_for};

#[test]
fn what_changes_in_a_live_pair_is_on_the_other_side_soon() {
    let room = Room::new();
    let house = room.house();
    room.write("left/before", "0");
    room.pair(&house, true);
    let live = house.live();
    wait_for(|| room.read("right/before").as_deref() == Some("0"));
    assert_eq!(live.state(PAIR), Some(LiveState::Watching));
    room.write("left/new/deep/file", "1");
    wait_for(|| room.read("right/new/deep/file").as_deref() == Some("1"));
    room.write("right/back", "2");
    wait_for(|| room.read("left/back").as_deref() == Some("2"));
    fs::rename(room.path("left/new"), room.path("left/renamed")).unwrap();
    wait_for(|| {
        room.read("right/renamed/deep/file").as_deref() == Some("1") && !room.path("right/new").exists()
    });

    // A pair that is held is left alone.
    house.catalog.set_pair_paused(PAIR, true).unwrap();
    live.wake();
    wait_for(|| live.state(PAIR).is_none());
    room.write("left/later", "3");
    house.catalog.set_pair_paused(PAIR, false).unwrap();
    live.wake();
    wait_for(|| room.read("right/later").as_deref() == Some("3"));
}

/// A live pair whose files, all from long ago, are in step, and which is watched.
fn live_pair(files: usize) -> (Room, House, Live) {
    let room = Room::new();
    let house = room.house();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    for number in 0..files {
        room.write(&format!("left/{number}"), &format!("content {number}"));
        let file = fs::File::options().write(true).open(room.path(&format!("left/{number}"))).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    room.pair(&house, false);
    house.run();
    room.pair(&house, true);
    let live = house.live();
    wait_for(|| live.state(PAIR) == Some(LiveState::Watching));
    // Its first look at everything is over.
    room.write("left/first", "1");
    wait_for(|| room.read("right/first").is_some());
    (room, house, live)
}

/// Waits until the pair is halted; the job, and what it says.
fn halted(house: &House) -> (JobId, Halt) {
    let filter = JobFilter { states: vec![JobState::Halted], pair_id: Some(PAIR), ..JobFilter::default() };
    wait_for(|| house.catalog.jobs(&filter, 0, 1).unwrap().1 > 0);
    let job = house.catalog.jobs(&filter, 0, 1).unwrap().0.remove(0);
    (job.id, serde_json::from_str(job.halt.as_ref().unwrap()).unwrap())
}

fn kinds(halt: &Halt) -> Vec<BrakeKind> {
    halt.brakes.iter().map(|brake| brake.kind).collect()
}

#[test]
fn a_burst_in_which_all_is_removed_halts_a_live_pair_before_it_goes_on_the_other_side() {
    let (room, house, _live) = live_pair(200);
    for number in 0..200 {
        fs::remove_file(room.path(&format!("left/{number}"))).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (id, halt) = halted(&house);
    assert!(kinds(&halt).contains(&BrakeKind::ManyRemoved), "{halt:?}");
    let kept = (0..200).filter(|number| room.path(&format!("right/{number}")).exists()).count();
    assert!(kept >= 180, "{kept} are left");

    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert!(!room.path("right/199").exists());
    // What was answered for does not hold up the next run.
    fs::remove_file(room.path("left/first")).unwrap();
    room.write("left/later", "2");
    wait_for(|| room.read("right/later").is_some() && !room.path("right/first").exists());
}

#[test]
fn a_burst_in_which_all_is_written_anew_halts_a_live_pair_and_slow_rewriting_too() {
    let (room, house, _live) = live_pair(200);
    let encrypt =
        |number: usize, text: &str| room.write(&format!("left/{number}"), &format!("{text} {number}"));
    // One after the other, each in a run of its own.
    for number in 0..30 {
        encrypt(number, "slowly");
        let name = format!("right/{number}");
        wait_for(|| room.read(&name).is_some_and(|text| text.starts_with("slowly")));
    }
    for number in 30..200 {
        encrypt(number, "fast");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (id, halt) = halted(&house);
    assert_eq!(kinds(&halt), [BrakeKind::ManyRewritten]);
    assert_eq!((halt.brakes[0].items, halt.brakes[0].out_of), (200, 201));
    assert!(halt.reason.contains("keepwell sync undo \"Photos\" --since "), "{}", halt.reason);
    let kept =
        (30..200).filter(|number| room.read(&format!("right/{number}")) == Some(format!("content {number}")));
    assert!(kept.count() >= 150);

    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    encrypt(7, "an edit of the day");
    wait_for(|| room.read("right/7").is_some_and(|text| text.starts_with("an edit")));
}

/// Of a folder that is gone the system tells nothing more, also when there is one of its name again.
#[test]
fn a_live_pair_hears_of_a_place_that_was_made_again() {
    let (room, house, live) = live_pair(20);
    fs::rename(room.path("left"), room.path("away")).unwrap();
    fs::create_dir(room.path("left")).unwrap();
    room.write("right/notices", "1");
    let (id, _) = halted(&house);
    house.decide(id, "bringBackFromRight");
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("left/7").as_deref(), Some("content 7"));
    wait_for(|| live.state(PAIR) == Some(LiveState::Watching));
    // Whatever was looked at everywhere is over.
    std::thread::sleep(std::time::Duration::from_secs(2));
    room.write("left/later", "2");
    wait_for(|| room.read("right/later").as_deref() == Some("2"));
}

/// Each run alone would carry over some of the times, and none of them all.
#[test]
fn a_burst_in_which_all_times_change_halts_a_live_pair() {
    let (room, house, _live) = live_pair(200);
    for number in 0..200 {
        let file = fs::File::options().write(true).open(room.path(&format!("left/{number}"))).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (_, halt) = halted(&house);
    assert_eq!(kinds(&halt), [BrakeKind::AllTimesChanged], "{halt:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_live_pair_leaves_a_file_until_whoever_writes_it_closes_it() {
    use std::io::Write;
    let (room, _house, _live) = live_pair(1);
    let mut film = fs::File::create(room.path("left/film")).unwrap();
    film.write_all(b"half").unwrap();
    film.flush().unwrap();
    // Longer than a run waits for one that is being written.
    std::thread::sleep(std::time::Duration::from_secs(3));
    film.write_all(b" of it").unwrap();
    room.write("left/beside", "1");
    wait_for(|| room.read("right/beside").is_some());
    assert_eq!(room.read("right/film"), None);
    drop(film);
    wait_for(|| room.read("right/film").as_deref() == Some("half of it"));
    assert!(!room.path("right/.keepwell/bin").exists(), "nothing was carried over in between");
}
