//! `keepwell sync resolve PAIR [PATH…] --keep left|right|both|newest`, or `--later`, or `--merge`

use keepwell_api::dto::snapshot::EntryType;
use keepwell_api::dto::sync::SyncPair;
use keepwell_api::dto::sync_conflict::{
    ConflictChoice, ConflictDecision, ConflictKind, MergedLine, SyncConflict, SyncConflictGet,
    SyncConflictsGet, SyncMerge, SyncResolve as Request, SyncVersion,
};
use keepwell_api::path_text::display;
use keepwell_api::{ApiError, Commands, Count};

use super::sync_hub::{self, Hub};
use super::{sync_list, sync_run};
use crate::arguments_sync::{Keep, SyncResolve};
use crate::context::Context;
use crate::documents::Documents;
use crate::ending::Ending;
use crate::follow::follow;
use crate::output::{self, counted, size, time};
use crate::paths;
use crate::trust::{can_ask, says_yes};

/// Conflicts that are named where the times do not tell.
const UNDECIDED_SHOWN: usize = 50;
/// Conflicts asked for at once.
const PAGE: u32 = 1_000;

pub fn run(context: &Context, arguments: SyncResolve) -> Result<Ending, ApiError> {
    if let Some(hub) = sync_hub::find(context, &arguments.pair)?
        && is_list(&arguments)
    {
        return list_of_hub(context, &hub);
    }
    // Which of a hub's pairs a path is a conflict of, only the person can say.
    let pair = sync_hub::single(context, &arguments.pair)?;
    context.give_access(&pair)?;
    let conflicts = all(context, &pair)?;
    if is_list(&arguments) {
        return list(context, &pair, &conflicts);
    }
    let meant = if arguments.all { conflicts } else { named(conflicts, &arguments)? };
    let mut resolved = None;
    if let Some(choice) = choice(&arguments) {
        let decide = |conflict: &SyncConflict| ConflictDecision { node: conflict.node.clone(), choice };
        let request = if arguments.all {
            Request { pair_id: pair.id.clone(), decisions: None, all: Some(choice) }
        } else {
            let decisions = meant.iter().map(decide).collect();
            Request { pair_id: pair.id.clone(), decisions: Some(decisions), all: None }
        };
        resolved = Some(context.api.sync_resolve(request)?);
    } else {
        // Of one conflict it is that text, as it is.
        let documents = Documents::named(context.json && arguments.show && meant.len() > 1);
        for conflict in &meant {
            let Some(hash) = shown(context, &pair, conflict, &arguments, &documents)? else { continue };
            // What was seen is what is written.
            let request =
                SyncMerge { pair_id: pair.id.clone(), node: conflict.node.clone(), hash: Some(hash) };
            let merged = context.api.sync_merge(request)?;
            // The pair is free for the next one only when this run is over.
            if let Some(job_id) = &merged.job_id {
                context.api.job_wait(job_id)?;
            }
            resolved = Some(merged);
        }
    }
    let Some(resolved) = resolved else {
        return Ok(if arguments.show { Ending::Done } else { Ending::Cancelled });
    };
    if arguments.later {
        output::note("Nothing is decided of these any more: both stay as they are until you decide.");
        if context.json {
            output::json(&resolved)?;
        }
        return Ok(Ending::Done);
    }
    let Some(job_id) = &resolved.job_id else {
        output::note(format!(
            "Decided. The pair is paused, or a plan of it waits for you: it is done with the next run: keepwell sync run {}",
            sync_list::word(context, &pair)
        ));
        if context.json {
            output::json(&resolved)?;
        }
        return Ok(if tell_undecided(context, &pair, &arguments, &meant)? {
            Ending::Problems
        } else {
            Ending::Done
        });
    };
    let (job, ending) = follow(context, job_id)?;
    if !context.json {
        sync_run::print(context, &pair, &job);
    }
    tell_undecided(context, &pair, &arguments, &meant)?;
    Ok(sync_run::ending_of(&job, ending))
}

/// Whether nothing is to be done with what waits: then it is listed.
fn is_list(arguments: &SyncResolve) -> bool {
    arguments.keep.is_none() && !arguments.later && !arguments.merge
}

/// What is said to each.
fn choice(arguments: &SyncResolve) -> Option<ConflictChoice> {
    if arguments.later {
        return Some(ConflictChoice::Later);
    }
    arguments.keep.map(|keep| match keep {
        Keep::Left => ConflictChoice::Left,
        Keep::Right => ConflictChoice::Right,
        Keep::Both => ConflictChoice::Both,
        Keep::Newest => ConflictChoice::Newest,
    })
}

/// Names the conflicts that changed since they were listed, and those that could not be decided so, by the newer version or
/// by keeping both; whether there are any.
fn tell_undecided(
    context: &Context,
    pair: &SyncPair,
    arguments: &SyncResolve,
    meant: &[SyncConflict],
) -> Result<bool, ApiError> {
    // The run that listed it may have given a folder above another name.
    let is_of = |conflict: &&SyncConflict, now: &SyncConflict| {
        conflict.path.path == now.path.path || conflict.node == now.node
    };
    let listed = |now: &SyncConflict| meant.iter().find(|conflict| is_of(conflict, now));
    let mut waiting = all(context, pair)?;
    waiting.retain(|conflict| conflict.decided.is_none() && listed(conflict).is_some());
    let is_as_listed = |now: &SyncConflict| {
        listed(now).is_some_and(|conflict| (&conflict.left, &conflict.right) == (&now.left, &now.right))
    };
    let (as_listed, changed): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_as_listed);
    if !changed.is_empty() {
        let what = counted(Count::from(changed.len()), "conflict waits", "conflicts wait");
        output::note(format!("{what} to be looked at again: changed since the list was made."));
        name(&changed);
    }
    let (why, keep) = match arguments.keep {
        Some(Keep::Newest) => ("the times do not tell which version is newer", "left|right|both"),
        Some(Keep::Both) => ("what was moved to two places can lie in one only", "left|right"),
        _ => return Ok(!changed.is_empty()),
    };
    let is_moved = |conflict: &SyncConflict| {
        matches!(conflict.kind, ConflictKind::BothMoved | ConflictKind::MovedIntoEachOther)
    };
    let can_be = |conflict: &SyncConflict| arguments.keep == Some(Keep::Newest) || is_moved(conflict);
    let left: Vec<_> = as_listed.into_iter().filter(can_be).collect();
    if left.is_empty() {
        return Ok(!changed.is_empty());
    }
    let waiting = counted(Count::from(left.len()), "conflict waits", "conflicts wait");
    output::note(format!("{waiting} as before: {why}."));
    name(&left);
    let word = sync_list::word(context, pair);
    output::note(format!("Decide these by hand: keepwell sync resolve {word} PATH --keep {keep}"));
    Ok(true)
}

fn name(conflicts: &[SyncConflict]) {
    for conflict in conflicts.iter().take(UNDECIDED_SHOWN) {
        output::note(format!("  {}", conflict.path.display));
    }
    if conflicts.len() > UNDECIDED_SHOWN {
        output::note(format!("  and {} more", conflicts.len() - UNDECIDED_SHOWN));
    }
}

/// The conflicts of all pairs of a hub; as JSON those of each under its id.
fn list_of_hub(context: &Context, hub: &Hub) -> Result<Ending, ApiError> {
    let mut of_pairs = serde_json::Map::new();
    let mut ending = Ending::Done;
    for pair in &hub.pairs {
        let conflicts = all(context, pair)?;
        if waits(&conflicts) {
            ending = Ending::Problems;
        }
        if context.json {
            of_pairs.insert(pair.id.clone(), serde_json::json!(conflicts));
        } else {
            output::line(format!("{}:", pair.name));
            list(context, pair, &conflicts)?;
        }
    }
    if context.json {
        output::json(&of_pairs)?;
    }
    Ok(ending)
}

/// Shows the merged text of a conflict; its hash, where a person wants it to be written.
fn shown(
    context: &Context,
    pair: &SyncPair,
    conflict: &SyncConflict,
    arguments: &SyncResolve,
    documents: &Documents,
) -> Result<Option<String>, ApiError> {
    let request = SyncConflictGet { pair_id: pair.id.clone(), node: conflict.node.clone() };
    let path = &conflict.path.display;
    let Some(merged) = context.api.sync_conflict(request)?.merged else {
        return Err(ApiError::bad_request(format!(
            "{path} can not be merged: these are not two texts with a known version before them, or both changed the same lines."
        ))
        .hint("Keep one of them, or both: --keep left|right|both."));
    };
    if arguments.show && context.json {
        documents.next(&conflict.path.path);
        output::json(&merged)?;
        return Ok(None);
    }
    // With --json the answer is the run alone.
    let print = |text: String| if context.json { output::note(text) } else { output::line(text) };
    print(format!("{path}, merged:"));
    merged.lines.iter().for_each(|line| print(merged_line(line)));
    if !merged.whole {
        print("    … more lines were changed than are shown here".to_owned());
    }
    if arguments.show {
        print(format!("Nothing was written. BLAKE3 of the merged text: {}", merged.hash));
        return Ok(None);
    }
    if !arguments.yes && !can_ask() {
        return Err(ApiError::bad_request(
            "Nobody can be asked here whether this text is right. It was not written.",
        )
        .hint("Look at it with --merge --show, then give --merge --yes."));
    }
    let is_wanted = arguments.yes
        || says_yes(
            "Write this text in both places? Both versions go to their bins. Type \"yes\", or anything else to leave the conflict:",
        );
    if !is_wanted {
        output::note("Nothing was written; the conflict waits as before.");
    }
    Ok(is_wanted.then_some(merged.hash))
}

/// A line of a merged text: its number, who brought it in or took it out, the line.
fn merged_line(line: &MergedLine) -> String {
    let who = match (line.by_left, line.by_right) {
        (true, true) => "both",
        (true, false) => "left",
        (false, true) => "right",
        (false, false) => "",
    };
    let number = line.number.map(|number| number.to_string()).unwrap_or_default();
    let sign = match (line.number, who) {
        (None, _) => '-',
        (_, "") => ' ',
        _ => '+',
    };
    let text = line.text.trim_end_matches(['\n', '\r']).replace('\t', "    ");
    // What is in a file must not steer the terminal, nor break the line.
    format!("{number:>6} {who:>5} {sign} {}", display(text.as_bytes()))
}

/// All conflicts of a pair.
pub fn all(context: &Context, pair: &SyncPair) -> Result<Vec<SyncConflict>, ApiError> {
    let mut conflicts = Vec::new();
    loop {
        let page = context.api.sync_conflicts(SyncConflictsGet {
            pair_id: pair.id.clone(),
            text: None,
            offset: Some(u32::try_from(conflicts.len()).unwrap_or(u32::MAX)),
            limit: Some(PAGE),
        })?;
        let is_last = page.conflicts.len() < PAGE as usize;
        conflicts.extend(page.conflicts);
        if is_last {
            return Ok(conflicts);
        }
    }
}

fn named(conflicts: Vec<SyncConflict>, arguments: &SyncResolve) -> Result<Vec<SyncConflict>, ApiError> {
    if arguments.paths.is_empty() {
        return Err(ApiError::bad_request("Name the paths to decide, or give --all.")
            .hint("List them with: keepwell sync resolve PAIR"));
    }
    let mut meant = Vec::new();
    for path in &arguments.paths {
        let wanted = paths::in_snapshot(path);
        let before = meant.len();
        meant.extend(conflicts.iter().filter(|conflict| conflict.path.path == wanted).cloned());
        if meant.len() == before {
            // As it is shown, where signs that can not be seen are spelled out.
            let shown = path.to_string_lossy();
            let mut shown_so = conflicts.iter().filter(|conflict| conflict.path.display == shown);
            if let (Some(conflict), None) = (shown_so.next(), shown_so.next()) {
                meant.push(conflict.clone());
                continue;
            }
            return Err(ApiError::not_found(format!("No conflict waits at {}.", path.to_string_lossy()))
                .hint("List them with: keepwell sync resolve PAIR"));
        }
    }
    Ok(meant)
}

fn list(context: &Context, pair: &SyncPair, conflicts: &[SyncConflict]) -> Result<Ending, ApiError> {
    if context.json {
        output::json(&conflicts)?;
    } else if conflicts.is_empty() {
        output::line("No conflict waits.");
    } else {
        print(conflicts);
        let word = sync_list::word(context, pair);
        if waits(conflicts) {
            output::note(format!(
                "To decide: keepwell sync resolve {word} PATH --keep left|right|both|newest, or --all instead of PATH"
            ));
        }
        if conflicts.iter().any(|conflict| conflict.decided.is_some()) {
            output::note(format!("What is decided is done with the next run: keepwell sync run {word}"));
            output::note(format!("To take it back: keepwell sync resolve {word} PATH --later"));
        }
    }
    Ok(if waits(conflicts) { Ending::Problems } else { Ending::Done })
}

/// Whether one of them waits for a decision: what was decided waits for the next run only.
fn waits(conflicts: &[SyncConflict]) -> bool {
    conflicts.iter().any(|conflict| conflict.decided.is_none())
}

/// Conflicts as a table.
pub fn print(conflicts: &[SyncConflict]) {
    let rows: Vec<Vec<String>> = conflicts
        .iter()
        .map(|conflict| {
            vec![
                conflict.path.display.clone(),
                happened(conflict.kind).to_owned(),
                version(conflict, &conflict.left),
                version(conflict, &conflict.right),
                conflict.decided.map(decided).unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    output::line(output::table(&["PATH", "WHAT HAPPENED", "LEFT", "RIGHT", "DECIDED"], &rows));
}

fn decided(choice: ConflictChoice) -> &'static str {
    match choice {
        ConflictChoice::Left => "the left one stays",
        ConflictChoice::Right => "the right one stays",
        ConflictChoice::Both => "both stay",
        ConflictChoice::Newest => "the newer one stays",
        ConflictChoice::Later => "",
    }
}

fn happened(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::BothChanged => "both changed",
        ConflictKind::BothCreated => "both are new",
        ConflictKind::BothMoved => "both moved",
        ConflictKind::MovedIntoEachOther => "moved into each other",
        ConflictKind::KindChanged => "other kinds of item",
    }
}

/// What one side has: where one of both is a folder, that comes first.
fn version(conflict: &SyncConflict, version: &SyncVersion) -> String {
    let Some(path) = &version.path else { return "removed".to_owned() };
    let is_other_kind = conflict.left.entry_type != conflict.right.entry_type;
    let kind = match version.entry_type.filter(|_| is_other_kind) {
        Some(EntryType::Folder) => Some("a folder".to_owned()),
        Some(EntryType::Symlink) => Some("a link".to_owned()),
        _ => None,
    };
    let facts = [kind, version.modified_ms.map(time), version.size_bytes.map(size)];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    if facts.is_empty() { path.display.clone() } else { facts.join(", ") }
}
