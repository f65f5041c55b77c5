//! A run of a sync pair as a job: planned, held by brakes or for a look, carried out, told in a receipt.
//!
//! Invariants: nothing is changed while the job is planning; brakes and previews end the run with the plan held
//! (`syncs`), and the person's answer carries out that very plan; a plan that has to be made again because the process
//! ended is shown again unless it came out the same, in what is done and in what the files hold, and its brakes hold it
//! again; a run that was asked for by a plan's digest does that plan or nothing; a folder that is gone is made again only on the volume it was on, and only
//! when a person says so. What a person wants of the pair for one run is the pair's from the first change of that run on,
//! never before. Deliberately not here: how two places are compared (`sync`), what comes back or goes for good
//! (`sync_bin_work`), words (`sync_words`).

use std::sync::Arc;

use jiff::tz::TimeZone;
use keepwell_model::{Control, Problem};
use keepwell_sync::node::{Content, State};
use keepwell_sync::plan::{Action, Brake, Earlier, Operation, Totals};
use keepwell_sync::policy::{self, BrakeKind};
use keepwell_sync::run_types::ActionKind;
use keepwell_sync::{Done, Limits, PairSpec, Prepared, Side, SyncError, SyncReport, Syncer};

use crate::bandwidth::Bandwidth;
use crate::clock::Clock;
use crate::merkle::MerkleTree;
use crate::outcome::{Choice, Ending, Fact, Fault, FaultKind, Halt, Outcome, Proposal, PulledBrake};
use crate::pairs::real_place;
use crate::path_text;
use crate::request::{BRING_BACK_FROM_LEFT, BRING_BACK_FROM_RIGHT, Origin, SyncAnswer, SyncJob};
use crate::run::Running;
use crate::sync_bin_work::{put_back, remove_from_bin};
use crate::sync_words::{Words, earlier_words, place_names};
use crate::syncs::{Seen, Syncs};
use crate::throttle::Ceiling;
use crate::trees::Trees;

/// The fact of items that changed under a run's hands.
pub(crate) const CHANGED_MEANWHILE: &str = "changedMeanwhile";
/// The fact of rows of a plan that a person left out.
pub(crate) const LEFT_BY_CHOICE: &str = "leftByChoice";
/// The fact of known files that changed and are left out until they are older.
pub(crate) const WAITS_FOR_AGE: &str = "waitsForAge";
/// The fact of files that were left for a later run because somebody has them open for writing.
pub(crate) const STILL_OPEN: &str = "stillOpen";
/// The fact of rows that could not be done.
pub(crate) const FAILED: &str = "failed";
/// The fact of rows that wait for such a one, as for their folder.
pub(crate) const HELD_BACK: &str = "heldBack";
/// The fact of conflicts that stay as they are.
pub(crate) const CONFLICTS: &str = "conflicts";
/// The fact of the changes a preview shows.
pub(crate) const PLANNED: &str = "rows";

/// Carries out one run.
pub(crate) fn sync(
    running: &Running<'_>,
    job: &SyncJob,
    syncs: &Syncs,
    clock: &Arc<dyn Clock>,
    overall: &Arc<Ceiling>,
) -> Result<Ending, Fault> {
    let (record, definition) = syncs.meant(job)?;
    let is_new = record.is_none();
    let is_by_itself = job.origin != Origin::Person && job.answer == SyncAnswer::default();
    if let Some(record) = record.as_ref().filter(|_| is_by_itself)
        && syncs.is_paused(record)?
    {
        // It was queued before a person held the pair.
        return Ok(Ending::Cancelled(Outcome { was_idle: true, ..Outcome::default() }));
    }
    let held = syncs.take(running.job_id, job.pair_id);
    if let Some(removal) = &job.remove {
        return remove_from_bin(running, syncs, &definition.pair, removal);
    }
    if !job.carries_over() {
        return put_back(running, job, syncs, &definition);
    }
    let was_held = held.is_some();
    let gone = gone_root(&definition.pair).filter(|_| !was_held);
    if let Some(side) = gone {
        if !job.answer.make_again || job.answer.bring_back_from != Some(side.other()) {
            return Ok(Ending::Halted(halt(&definition.pair, &[root_gone(side)], syncs.zone())));
        }
        syncs.trees().make_again(definition.pair.place(side))?;
    }
    // What was to be made again came back by itself, with whatever is in it: nobody was asked about that.
    let is_void = job.answer.make_again && gone.is_none() && !was_held;
    let mut answer = if is_void { SyncAnswer::default() } else { job.answer.clone() };
    let planned = match held {
        Some(held) => {
            // They were met by the look, which is not done again.
            held.problems.problems.into_iter().for_each(|problem| running.control.problem(problem));
            Ok((held.syncer, held.prepared, held.seen))
        }
        None => {
            // Read before anything is looked at: whoever tells of the hub has changed it by then. Where only the folders
            // that changed are looked into, nobody knows whether the hub's change is among them.
            let changes = record.as_ref().map_or(0, |record| record.hub.changes);
            let seen = Seen(running.attachment.hints.is_none().then_some(changes));
            let begins = is_new || syncs.is_to_begin(&definition)?;
            plan(running, job, syncs, &definition.pair, begins)
                .map(|(syncer, prepared)| (syncer, prepared, seen))
        }
    };
    let (mut syncer, prepared, seen) = match planned {
        Ok(planned) => planned,
        Err(planning) => {
            if is_new {
                syncs.forget_unmade(job.pair_id);
            }
            return match planning {
                Planning::Stopped => Ok(Ending::Cancelled(Outcome::default())),
                Planning::Failed(fault) => Err(fault),
            };
        }
    };
    // The plan as it is without an answer: by that it is known again.
    let halted = match &job.answer.halted {
        Some(halted) if was_held => Some(halted.clone()),
        _ if answer.is_to_brakes() || !prepared.plan().brakes.is_empty() => Some(digest(&syncer, &prepared)),
        _ => None,
    };
    if !was_held && gone.is_none() && answer.is_to_brakes() && answer.halted != halted {
        // More may go by now than anybody saw.
        if answer.bring_back_from.is_some() && prepared.plan().brakes.is_empty() {
            return Err(not_that_plan());
        }
        answer = SyncAnswer { confirmed: answer.confirmed, ..SyncAnswer::default() };
    }
    let mut prepared = answered(&syncer, prepared, &answer)?;
    if !prepared.plan().brakes.is_empty() {
        let mut halted = halted;
        // What is wrong with the other place is another question: the answer about this one holds.
        let is_of = |from| prepared.plan().brakes.iter().all(|brake| brake.side == from);
        if answer.bring_back_from.is_some_and(is_of) && !job.preview {
            prepared = syncer.owe(&prepared)?;
            halted = Some(digest(&syncer, &prepared));
        }
        let halt = Halt { digest: halted, ..halt(&definition.pair, &prepared.plan().brakes, syncs.zone()) };
        // Planned once more as it is, which writes its rows down: a person has to see what it is about.
        let prepared = syncer.release(&prepared, &[])?;
        if is_new && !job.preview {
            // The person's answer needs a pair it is about.
            syncs.adopt(None, &definition)?;
        }
        hold(running, syncs, syncer, prepared, seen, is_new);
        return Ok(Ending::Halted(halt));
    }
    // Nothing halts it (any more), and without a halt it would do the opposite: carry over what is gone. But for what an
    // answer before promised from there: that is not back yet, and comes.
    let is_owed = || job.answer.bring_back_from.is_some_and(|from| prepared.brings_back_from(from));
    if is_void || (job.only_brings_back && !answer.is_to_brakes() && !is_owed()) {
        drop(syncer);
        if is_new {
            syncs.forget_unmade(job.pair_id);
        }
        return Err(nothing_to_bring_back());
    }
    let confirmed = job.answer.confirmed.as_deref();
    let said_yes = || confirmed.is_some_and(|confirmed| was_held || confirmed == digest(&syncer, &prepared));
    if job.preview && !said_yes() {
        let is_outdated = job.wish.is_none() && syncs.works_otherwise(syncer.pair());
        let proposal = Proposal { is_outdated, ..proposal(&syncer, &prepared) };
        hold(running, syncs, syncer, prepared, seen, is_new);
        return Ok(Ending::Proposed(proposal));
    }
    if let Some(wanted) = &job.only_plan
        && !digest(&syncer, &prepared).starts_with(wanted.as_str())
    {
        drop(syncer);
        if is_new {
            syncs.forget_unmade(job.pair_id);
        }
        return Err(not_that_plan());
    }

    syncs.adopt(record.as_ref(), &definition)?;
    running.desk.planned();
    let was_idle = prepared.plan().operations.is_empty();
    let was_partial = running.attachment.hints.is_some();
    let is_skip = |choice: &&policy::Choice| **choice == policy::Choice::Skip;
    let left_by_choice = prepared.policy().choices.values().filter(is_skip).count() as u64;
    let mut tree = MerkleTree::default();
    let limits = limits(definition.bandwidth.clone(), syncs, clock, overall, running.control);
    let mut done = |done: Done| tree.add(&leaf(&done));
    let applied = syncer.apply(&prepared, running.job_id, running.control, &limits, &mut done);
    // It moved the mark on in its end. One that is killed leaves nothing that would be mistaken without.
    syncs.move_on(&syncer, false);
    // A run that was broken off may have changed it too.
    if applied.as_ref().map_or(true, |report| is_changed(&report.left)) {
        syncs.tell_hub(job.pair_id, &definition);
    }
    match applied {
        Ok(report) => {
            syncs.carried(job.pair_id, &definition, seen);
            if let Err(fault) = syncs.remember_volumes(&syncer) {
                tracing::warn!(%fault, "the volumes of the pair could not be noted");
            }
            let mut outcome = outcome(&definition.pair, &report, tree.root_text());
            outcome.facts.push(waits_for_age(&prepared));
            outcome.facts.push(Fact::count(LEFT_BY_CHOICE, "Left as they are, as you chose", left_by_choice));
            (outcome.was_idle, outcome.was_partial) = (was_idle, was_partial);
            outcome.is_outdated = syncs.works_otherwise(syncer.pair());
            if job.origin == Origin::Live {
                syncs.close(syncer);
            }
            Ok(Ending::Done(outcome))
        }
        Err(SyncError::Cancelled) => {
            // So much was carried over until then.
            let report = syncer.database().run(running.job_id)?.map(|run| run.report).unwrap_or_default();
            Ok(Ending::Cancelled(outcome(&definition.pair, &report, tree.root_text())))
        }
        Err(error) => match syncer.database().run(running.job_id) {
            Ok(Some(run)) => {
                let outcome = outcome(&definition.pair, &run.report, tree.root_text());
                Ok(Ending::BrokenOff(error.into(), outcome))
            }
            // What was done is not known: nothing is said of it.
            _ => Err(error.into()),
        },
    }
}

fn not_that_plan() -> Fault {
    Fault::new(
        FaultKind::Failed,
        "What would be done now is not that plan: something changed since it was shown. Nothing was changed.",
        "Look at the plan as it is now with --preview.",
    )
}

fn not_there_yet(address: &str) -> Fault {
    let hint = "The first run makes it and brings everything there.";
    Fault::new(FaultKind::NotFound, format!("{address} is not there yet. Nothing was changed."), hint)
        .about(address)
}

fn nothing_to_bring_back() -> Fault {
    Fault::new(
        FaultKind::Failed,
        "Nothing was brought back: no safety brake stops this run. Nothing was changed.",
        "Look at the plan as it is now with --preview; what a run removed comes back from the bin.",
    )
}

/// Holds a plan for a person, and tells what applying it would tell of what can not be done.
fn hold(running: &Running<'_>, syncs: &Syncs, syncer: Syncer, prepared: Prepared, seen: Seen, is_new: bool) {
    let problems = running.control.problems();
    prepared.plan().problems.iter().for_each(|problem| running.control.problem(problem.clone()));
    syncs.hold(running.job_id, syncer, prepared, seen, is_new, problems);
}

fn is_changed(totals: &Totals) -> bool {
    totals.created + totals.replaced + totals.moved + totals.removed + totals.metadata > 0
}

enum Planning {
    Stopped,
    Failed(Fault),
}

impl From<Fault> for Planning {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl From<SyncError> for Planning {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Cancelled => Self::Stopped,
            error => Self::Failed(error.into()),
        }
    }
}

/// Opens the pair, looks at both sides, plans.
fn plan(
    running: &Running<'_>,
    job: &SyncJob,
    syncs: &Syncs,
    pair: &PairSpec,
    begins: bool,
) -> Result<(Syncer, Prepared), Planning> {
    if begins && job.preview && Trees::is_absent(&pair.right.address) {
        return Err(not_there_yet(&pair.right.address).into());
    }
    if begins && job.only_brings_back && Trees::is_absent(&pair.right.address) {
        // Nothing is gone yet: the refusal leaves no folder behind.
        return Err(nothing_to_bring_back().into());
    }
    if begins && !job.preview && job.only_plan.is_none() {
        // Looked for first: where the first place is wrong, no second one is made.
        syncs.trees().open_place(&pair.left)?;
        syncs.trees().make(&pair.right.address)?;
    }
    let mut syncer = syncs.open_patiently(pair, running.control)?;
    if job.preview && job.wish.as_ref().is_some_and(|wish| wish.before.is_some()) {
        syncer.only_looks();
    }
    for notice in syncer.notices() {
        running.control.problem(Problem::new(
            &job.name,
            "What both sides last agreed on was lost. They are compared by their content instead, and nothing is removed.",
            notice,
            "Look at both places: what was removed or renamed on one side since the run before may be back.",
        ));
    }
    if !syncer.knows_its_bins()? {
        syncer.find_in_bins(&syncs.whose_runs(job.pair_id)?, running.control)?;
    }
    let hints = running.attachment.hints.as_ref();
    let mut prepared = syncer.prepare(hints, job.preview, running.control)?;
    if let Some(news) = &running.attachment.news {
        prepared = news.settled(&mut syncer, prepared, hints.cloned(), running.control)?;
        news.leave_open(&prepared);
    }
    Ok((syncer, prepared))
}

/// The plan after a person's answer to its brakes.
fn answered(syncer: &Syncer, mut prepared: Prepared, answer: &SyncAnswer) -> Result<Prepared, Fault> {
    if let Some(side) = answer.bring_back_from {
        prepared = syncer.bring_back_from(&prepared, side)?;
    }
    let is_pulled = |kind: &BrakeKind| prepared.plan().brakes.iter().any(|brake| brake.kind == *kind);
    let released: Vec<BrakeKind> = answer.release.iter().copied().filter(is_pulled).collect();
    if !released.is_empty() {
        prepared = syncer.release(&prepared, &released)?;
    }
    Ok(prepared)
}

/// The pair's own limit by the hours, and the one of all places, each paid for.
fn limits(
    bandwidth: Bandwidth,
    syncs: &Syncs,
    clock: &Arc<dyn Clock>,
    overall: &Arc<Ceiling>,
    run: &Arc<Control>,
) -> Limits {
    let own = Ceiling::default();
    own.attend(run);
    let (clock, overall, zone) = (Arc::clone(clock), Arc::clone(overall), syncs.zone().clone());
    Limits {
        pay: Some(Arc::new(move |bytes| {
            own.set(bandwidth.at(clock.now_ms(), &zone));
            own.pay(bytes);
            overall.pay(bytes);
        })),
    }
}

/// Tells a plan from any other: in which two places, what is done to what, and what the files hold that are copied or go,
/// whatever the order in which both sides were looked at.
pub(crate) fn digest(syncer: &Syncer, prepared: &Prepared) -> String {
    let mut rows: Vec<[u8; 32]> = prepared
        .plan()
        .operations
        .iter()
        .map(|operation| {
            let mut hasher = blake3::Hasher::new();
            let action = ActionKind::from(&operation.action);
            hasher.update(format!("{:?} {action:?} {:?} ", operation.side, operation.why).as_bytes());
            hasher.update(&operation.size_bytes.to_le_bytes());
            let source = Some(operation.source()).filter(|source| **source != operation.path);
            for path in [Some(&operation.path), operation.from(), source] {
                put(&mut hasher, path.map(keepwell_model::RelativePath::as_bytes).unwrap_or_default());
            }
            for side in Side::BOTH {
                put(&mut hasher, told(syncer, prepared, operation, side).as_bytes());
            }
            put(&mut hasher, format!("{:?}", operation.metadata()).as_bytes());
            *hasher.finalize().as_bytes()
        })
        .collect();
    rows.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for place in [&syncer.pair().left, &syncer.pair().right] {
        let real = Trees::address(&place.address).map(|address| real_place(&address).to_string());
        put(&mut hasher, real.unwrap_or_else(|_| place.address.clone()).as_bytes());
    }
    for row in &rows {
        hasher.update(row);
    }
    hasher.finalize().to_hex().to_string()
}

fn put(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

/// What counts of an item on one side for a row: its content where that was read, else all by which a change of it shows;
/// and of what is copied from there its times and rights. Nothing where the row makes the item there.
fn told(syncer: &Syncer, prepared: &Prepared, operation: &Operation, side: Side) -> String {
    let is_target = side == operation.side;
    let counts = match operation.action {
        Action::CreateFolder { .. } | Action::Copy { .. } => !is_target,
        Action::Move { .. } | Action::Remove => is_target,
        Action::Replace | Action::SetMetadata => true,
    };
    let node = operation.node_on(side);
    let here = prepared.side(side).changes.here(node).map(|seen| (seen.state, seen.fingerprint));
    let agreed = || syncer.base().get(node).map(|entry| (entry.state, *entry.fingerprint_on(side)));
    let Some((state, fingerprint)) = here.or_else(agreed).filter(|_| counts) else { return String::new() };
    let content = match state.content {
        Content::None => String::new(),
        Content::Known(hash) => format!("{hash} {}", state.size_bytes),
        Content::Unread => format!("{fingerprint:?}"),
    };
    let State { kind, modified, mode, attributes, .. } = state;
    // A folder's time changes with what is in it, which has rows of its own.
    let modified = modified.filter(|_| !content.is_empty());
    match is_target {
        true => format!("{kind:?} {content}"),
        false => format!("{kind:?} {content} {modified:?} {mode:?} {attributes:?}"),
    }
}

/// A leaf of the receipt's tree: side, deed, content, and where.
pub(crate) fn leaf(done: &Done) -> Vec<u8> {
    let mut leaf =
        format!("{:?} {:?} {:?} {}\n", done.side, done.action, done.why, done.size_bytes).into_bytes();
    leaf.extend_from_slice(&done.hash.map_or([0; 32], |hash| hash.0));
    leaf.extend_from_slice(&(done.path.as_bytes().len() as u64).to_le_bytes());
    leaf.extend_from_slice(done.path.as_bytes());
    leaf.extend(done.other_path.iter().flat_map(|path| path.as_bytes()));
    leaf
}

/// The side whose folder is gone while the other one is there to bring it back from.
fn gone_root(pair: &PairSpec) -> Option<Side> {
    match Side::BOTH.map(|side| Trees::is_gone(pair.place(side))) {
        [true, false] => Some(Side::Left),
        [false, true] => Some(Side::Right),
        _ => None,
    }
}

fn root_gone(side: Side) -> Brake {
    Brake { kind: BrakeKind::RootGone, side, items: 0, earlier: None, out_of: 0, examples: Vec::new() }
}

/// Brakes as they are told.
pub(crate) fn pulled(pair: &PairSpec, brakes: &[Brake]) -> Vec<PulledBrake> {
    let words = Words::of(pair);
    brakes
        .iter()
        .map(|brake| PulledBrake {
            kind: brake.kind,
            side: brake.side,
            items: brake.items,
            out_of: brake.out_of,
            found: words.found(brake),
            examples: brake.examples.iter().map(|path| path_text::display(path.as_bytes())).collect(),
            can_release: words.going_on(brake.kind, brake.side).is_some(),
            can_bring_back: words.bringing_back(brake.kind, brake.side).is_some()
                && !brakes.iter().any(|other| is_nothing_to_bring_back_from(other, brake.side.other())),
        })
        .collect()
}

fn halt(pair: &PairSpec, brakes: &[Brake], zone: &TimeZone) -> Halt {
    let words = Words::of(pair);
    let reasons: Vec<String> = brakes.iter().map(|brake| words.found(brake)).collect();
    let earlier = brakes.iter().filter_map(|brake| brake.earlier);
    let earlier = earlier.reduce(|one, two| Earlier {
        items: one.items + two.items,
        since_ms: one.since_ms.min(two.since_ms),
    });
    let earlier = earlier.map_or(".".to_owned(), |earlier| earlier_words(&earlier, &pair.name, zone));
    // What is missing in another place is said with that.
    let is_said = |brake: &Brake| {
        let is_another = |other: &Brake| (other.kind, other.side) == (BrakeKind::AnotherPlace, brake.side);
        brake.kind == BrakeKind::ManyRemoved && brakes.iter().any(is_another)
    };
    let goes_on: Option<Vec<String>> = brakes
        .iter()
        .filter(|brake| !is_said(brake))
        .map(|brake| words.going_on(brake.kind, brake.side))
        .collect();
    let pulled = pulled(pair, brakes);
    let choices = Side::BOTH
        .into_iter()
        .filter_map(|side| {
            let can = || pulled.iter().filter(|brake| brake.can_bring_back && brake.side == side);
            // Where more than what is gone held it up, more than that comes back.
            let brake = can().find(|brake| !brake.kind.is_of_what_is_gone()).or_else(|| can().next())?;
            let (label, means) = words.bringing_back(brake.kind, side)?;
            let key = match side {
                Side::Left => BRING_BACK_FROM_RIGHT,
                Side::Right => BRING_BACK_FROM_LEFT,
            };
            Some(Choice { key: key.to_owned(), label, means })
        })
        .collect();
    Halt {
        reason: format!("{} Nothing was changed{earlier}", reasons.join(" ")),
        if_continued: goes_on.unwrap_or_default().join(" "),
        choices,
        brakes: pulled,
        digest: None,
    }
}

/// Whether a brake says of a side that what the pair knew is not there.
fn is_nothing_to_bring_back_from(brake: &Brake, side: Side) -> bool {
    brake.side == side
        && matches!(brake.kind, BrakeKind::RootEmptied | BrakeKind::RootGone | BrakeKind::AnotherPlace)
}

fn proposal(syncer: &Syncer, prepared: &Prepared) -> Proposal {
    let plan = prepared.plan();
    let rows = plan.changes() as u64;
    let mut facts = vec![Fact::count(PLANNED, "Changes", rows)];
    facts.extend(totals_facts(syncer.pair(), &plan.left, &plan.right));
    facts.push(Fact::count(CONFLICTS, "Conflicts that stay as they are", plan.conflicts.len() as u64));
    facts.push(waits_for_age(prepared));
    facts.push(still_open(prepared.still_open()));
    let summary = match rows {
        0 => "There is nothing to do.".to_owned(),
        1 => "One change waits for your word.".to_owned(),
        rows => format!("{rows} changes wait for your word."),
    };
    Proposal { summary, facts, digest: digest(syncer, prepared), is_outdated: false }
}

fn waits_for_age(prepared: &Prepared) -> Fact {
    let label = "Changed lately, left out until they are older";
    Fact::count(WAITS_FOR_AGE, label, prepared.waits_for_age())
}

fn still_open(files: u64) -> Fact {
    Fact::count(STILL_OPEN, "Open in another program, left for a later run", files)
}

fn totals_facts(pair: &PairSpec, left: &Totals, right: &Totals) -> Vec<Fact> {
    let [left_name, right_name] = place_names(&pair.left.address, &pair.right.address);
    let both = |of: fn(&Totals) -> u64| of(left) + of(right);
    vec![
        Fact::count("created", "New", both(|totals| totals.created)),
        Fact::count("replaced", "Replaced", both(|totals| totals.replaced)),
        Fact::count("moved", "Moved or renamed", both(|totals| totals.moved)),
        Fact::count("removed", "Put into the bin", both(|totals| totals.removed)),
        Fact::count("metadataSet", "Rights or times set", both(|totals| totals.metadata)),
        Fact::bytes("leftBytes", &format!("Copied to {left_name}"), left.bytes),
        Fact::bytes("rightBytes", &format!("Copied to {right_name}"), right.bytes),
    ]
}

fn outcome(pair: &PairSpec, report: &SyncReport, merkle_root: String) -> Outcome {
    let mut facts = totals_facts(pair, &report.left, &report.right);
    facts.extend([
        Fact::count(CONFLICTS, "Conflicts that wait for you", report.conflicts),
        Fact::count(CHANGED_MEANWHILE, "Changed meanwhile, left for the next run", report.changed_meanwhile),
        still_open(report.still_open),
        Fact::count(FAILED, "Could not be done", report.failed),
        Fact::count(HELD_BACK, "Waits for what could not be done", report.held_back),
        Fact::bytes("sparedBytes", "Did not have to travel", report.spared_bytes),
    ]);
    tracing::debug!(pair = %pair.id, agreed = report.agreed, "the run of the pair is done");
    let sum = |of: fn(&Totals) -> u64| of(&report.left) + of(&report.right);
    Outcome {
        items: sum(|totals| {
            totals.created + totals.replaced + totals.moved + totals.removed + totals.metadata
        }),
        bytes: sum(|totals| totals.bytes),
        bytes_written: sum(|totals| totals.bytes),
        facts,
        merkle_root,
        ..Outcome::default()
    }
}
