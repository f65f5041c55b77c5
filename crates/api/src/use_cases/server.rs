//! Servers: looking at their keys, accepting one, taking that back.
//!
//! Invariant: what is accepted is the very key a person saw, and never one that stands in for another.

use keepwell_endpoint::Address;

use super::sync_save;
use crate::dto::Done;
use crate::dto::server::{ServerAccept, ServerForget, ServerForgotten, ServerLook, ServerSeen, ServerState};
use crate::error::ApiError;
use crate::fold;
use crate::open::Api;
use crate::path_text;

/// The port of SSH.
const SSH_PORT: u16 = 22;

pub(crate) fn server_look(api: &Api, request: ServerLook) -> Result<ServerSeen, ApiError> {
    let address = sync_save::address(&request.address)?;
    let shown = api.syncs.trees().look_at_server(&address)?;
    let state = match &shown {
        None => ServerState::Trusted,
        Some(shown) if shown.known.is_some() => ServerState::Changed,
        Some(_) => ServerState::Unknown,
    };
    Ok(ServerSeen { state, server: shown.map(fold::server) })
}

pub(crate) fn server_accept(api: &Api, request: ServerAccept) -> Result<Done, ApiError> {
    api.syncs.trees().accept_server(&request.host, request.port, &request.public_key)?;
    tracing::info!(host = %request.host, port = request.port, "a person accepted the key of this server");
    Ok(Done {})
}

pub(crate) fn server_forget(api: &Api, request: ServerForget) -> Result<ServerForgotten, ApiError> {
    let Address::Sftp { host, port, .. } = sync_save::address(&request.address)? else {
        return Err(ApiError::bad_request("Only SSH servers show keys that are accepted by hand.")
            .hint("Give an address that begins with sftp://."));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let forgotten = api.syncs.trees().known_hosts().forget(host, port.unwrap_or(SSH_PORT))?;
    let (was_known, elsewhere) = forgotten;
    let elsewhere = elsewhere.iter().map(|path| path_text::display(&path_text::bytes_of(path))).collect();
    Ok(ServerForgotten { was_known, elsewhere })
}
