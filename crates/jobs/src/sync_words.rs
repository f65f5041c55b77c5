//! The brakes of a sync in words: what was found, and what going on means.
//!
//! Invariant: a brake without a meaning of "going on" can not be released. Deliberately not here: when a brake is pulled
//! (`sync`'s planner).

use jiff::tz::TimeZone;
use keepwell_sync::plan::{Brake, Earlier};
use keepwell_sync::policy::BrakeKind;

/// What was found, in a sentence.
pub(crate) fn brake_words(brake: &Brake, place: &str) -> String {
    let Brake { items, out_of, .. } = brake;
    match brake.kind {
        BrakeKind::RootEmptied => format!("{place} held {out_of} items and is empty now."),
        BrakeKind::RootGone => format!("{place} is not there."),
        BrakeKind::AnotherPlace => {
            format!("Another drive or folder than before is at {place}.")
        }
        BrakeKind::ManyRemoved => format!("{items} of {out_of} items are gone from {place}."),
        BrakeKind::ManyRewritten => format!(
            "{items} of {out_of} files in {place} have new content: so it looks when a program encrypts files."
        ),
        BrakeKind::AllTimesChanged => {
            format!("Nearly all times in {place} changed ({items} of {out_of}), and nothing else did.")
        }
        BrakeKind::RulesChanged => {
            format!("The rules of what is left out changed, and {items} items would go because of that.")
        }
        BrakeKind::OldCopy => {
            format!("{place} looks as it did long ago: {items} of {out_of} files are older than they were.")
        }
        BrakeKind::NoSpace => format!("{place} has not enough space for the changes."),
    }
}

/// What the runs just before did of it, and how that is taken back.
pub(crate) fn earlier_words(earlier: &Earlier, pair: &str, zone: &TimeZone) -> String {
    let since = jiff::Timestamp::from_millisecond(earlier.since_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let since = since.to_zoned(zone.clone()).strftime("%H:%M");
    format!(
        " in this run. Runs since {since} did this to {} of them already; to undo these runs: \
         keepwell sync undo \"{pair}\" --since {since}",
        earlier.items
    )
}

/// What going on means for the data; nothing where it is no choice.
pub(crate) fn brake_means(kind: BrakeKind) -> Option<&'static str> {
    match kind {
        BrakeKind::RootGone | BrakeKind::NoSpace => None,
        BrakeKind::RootEmptied | BrakeKind::ManyRemoved => {
            Some("What is gone on one side goes to the bin on the other.")
        }
        BrakeKind::AnotherPlace => {
            Some("The place that is there now becomes part of the pair; both sides are compared by content.")
        }
        BrakeKind::ManyRewritten => {
            Some("The new content reaches the other side; what it replaces goes to the bin there.")
        }
        BrakeKind::AllTimesChanged => Some("The other side gets the new times."),
        BrakeKind::RulesChanged => {
            Some("The new rules hold from now on; what goes because of them lies in the bin.")
        }
        BrakeKind::OldCopy => {
            Some("The older content replaces the newer one on the other side, which goes to the bin.")
        }
    }
}
