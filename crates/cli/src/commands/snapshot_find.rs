//! `keepwell snapshot find --repository PATH PATTERN`

use keepwell_api::dto::snapshot;
use keepwell_api::{ApiError, Commands};

use crate::arguments::SnapshotFind;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, size, time};

pub fn run(context: &Context, arguments: SnapshotFind) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.repository)?;
    let page = context.api.snapshot_find(snapshot::SnapshotFind {
        repository,
        pattern: arguments.pattern,
        snapshot_id: arguments.snapshot,
        plan_id: None,
        offset: Some(arguments.page.offset),
        limit: Some(arguments.page.limit),
    })?;
    if context.json {
        output::json(&page)?;
        return Ok(Ending::Done);
    }
    if page.rows.is_empty() {
        output::note(format!("Nothing found in {} snapshots.", number(page.snapshots_searched)));
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = page
        .rows
        .iter()
        .map(|row| {
            vec![
                row.snapshot_id.chars().take(8).collect(),
                time(row.snapshot_ms),
                number(row.snapshots),
                row.size_bytes.map(size).unwrap_or_default(),
                row.path.display.clone(),
            ]
        })
        .collect();
    output::line(output::table(&["NEWEST IN", "MADE", ">SNAPSHOTS", ">SIZE", "PATH"], &rows));
    if page.truncated {
        output::note("There is more than is shown: look for something narrower.");
    }
    Ok(Ending::Done)
}
