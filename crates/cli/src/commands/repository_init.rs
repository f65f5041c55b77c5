//! `keepwell repository init PATH`

use keepwell_api::ApiError;
use serde::Serialize;

use crate::arguments::RepositoryInit;
use crate::context::{Context, new_password};
use crate::ending::Ending;
use crate::output;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made<'made> {
    repository_id: &'made str,
    path: String,
    recovery_key: &'made str,
}

pub fn run(context: &Context, arguments: &RepositoryInit) -> Result<Ending, ApiError> {
    let password = new_password("A password for the new repository")?;
    let path = context.place(&arguments.path)?;
    let made = context.api.repository_init(&path, &password)?;
    let (repository_id, recovery_key) = (made.repository_id.as_str(), made.recovery_key.as_str());
    if context.json {
        output::json(&Made { repository_id, path, recovery_key })?;
        return Ok(Ending::Done);
    }
    output::line(format!("A new repository is in {}.", arguments.path.display()));
    output::line("");
    output::line(format!("  Recovery key: {recovery_key}"));
    output::line("");
    output::line(
        "Print it or write it down, and keep it away from this computer. It opens the repository if the",
    );
    output::line(
        "password is lost. It is shown this once and kept nowhere: without password and key, nobody can",
    );
    output::line("bring your files back.");
    Ok(Ending::Done)
}
