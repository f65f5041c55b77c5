//! `keepwell snapshot list --repository PATH`

use keepwell_api::dto::snapshot;
use keepwell_api::{ApiError, Commands};

use crate::arguments::SnapshotList;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, size, time};

pub fn run(context: &Context, arguments: &SnapshotList) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.repository)?;
    let page = context.api.snapshot_list(snapshot::SnapshotList {
        repository,
        plan_id: None,
        offset: Some(arguments.page.offset),
        limit: Some(arguments.page.limit),
    })?;
    let ending = if page.problems.is_empty() { Ending::Done } else { Ending::Problems };
    for problem in &page.problems {
        output::note(format!("{}: {} {}", problem.path, problem.what, problem.why));
        output::note(format!("  Next: {}", problem.next));
    }
    if context.json {
        output::json(&page)?;
        return Ok(ending);
    }
    if page.snapshots.is_empty() {
        output::note("There is no snapshot yet.");
        return Ok(ending);
    }
    let rows: Vec<Vec<String>> = page
        .snapshots
        .iter()
        .map(|snapshot| {
            let sources: Vec<&str> = snapshot.sources.iter().map(|source| source.display.as_str()).collect();
            vec![
                snapshot.short_id.clone(),
                time(snapshot.started_ms),
                snapshot.host.clone(),
                number(snapshot.counts.files),
                size(snapshot.counts.size_bytes),
                size(snapshot.counts.stored_bytes),
                sources.join(", "),
            ]
        })
        .collect();
    output::line(output::table(&["ID", "MADE", "HOST", ">FILES", ">SIZE", ">ADDED", "SOURCES"], &rows));
    Ok(ending)
}
