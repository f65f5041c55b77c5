//! Groups of deeds on their way into the base: made lasting on both places and written down, beside the work that goes on.
//!
//! A disk that is asked at the end has idled until then. So what is done is handed over in groups, whenever the one before
//! is written down: the disk and the processor work at the same time, and not all is waited for in the end.
//! Invariants:
//! 1. Groups are written down in the order they were done, one after the other; once one could not be, none is any more.
//! 2. One is on its way and one gathers, which is never longer than [`GROUP_ITEMS`] and [`GROUP_BYTES`] ask for.
//!
//! Deliberately not here: what makes a group lasting (`execute`), what is in it (`database::rows`).

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::Scope;

use crate::database::rows::Group;
use crate::error::SyncError;

/// So much has to be done before it is worth asking the disk: each time costs the processor too (smaller groups took a
/// tenth longer) …
const WORTH_ITEMS: usize = 8192;
/// … or so many bytes.
const WORTH_BYTES: u64 = 256 << 20;
/// Past so many deeds the work waits for the group before …
const GROUP_ITEMS: usize = 16_384;
/// … or past so many bytes.
const GROUP_BYTES: u64 = 512 << 20;

/// Deeds that are done and not written down yet.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub group: Group,
    /// The bytes its deeds were about.
    pub bytes: u64,
    /// The next id the base has after it.
    pub next_id: u64,
}

impl Gathered {
    pub(super) fn is_empty(&self) -> bool {
        self.group.lines.is_empty() && self.group.changes.is_empty()
    }

    fn is_worth_it(&self) -> bool {
        self.group.lines.len() >= WORTH_ITEMS || self.bytes >= WORTH_BYTES
    }

    fn is_full(&self) -> bool {
        self.group.lines.len() >= GROUP_ITEMS || self.bytes >= GROUP_BYTES
    }
}

/// A group that was written down, or why it was not.
type Answer = Result<Group, SyncError>;

/// Where groups are written down.
pub(super) struct Commits<'a> {
    commit: &'a (dyn Fn(Gathered) -> Answer + Sync),
    lane: Option<Lane>,
}

/// A thread that writes one group after the other.
struct Lane {
    groups: SyncSender<Gathered>,
    answers: Receiver<Answer>,
    is_busy: bool,
}

impl<'a> Commits<'a> {
    /// In this thread, when it is asked for.
    pub(super) fn here(commit: &'a (dyn Fn(Gathered) -> Answer + Sync)) -> Self {
        Self { commit, lane: None }
    }

    /// In a thread of its own, which ends with this.
    pub(super) fn beside<'scope>(
        scope: &'scope Scope<'scope, '_>,
        commit: &'a (dyn Fn(Gathered) -> Answer + Sync),
    ) -> Self
    where
        'a: 'scope,
    {
        let (groups, to_write) = sync_channel::<Gathered>(1);
        let (answer, answers) = sync_channel(1);
        scope.spawn(move || {
            for gathered in to_write {
                if answer.send(commit(gathered)).is_err() {
                    return;
                }
            }
        });
        Self { commit, lane: Some(Lane { groups, answers, is_busy: false }) }
    }

    /// Hands over what was gathered where that is worth it now. What was written down meanwhile is told to `written`.
    ///
    /// # Errors
    /// A group could not be made lasting, or written down; what was gathered since is dropped with it.
    pub(super) fn advance(
        &mut self,
        gathered: &mut Gathered,
        written: &mut dyn FnMut(Group),
    ) -> Result<(), SyncError> {
        if !gathered.is_worth_it() {
            return Ok(());
        }
        let is_full = gathered.is_full();
        let Some(lane) = &mut self.lane else {
            return if is_full { self.finish(gathered, written) } else { Ok(()) };
        };
        if !lane.settle(is_full, gathered, written)? {
            return Ok(());
        }
        lane.is_busy = lane.groups.send(std::mem::take(gathered)).is_ok();
        Ok(())
    }

    /// Waits until everything is written down.
    ///
    /// # Errors
    /// As [`Commits::advance`].
    pub(super) fn finish(
        &mut self,
        gathered: &mut Gathered,
        written: &mut dyn FnMut(Group),
    ) -> Result<(), SyncError> {
        if let Some(lane) = &mut self.lane {
            lane.settle(true, gathered, written)?;
        }
        if !gathered.is_empty() {
            written((self.commit)(std::mem::take(gathered))?);
        }
        Ok(())
    }
}

impl Lane {
    /// Takes the answer to the group that is on its way; whether none is any more.
    fn settle(
        &mut self,
        waits: bool,
        gathered: &mut Gathered,
        written: &mut dyn FnMut(Group),
    ) -> Result<bool, SyncError> {
        if !self.is_busy {
            return Ok(true);
        }
        let answer = match waits {
            // A thread that panicked answers nothing; its panic is the scope's.
            true => self.answers.recv().map_err(|_| TryRecvError::Disconnected),
            false => self.answers.try_recv(),
        };
        match answer {
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => {
                *gathered = Gathered::default();
                Err(SyncError::Cancelled)
            }
            Ok(Ok(group)) => {
                self.is_busy = false;
                written(group);
                Ok(true)
            }
            Ok(Err(error)) => {
                self.is_busy = false;
                *gathered = Gathered::default();
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use keepwell_model::{EntryKind, RelativePath};

    use super::*;
    use crate::database::rows::JournalLine;
    use crate::node::{NodeId, Side};
    use crate::plan::Why;
    use crate::run_types::{ActionKind, Done};

    /// So many deeds, numbered from one on.
    fn deeds(first: usize, count: usize) -> Gathered {
        let line = |number: usize| JournalLine {
            number: number as u64,
            node: NodeId(1),
            kind: EntryKind::File,
            done: Done {
                side: Side::Right,
                action: ActionKind::Copy,
                path: RelativePath::root(),
                other_path: None,
                hash: None,
                size_bytes: 1,
                why: Why::New,
            },
        };
        let group = Group { lines: (first..first + count).map(line).collect(), ..Group::default() };
        Gathered { group, ..Gathered::default() }
    }

    fn numbers(group: &Group) -> Vec<u64> {
        group.lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn what_is_done_meanwhile_waits_and_all_is_written_in_its_order() {
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let commit = |gathered: Gathered| {
            let _ = may_go_on.lock().unwrap().recv();
            Ok(gathered.group)
        };
        let mut seen = Vec::new();
        let mut written = |group: Group| seen.extend(numbers(&group));
        std::thread::scope(|scope| {
            let mut commits = Commits::beside(scope, &commit);
            let mut gathered = deeds(0, WORTH_ITEMS - 1);
            commits.advance(&mut gathered, &mut written).unwrap();
            assert!(!gathered.is_empty(), "too little to ask the disk for");
            gathered.group.lines.extend(deeds(WORTH_ITEMS - 1, 1).group.lines);
            commits.advance(&mut gathered, &mut written).unwrap();
            assert!(gathered.is_empty(), "handed over");
            gathered = deeds(WORTH_ITEMS, WORTH_ITEMS);
            commits.advance(&mut gathered, &mut written).unwrap();
            assert!(!gathered.is_empty(), "the one before is not written down yet");
            drop(go_on);
            gathered.group.lines.extend(deeds(2 * WORTH_ITEMS, GROUP_ITEMS).group.lines);
            commits.advance(&mut gathered, &mut written).unwrap();
            assert!(gathered.is_empty(), "so much waits for the one before");
            gathered = deeds(2 * WORTH_ITEMS + GROUP_ITEMS, 1);
            commits.finish(&mut gathered, &mut written).unwrap();
        });
        let all = (2 * WORTH_ITEMS + GROUP_ITEMS + 1) as u64;
        assert_eq!(seen, (0..all).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_group_that_could_not_be_written_none_is() {
        let commit = |_: Gathered| Err(SyncError::Braked);
        std::thread::scope(|scope| {
            let mut commits = Commits::beside(scope, &commit);
            let mut written = |_: Group| panic!("nothing was written");
            let mut gathered = deeds(0, WORTH_ITEMS);
            commits.advance(&mut gathered, &mut written).unwrap();
            gathered = deeds(WORTH_ITEMS, 1);
            assert!(matches!(commits.finish(&mut gathered, &mut written), Err(SyncError::Braked)));
            assert!(gathered.is_empty(), "what came after it is not written down either");
            commits.finish(&mut gathered, &mut written).unwrap();
        });
    }
}
