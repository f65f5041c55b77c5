//! Conflicts of a pair: what waits, both sides of one, and what a person decides.

use std::sync::Arc;

use keepwell_catalog::{Catalog, JobFilter, JobRecord, JobState, PairRecord};
use keepwell_endpoint::{EndpointError, Tree};
use keepwell_jobs::{After, Fault, FaultKind, PairDefinition, scheduler};
use keepwell_model::{ContentHash, Control, EntryKind, PairId};
use keepwell_sync::plan::{ConflictKind, Version};
use keepwell_sync::policy::Choice;
use keepwell_sync::text::{ComparedLine, Merged};
use keepwell_sync::{PairDatabase, Side, StoredConflict};

use super::sync::{RECENT_RUNS, database, free, is_plain, named, waits_for_a_person};
use crate::convert::{self, cut, page};
use crate::dto::snapshot::FilePreview;
use crate::dto::sync_conflict::{
    ConflictChoice, ConflictFolder, DiffLine, LineKind, MergedLine, MergedText, SyncConflict,
    SyncConflictGet, SyncConflictPage, SyncConflictView, SyncConflictsGet, SyncMerge, SyncResolve,
    SyncResolved, SyncVersion,
};
use crate::error::{ApiError, ErrorCode};
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};
use crate::preview;
use crate::sync_words as words;

/// Decisions in one request.
const DECISIONS_LIMIT: usize = 10_000;
/// Names of what is in a folder.
const NAMES_SHOWN: usize = 8;
/// Lines of a comparison.
const LINES_LIMIT: usize = 4_000;

pub(crate) fn version(version: &Version) -> SyncVersion {
    let state = version.state.as_ref();
    SyncVersion {
        path: version.path.as_ref().map(|path| PathText::new(path.as_bytes())),
        entry_type: state.map(|state| convert::entry_type(state.kind)),
        size_bytes: state.filter(|state| state.kind == EntryKind::File).map(|state| Count(state.size_bytes)),
        modified_ms: state.and_then(|state| state.modified).map(Moment::from),
    }
}

fn conflict(stored: &StoredConflict) -> SyncConflict {
    let found = &stored.conflict;
    SyncConflict {
        node: stored.id.to_string(),
        path: PathText::new(found.path.as_bytes()),
        kind: words::conflict_kind(found.kind),
        left: version(&found.left),
        right: version(&found.right),
        base_modified_ms: found.base_modified.map(Moment::from),
        keeps_name: found.keeps_name.map(words::side),
        decided: stored.choice.and_then(words::decision),
    }
}

/// The conflicts of a pair; none where it never ran.
fn waiting(database: &PairDatabase) -> Result<Vec<StoredConflict>, ApiError> {
    Ok(database.conflicts().map_err(Fault::from)?)
}

pub(crate) fn sync_conflicts(api: &Api, request: SyncConflictsGet) -> Result<SyncConflictPage, ApiError> {
    let rows = page(request.offset, request.limit)?;
    let (record, _) = named(api, &request.pair_id)?;
    let mut all = waiting(&database(api, record.id)?)?;
    let decided = all.iter().filter(|stored| stored.choice.is_some()).count();
    if let Some(text) = request.text.map(|text| text.to_lowercase()).filter(|text| !text.is_empty()) {
        all.retain(|stored| {
            path_text::display(stored.conflict.path.as_bytes()).to_lowercase().contains(&text)
        });
    }
    Ok(SyncConflictPage {
        total: Count::from(all.len()),
        decided: Count::from(decided),
        conflicts: cut(all, rows).iter().map(conflict).collect(),
    })
}

fn find(database: &PairDatabase, text: &str) -> Result<StoredConflict, ApiError> {
    let id: i64 =
        text.parse().map_err(|_| ApiError::bad_request(format!("\"{text}\" names no conflict.")))?;
    waiting(database)?.into_iter().find(|stored| stored.id == id).ok_or_else(|| {
        ApiError::not_found("This conflict does not wait any more.")
            .hint("It was decided, or both sides are the same now. Look at the list.")
    })
}

/// One of the places of a pair, opened.
fn tree(api: &Api, definition: &PairDefinition, side: Side) -> Result<Arc<dyn Tree>, ApiError> {
    let place = match side {
        Side::Left => &definition.pair.left,
        Side::Right => &definition.pair.right,
    };
    Ok(api.syncs.trees().open(&place.address)?)
}

/// What one side holds, up to a limit; nothing where it holds no file.
fn read(tree: &dyn Tree, version: &Version, limit: usize) -> Result<Option<Vec<u8>>, ApiError> {
    let (Some(path), Some(state)) = (&version.path, &version.state) else { return Ok(None) };
    if state.kind != EntryKind::File {
        return Ok(None);
    }
    let mut content = tree.open(path)?;
    let size = usize::try_from(content.item().fingerprint.size_bytes).unwrap_or(usize::MAX).min(limit);
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while filled < size {
        let Some(rest) = bytes.get_mut(filled..) else { break };
        let read = content.read_at(rest, filled as u64)?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

fn number(line: Option<usize>) -> Option<u32> {
    line.and_then(|line| u32::try_from(line).ok())
}

/// The lines of a comparison, with a mark where lines that are the same were left out.
fn lines(compared: Vec<ComparedLine>) -> Vec<DiffLine> {
    let mut lines = Vec::with_capacity(compared.len());
    let mut last = 0;
    for line in compared {
        if let (Some(left), Some(_)) = (line.left, line.right)
            && left > last + 1
        {
            lines.push(DiffLine { kind: LineKind::Gap, left: None, right: None, text: String::new() });
        }
        last = line.left.unwrap_or(last);
        let kind = match (line.left, line.right) {
            (Some(_), Some(_)) => LineKind::Same,
            (Some(_), None) => LineKind::Left,
            _ => LineKind::Right,
        };
        lines.push(DiffLine { kind, left: number(line.left), right: number(line.right), text: line.text });
    }
    lines
}

/// What both sides hold, with the lines in which they differ.
struct Compared {
    trees: [Arc<dyn Tree>; 2],
    lines: Option<Vec<DiffLine>>,
    merged: Option<MergedText>,
}

fn merged(text: keepwell_sync::conflict_text::MergedText) -> MergedText {
    let line = |line: keepwell_sync::text::MergedLine| MergedLine {
        number: number(line.number),
        by_left: line.by_left,
        by_right: line.by_right,
        text: line.text,
    };
    MergedText {
        lines: text.lines.into_iter().map(line).collect(),
        whole: text.is_all,
        hash: text.hash.to_string(),
    }
}

/// Opens the pair for it; where a run is at work on it, both places are looked at beside it, and nothing is merged.
fn compare(api: &Api, definition: &PairDefinition, stored: &StoredConflict) -> Result<Compared, ApiError> {
    let compared = api.syncs.with_pair(definition.pair.id, |syncer| {
        let trees = [Side::Left, Side::Right].map(|side| Arc::clone(syncer.tree(side)));
        Ok((trees, syncer.compare_conflict(stored.id, LINES_LIMIT)?))
    });
    match compared {
        Ok((trees, Some(text))) => {
            Ok(Compared { trees, lines: Some(lines(text.lines)), merged: text.merged.map(merged) })
        }
        Ok((trees, None)) => Ok(Compared { trees, lines: None, merged: None }),
        Err(fault) if fault.kind == FaultKind::Busy => Ok(Compared {
            trees: [tree(api, definition, Side::Left)?, tree(api, definition, Side::Right)?],
            lines: None,
            merged: None,
        }),
        Err(fault) => Err(fault.into()),
    }
}

fn preview_of(tree: &dyn Tree, version: &Version) -> Result<Option<FilePreview>, ApiError> {
    let Some(start) = read(tree, version, preview::TEXT_USUAL_BYTES)? else { return Ok(None) };
    let whole = || {
        let limit = usize::try_from(preview::PICTURE_LIMIT_BYTES).unwrap_or(usize::MAX);
        read(tree, version, limit).map(Option::unwrap_or_default)
    };
    let size_bytes = version.state.as_ref().map_or(0, |state| state.size_bytes);
    preview::preview(&start, size_bytes, whole).map(Some)
}

/// What is directly in a folder that stands against another kind of item; nothing where it is gone meanwhile.
fn folder_of(
    tree: &dyn Tree,
    version: &Version,
    other: &Version,
) -> Result<Option<ConflictFolder>, ApiError> {
    let kind = |version: &Version| version.state.as_ref().map(|state| state.kind);
    let Some(path) = &version.path else { return Ok(None) };
    if kind(version) != Some(EntryKind::Folder) || kind(other).is_none() || kind(other) == kind(version) {
        return Ok(None);
    }
    let items = match tree.list(path) {
        Ok(items) => items,
        Err(EndpointError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut names: Vec<String> = items.iter().map(|item| path_text::display(&item.name)).collect();
    names.sort_unstable();
    names.truncate(NAMES_SHOWN);
    Ok(Some(ConflictFolder { items: Count::from(items.len()), names }))
}

pub(crate) fn sync_conflict(api: &Api, request: SyncConflictGet) -> Result<SyncConflictView, ApiError> {
    let (record, definition) = named(api, &request.pair_id)?;
    let stored = find(&database(api, record.id)?, &request.node)?;
    let Compared { trees: [left, right], lines, merged } = compare(api, &definition, &stored)?;
    Ok(SyncConflictView {
        left: preview_of(left.as_ref(), &stored.conflict.left)?,
        right: preview_of(right.as_ref(), &stored.conflict.right)?,
        left_folder: folder_of(left.as_ref(), &stored.conflict.left, &stored.conflict.right)?,
        right_folder: folder_of(right.as_ref(), &stored.conflict.right, &stored.conflict.left)?,
        lines,
        merged,
        conflict: conflict(&stored),
    })
}

pub(crate) fn sync_merge(api: &Api, request: SyncMerge) -> Result<SyncResolved, ApiError> {
    let (record, definition) = named(api, &request.pair_id)?;
    let id = find(&database(api, record.id)?, &request.node)?.id;
    let (deed, control) = (Catalog::new_job_id()?, Control::new());
    let wrong = |_| ApiError::bad_request("This is not the hash of a merged text.");
    let shown = request.hash.as_deref().map(str::parse::<ContentHash>).transpose().map_err(wrong)?;
    let merged = api.syncs.with_pair(record.id, |syncer| syncer.merge_conflict(id, shown, deed, &control))?;
    let refuse = |what: &str| Err(ApiError::bad_request(what).hint("Keep one of them, or both."));
    match merged {
        Merged::Text(_) => {
            // The text is on the left now, which may be a hub: the run that follows changes the right alone.
            api.syncs.tell_hub(record.id, &definition);
            let job_id = carry_out(api, &record, After::Merging)?;
            Ok(SyncResolved { decided: Count(1), job_id })
        }
        Merged::SameLines => refuse("Both changed the same lines. They can not be merged without guessing."),
        Merged::NotText => refuse("These are not two texts that had the same version before."),
    }
}

/// Whether it is about where something lies, not about what it holds.
fn is_of_places(stored: &StoredConflict) -> bool {
    matches!(stored.conflict.kind, ConflictKind::BothMoved | ConflictKind::MovedIntoEachOther)
}

/// The choice for the next run; nothing decides nothing.
fn engine_choice(stored: &StoredConflict, choice: ConflictChoice) -> Option<Choice> {
    let changed = |version: &Version| version.state.as_ref().and_then(|state| state.modified);
    match choice {
        ConflictChoice::Left => Some(Choice::LeftToRight),
        ConflictChoice::Right => Some(Choice::RightToLeft),
        // One thing can not lie in two places: of these one place is taken, and which one only a person says.
        ConflictChoice::Both if is_of_places(stored) => None,
        ConflictChoice::Both => Some(Choice::KeepBoth),
        ConflictChoice::Later => None,
        ConflictChoice::Newest => match (changed(&stored.conflict.left), changed(&stored.conflict.right)) {
            (Some(left), Some(right)) if left > right => Some(Choice::LeftToRight),
            (Some(left), Some(right)) if right > left => Some(Choice::RightToLeft),
            _ => None,
        },
    }
}

pub(crate) fn sync_resolve(api: &Api, request: SyncResolve) -> Result<SyncResolved, ApiError> {
    let (record, _) = named(api, &request.pair_id)?;
    let database = database(api, record.id)?;
    let all = waiting(&database)?;
    let meant: Vec<(&StoredConflict, ConflictChoice)> = match (request.all, request.decisions) {
        (Some(choice), None) => all.iter().map(|stored| (stored, choice)).collect(),
        (None, Some(decisions)) if decisions.len() <= DECISIONS_LIMIT => decisions
            .iter()
            .map(|decision| {
                let found = all.iter().find(|stored| stored.id.to_string() == decision.node);
                let stored = found.ok_or_else(|| {
                    ApiError::not_found("One of these conflicts does not wait any more. Nothing was decided.")
                        .hint("Look at the list again.")
                })?;
                Ok((stored, decision.choice))
            })
            .collect::<Result<_, ApiError>>()?,
        _ => {
            return Err(ApiError::bad_request(format!(
                "Decide either all conflicts or up to {DECISIONS_LIMIT} of them."
            )));
        }
    };
    // What was decided before stays where this decides nothing; only a person takes it back.
    let says = |(stored, choice): &(&StoredConflict, ConflictChoice)| {
        let wish = engine_choice(stored, *choice);
        (wish.is_some() || *choice == ConflictChoice::Later).then_some((stored.id, wish))
    };
    let wanted: Vec<(i64, Option<Choice>)> = meant.iter().filter_map(says).collect();
    if wanted.is_empty() {
        return Err(nothing_decided(&meant));
    }
    for (stored, _) in
        meant.iter().filter(|(stored, choice)| *choice == ConflictChoice::Later && stored.choice.is_some())
    {
        refuse_carried_out(api, record.id, stored)?;
    }
    let mut decided = 0;
    for choice in [None, Some(Choice::LeftToRight), Some(Choice::RightToLeft), Some(Choice::KeepBoth)] {
        let ids: Vec<i64> =
            wanted.iter().filter(|(_, wanted)| *wanted == choice).map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            database.choose_conflicts(&ids, choice).map_err(Fault::from)?;
            decided += if choice.is_some() { ids.len() } else { 0 };
        }
    }
    if decided == 0 {
        // Decisions were taken back: there is nothing to carry out.
        return Ok(SyncResolved { decided: Count(0), job_id: None });
    }
    let job_id = carry_out(api, &record, After::Decision)?;
    Ok(SyncResolved { decided: Count::from(decided), job_id })
}

/// A decision can be taken back until a run, or a plan that waits for a person, has it.
fn refuse_carried_out(api: &Api, id: PairId, stored: &StoredConflict) -> Result<(), ApiError> {
    let states = JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
    let filter = JobFilter { states, pair_id: Some(id), ..JobFilter::default() };
    for job in api.catalog.jobs(&filter, 0, RECENT_RUNS)?.0 {
        match job.state {
            // It looks at what is decided when it begins.
            JobState::Queued => {}
            JobState::Halted | JobState::WaitingForConfirmation => {
                let has_it = api.syncs.with_held(job.id, |held| {
                    let left = &held.prepared.plan().conflicts;
                    !left.iter().any(|conflict| conflict.node == stored.conflict.node)
                });
                if has_it == Some(true) {
                    return Err(ApiError::new(
                        ErrorCode::Busy,
                        "A plan of this pair that waits for you has this decision. It was not taken back.",
                    )
                    .hint("Give the plan up, then take the decision back."));
                }
            }
            _ => {
                return Err(ApiError::new(
                    ErrorCode::Busy,
                    "A run of this pair is under way, and may carry this decision out. It was not taken back.",
                )
                .hint("Stop the run, or wait until it is over and undo it."));
            }
        }
    }
    Ok(())
}

/// Why none of these was decided.
fn nothing_decided(meant: &[(&StoredConflict, ConflictChoice)]) -> ApiError {
    let why = match meant {
        [] => "no conflict waits.",
        _ if meant.iter().any(|(_, choice)| *choice == ConflictChoice::Newest) => {
            "the times do not tell which is newer."
        }
        _ => "it was moved to two places, and can lie in one only.",
    };
    let error = ApiError::new(ErrorCode::BadRequest, format!("Nothing was decided: {why}"));
    if meant.is_empty() { error } else { error.hint("Decide these one by one.") }
}

/// Runs the pair after a decision; not where somebody wants nothing to be done by itself, or looks at what would be: the run
/// does all else that waits, too.
fn carry_out(api: &Api, record: &PairRecord, after: After) -> Result<Option<String>, ApiError> {
    let is_held = record.paused || scheduler::are_pairs_paused(&api.catalog)?;
    if is_held || waits_for_a_person(api, record.id)? {
        return Ok(None);
    }
    // A run that looked at both places before this was decided does not carry it out; one that still waits does.
    let waits = |job: &JobRecord| job.state == JobState::Queued && is_plain(job, false);
    if let Some(job) = free(api, record.id, false)?.filter(waits) {
        return Ok(Some(job.id.to_string()));
    }
    Ok(Some(api.syncs.start_after(&api.engine, record.id, after)?.to_string()))
}
