//! Where a key agent listens on Unix.

use std::path::Path;

use russh::keys::Error;
use russh::keys::agent::client::AgentClient;

use super::sign_in::Agent;

/// The agent behind this socket, or the one `SSH_AUTH_SOCK` names.
pub(super) async fn agent(path: Option<&Path>) -> Result<Agent, Error> {
    match path {
        Some(path) => AgentClient::connect_uds(path).await.map(AgentClient::dynamic),
        None => AgentClient::connect_env().await.map(AgentClient::dynamic),
    }
}
