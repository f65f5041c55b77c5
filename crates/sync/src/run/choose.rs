//! A person's word on many rows of a plan at once.
//!
//! A folder that is made, moved or removed counts with all that lies below it: each row there gets the word as its own, so
//! that it stays to be seen and can be taken back by itself. Invariants: "as planned" is what the plan said when it was
//! made, with the decisions of conflicts it was made with; no row keeps the word of a folder above it against its own;
//! rows that only follow from others get none. Deliberately not here: what a choice does (`planner`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use keepwell_model::EntryKind;

use super::Syncer;
use crate::database::plan_store::{MeantRow, PlanFilter};
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::plan::Why;
use crate::policy::Choice;
use crate::run_types::{ActionKind, Prepared, Said, Say};
use crate::trees::BaseTree;

/// Which rows of a plan a person means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeantRows {
    /// Those that pass this, by path.
    pub filter: PlanFilter,
    /// Of these the ones with these places, in order, none within another; nothing means all.
    pub places: Option<Vec<Range<u64>>>,
}

/// See [`Syncer::choose_rows`].
pub(super) fn choose_rows(
    syncer: &Syncer,
    prepared: &Prepared,
    rows: &MeantRows,
    say: Say,
) -> Result<(Prepared, Said), SyncError> {
    let (mut meant, fixed) = meant_rows(syncer, rows)?;
    let chosen = meant.len() as u64;
    let folders: Vec<NodeId> =
        meant.iter().filter(|row| takes_what_is_below(row)).map(|row| row.node).collect();
    if !folders.is_empty() {
        meant.extend(below(syncer, prepared, &meant, &folders)?);
    }
    let said = Said { rows: chosen, below: meant.len() as u64 - chosen, fixed };
    // Of two rows of one item the first of the plan says which way it was planned.
    meant.sort_by_key(|row| if row.number < 0 { -1 - row.number } else { row.number });
    let mut words = Words {
        choices: prepared.policy.choices.clone(),
        turned: (*prepared.turned).clone(),
        decided: &prepared.decided,
    };
    let mut is_done = HashSet::new();
    let mut frees = Vec::new();
    for row in meant.iter().filter(|row| is_done.insert(row.node)) {
        let has_it = |side| is_there(syncer.base(), prepared, side, row.node);
        if words.say(row, say, has_it) {
            frees.push(row.node);
        }
    }
    free_above(syncer.base(), prepared, &mut words, &is_done, frees);
    let Words { choices, turned, .. } = words;
    let mut chosen = syncer.choose(prepared, choices)?;
    chosen.turned = Arc::new(turned);
    Ok((chosen, said))
}

/// The rows a person means, and how many of those have no way of their own.
fn meant_rows(syncer: &Syncer, rows: &MeantRows) -> Result<(Vec<MeantRow>, u64), SyncError> {
    let mut places = rows.places.as_deref().map(|places| places.iter().peekable());
    let limit = rows
        .places
        .as_ref()
        .map_or(i64::MAX.cast_unsigned(), |places| places.last().map_or(0, |last| last.end));
    let (mut meant, mut fixed) = (Vec::new(), 0);
    syncer.database().for_plan_rows(&rows.filter, limit, |place, row| {
        if let Some(places) = &mut places {
            while places.next_if(|range| range.end <= place).is_some() {}
            if !places.peek().is_some_and(|range| range.contains(&place)) {
                return;
            }
        }
        match row.why {
            Why::StepOnTheWay => fixed += 1,
            _ => meant.push(row),
        }
    })?;
    Ok((meant, fixed))
}

/// Whether a word on this row is one on all that lies below it. Rights of a folder are its own.
fn takes_what_is_below(row: &MeantRow) -> bool {
    row.kind == EntryKind::Folder && row.action != ActionKind::SetMetadata
}

/// The rows below some folders, without those that are meant already.
fn below(
    syncer: &Syncer,
    prepared: &Prepared,
    meant: &[MeantRow],
    folders: &[NodeId],
) -> Result<Vec<MeantRow>, SyncError> {
    let is_meant: HashSet<i64> = meant.iter().map(|row| row.number).collect();
    let mut inside = Side::BOTH.map(|side| Inside::new(syncer.base(), prepared, side, folders));
    let mut found = Vec::new();
    let all = PlanFilter::default();
    syncer.database().for_plan_rows(&all, i64::MAX.cast_unsigned(), |_, row| {
        let mut is_below = || inside.iter_mut().any(|inside| inside.holds(row.node));
        if row.why != Why::StepOnTheWay && !is_meant.contains(&row.number) && is_below() {
            found.push(row);
        }
    })?;
    Ok(found)
}

/// What lies in some folders of a side, at any depth.
struct Inside<'a> {
    base: &'a BaseTree,
    prepared: &'a Prepared,
    side: Side,
    /// Whether a folder is one of them or lies in one.
    known: HashMap<NodeId, bool>,
}

impl<'a> Inside<'a> {
    fn new(base: &'a BaseTree, prepared: &'a Prepared, side: Side, folders: &[NodeId]) -> Self {
        let known = folders.iter().map(|folder| (*folder, true)).collect();
        Self { base, prepared, side, known }
    }

    fn holds(&mut self, node: NodeId) -> bool {
        let mut way = Vec::new();
        let mut at = parent(self.base, self.prepared, self.side, node);
        let mut answer = false;
        while let Some(folder) = at {
            if let Some(known) = self.known.get(&folder) {
                answer = *known;
                break;
            }
            way.push(folder);
            at = parent(self.base, self.prepared, self.side, folder);
        }
        self.known.extend(way.into_iter().map(|folder| (folder, answer)));
        answer
    }
}

/// The folder an item is in on a side; nothing for what is not there, and for what lies in the root.
fn parent(base: &BaseTree, prepared: &Prepared, side: Side, node: NodeId) -> Option<NodeId> {
    let changes = &prepared.side(side).changes;
    let parent = match changes.place(node) {
        Some((parent, _)) => Some(parent),
        None if changes.is_gone(node) => None,
        None => base.get(node).map(|entry| entry.parent),
    };
    parent.filter(|parent| *parent != NodeId::ROOT)
}

/// Whether an item is on a side: what a folder that is gone held is gone too, though nothing names it.
pub(super) fn is_there(base: &BaseTree, prepared: &Prepared, side: Side, node: NodeId) -> bool {
    let changes = &prepared.side(side).changes;
    let mut at = node;
    while at != NodeId::ROOT {
        if changes.here(at).is_some() {
            return true;
        }
        let known = if changes.is_gone(at) { None } else { base.get(at) };
        let Some(known) = known else { return false };
        at = known.parent;
    }
    true
}

/// What was said so far.
struct Words<'a> {
    choices: BTreeMap<NodeId, Choice>,
    turned: BTreeMap<NodeId, Side>,
    decided: &'a BTreeMap<NodeId, Choice>,
}

impl Words<'_> {
    /// Takes a word on a row. Whether the folders above it may not stand against it: it is as planned, or it stays, so that
    /// it needs them.
    fn say(&mut self, row: &MeantRow, say: Say, has_it: impl Fn(Side) -> bool) -> bool {
        let planned = self.turned.get(&row.node).copied().unwrap_or(row.side);
        let as_planned = towards(planned);
        let wanted = match say {
            Say::Skip => {
                self.choices.insert(row.node, Choice::Skip);
                return false;
            }
            Say::AsPlanned => as_planned,
            Say::OtherWay => towards(planned.other()),
            Say::LeftToRight => Choice::LeftToRight,
            Say::RightToLeft => Choice::RightToLeft,
        };
        if wanted == as_planned {
            self.as_planned(row.node);
            return true;
        }
        self.turned.insert(row.node, planned);
        self.choices.insert(row.node, wanted);
        has_it(planned)
    }

    fn as_planned(&mut self, node: NodeId) {
        self.turned.remove(&node);
        match self.decided.get(&node) {
            Some(decided) => drop(self.choices.insert(node, *decided)),
            None => drop(self.choices.remove(&node)),
        }
    }
}

/// The choice that changes a side.
fn towards(side: Side) -> Choice {
    match side {
        Side::Left => Choice::RightToLeft,
        Side::Right => Choice::LeftToRight,
    }
}

/// What was said to the folders above these items is taken back, as far as only one side has them: what lies there and
/// has no word of its own takes that of its folder, and nothing can be put into a folder that is not made.
fn free_above(
    base: &BaseTree,
    prepared: &Prepared,
    words: &mut Words<'_>,
    is_said: &HashSet<NodeId>,
    nodes: Vec<NodeId>,
) {
    let mut is_free = HashSet::new();
    for node in nodes {
        let mut at = node;
        loop {
            let there = Side::BOTH.into_iter().find(|side| is_there(base, prepared, *side, at));
            let Some(folder) = there.and_then(|side| parent(base, prepared, side, at)) else { break };
            let is_on_both = Side::BOTH.iter().all(|side| is_there(base, prepared, *side, folder));
            if is_on_both || !is_free.insert(folder) {
                break;
            }
            // What was said to it just now is the same word.
            if !is_said.contains(&folder) {
                words.as_planned(folder);
            }
            at = folder;
        }
    }
}
