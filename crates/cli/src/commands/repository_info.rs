//! `keepwell repository info PATH`

use keepwell_api::dto::repository::RepositoryInfoGet;
use keepwell_api::{ApiError, Commands};

use crate::arguments::RepositoryInfo;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, size, time};

pub fn run(context: &Context, arguments: &RepositoryInfo) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.path)?;
    let info = context.api.repository_info(RepositoryInfoGet { repository })?;
    if context.json {
        output::json(&info)?;
        return Ok(Ending::Done);
    }
    output::line(info.path.display.as_str());
    output::line(output::facts(&[
        ("Repository", info.repository_id),
        ("Format", info.format_version.to_string()),
        ("Snapshots", number(info.snapshots)),
        ("Newest", info.latest_snapshot_ms.map_or_else(|| "none yet".to_owned(), time)),
        ("Stored", size(info.stored_bytes)),
        ("Free space", info.free_bytes.map_or_else(|| "unknown".to_owned(), size)),
    ]));
    Ok(Ending::Done)
}
