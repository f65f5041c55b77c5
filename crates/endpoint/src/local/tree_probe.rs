//! Trying what a local folder can do: names, times, permissions, links, attributes.
//!
//! Why: the same system mounts file systems that keep very different things. Everything is tried in a folder of our own,
//! named like an unfinished file, which is removed again; a place that can not be written to is guessed from what lies
//! in it. Invariants: nothing of a person's is touched; the answers of a volume are remembered for the process.
//! Deliberately not here: what follows from the answers (`tree`, and the planner of sync).

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};

use keepwell_model::{ExtendedAttribute, Timestamp};

use super::Folder;
use super::item::Stat;
use super::tree_staged::{clear_folder, random_name};
use crate::error::EndpointError;
use crate::tree::{Capabilities, ItemMetadata, NameRules, PlaceIdentity, STAGED_PREFIX, UnicodeNames};

#[cfg(unix)]
use super::tree_unix as system;
#[cfg(windows)]
use super::tree_windows as system;

/// How many folders' answers are remembered; past it the memory begins anew.
const REMEMBERED_LIMIT: usize = 64;
/// How many items of a folder are looked at where nothing can be tried.
const LOOKED_AT_LIMIT: usize = 256;
/// The grain that is assumed where it is not known: FAT's.
const COARSEST_GRAIN_NS: u64 = 2_000_000_000;

/// What a place keeps of which no bounds are known.
const ANY_TIME: (Timestamp, Timestamp) = (at(i64::MIN), at(i64::MAX));
/// What FAT and exFAT keep: 1980 to 2107. exFAT in FUSE shows other times until the drive is connected again.
const FAT_TIMES: (Timestamp, Timestamp) = (at(315_532_800), at(4_354_819_198));
/// Bounds are believed where all from the second day of 1980 to 2038 lies between them: numbers that run over show anything.
const SURELY_KEPT: (Timestamp, Timestamp) = (at(315_619_200), at(2_147_400_000));
/// In 1901 and in 2242: outside of what FAT and old volumes of ext4 and XFS keep.
const FAR_OUT: [Timestamp; 2] = [at(-2_177_452_800), at(8_589_934_592)];
/// The name of the file that was tried with, in the end.
const RENAMED: &[u8] = b"renamed";

const COMPOSED: &str = "k\u{e9}";
const DECOMPOSED: &str = "ke\u{301}";

const fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanoseconds: 0 }
}

/// What was found out about the root of a tree.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) capabilities: Capabilities,
    /// Whether files can be made that get their name last.
    pub(super) takes_unnamed: bool,
    /// The first and the last time it keeps: what is before or after becomes that.
    pub(super) times: (Timestamp, Timestamp),
}

/// Asks what the root of a tree can do.
pub(super) fn ask(root: &Folder, identity: &PlaceIdentity, stat: &Stat) -> Answer {
    type Remembered = ((String, u64, u64), Answer);
    static REMEMBERED: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());
    // The root too: one volume may have folders with case and without.
    let key = (identity.volume.clone(), stat.file_system, stat.inode);
    let remembered = || REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = remembered().iter().find(|(known, _)| *known == key) {
        return *known;
    }
    let Some(tried) = try_all(root) else {
        return Answer { capabilities: guess(root), takes_unnamed: false, times: ANY_TIME };
    };
    let mut remembered = remembered();
    if remembered.len() >= REMEMBERED_LIMIT {
        remembered.clear();
    }
    remembered.push((key, tried));
    tried
}

/// Before anything is known.
fn unknown(root: &Folder) -> Capabilities {
    Capabilities {
        stable_ids: system::has_lasting_ids(root),
        strong_versions: false,
        folders: true,
        symlinks: false,
        modes: false,
        extended_attributes: false,
        times: false,
        time_grain_ns: COARSEST_GRAIN_NS,
        case_sensitive: system::CASE_SENSITIVE_UNLESS_SEEN,
        keeps_case: true,
        unicode: UnicodeNames::Kept,
        names: system::NAMES_UNLESS_SEEN,
        name_limit_bytes: system::name_limit_bytes(root),
        path_limit_bytes: system::PATH_LIMIT_BYTES,
        renames_folders: true,
        stages_from_existing: system::copies_on_server(root),
        parallel: std::thread::available_parallelism()
            .map_or(2, NonZero::get)
            .clamp(2, 8)
            .try_into()
            .unwrap_or(2),
    }
}

/// Nothing where the root can not be written to.
fn try_all(root: &Folder) -> Option<Answer> {
    let name = random_name(STAGED_PREFIX);
    let probes = root.create_folder(&name, 0o700).ok()?;
    let held = system::hold(&probes);
    let tried = try_in(root, &probes).map(|capabilities| Answer {
        capabilities,
        takes_unnamed: try_unnamed(&probes),
        times: try_time_bounds(&probes, &capabilities),
    });
    drop((held, probes));
    // What can not be removed now is found and removed by `clear_unfinished`.
    let _ = clear_folder(root, &name);
    tried
}

fn try_in(root: &Folder, probes: &Folder) -> Option<Capabilities> {
    let mut can = unknown(root);
    let file = b"probe";
    probes.create_file(file, 0o600).ok()?;
    let before = probes.stat(file).ok()?;
    can.case_sensitive = probes.stat(b"PROBE").is_err();
    can.keeps_case = can.case_sensitive || try_case(probes);
    (can.times, can.time_grain_ns, can.strong_versions) = try_times(probes, file);
    can.modes = try_modes(probes, file);
    can.extended_attributes = try_attributes(probes, file);
    can.symlinks = probes.create_symlink(b"link", b"probe").is_ok();
    can.stable_ids &= probes.rename(file, RENAMED, false).is_ok()
        && probes.stat(RENAMED).is_ok_and(|after| after.inode == before.inode && after.inode != 0);
    can.unicode = try_unicode(probes)?;
    can.names = try_names(probes);
    can.stages_from_existing |= try_sharing(probes);
    Some(can)
}

/// Whether times can be set, how fine they are, and whether the system keeps a time of change that nobody can set.
fn try_times(probes: &Folder, file: &[u8]) -> (bool, u64, bool) {
    let nothing = (false, COARSEST_GRAIN_NS, false);
    // An odd second, and digits in every place.
    let wanted = Timestamp::new(1_000_000_001, 123_456_789);
    let metadata = ItemMetadata { modified: Some(wanted), ..ItemMetadata::default() };
    let Ok(before) = probes.stat(file) else { return nothing };
    match system::apply_to_name(probes, file, &before, &metadata) {
        Ok(applied) if applied.troubles.is_empty() => {}
        _ => return nothing,
    }
    let Ok(after) = probes.stat(file) else { return nothing };
    if (after.modified.seconds - wanted.seconds).abs() > 2 {
        return nothing;
    }
    let grain_ns = match wanted.nanoseconds.checked_sub(after.modified.nanoseconds) {
        _ if after.modified.seconds != wanted.seconds => COARSEST_GRAIN_NS,
        Some(0) => 1,
        Some(lost) if lost < 100 => 100,
        Some(lost) if lost < 1_000 => 1_000,
        Some(lost) if lost < 1_000_000 => 1_000_000,
        Some(lost) if lost < 10_000_000 => 10_000_000,
        _ => 1_000_000_000,
    };
    // A file system without such a time shows the one that was set, or nothing.
    let is_strong = after.changed.seconds > wanted.seconds + 2 && after.changed >= before.changed;
    (true, grain_ns, is_strong)
}

/// Between which times a place keeps them: tried far out at both ends, in a file that [`try_in`] left. What has the
/// weaknesses of FAT and is no system's own file system is taken for it.
fn try_time_bounds(probes: &Folder, can: &Capabilities) -> (Timestamp, Timestamp) {
    let shown = |wanted: Timestamp| {
        let metadata = ItemMetadata { modified: Some(wanted), ..ItemMetadata::default() };
        let before = probes.stat(RENAMED).ok()?;
        system::apply_to_name(probes, RENAMED, &before, &metadata).ok()?;
        let after = probes.stat(RENAMED).ok()?.modified;
        ((after.seconds - wanted.seconds).abs() > 2).then_some(after)
    };
    if !can.times {
        return ANY_TIME;
    }
    let is_like_fat = !can.stable_ids && !can.symlinks && !can.modes && can.names == NameRules::Windows;
    let known = if is_like_fat { FAT_TIMES } else { ANY_TIME };
    let [first, last] = FAR_OUT.map(shown);
    (
        first.filter(|first| *first <= SURELY_KEPT.0).unwrap_or(known.0),
        last.filter(|last| *last >= SURELY_KEPT.1).unwrap_or(known.1),
    )
}

/// Whether a name is shown as it was given. NTFS may be mounted so that all names are shown in lower case.
fn try_case(probes: &Folder) -> bool {
    let name = b"Case";
    let is_made = probes.create_file(name, 0o600).is_ok();
    !is_made || probes.names().is_ok_and(|names| names.iter().any(|item| item.name == name))
}

fn try_modes(probes: &Folder, file: &[u8]) -> bool {
    [0o640, 0o751, 0o600].into_iter().all(|mode| {
        let metadata = ItemMetadata { mode: Some(mode), ..ItemMetadata::default() };
        let set = probes.stat(file).and_then(|stat| system::apply_to_name(probes, file, &stat, &metadata));
        set.is_ok() && probes.stat(file).is_ok_and(|stat| stat.mode == mode)
    })
}

fn try_attributes(probes: &Folder, file: &[u8]) -> bool {
    let attribute = ExtendedAttribute { name: b"user.keepwell.probe".to_vec(), value: b"1".to_vec() };
    let metadata =
        ItemMetadata { extended_attributes: Some(vec![attribute.clone()]), ..ItemMetadata::default() };
    let set = probes.stat(file).and_then(|stat| system::apply_to_name(probes, file, &stat, &metadata));
    set.is_ok_and(|applied| applied.troubles.is_empty())
        && system::attributes(probes, file).is_ok_and(|found| found.contains(&attribute))
}

/// Nothing where the names can not even be tried.
fn try_unicode(probes: &Folder) -> Option<UnicodeNames> {
    let listed = |name: &str| Some(probes.names().ok()?.iter().any(|item| item.name == name.as_bytes()));
    probes.create_file(COMPOSED.as_bytes(), 0o600).ok()?;
    if listed(DECOMPOSED)? {
        return Some(UnicodeNames::Decomposed);
    }
    let is_same = probes.stat(DECOMPOSED.as_bytes()).is_ok();
    probes.remove_file(COMPOSED.as_bytes()).ok()?;
    probes.create_file(DECOMPOSED.as_bytes(), 0o600).ok()?;
    if listed(COMPOSED)? {
        return Some(UnicodeNames::Composed);
    }
    Some(if is_same { UnicodeNames::Insensitive } else { UnicodeNames::Kept })
}

fn try_names(probes: &Folder) -> NameRules {
    let takes = |name: &[u8]| {
        probes.create_file(name, 0o600).is_ok()
            && probes.names().is_ok_and(|names| names.iter().any(|item| item.name == name))
    };
    if !takes(b"a:b?") || !takes(b"dot.") {
        NameRules::Windows
    } else if !takes(b"\xff\xfe") {
        NameRules::Text
    } else {
        NameRules::Bytes
    }
}

fn try_sharing(probes: &Folder) -> bool {
    let made = |name: &[u8]| system::create_staged(probes, name).ok();
    let (Some(from), Some(to)) = (made(b"from"), made(b"to")) else { return false };
    from.write_at(&[1; 4096], 0).is_ok()
        && system::raw_file(&from).is_some_and(|from| system::share_blocks(from, &to))
}

fn try_unnamed(probes: &Folder) -> bool {
    let (name, taken) = (b"named", b"taken");
    let made = system::create_unnamed(probes, name);
    made.is_some_and(|file| {
        system::give_name(&file, probes, name).is_ok()
            && probes.create_file(taken, 0o600).is_ok()
            && matches!(system::give_name(&file, probes, taken), Err(EndpointError::AlreadyExists { .. }))
    })
}

/// What can be said of a root that can not be written to: from a few of the items in it.
fn guess(root: &Folder) -> Capabilities {
    let mut can = unknown(root);
    let names = root.names().unwrap_or_default();
    for item in names.iter().take(LOOKED_AT_LIMIT) {
        let Ok(stat) = root.stat(&item.name) else { continue };
        if stat.modified.nanoseconds % 1_000_000_000 != 0 {
            can.time_grain_ns = can.time_grain_ns.min(100);
        }
        can.strong_versions |= stat.changed.seconds > 0 && stat.changed > stat.modified;
        let swapped = swap_case(&item.name);
        if swapped != item.name && !names.iter().any(|other| other.name == swapped) {
            can.case_sensitive = root.stat(&swapped).is_err();
        }
    }
    can.modes = cfg!(unix) && can.stable_ids;
    can.symlinks = can.modes;
    can.extended_attributes = system::attributes(root, b"").is_ok() && can.modes;
    can
}

fn swap_case(name: &[u8]) -> Vec<u8> {
    let swap = |byte: &u8| match byte.is_ascii_uppercase() {
        true => byte.to_ascii_lowercase(),
        false => byte.to_ascii_uppercase(),
    };
    name.iter().map(swap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_can_not_be_tried_is_guessed_from_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Some File"), "x").unwrap();
        let root = Folder::open(folder.path()).unwrap();
        let (guessed, tried) = (guess(&root), try_all(&root).unwrap().capabilities);
        assert_eq!(guessed.case_sensitive, tried.case_sensitive);
        assert_eq!(guessed.modes, tried.modes);
        assert!(guessed.time_grain_ns <= 100 || guessed.time_grain_ns == COARSEST_GRAIN_NS);
    }

    #[test]
    fn times_of_today_are_between_the_bounds_of_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let (first, last) = try_all(&Folder::open(folder.path()).unwrap()).unwrap().times;
        assert!(first <= SURELY_KEPT.0 && last >= SURELY_KEPT.1, "{first:?} {last:?}");
        assert!(first < at(0), "this system's own file systems keep times before 1970");
    }

    #[test]
    fn trying_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let root = Folder::open(folder.path()).unwrap();
        assert!(try_all(&root).is_some());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
