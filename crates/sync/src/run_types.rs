//! What goes into a run of a pair and what comes out of it.
//!
//! Invariant: a [`Prepared`] holds the very plan and trees that are applied; nothing is planned again behind a person's
//! back. Deliberately not here: the run itself (`run`), how a plan is carried out (`execute`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use keepwell_endpoint::tree::Tree;
use keepwell_model::{ContentHash, JobId, RelativePath, Timestamp};
use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::node::{NodeId, Side};
use crate::pair::PairSpec;
use crate::plan::{Action, Plan, Totals, Why};
use crate::policy::{Choice, Policy};
use crate::trees::SideTree;

/// The time now. Handed in, so that a simulation has its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a pair is opened with.
pub struct SyncerOptions {
    /// The folder of Keepwell's own state: the pair's database is in `sync/` below it.
    pub state_folder: PathBuf,
    /// The pair.
    pub pair: PairSpec,
    /// The left place, opened.
    pub left: Arc<dyn Tree>,
    /// The right place, opened.
    pub right: Arc<dyn Tree>,
    /// The time now.
    pub clock: Clock,
    /// How far local time is ahead of UTC, for the day in the names of conflict copies.
    pub utc_offset_seconds: i32,
}

/// Folders in which something may have changed; nothing for a side means: look everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// On the left.
    pub left: Option<BTreeSet<RelativePath>>,
    /// On the right.
    pub right: Option<BTreeSet<RelativePath>>,
}

impl Hints {
    /// Of one side.
    #[must_use]
    pub fn on(&self, side: Side) -> Option<&BTreeSet<RelativePath>> {
        match side {
            Side::Left => self.left.as_ref(),
            Side::Right => self.right.as_ref(),
        }
    }
}

/// What holds a run back while it goes.
#[derive(Clone, Default)]
pub struct Limits {
    /// Called with every count of bytes that travelled; waits as long as the limit of bandwidth wants.
    pub pay: Option<Arc<dyn Fn(usize) + Send + Sync>>,
}

impl Limits {
    /// Waits for what was sent.
    pub(crate) fn pay(&self, bytes: usize) {
        if let Some(pay) = &self.pay {
            pay(bytes);
        }
    }
}

/// A plan with the two trees it was made from, ready to be shown, changed and applied.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) left: Arc<SideTree>,
    pub(crate) right: Arc<SideTree>,
    pub(crate) policy: Policy,
    /// What was agreed on when the plan was made: another run in between makes it worthless.
    pub(crate) generation: u64,
    /// Which places were looked at: the plan is about no others.
    pub(crate) identities: [keepwell_endpoint::tree::PlaceIdentity; 2],
    /// Which rules it was looked with, those of the shared files with them.
    pub(crate) rules: Arc<Filter>,
    /// Known files that changed and are left out until they are older.
    pub(crate) waits_for_age: u64,
    /// The choices the plan was made with: decisions of conflicts. It is "as planned" with these.
    pub(crate) decided: Arc<BTreeMap<NodeId, Choice>>,
    /// Which side the rows were to change that a person turned round since.
    pub(crate) turned: Arc<BTreeMap<NodeId, Side>>,
}

/// What a person says to many rows of a plan at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// Leave both sides as they are, this time.
    Skip,
    /// The right becomes like the left here.
    LeftToRight,
    /// The left becomes like the right here.
    RightToLeft,
    /// The other way than it was planned.
    OtherWay,
    /// As it was planned.
    AsPlanned,
}

/// What became of a word on many rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// To so many rows it was said.
    pub rows: u64,
    /// So many more lie below the folders among them.
    pub below: u64,
    /// So many were meant that follow from another row and have no way of their own.
    pub fixed: u64,
}

impl Prepared {
    /// What will be done.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What it was planned with: the choices and released brakes so far.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether something comes back from this side that an answer promised, and nothing goes from there.
    #[must_use]
    pub fn brings_back_from(&self, from: Side) -> bool {
        let rows = || self.plan.operations.iter();
        rows().any(|row| row.side != from && row.why == Why::BroughtBack)
            && !rows().any(|row| row.side == from && row.action == Action::Remove)
    }

    /// How many files that both sides knew changed so lately that the rules leave them out until they are older.
    #[must_use]
    pub fn waits_for_age(&self) -> u64 {
        self.waits_for_age
    }

    /// How many files of both sides are left for a later run because somebody has them open for writing.
    #[must_use]
    pub fn still_open(&self) -> u64 {
        Side::BOTH.iter().map(|side| self.side(*side).circumstances.still_open).sum()
    }

    /// One side as it was seen.
    #[must_use]
    pub fn side(&self, side: Side) -> &SideTree {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

/// What kind of thing a row does: [`Action`] without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// A folder is made.
    CreateFolder,
    /// A file or link is copied.
    Copy,
    /// A file or link gets new content.
    Replace,
    /// It is moved or renamed.
    Move,
    /// It goes to the bin.
    Remove,
    /// Its times, permissions or attributes are set.
    SetMetadata,
}

impl From<&Action> for ActionKind {
    fn from(action: &Action) -> Self {
        match action {
            Action::CreateFolder { .. } => Self::CreateFolder,
            Action::Copy { .. } => Self::Copy,
            Action::Replace => Self::Replace,
            Action::Move { .. } => Self::Move,
            Action::Remove => Self::Remove,
            Action::SetMetadata => Self::SetMetadata,
        }
    }
}

/// One thing that was done and proven: a leaf of the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The side that was changed.
    pub side: Side,
    /// What was done.
    pub action: ActionKind,
    /// Where.
    pub path: RelativePath,
    /// Where it was before (moves), or where it lies in the bin (removals, replacements).
    pub other_path: Option<RelativePath>,
    /// What it holds now, for files and links; for a removal what it held, where that is known.
    pub hash: Option<ContentHash>,
    /// Its length.
    pub size_bytes: u64,
    /// Why.
    pub why: Why,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncReport {
    /// What was done on the left.
    pub left: Totals,
    /// What was done on the right.
    pub right: Totals,
    /// Items both sides had alike already, which was only written down.
    pub agreed: u64,
    /// Items that changed between the look and the deed: the next run sees to them.
    pub changed_meanwhile: u64,
    /// Files that somebody has open for writing: a later run sees to them.
    pub still_open: u64,
    /// Rows that could not be done; each has a problem.
    pub failed: u64,
    /// Rows that wait for one of these, as what is in a folder that could not be made.
    pub held_back: u64,
    /// Conflicts that wait for a person.
    pub conflicts: u64,
    /// Bytes that did not have to travel because only changed blocks did.
    pub spared_bytes: u64,
}

impl SyncReport {
    /// The totals of a side.
    pub(crate) fn side_mut(&mut self, side: Side) -> &mut Totals {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It is at work, or its process died.
    Running,
    /// All of it was done.
    Done,
    /// A person stopped it.
    Stopped,
    /// It could not go on.
    Failed,
    /// It was undone later.
    Undone,
}

/// A run in the history of the pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The job that ran it.
    pub id: JobId,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How.
    pub state: RunState,
    /// What it did.
    pub report: SyncReport,
}
