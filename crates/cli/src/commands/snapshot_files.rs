//! `keepwell snapshot files --repository PATH SNAPSHOT [FOLDER]`

use keepwell_api::dto::snapshot::{self, EntryType};
use keepwell_api::{ApiError, Commands};

use crate::arguments::SnapshotFiles;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, size, time};
use crate::paths;

pub fn run(context: &Context, arguments: SnapshotFiles) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.repository)?;
    let page = context.api.snapshot_files(snapshot::SnapshotFiles {
        repository,
        snapshot_id: arguments.snapshot,
        path: arguments.path.as_deref().map(paths::in_snapshot),
        offset: Some(arguments.page.offset),
        limit: Some(arguments.page.limit),
        name_filter: arguments.name,
    })?;
    if context.json {
        output::json(&page)?;
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = page
        .entries
        .iter()
        .map(|entry| {
            let mark = if entry.entry_type == EntryType::Folder { "/" } else { "" };
            let link = entry.link_target.as_ref().map(|target| format!(" -> {target}")).unwrap_or_default();
            vec![
                entry.size_bytes.map(size).unwrap_or_default(),
                time(entry.modified_ms),
                format!("{}{mark}{link}", entry.name),
            ]
        })
        .collect();
    output::line(output::table(&[">SIZE", "CHANGED", "NAME"], &rows));
    let shown = u64::from(arguments.page.offset) + page.entries.len() as u64;
    if shown < page.total.0 {
        output::note(format!("{} in all; go on with --offset {shown}.", number(page.total)));
    }
    Ok(Ending::Done)
}
