//! A person's word on many rows of a plan at once: what is planned then is what they said, and exactly that is done.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]
#![allow(clippy::single_range_in_vec_init, reason = "one range of places is meant, not the places in it")]

#[path = "common/home.rs"]
mod home;

use std::fs;
use std::ops::Range;

use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::policy::BrakeKind;
use keepwell_sync::{
    Choice, Limits, MeantRows, Mode, PlanFilter, PlanRow, Prepared, Said, Say, Side, SyncError, Syncer,
};

/// A plan a person looks at.
struct Look {
    syncer: Syncer,
    prepared: Prepared,
}

impl Look {
    fn at(home: &Home) -> Self {
        let mut syncer = home.open();
        let prepared = syncer.prepare(None, true, &Control::new()).unwrap();
        Self { syncer, prepared }
    }

    fn say(&mut self, rows: &MeantRows, say: Say) -> Said {
        let (prepared, said) = self.syncer.choose_rows(&self.prepared, rows, say).unwrap();
        self.prepared = prepared;
        said
    }

    /// Says it to the row of this very path.
    fn say_to(&mut self, path: &str, say: Say) -> Said {
        let place = self.rows().iter().position(|row| row.path.to_string() == path).unwrap() as u64;
        self.say(&places(&[place..place + 1]), say)
    }

    fn rows(&self) -> Vec<PlanRow> {
        let filter =
            PlanFilter { order: keepwell_sync::database::plan_store::PlanOrder::Path, ..all().filter };
        self.syncer.database().plan_page(&filter, 0, 1000).unwrap().rows
    }

    /// Every row: its path, the side it changes, and what was said to it.
    fn told(&self) -> Vec<(String, Side, Option<Choice>)> {
        self.rows().into_iter().map(|row| (row.path.to_string(), row.side, row.choice)).collect()
    }

    /// Carries out what is planned now.
    fn apply(mut self) {
        let (control, limits) = (Control::new(), Limits::default());
        let report =
            self.syncer.apply(&self.prepared, JobId([1; 16]), &control, &limits, &mut |_| {}).unwrap();
        assert_eq!((report.failed, report.changed_meanwhile), (0, 0));
    }
}

fn all() -> MeantRows {
    MeantRows::default()
}

fn places(places: &[Range<u64>]) -> MeantRows {
    MeantRows { places: Some(places.to_vec()), ..all() }
}

fn named(text: &str) -> MeantRows {
    MeantRows { filter: PlanFilter { text: text.into(), ..PlanFilter::default() }, places: None }
}

fn said(rows: u64, below: u64) -> Said {
    Said { rows, below, fixed: 0 }
}

fn names(tree: &[(String, Option<String>)]) -> Vec<&str> {
    tree.iter().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn rows_are_meant_by_their_places_or_by_a_search_and_exactly_the_others_are_done() {
    let home = Home::new();
    for name in ["a.tmp", "b.tmp", "c.txt", "d.tmp", "e.txt", "f.txt"] {
        home.write(&format!("left/{name}"), name);
    }
    let mut look = Look::at(&home);
    assert_eq!(look.say(&named(".tmp"), Say::Skip), said(3, 0));
    // The second and third of what a search for ".txt" finds.
    let some = MeantRows { places: Some(vec![1..3]), ..named(".txt") };
    assert_eq!(look.say(&some, Say::Skip), said(2, 0));
    assert_eq!(look.say_to("b.tmp", Say::AsPlanned), said(1, 0));
    let left: Vec<String> =
        look.told().into_iter().filter(|row| row.2.is_none()).map(|(path, ..)| path).collect();
    assert_eq!(
        (left, look.told().len()),
        (vec!["b.tmp".into(), "c.txt".into()], 6),
        "all rows stay to be seen"
    );
    look.apply();
    assert_eq!(names(&home.tree("right")), ["b.tmp", "c.txt"]);
}

#[test]
fn a_folder_counts_with_all_that_lies_below_it_and_each_row_there_can_be_taken_back() {
    let home = Home::new();
    for name in ["letters/ada.txt", "letters/old/bo.txt", "letters-2/cy.txt"] {
        home.write(&format!("left/{name}"), name);
    }
    let mut look = Look::at(&home);
    assert_eq!(look.say_to("letters", Say::Skip), said(1, 3));
    let left_out: Vec<String> =
        look.told().into_iter().filter(|row| row.2 == Some(Choice::Skip)).map(|(path, ..)| path).collect();
    assert_eq!(left_out, ["letters", "letters/ada.txt", "letters/old", "letters/old/bo.txt"]);
    // What is taken back needs the folders it is in; what else lies there stays left out.
    assert_eq!(look.say_to("letters/old/bo.txt", Say::AsPlanned), said(1, 0));
    let planned: Vec<String> =
        look.told().into_iter().filter(|row| row.2.is_none()).map(|(path, ..)| path).collect();
    assert_eq!(planned, ["letters", "letters-2", "letters-2/cy.txt", "letters/old", "letters/old/bo.txt"]);
    look.apply();
    assert_eq!(
        names(&home.tree("right")),
        ["letters", "letters-2", "letters-2/cy.txt", "letters/old", "letters/old/bo.txt"]
    );
}

#[test]
fn rows_go_the_other_way_once_and_as_planned_takes_it_back() {
    let home = Home::new();
    home.write("left/here/one.txt", "one");
    home.write("right/there/two.txt", "two");
    let mut look = Look::at(&home);
    let planned = look.told();
    assert_eq!(look.say(&all(), Say::OtherWay), said(4, 0));
    let turned: Vec<(String, Side, Option<Choice>)> = planned
        .iter()
        .map(|(path, side, _)| {
            let choice = if *side == Side::Right { Choice::RightToLeft } else { Choice::LeftToRight };
            (path.clone(), side.other(), Some(choice))
        })
        .collect();
    assert_eq!(look.told(), turned);
    look.say(&all(), Say::OtherWay);
    assert_eq!(look.told(), turned, "the other way than it was planned, however often it is said");
    // The way it was planned, said in so many words, is no choice any more.
    look.say_to("here", Say::LeftToRight);
    assert_eq!(look.told()[..2], planned[..2]);
    look.say(&all(), Say::Skip);
    look.say(&all(), Say::AsPlanned);
    assert_eq!(look.told(), planned);
    look.say_to("there", Say::OtherWay);
    look.apply();
    assert_eq!(names(&home.tree("right")), ["here", "here/one.txt"]);
    assert_eq!(names(&home.tree("left")), ["here", "here/one.txt"]);
}

#[test]
fn a_row_in_a_folder_that_was_turned_round_goes_its_own_way_again() {
    let home = Home::new();
    home.write("left/box/keep.txt", "keep");
    home.write("left/box/drop.txt", "drop");
    let mut look = Look::at(&home);
    assert_eq!(look.say_to("box", Say::OtherWay), said(1, 2));
    look.say_to("box/keep.txt", Say::AsPlanned);
    look.apply();
    assert_eq!(names(&home.tree("right")), ["box", "box/keep.txt"]);
    assert_eq!(names(&home.tree("left")), ["box", "box/keep.txt"]);
}

#[test]
fn what_lies_below_a_folder_that_was_moved_stays_with_it() {
    let mut home = Home::new();
    for name in ["box/one.txt", "box/two.txt", "other.txt"] {
        home.write(&format!("left/{name}"), name);
    }
    home.run();
    fs::rename(home.path("left/box"), home.path("left/chest")).unwrap();
    home.write("left/chest/one.txt", "one, written anew");
    fs::remove_file(home.path("left/chest/two.txt")).unwrap();
    home.write("left/other.txt", "other, written anew");
    let mut look = Look::at(&home);
    assert_eq!(look.rows().len(), 4, "{:?}", look.told());
    assert_eq!(look.say_to("chest", Say::Skip), said(1, 2));
    look.apply();
    assert_eq!(home.read("right/box/one.txt").as_deref(), Some("box/one.txt"));
    assert_eq!(home.read("right/box/two.txt").as_deref(), Some("box/two.txt"));
    assert_eq!(home.read("right/other.txt").as_deref(), Some("other, written anew"));
}

#[test]
fn as_planned_a_conflict_keeps_the_decision_the_plan_was_made_with() {
    let mut home = Home::new();
    home.write("left/letter.txt", "before");
    home.run();
    home.write("left/letter.txt", "of the left");
    home.write("right/letter.txt", "of the right, and longer");
    home.run();
    let waits = home.open().database().conflicts().unwrap().remove(0);
    home.open().database().choose_conflicts(&[waits.id], Some(Choice::RightToLeft)).unwrap();
    let mut look = Look::at(&home);
    let planned = look.told();
    assert_eq!(planned, [("letter.txt".into(), Side::Left, Some(Choice::RightToLeft))]);
    look.say(&all(), Say::Skip);
    look.say(&all(), Say::AsPlanned);
    assert_eq!(look.told(), planned, "it does not wait again");
    look.say(&all(), Say::OtherWay);
    look.apply();
    assert_eq!(home.read("right/letter.txt").as_deref(), Some("of the left"));
}

#[test]
fn the_brakes_and_the_numbers_are_those_of_the_plan_as_it_is_now() {
    let mut home = Home::new();
    for number in 0..20 {
        home.write(&format!("left/photos/{number}.txt"), &format!("photo {number}"));
    }
    home.run();
    for number in 0..20 {
        home.write(&format!("left/new/{number}.txt"), &format!("new {number}"));
    }
    fs::remove_dir_all(home.path("left/photos")).unwrap();
    let mut look = Look::at(&home);
    let pulled = |look: &Look| look.prepared.plan().brakes.iter().map(|brake| brake.kind).collect::<Vec<_>>();
    assert_eq!(pulled(&look), [BrakeKind::ManyRemoved]);
    assert_eq!((look.prepared.plan().right.created, look.prepared.plan().right.removed), (21, 21));
    look.say_to("photos", Say::Skip);
    assert_eq!(pulled(&look), []);
    assert_eq!((look.prepared.plan().right.created, look.prepared.plan().right.removed), (21, 0));
    look.say_to("photos", Say::AsPlanned);
    assert_eq!(pulled(&look), [BrakeKind::ManyRemoved]);
    let (control, limits) = (Control::new(), Limits::default());
    let braked = look.syncer.apply(&look.prepared, JobId([1; 16]), &control, &limits, &mut |_| {});
    assert!(matches!(braked, Err(SyncError::Braked)), "{braked:?}");
}

#[test]
fn a_file_that_moves_in_has_two_rows_and_one_word() {
    let mut home = Home::new();
    home.pair.mode = Mode::MoveIn;
    for name in ["one.txt", "two.txt"] {
        home.write(&format!("left/{name}"), name);
    }
    let mut look = Look::at(&home);
    let planned = look.told();
    let sides: Vec<Side> = planned.iter().map(|(_, side, _)| *side).collect();
    assert_eq!(planned.len(), 4, "each is copied, and leaves: {planned:?}");
    assert!(sides.contains(&Side::Left) && sides.contains(&Side::Right));
    look.say(&named("one"), Say::Skip);
    assert_eq!(
        look.told().iter().filter(|row| row.2 == Some(Choice::Skip)).count(),
        2,
        "both rows stay to be seen"
    );
    look.say(&all(), Say::AsPlanned);
    assert_eq!(look.told(), planned);
    look.say(&all(), Say::OtherWay);
    look.say(&all(), Say::AsPlanned);
    assert_eq!(look.told(), planned);
    look.say(&named("one"), Say::Skip);
    look.apply();
    assert_eq!((names(&home.tree("left")), names(&home.tree("right"))), (vec!["one.txt"], vec!["two.txt"]));
}
