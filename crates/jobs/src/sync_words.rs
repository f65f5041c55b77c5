//! A sync in words: what its places are called, and of its brakes what was found, what going on means, and what bringing
//! back does.
//!
//! Invariants: a brake without a meaning of "going on" can not be released, one without words for bringing back can not be
//! answered so; every sentence names the side it is about. Deliberately not here: when a brake is pulled (`sync`'s
//! planner).

use jiff::tz::TimeZone;
use keepwell_endpoint::Address;
use keepwell_sync::plan::{Brake, Earlier};
use keepwell_sync::policy::{BrakeKind, BringBack, Mode};
use keepwell_sync::{PairSpec, Side};

use crate::path_text;

/// A pair as its sentences need it.
pub(crate) struct Words<'a> {
    pair: &'a PairSpec,
}

impl<'a> Words<'a> {
    pub(crate) fn of(pair: &'a PairSpec) -> Self {
        Self { pair }
    }

    /// What the person calls a side.
    pub(crate) fn name(&self, side: Side) -> &'a str {
        let place = self.pair.place(side);
        if place.label.is_empty() { &place.address } else { &place.label }
    }

    /// What was found, in a sentence.
    pub(crate) fn found(&self, brake: &Brake) -> String {
        let Brake { items, out_of, .. } = brake;
        let place = self.name(brake.side);
        match brake.kind {
            BrakeKind::RootEmptied => format!("{place} held {} and is empty now.", counted(*out_of, "item")),
            BrakeKind::RootGone => {
                let path = &self.pair.place(brake.side).address;
                format!("The folder of {place} is gone, and the one above it is there: {path}.")
            }
            BrakeKind::AnotherPlace => format!(
                "Another drive or folder than before is at {place}: it holds {}, and the pair knows {out_of}.",
                counted(*items, "item")
            ),
            BrakeKind::ManyRemoved => format!("{items} of {out_of} items are gone from {place}."),
            BrakeKind::ManyRewritten => format!(
                "{items} of {out_of} files in {place} have new content: so it looks when a program encrypts files."
            ),
            BrakeKind::AllTimesChanged => {
                format!("Nearly all times in {place} changed ({items} of {out_of}), and nothing else did.")
            }
            BrakeKind::RulesChanged => format!(
                "The rules of what is left out changed, and {} missing in {place} would go because of that.",
                counted(*items, "item")
            ),
            BrakeKind::OldCopy => {
                format!(
                    "{place} looks as it did long ago: {items} of {out_of} files are older than they were."
                )
            }
            BrakeKind::NoSpace => format!(
                "{place} has not enough space: {} are needed, with what has to stay free, and {} are free. Make room \
                 there, or leave out what is large; then run it again.",
                size(*items),
                size(*out_of)
            ),
        }
    }

    /// What going on means for the data; nothing where it is no choice.
    pub(crate) fn going_on(&self, kind: BrakeKind, side: Side) -> Option<String> {
        let (place, there) = (self.name(side), self.name(side.other()));
        Some(match kind {
            BrakeKind::RootGone | BrakeKind::NoSpace => return None,
            BrakeKind::RootEmptied => format!("Everything the pair knows goes to the bin in {there}."),
            BrakeKind::ManyRemoved => format!("What is gone from {place} goes to the bin in {there}."),
            BrakeKind::AnotherPlace => {
                let then = match (self.pair.mode, side) {
                    (Mode::TwoWay, _) | (Mode::Mirror, Side::Left) => {
                        format!("what is missing in it goes to the bin in {there}.")
                    }
                    (Mode::Mirror, Side::Right) => {
                        format!("it is made like {there}, and what else it holds goes to its bin.")
                    }
                    (Mode::Update | Mode::MoveIn, _) => {
                        format!("nothing is removed in {there} because of it.")
                    }
                };
                format!("What is at {place} now becomes the place of this pair; {then}")
            }
            BrakeKind::ManyRewritten => {
                format!("The new content reaches {there}; what it replaces goes to the bin there.")
            }
            BrakeKind::AllTimesChanged => format!("{there} gets the new times."),
            BrakeKind::RulesChanged => {
                format!("The new rules hold from now on; what goes because of them is in the bin in {there}.")
            }
            BrakeKind::OldCopy => {
                format!("The older content replaces the newer one in {there}, which goes to the bin there.")
            }
        })
    }

    /// What bringing back to the side of a brake is called, and what it does; nothing where it is no choice.
    pub(crate) fn bringing_back(&self, kind: BrakeKind, side: Side) -> Option<(String, String)> {
        let (place, from) = (self.name(side), self.name(side.other()));
        let alike = format!(
            "{place} becomes like {from} again. What is different in {place} goes to its bin; {from} is not changed."
        );
        Some(match kind {
            BrakeKind::NoSpace => return None,
            BrakeKind::RootEmptied | BrakeKind::ManyRemoved | BrakeKind::RulesChanged => {
                let means = match BringBack::from(side.other(), &[kind], self.pair.mode) {
                    BringBack::Everything(_) | BringBack::Filling(_) => alike,
                    BringBack::Gone(_) => format!(
                        "What is missing in {place} comes back from {from}. All else that changed goes over as usual."
                    ),
                };
                (format!("Bring back from {from} what is gone"), means)
            }
            BrakeKind::ManyRewritten | BrakeKind::OldCopy => {
                (format!("Bring back the content from {from}"), alike)
            }
            BrakeKind::AllTimesChanged => (format!("Bring back the times from {from}"), alike),
            BrakeKind::RootGone => (
                format!("Make the folder again and bring everything back from {from}"),
                format!("The folder {place} is made again, on the drive it was on, and filled from {from}."),
            ),
            BrakeKind::AnotherPlace => {
                let versions = match self.pair.mode {
                    Mode::TwoWay => format!(
                        "What only it has stays, and so does another version of a file, beside that of {from}."
                    ),
                    Mode::Mirror | Mode::Update | Mode::MoveIn => format!(
                        "What only it has stays; of a file that both have the version of {from} counts, and the other one \
                         goes to the bin in {place}."
                    ),
                };
                (
                    format!("Bring back everything from {from} to what is at {place} now"),
                    format!(
                        "What is at {place} now becomes the place of this pair. What is missing in it is copied from \
                         {from}; nothing in {from} is removed. {versions}"
                    ),
                )
            }
        })
    }
}

/// What the runs just before did of it, and how that is taken back.
pub(crate) fn earlier_words(earlier: &Earlier, pair: &str, zone: &TimeZone) -> String {
    let since = moment(earlier.since_ms).to_zoned(zone.clone()).strftime("%H:%M");
    format!(
        " in this run. Runs since {since} did this to {} of them already; to undo these runs: \
         keepwell sync undo \"{pair}\" --since {since}",
        earlier.items
    )
}

/// What to call a place in a sentence: the last part of its path, or the server.
#[must_use]
pub fn place_name(address: &str) -> String {
    let last = |text: &str| text.trim_end_matches('/').rsplit('/').next().unwrap_or(text).to_owned();
    let or = |name: String, other: &str| if name.is_empty() { other.to_owned() } else { name };
    let name = match address.parse::<Address>() {
        Ok(Address::Local(path)) => {
            return path_text::display(path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes());
        }
        Ok(Address::S3 { bucket, prefix, .. } | Address::Gcs { bucket, prefix, .. }) => {
            or(last(&prefix), &bucket)
        }
        Ok(Address::Azure { container, prefix, .. }) => or(last(&prefix), &container),
        Ok(Address::WebDav { host, path, .. } | Address::Sftp { host, path, .. }) => or(last(&path), &host),
        Err(_) => address.to_owned(),
    };
    path_text::display(name.as_bytes())
}

/// What to call two places beside each other: their names, or their addresses where those are the same.
pub(crate) fn place_names(left: &str, right: &str) -> [String; 2] {
    let names = [left, right].map(place_name);
    if names[0].to_lowercase() == names[1].to_lowercase() {
        return [left, right].map(|address| path_text::display(address.as_bytes()));
    }
    names
}

/// A moment to the minute, as the lists of the command line have it.
pub(crate) fn minute_words(at_ms: i64, zone: &TimeZone) -> String {
    moment(at_ms).to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A moment that is read elsewhere, too: to the second, with how far the clock there is ahead of UTC.
pub(crate) fn moment_words(at_ms: i64, zone: &TimeZone) -> String {
    moment(at_ms).to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn moment(at_ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// What a person went on despite.
pub(crate) fn despite(kind: BrakeKind) -> &'static str {
    match kind {
        BrakeKind::RootEmptied => "a place that was empty",
        BrakeKind::RootGone => "a folder that was gone",
        BrakeKind::AnotherPlace => "another drive or folder than before at a place",
        BrakeKind::ManyRemoved => "many items that were gone from a place",
        BrakeKind::ManyRewritten => "many files with new content",
        BrakeKind::AllTimesChanged => "changed times of nearly everything",
        BrakeKind::RulesChanged => "changed rules of what is left out",
        BrakeKind::OldCopy => "a place that looked as it did long ago",
        BrakeKind::NoSpace => "not enough space",
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

/// A size in KiB, MiB, …
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let steps = (bytes.max(1).ilog2() / 10) as usize;
    match steps.checked_sub(1).and_then(|step| units.get(step)) {
        Some(unit) => format!("{:.1} {unit}", bytes as f64 / 1024_f64.powi(steps as i32)),
        None => counted(bytes, "byte"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [BrakeKind; 9] = [
        BrakeKind::RootEmptied,
        BrakeKind::RootGone,
        BrakeKind::AnotherPlace,
        BrakeKind::ManyRemoved,
        BrakeKind::ManyRewritten,
        BrakeKind::AllTimesChanged,
        BrakeKind::RulesChanged,
        BrakeKind::OldCopy,
        BrakeKind::NoSpace,
    ];

    fn pair(mode: &str) -> PairSpec {
        let text = format!(
            r#"{{"id":"{}","name":"Photos","mode":"{mode}","left":{{"address":"/a","label":"Laptop"}},"right":{{"address":"/b"}}}}"#,
            "ab".repeat(16)
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn every_sentence_names_its_side() {
        for mode in ["two-way", "mirror", "update", "move-in"] {
            let pair = pair(mode);
            let words = Words::of(&pair);
            for kind in KINDS {
                for (side, place, there) in [(Side::Left, "Laptop", "/b"), (Side::Right, "/b", "Laptop")] {
                    let found = words.found(&Brake {
                        kind,
                        side,
                        items: 3,
                        earlier: None,
                        out_of: 7,
                        examples: Vec::new(),
                    });
                    assert!(found.contains(place), "{found}");
                    if let Some(means) = words.going_on(kind, side) {
                        assert!(means.contains(there), "{means}");
                    }
                    if let Some((label, means)) = words.bringing_back(kind, side) {
                        assert!(label.contains(there) && means.contains(place), "{label}: {means}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_gone_is_spoken_of_only_where_something_is() {
        let pair = pair("two-way");
        let words = Words::of(&pair);
        let label = |kind| words.bringing_back(kind, Side::Left).unwrap().0;
        assert_eq!(label(BrakeKind::ManyRemoved), "Bring back from /b what is gone");
        let means = |mode, kind| Words::of(&self::pair(mode)).bringing_back(kind, Side::Left).unwrap().1;
        for mode in ["two-way", "mirror"] {
            assert!(
                means(mode, BrakeKind::ManyRemoved).ends_with("All else that changed goes over as usual.")
            );
            assert!(means(mode, BrakeKind::ManyRewritten).contains("becomes like /b again"));
        }
        assert!(means("update", BrakeKind::ManyRemoved).contains("becomes like /b again"));
        for kind in [BrakeKind::ManyRewritten, BrakeKind::AllTimesChanged, BrakeKind::OldCopy] {
            assert!(!label(kind).contains("gone"), "{}", label(kind));
        }
        assert_eq!(words.bringing_back(BrakeKind::NoSpace, Side::Left), None);
    }

    #[test]
    fn only_where_the_mode_removes_does_a_new_place_empty_the_other() {
        let goes = |mode, side| {
            let pair = pair(mode);
            Words::of(&pair).going_on(BrakeKind::AnotherPlace, side).unwrap()
        };
        assert!(goes("two-way", Side::Left).contains("missing in it goes to the bin in /b"));
        assert!(goes("mirror", Side::Left).contains("missing in it goes to the bin in /b"));
        assert!(goes("mirror", Side::Right).contains("made like Laptop"));
        assert!(goes("update", Side::Left).contains("nothing is removed in /b"));
    }

    #[test]
    fn places_are_called_by_the_end_of_their_paths_unless_that_is_the_same() {
        let names = ["/home/ana/Pictures", "s3://box/photos/2026", "s3://box", "sftp://me@nas/", "no://such"];
        let called = names.map(place_name);
        assert_eq!(called, ["Pictures", "2026", "box", "nas", "no://such"]);
        assert_eq!(place_names("/a/Photos", "/b/photos"), ["/a/Photos", "/b/photos"]);
        assert_eq!(place_names("/a/Photos", "/b/stick"), ["Photos", "stick"]);
    }

    #[test]
    fn a_moment_that_is_read_elsewhere_tells_its_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(moment_words(0, &zone), "1970-01-01 02:00:00 +02:00");
        assert_eq!(minute_words(0, &zone), "1970-01-01 02:00");
    }

    #[test]
    fn sizes_read_well() {
        let shown = [0, 1, 1023, 1536, 5 << 30, u64::MAX].map(size);
        assert_eq!(shown, ["0 bytes", "1 byte", "1023 bytes", "1.5 KiB", "5.0 GiB", "16.0 EiB"]);
    }
}
