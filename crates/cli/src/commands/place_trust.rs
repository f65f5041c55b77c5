//! `keepwell place trust ADDRESS`, `keepwell place distrust ADDRESS`

use keepwell_api::dto::server::{ServerForget, ServerLook, ServerSeen, ServerState};
use keepwell_api::{ApiError, Commands, ErrorCode};

use crate::arguments_place::{PlaceDistrust, PlaceTrust};
use crate::context::Context;
use crate::ending::Ending;
use crate::{output, trust};

pub fn run(context: &Context, arguments: &PlaceTrust) -> Result<Ending, ApiError> {
    let seen = context.api.server_look(ServerLook { address: arguments.address.clone() })?;
    let ServerSeen { state, server: Some(server) } = &seen else {
        return said(context, &seen, "This server is trusted already. Nothing was changed.");
    };
    if *state == ServerState::Changed {
        let mut error = ApiError::new(
            ErrorCode::ServerChanged,
            format!("{} shows another key than the one that was accepted.", server.host),
        );
        error.server = Some(Box::new(server.clone()));
        return Err(error);
    }
    match &arguments.fingerprint {
        Some(fingerprint) if *fingerprint == server.fingerprint => trust::accept(&context.api, server)?,
        Some(_) => {
            let message = "The server shows another fingerprint than that. It was not accepted.";
            output::note(trust::shown(server));
            return Err(ApiError::bad_request(message)
                .hint("Do not go on before its keeper has confirmed one of the two."));
        }
        None if trust::can_ask() => {
            if !trust::accept_if_right(&context.api, server)? {
                output::note("Not accepted. Nothing was changed.");
                return Ok(Ending::Failed);
            }
        }
        None => {
            output::note(trust::shown(server));
            return Err(ApiError::bad_request(
                "There is no terminal to ask whether this is the right server.",
            )
            .hint(format!(
                "If the fingerprint is right: keepwell place trust {} --fingerprint {}",
                arguments.address, server.fingerprint
            )));
        }
    }
    said(context, &seen, "")
}

fn said(context: &Context, seen: &ServerSeen, words: &str) -> Result<Ending, ApiError> {
    if context.json {
        output::json(seen)?;
    } else if !words.is_empty() {
        output::line(words);
    }
    Ok(Ending::Done)
}

pub fn take_back(context: &Context, arguments: &PlaceDistrust) -> Result<Ending, ApiError> {
    let forgotten = context.api.server_forget(ServerForget { address: arguments.address.clone() })?;
    if context.json {
        output::json(&forgotten)?;
        return Ok(Ending::Done);
    }
    output::line(if forgotten.was_known {
        "What was accepted of this server is taken back. The next time its key is asked about again."
    } else {
        "Nothing was accepted of this server here."
    });
    for file in &forgotten.elsewhere {
        let server = arguments.address.trim_start_matches("sftp://");
        let server = server.split('/').next().unwrap_or(server);
        let server = server.rsplit('@').next().unwrap_or(server);
        let name = match server.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("[{host}]:{port}")
            }
            _ => server.to_owned(),
        };
        output::line(format!("Your own ssh knows a key of it too, in {file}. Take that out with:"));
        output::line(format!("  ssh-keygen -R \"{name}\" -f \"{file}\""));
    }
    Ok(Ending::Done)
}
