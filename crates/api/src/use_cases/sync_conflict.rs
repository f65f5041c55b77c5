//! Conflicts of a pair: what waits, both sides of one, and what a person decides.

use std::sync::Arc;

use keepwell_catalog::{Catalog, JobRecord, JobState, PairRecord};
use keepwell_endpoint::Tree;
use keepwell_jobs::{After, Fault, FaultKind, PairDefinition, scheduler};
use keepwell_model::{ContentHash, Control, EntryKind};
use keepwell_sync::plan::Version;
use keepwell_sync::policy::Choice;
use keepwell_sync::text::{ComparedLine, Merged};
use keepwell_sync::{PairDatabase, Side, StoredConflict};

use super::sync::{database, free, is_plain, named, waits_for_a_person};
use crate::convert::{self, cut, page};
use crate::dto::snapshot::FilePreview;
use crate::dto::sync_conflict::{
    ConflictChoice, DiffLine, LineKind, MergedLine, MergedText, SyncConflict, SyncConflictGet,
    SyncConflictPage, SyncConflictView, SyncConflictsGet, SyncMerge, SyncResolve, SyncResolved, SyncVersion,
};
use crate::error::{ApiError, ErrorCode};
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};
use crate::preview;
use crate::sync_words as words;

/// Decisions in one request.
const DECISIONS_LIMIT: usize = 10_000;
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

pub(crate) fn sync_conflict(api: &Api, request: SyncConflictGet) -> Result<SyncConflictView, ApiError> {
    let (record, definition) = named(api, &request.pair_id)?;
    let stored = find(&database(api, record.id)?, &request.node)?;
    let Compared { trees: [left, right], lines, merged } = compare(api, &definition, &stored)?;
    Ok(SyncConflictView {
        left: preview_of(left.as_ref(), &stored.conflict.left)?,
        right: preview_of(right.as_ref(), &stored.conflict.right)?,
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

/// The choice for the next run; nothing decides nothing.
fn engine_choice(stored: &StoredConflict, choice: ConflictChoice) -> Option<Choice> {
    let changed = |version: &Version| version.state.as_ref().and_then(|state| state.modified);
    match choice {
        ConflictChoice::Left => Some(Choice::LeftToRight),
        ConflictChoice::Right => Some(Choice::RightToLeft),
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
    let wanted: Vec<(i64, Option<Choice>)> = match (request.all, request.decisions) {
        (Some(choice), None) => {
            let wish = |stored: &StoredConflict| (stored.id, engine_choice(stored, choice));
            // What was decided before stays where the times do not tell.
            let says = |wish: &(i64, Option<Choice>)| wish.1.is_some() || choice == ConflictChoice::Later;
            all.iter().map(wish).filter(says).collect()
        }
        (None, Some(decisions)) if decisions.len() <= DECISIONS_LIMIT => decisions
            .iter()
            .map(|decision| {
                let found = all.iter().find(|stored| stored.id.to_string() == decision.node);
                let stored = found.ok_or_else(|| {
                    ApiError::not_found("One of these conflicts does not wait any more. Nothing was decided.")
                        .hint("Look at the list again.")
                })?;
                Ok((stored.id, engine_choice(stored, decision.choice)))
            })
            .collect::<Result<_, ApiError>>()?,
        _ => {
            return Err(ApiError::bad_request(format!(
                "Decide either all conflicts or up to {DECISIONS_LIMIT} of them."
            )));
        }
    };
    let mut decided = 0;
    for choice in [None, Some(Choice::LeftToRight), Some(Choice::RightToLeft), Some(Choice::KeepBoth)] {
        let ids: Vec<i64> =
            wanted.iter().filter(|(_, wanted)| *wanted == choice).map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            database.choose_conflicts(&ids, choice).map_err(Fault::from)?;
            decided += if choice.is_some() { ids.len() } else { 0 };
        }
    }
    if all.is_empty() {
        return Err(ApiError::not_found("No conflict of this pair waits. Nothing was decided."));
    }
    if decided == 0 {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "Nothing was decided: the times do not tell which is newer.",
        )
        .hint("Decide these one by one."));
    }
    let job_id = carry_out(api, &record, After::Decision)?;
    Ok(SyncResolved { decided: Count::from(decided), job_id })
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
