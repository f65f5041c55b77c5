//! Hints of the system that something changed below a folder.
//!
//! Events are only hints: each names a folder to look into, nothing else is believed. Invariants:
//! 1. A new or moved-in folder is named itself too, so that all in it is looked at.
//! 2. Whatever can be lost (an overflow, a watch that could not be set) ends in `is_lost`: everything is looked at then.
//! 3. What sync keeps in a root for itself and unfinished files name no folder, and reading is no change. Nor is more
//!    that is written into a file which waits to be closed: that it is closed is one.
//! 4. At most [`DIRTY_LIMIT`] folders are named; beyond that everything is looked at.
//!
//! Deliberately not here: when a run begins (`live`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keepwell_endpoint::tree::{OWN_FOLDER, STAGED_PREFIX};
use keepwell_model::RelativePath;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;

use crate::live_root::RootSeen;
use crate::mounts::Mounts;
use crate::path_text;

/// How long the next news gather once all was heard: of a burst each would wake the listener, which took a third of a core.
const GATHER: Duration = Duration::from_millis(1);
/// Who is asked again after so little had more waiting already, and does not rest: what is waiting is never too much.
const AT_ONCE: Duration = Duration::from_micros(10);
/// After the news of a folder there is no rest for so long: it is watched itself only when all that waits is heard.
const AFTER_FOLDER: Duration = Duration::from_millis(10);

/// Folders that are named one by one.
pub(crate) const DIRTY_LIMIT: usize = 10_000;

/// What is known to have changed on one side.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    /// Folders to look into.
    pub(crate) folders: BTreeSet<RelativePath>,
    /// Something was lost: look everywhere.
    pub(crate) is_lost: bool,
    /// When the first of it happened, and the last.
    pub(crate) first: Option<Instant>,
    pub(crate) last: Option<Instant>,
    /// The last of it says that something is done: a file was closed after it was written, moved or removed.
    pub(crate) is_whole: bool,
    /// Files that wait until whoever writes them closes them: more written into one is no news.
    pub(crate) open: BTreeSet<RelativePath>,
    /// A folder came, and nobody asked yet.
    has_new_folder: bool,
    /// The folder named last, as the system says it: of thousands of events a second most are of one folder.
    named: Option<PathBuf>,
}

impl Dirty {
    /// Takes what is known to have changed; which files wait stays known.
    pub(crate) fn take(&mut self) -> Self {
        let open = std::mem::take(&mut self.open);
        std::mem::replace(self, Self { open, ..Self::default() })
    }

    fn touch(&mut self) {
        let now = Instant::now();
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    fn add(&mut self, folder: RelativePath) {
        if self.is_lost {
            return;
        }
        self.folders.insert(folder);
        if self.folders.len() > DIRTY_LIMIT {
            self.folders.clear();
            self.is_lost = true;
        }
    }

    /// Notes what an event says; whether that is the first since the last run took what was known, or says that all of it
    /// is lost. Whoever waits looks by itself whether more came.
    fn note(&mut self, root: &Path, event: &Event) -> bool {
        if event.need_rescan() {
            self.lose();
            return true;
        }
        if matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)) {
            return false;
        }
        let mut is_news = false;
        for path in &event.paths {
            let is_written = matches!(
                event.kind,
                EventKind::Access(_) | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_))
            );
            if is_written && is_unnamed(path) || self.is_written_on(root, path, event.kind) {
                continue;
            }
            let may_be_folder = may_be_new_folder(event.kind);
            if !may_be_folder && self.is_named(path) {
                is_news = true;
                continue;
            }
            let Some(below) = below(root, path) else { continue };
            is_news = true;
            let folder = below.parent().unwrap_or_else(RelativePath::root);
            if may_be_folder
                && path != root
                && std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
            {
                self.has_new_folder = true;
                self.add(below);
            }
            self.add(folder);
            self.named = path.parent().map(Path::to_owned);
        }
        let is_first = is_news && self.first.is_none();
        if is_news {
            self.touch();
            self.is_whole = is_whole(event.kind);
        }
        is_first
    }

    /// Whether this says no more than that somebody goes on writing a file that waits for that to end.
    fn is_written_on(&self, root: &Path, path: &Path, kind: EventKind) -> bool {
        matches!(kind, EventKind::Modify(ModifyKind::Data(_)))
            && !self.open.is_empty()
            && below(root, path).is_some_and(|path| self.open.contains(&path))
    }

    /// Whether the folder of a person's item was named just before.
    fn is_named(&self, path: &Path) -> bool {
        self.named.is_some()
            && path.parent() == self.named.as_deref()
            && path.file_name().is_some_and(|name| !is_own(&path_text::bytes_of(Path::new(name))))
    }

    /// Something may have been missed: everything is to be looked at.
    fn lose(&mut self) {
        self.is_lost = true;
        self.folders.clear();
        self.named = None;
        self.touch();
        self.is_whole = false;
    }
}

/// Whether an event is the last of its change, as far as one can tell.
fn is_whole(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Remove(_)
            | EventKind::Modify(ModifyKind::Name(RenameMode::Both | RenameMode::To))
    )
}

/// Whether an event can be of a folder that is new here. Where the system says no more than that something changed, it
/// can.
fn may_be_new_folder(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Remove(_) | EventKind::Create(CreateKind::File) => false,
        EventKind::Modify(kind) => !matches!(kind, ModifyKind::Data(_) | ModifyKind::Metadata(_)),
        _ => true,
    }
}

/// The path below the root, unless it is none of the person's.
fn below(root: &Path, path: &Path) -> Option<RelativePath> {
    let below = path.strip_prefix(root).ok()?;
    let mut names = Vec::new();
    for name in below.components() {
        names.push(path_text::bytes_of(Path::new(name.as_os_str())));
    }
    if names.iter().any(|name| is_own(name)) {
        return None;
    }
    RelativePath::parse(&names.join(&b'/')).ok()
}

/// Whether a name is one of sync's own.
fn is_own(name: &[u8]) -> bool {
    name == OWN_FOLDER || name.starts_with(STAGED_PREFIX)
}

/// Whether this is an unfinished file that has no name yet: Linux tells of it under its number. A person may have a file of
/// such a name.
fn is_unnamed(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    let name = name.as_encoded_bytes();
    name.strip_prefix(b"#").is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
        && matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// When the listener rests, so that it is woken for many news at once.
#[derive(Default)]
struct Rest {
    /// When it was done with the news before.
    heard: Option<Instant>,
    /// When it last heard of a new folder.
    folder: Option<Instant>,
}

impl Rest {
    /// Rests after news that began to be heard then, where that is due.
    fn after(&mut self, begun: Instant, has_new_folder: bool) {
        if has_new_folder {
            self.folder = Some(begun);
        }
        if self.is_due(begun) {
            std::thread::sleep(GATHER);
        }
        self.heard = Some(Instant::now());
    }

    /// Elsewhere the system gathers the news itself.
    fn is_due(&self, begun: Instant) -> bool {
        cfg!(target_os = "linux")
            && self.heard.is_some_and(|heard| begun.saturating_duration_since(heard) >= AT_ONCE)
            && self.folder.is_none_or(|folder| begun.saturating_duration_since(folder) >= AFTER_FOLDER)
    }
}

/// Watches one side for as long as it lives.
pub(crate) struct SideWatch {
    _watcher: RecommendedWatcher,
    root: PathBuf,
    seen: RootSeen,
    misses_folders: Arc<AtomicBool>,
}

impl SideWatch {
    /// Begins to watch; `tell` is called after every news.
    ///
    /// # Errors
    /// The system does not watch it, or has no watches left.
    pub(crate) fn start(
        root: PathBuf,
        dirty: Arc<Mutex<Dirty>>,
        tell: impl Fn() + Send + 'static,
    ) -> Result<Self, notify::Error> {
        // Not through links: they would lead to the same folders again and again, and out of the root.
        let config = Config::default().with_follow_symlinks(false);
        let misses_folders = Arc::new(AtomicBool::new(false));
        let handler = {
            let (root, misses_folders) = (root.clone(), Arc::clone(&misses_folders));
            let mut rest = Rest::default();
            move |event: notify::Result<Event>| {
                let begun = Instant::now();
                let mut has_new_folder = false;
                let is_news = match event {
                    Ok(event) => {
                        let mut dirty = dirty.lock();
                        let is_news = dirty.note(&root, &event);
                        has_new_folder = std::mem::take(&mut dirty.has_new_folder);
                        is_news
                    }
                    Err(error) => {
                        tracing::info!(%error, "changes may have been missed: everything is looked at");
                        if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
                            misses_folders.store(true, Ordering::Relaxed);
                        }
                        dirty.lock().lose();
                        true
                    }
                };
                if is_news {
                    tell();
                }
                rest.after(begun, has_new_folder);
            }
        };
        let seen = RootSeen::of(&root);
        let mut watcher = RecommendedWatcher::new(handler, config)?;
        watcher.watch(&root, RecursiveMode::Recursive)?;
        Ok(Self { _watcher: watcher, root, seen, misses_folders })
    }

    /// Whether the root still lies on the mount on which it is watched.
    pub(crate) fn is_on(&self, mounts: &Mounts) -> bool {
        self.seen.is_on(mounts, &self.root)
    }

    /// Whether the folder at the path is the one that is watched.
    pub(crate) fn is_of_root(&self) -> bool {
        self.seen.is_same(&self.root)
    }

    /// Whether the system's watches ran out for a folder that was made later: nothing is told of what is in it.
    pub(crate) fn misses_folders(&self) -> bool {
        self.misses_folders.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{DataChange, Flag, RemoveKind};

    fn event(kind: EventKind, path: &Path) -> Event {
        Event::new(kind).add_path(path.to_owned())
    }

    fn folders(dirty: &Dirty) -> Vec<String> {
        dirty.folders.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_folder_of_what_changed_is_named_and_a_new_folder_itself() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        std::fs::create_dir_all(root.join("a/new")).unwrap();
        let mut dirty = Dirty::default();
        assert!(dirty.note(root, &event(EventKind::Modify(ModifyKind::Any), &root.join("a/file"))));
        // Who was told once looks by itself whether more came.
        assert!(!dirty.note(root, &event(EventKind::Create(CreateKind::Any), &root.join("a/new"))));
        assert!(!dirty.note(root, &event(EventKind::Create(CreateKind::Any), &root.join("top"))));
        assert_eq!(folders(&dirty), ["", "a", "a/new"]);
        // What is written into a folder that is known names only that folder.
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        dirty.note(root, &event(written, &root.join("b/file")));
        assert_eq!(folders(&dirty), ["", "a", "a/new", "b"]);
        assert!(dirty.first.is_some() && !dirty.is_lost);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_listener_rests_only_when_all_is_heard_and_no_folder_waits_to_be_watched() {
        let start = Instant::now();
        let mut rest = Rest { heard: Some(start), folder: None };
        assert!(!rest.is_due(start + AT_ONCE / 2), "more was waiting");
        assert!(rest.is_due(start + AT_ONCE));
        rest.after(start, true);
        assert!(!rest.is_due(start + AFTER_FOLDER / 2));
        rest.heard = Some(start);
        assert!(rest.is_due(start + AFTER_FOLDER));
    }

    #[test]
    fn what_sync_keeps_for_itself_and_mere_reading_is_no_news() {
        let root = Path::new("/root-of-a-pair");
        let mut dirty = Dirty::default();
        let changed = EventKind::Modify(ModifyKind::Any);
        assert!(!dirty.note(root, &event(changed, &root.join(".keepwell/bin/1/file"))));
        assert!(!dirty.note(root, &event(changed, &root.join("a/.keepwell-staged-1"))));
        assert!(!dirty.note(root, &event(changed, Path::new("/elsewhere/file"))));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Read));
        assert!(!dirty.note(root, &event(opened, &root.join("file"))));
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(!dirty.note(root, &event(written, &root.join("#123"))), "a file that has no name yet");
        assert!(dirty.last.is_none() && dirty.folders.is_empty());
        assert!(Dirty::default().note(root, &event(EventKind::Remove(RemoveKind::File), &root.join("#123"))));
        assert!(dirty.note(root, &event(written, &root.join("file"))));
    }

    #[test]
    fn more_that_is_written_into_a_file_that_waits_is_no_news_but_its_end_is() {
        let root = Path::new("/root-of-a-pair");
        let mut dirty = Dirty::default();
        dirty.open.insert(RelativePath::parse(b"a/film").unwrap());
        dirty.take();
        let more = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert!(!dirty.note(root, &event(more, &root.join("a/film"))));
        assert!(dirty.last.is_none());
        assert!(dirty.note(root, &event(more, &root.join("a/other"))));
        dirty.take();
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(dirty.note(root, &event(closed, &root.join("a/film"))));
    }

    #[test]
    fn what_may_be_lost_and_what_is_too_much_ends_in_a_look_at_everything() {
        let root = Path::new("/root-of-a-pair");
        let mut dirty = Dirty::default();
        assert!(dirty.note(root, &Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert!(dirty.is_lost);

        let mut dirty = Dirty::default();
        for number in 0..=DIRTY_LIMIT {
            let path = root.join(format!("{number}/file"));
            dirty.note(root, &event(EventKind::Modify(ModifyKind::Any), &path));
        }
        assert!(dirty.is_lost && dirty.folders.is_empty());
    }
}
