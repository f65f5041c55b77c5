//! What somebody wrote into a file between the moment a place looked whether it is unchanged and the step itself.
//!
//! A place far away looks, then does the step, and tells what the file is like then: where that is not what it was, the
//! content is not the one both agreed on. Invariants: what the base learns is what was expected, so that the next look
//! finds the change; nothing more is asked of the place; what a place makes of times by itself (coarser ones, new ones
//! where it stores none) is no change. Deliberately not here: changes between the look at everything and the step, which
//! the place refuses.

use std::ops::RangeInclusive;

use keepwell_endpoint::tree::{Capabilities, Fingerprint};
use keepwell_model::EntryKind;

use crate::planner::differ;

/// Times that every file system keeps, from the second day of 1980 until 2038: others may be told as the nearest one.
const KEPT_SECONDS: RangeInclusive<i64> = 315_619_200..=2_145_916_799;

/// Whether what a place tells of a file after a step is not what was expected of it. Times say so only where the place
/// has nothing else: a server that tells versions may give a file that it moves another time.
pub(super) fn is_written(told: &Fingerprint, expected: &Fingerprint, place: &Capabilities) -> bool {
    let is_other_time = || {
        let times = told.modified.zip(expected.modified.filter(|time| KEPT_SECONDS.contains(&time.seconds)));
        place.times
            && told.version.is_unknown()
            && times.is_some_and(|(told, expected)| differ(told, expected, place.time_grain_ns))
    };
    told.kind == EntryKind::File && (told.size_bytes != expected.size_bytes || is_other_time())
}

/// What the base learns of it.
pub(super) fn learned(told: Fingerprint, expected: &Fingerprint, place: &Capabilities) -> Fingerprint {
    match is_written(&told, expected, place) {
        true => Fingerprint { size_bytes: expected.size_bytes, modified: expected.modified, ..told },
        false => told,
    }
}

#[cfg(test)]
mod tests {
    use keepwell_endpoint::tree::{NameRules, UnicodeNames, Version};
    use keepwell_model::Timestamp;

    use super::*;

    const PLACE: Capabilities = Capabilities {
        stable_ids: false,
        strong_versions: false,
        folders: true,
        symlinks: true,
        modes: true,
        extended_attributes: false,
        times: true,
        time_grain_ns: 1_000_000_000,
        case_sensitive: true,
        keeps_case: true,
        unicode: UnicodeNames::Kept,
        names: NameRules::Bytes,
        name_limit_bytes: 255,
        path_limit_bytes: 4096,
        renames_folders: true,
        stages_from_existing: false,
        parallel: 1,
    };

    const DAY: i64 = 1_700_000_000;

    fn print(size_bytes: u64, seconds: i64, nanoseconds: u32) -> Fingerprint {
        let modified = Some(Timestamp::new(seconds, nanoseconds));
        Fingerprint { kind: EntryKind::File, size_bytes, modified, version: Version::default(), id: 0 }
    }

    #[test]
    fn another_size_or_time_is_a_change_and_what_a_place_makes_of_times_is_none() {
        let expected = print(5, DAY + 100, 700_000_000);
        assert!(is_written(&print(6, DAY + 100, 0), &expected, &PLACE));
        assert!(is_written(&print(5, DAY + 102, 0), &expected, &PLACE));
        assert!(!is_written(&print(5, DAY + 100, 0), &expected, &PLACE), "a coarser time");
        assert!(!is_written(&print(5, DAY + 102, 0), &expected, &Capabilities { times: false, ..PLACE }));
        let tagged = Fingerprint { version: Version::of(b"etag"), ..print(5, DAY + 102, 0) };
        assert!(!is_written(&tagged, &expected, &PLACE), "a server may give what it moves another time");
        let nearest = print(5, 315_532_800, 0);
        assert!(!is_written(&nearest, &print(5, 100, 0), &PLACE), "FAT knows nothing before 1980");
        let folder = Fingerprint { kind: EntryKind::Folder, ..print(0, 102, 0) };
        assert!(!is_written(&folder, &Fingerprint { kind: EntryKind::Folder, ..expected }, &PLACE));
    }

    #[test]
    fn what_is_learned_of_a_file_that_was_written_differs_from_what_the_next_look_finds() {
        let expected = print(5, DAY + 100, 0);
        for told in [print(6, DAY + 100, 0), print(5, DAY + 200, 0)] {
            assert!(!told.is_unchanged_since(&learned(told, &expected, &PLACE)));
        }
        assert_eq!(learned(expected, &expected, &PLACE), expected);
    }
}
