//! Files that changed a moment ago: which of them are taken, which are waited for, which are left for a later look.
//!
//! Invariants: those of `scan`; a file that somebody has open for writing is asked about before it is taken; none is left
//! for ever; only what changed lately is asked about. Deliberately not here: what is compared (`scan::compare`), where it
//! is kept since when a file is open (`database`).

use std::time::Duration;

use keepwell_endpoint::tree::{Fingerprint, TreeItem};
use keepwell_model::{EntryKind, RelativePath, Timestamp};

use super::{Scan, Unsettled};
use crate::error::SyncError;
use crate::node::NodeId;
use crate::trees::{Seen, SeenNode};

/// How long is waited for files that somebody is writing, in all.
const PATIENCE: Duration = Duration::from_secs(2);
/// A version so young that is written again already is one of many, as of a log: it has to be still, or each of them would
/// go over, and the one before into the bin, with every run.
const RECENTLY: Duration = Duration::from_secs(5);
/// The clocks of file systems go in steps of up to 10 ms: within one a further change could not be told from this one.
const CLOCK_STEP: Duration = Duration::from_millis(20);
/// How soon it is asked again whether they are done, the first time.
const FIRST_LOOK: Duration = Duration::from_millis(2);
/// A file that somebody has open for writing is taken once it was still for so long: a database is at rest most of the day.
const AT_REST: Duration = Duration::from_secs(30);
/// One that never comes to rest, as a log, is taken after it waited for so long …
const LONGEST_MS: i64 = 10 * 60_000;
/// … and one the other side has nothing of yet after so long: it may be a large one on its way.
const LONGEST_NEW_MS: i64 = 60 * 60_000;

/// Why a file is not taken yet.
#[derive(Clone, Copy)]
pub(super) struct Unrest {
    /// How long it has to be still yet.
    left: Duration,
    /// Somebody has it open for writing.
    is_open: bool,
}

impl Scan<'_> {
    /// Once all is listed: takes the files that came to rest, and waits a moment for the others; not for those that were
    /// open when it was looked before.
    pub(super) fn settle(&self) -> Result<(), SyncError> {
        let mut waited = Duration::ZERO;
        let unsettled = std::mem::take(&mut *self.unsettled.lock());
        let was_open = |file: &Unsettled| file.unrest.is_open && self.options.open.contains_key(&file.path);
        let (open, mut waiting): (Vec<_>, Vec<_>) = unsettled.into_iter().partition(was_open);
        open.into_iter().for_each(|file| self.leave(file));
        // Where the place tells who is done, most are after a moment: it is asked again soon, then less often.
        let tells = waiting.first().is_some_and(|file| self.tree.is_being_written(&file.path).is_some());
        let mut soon = if tells { FIRST_LOOK } else { PATIENCE };
        while !waiting.is_empty() {
            let wait = waiting.iter().map(|file| file.unrest.left).max().unwrap_or_default();
            let wait = wait.clamp(Duration::from_millis(1), soon);
            soon = soon.saturating_mul(2);
            let is_last = waited + wait > PATIENCE;
            if !is_last {
                self.control.checkpoint()?;
                std::thread::sleep(wait);
                waited += wait;
            }
            let mut moving = Vec::new();
            for mut file in waiting {
                let now = self
                    .tree
                    .stat(&file.path)
                    .map_err(|source| SyncError::Place { side: self.side, source })?;
                let Some(now) = now.filter(|now| now.fingerprint.kind == EntryKind::File) else {
                    // It is gone: the next look sees to it.
                    self.found.lock().blind.extend(file.known);
                    continue;
                };
                let unrest = self.unsettled_for(&file, &now);
                let is_same = now.fingerprint == file.item.fingerprint;
                if unrest.is_none() && is_same {
                    self.settled(&file, now);
                    continue;
                }
                // One that changed just now and is at rest already is asked once more.
                file.unrest = unrest.unwrap_or(Unrest { left: Duration::ZERO, is_open: false });
                file.item = now;
                match (is_last, self.options.settle.is_some() || file.unrest.is_open) {
                    (false, _) => moving.push(file),
                    (true, true) => self.leave(file),
                    // Nobody would tell that it came to rest: a run by hand takes it as it is.
                    (true, false) => {
                        let item = file.item.clone();
                        self.settled(&file, item);
                    }
                }
            }
            waiting = moving;
        }
        self.leave_where_they_were();
        Ok(())
    }

    /// Leaves a file that is still being written for a later look; one that is open for too long is taken as it is.
    fn leave(&self, file: Unsettled) {
        if file.unrest.is_open {
            let now_ms = self.options.now_ms;
            let since_ms = self.options.open.get(&file.path).map_or(now_ms, |since_ms| now_ms.min(*since_ms));
            let longest_ms = if file.known.is_some() { LONGEST_MS } else { LONGEST_NEW_MS };
            let is_too_long = now_ms - since_ms >= longest_ms;
            let since_ms = if is_too_long { now_ms } else { since_ms };
            self.found.lock().circumstances.open_files.insert(file.path.clone(), since_ms);
            if is_too_long {
                let item = file.item.clone();
                return self.settled(&file, item);
            }
            if since_ms == now_ms {
                tracing::info!(path = %file.path, "open for writing: left until it is closed, or at rest");
            }
            self.found.lock().circumstances.still_open += 1;
        }
        self.leave_alone(file.known, file.folder, file.item.name);
        if file.known.is_none() && file.item.fingerprint.id != 0 {
            self.left.lock().insert(file.item.fingerprint.id);
        }
    }

    /// Nothing is decided about a file, nor about what the other side has under its name.
    fn leave_alone(&self, known: Option<NodeId>, folder: NodeId, name: Vec<u8>) {
        let mut found = self.found.lock();
        match known {
            Some(id) => drop(found.blind.insert(id)),
            None => drop(found.occupied.entry(folder).or_default().insert(name)),
        }
    }

    /// A file that was left may be one that was moved here: where it was it is not gone.
    fn leave_where_they_were(&self) {
        let left = self.left.lock();
        let mut found = self.found.lock();
        if left.is_empty() || found.changes.all_gone().next().is_none() {
            return;
        }
        for (id, entry) in self.base.iter() {
            let is_gone = found.changes.get(id).is_none_or(|seen| matches!(seen, Seen::Gone));
            if is_gone
                && entry.state.kind == EntryKind::File
                && left.contains(&entry.fingerprint_on(self.side).id)
            {
                found.changes.remove(id);
                found.blind.insert(id);
            }
        }
    }

    fn settled(&self, file: &Unsettled, item: TreeItem) {
        let id = file.known.unwrap_or_else(|| self.fresh());
        let known = file.known.and_then(|id| self.base.get(id));
        let attributes = self.file_attributes(&file.path, None);
        match attributes.and_then(|attributes| self.state(&file.path, &item, attributes, known.as_ref())) {
            Ok(state) => {
                let seen =
                    SeenNode { parent: file.folder, name: item.name, state, fingerprint: item.fingerprint };
                self.found.lock().changes.insert(id, Seen::Here(seen));
            }
            Err(error) => {
                self.told(&file.path, "This could not be read; it is not synced.", &error);
                self.leave_alone(file.known, file.folder, item.name);
            }
        }
    }

    /// [`Scan::settles_in`] for a file that waits and is like this now.
    fn unsettled_for(&self, file: &Unsettled, now: &TreeItem) -> Option<Unrest> {
        let known = file.known.and_then(|id| self.base.get(id));
        self.settles_in(&file.path, now, known.as_ref().map(|entry| entry.fingerprint_on(self.side)))
    }

    /// How long a file that changed lately must stay still yet; nothing where it may be taken. `before` is what the base
    /// knows of it.
    pub(super) fn settles_in(
        &self,
        path: &RelativePath,
        item: &TreeItem,
        before: Option<&Fingerprint>,
    ) -> Option<Unrest> {
        let now = nanoseconds(Timestamp::from_system(std::time::SystemTime::now()));
        let age = |modified: Timestamp| {
            // A time in the future says nothing.
            u64::try_from(now - nanoseconds(modified)).ok().map(Duration::from_nanos)
        };
        let still = age(item.fingerprint.modified?)?;
        let needs = |rest: Duration, is_open| {
            let left = rest.checked_sub(still).filter(|left| !left.is_zero())?;
            Some(Unrest { left, is_open })
        };
        // Asked of none that is at rest: a million old files are not opened for it.
        let is_open = if still < AT_REST { self.tree.is_being_written(path) } else { None };
        if is_open == Some(true) {
            return needs(AT_REST, true);
        }
        let was_just_taken =
            before.and_then(|before| age(before.modified?)).is_some_and(|before| before < RECENTLY);
        let settle = self.options.settle.unwrap_or_default();
        let settle = if was_just_taken || is_open.is_none() { settle } else { settle.min(CLOCK_STEP) };
        needs(settle.max(self.untold()), false)
    }

    /// How long a further change of a file looks like the one before: where times are coarse (FAT, exFAT) and nothing else
    /// tells. A version that is taken sooner could become another one, or half of one, that nobody ever sees. Only where the
    /// clock that set the times is the one that is read here.
    fn untold(&self) -> Duration {
        let can = self.tree.capabilities();
        match can.strong_versions || self.tree.local_root().is_none() {
            true => Duration::ZERO,
            false => Duration::from_nanos(can.time_grain_ns),
        }
    }
}

fn nanoseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds)
}
