//! `keepwell repository key PATH`

use keepwell_api::dto::repository::{KeyKind, RepositoryInfoGet, RepositoryKeyAdd, RepositoryKeyRemove};
use keepwell_api::{ApiError, Commands, SecretText};

use crate::arguments::RepositoryKey;
use crate::context::{Context, ask};
use crate::ending::Ending;
use crate::output;

/// The variable a new password can be given in, since `KEEPWELL_PASSWORD` is the one that opens the repository.
const NEW_PASSWORD_VARIABLE: &str = "KEEPWELL_NEW_PASSWORD";

pub fn run(context: &Context, arguments: RepositoryKey) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.path)?;
    if let Some(key_id) = arguments.remove {
        context.api.repository_key_remove(RepositoryKeyRemove { repository, key_id })?;
        if context.json {
            output::json(&serde_json::json!({ "removed": true }))?;
        } else {
            output::line("The key is out of use. What it opened so far, whoever had it may have kept.");
        }
        return Ok(Ending::Done);
    }
    if arguments.add_password || arguments.add_recovery_key {
        let new_password = if arguments.add_password { Some(new_password()?) } else { None };
        let added = context.api.repository_key_add(RepositoryKeyAdd {
            repository,
            new_password,
            label: arguments.label,
        })?;
        if context.json {
            output::json(&added)?;
        } else if let Some(recovery_key) = &added.recovery_key {
            output::line(format!("Recovery key: {recovery_key}"));
            output::line("Print it or write it down: it is shown this once and kept nowhere.");
        } else {
            output::line("The new password opens the repository from now on. The old ones still do.");
        }
        return Ok(Ending::Done);
    }
    let keys = context.api.repository_keys(RepositoryInfoGet { repository })?;
    if context.json {
        output::json(&keys)?;
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = keys
        .keys
        .iter()
        .map(|key| {
            vec![
                key.id.chars().take(8).collect(),
                match key.kind {
                    KeyKind::Password => "password",
                    KeyKind::Recovery => "recovery key",
                }
                .to_owned(),
                key.created_ms.map(output::time).unwrap_or_default(),
                key.label.clone(),
            ]
        })
        .collect();
    output::line(output::table(&["ID", "KIND", "MADE", "NAME"], &rows));
    Ok(Ending::Done)
}

fn new_password() -> Result<SecretText, ApiError> {
    if let Ok(password) = std::env::var(NEW_PASSWORD_VARIABLE)
        && !password.is_empty()
    {
        return Ok(SecretText::new(password));
    }
    let first = ask("The new password: ")?;
    if first == ask("The same once more: ")? {
        Ok(first)
    } else {
        Err(ApiError::bad_request("The two are not the same. Nothing was changed.").hint("Try again."))
    }
}
