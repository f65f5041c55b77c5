//! `keepwell snapshot diff --repository PATH OLDER NEWER`

use keepwell_api::dto::snapshot::{self, ChangeKind};
use keepwell_api::{ApiError, Commands};

use crate::arguments::SnapshotDiff;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, size};
use crate::paths;

pub fn run(context: &Context, arguments: SnapshotDiff) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.repository)?;
    let page = context.api.snapshot_diff(snapshot::SnapshotDiff {
        repository,
        older_id: arguments.older,
        newer_id: arguments.newer,
        path: arguments.path.as_deref().map(paths::in_snapshot),
        offset: Some(arguments.page.offset),
        limit: Some(arguments.page.limit),
    })?;
    if context.json {
        output::json(&page)?;
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = page
        .changes
        .iter()
        .map(|row| {
            let sizes = match (row.older_bytes, row.newer_bytes) {
                (Some(older), Some(newer)) if older == newer => size(newer),
                (Some(older), Some(newer)) => format!("{} -> {}", size(older), size(newer)),
                (one, other) => one.or(other).map(size).unwrap_or_default(),
            };
            vec![word(row.change).to_owned(), sizes, row.path.display.clone()]
        })
        .collect();
    if !rows.is_empty() {
        output::line(output::table(&["CHANGE", ">SIZE", "PATH"], &rows));
    }
    let counts = &page.counts;
    output::note(format!(
        "{} added, {} removed, {} changed, {} with other rights or times, {} of another kind.",
        number(counts.added),
        number(counts.removed),
        number(counts.changed),
        number(counts.metadata),
        number(counts.kind)
    ));
    if page.truncated {
        output::note("There are more differences than are looked at: choose a folder with --path.");
    }
    Ok(Ending::Done)
}

fn word(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed => "changed",
        ChangeKind::Metadata => "metadata",
        ChangeKind::Kind => "kind",
    }
}
