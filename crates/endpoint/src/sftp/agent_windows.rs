//! Where a key agent listens on Windows.

use std::path::Path;

use russh::keys::Error;
use russh::keys::agent::client::AgentClient;

use super::sign_in::Agent;

/// The pipe of the agent that comes with Windows.
const USUAL_PIPE: &str = r"\\.\pipe\openssh-ssh-agent";

/// The agent behind this pipe; otherwise that of Windows, then Pageant.
pub(super) async fn agent(path: Option<&Path>) -> Result<Agent, Error> {
    match AgentClient::connect_named_pipe(path.unwrap_or(Path::new(USUAL_PIPE))).await {
        Ok(agent) => Ok(agent.dynamic()),
        Err(error) if path.is_some() => Err(error),
        Err(_) => AgentClient::connect_pageant().await.map(AgentClient::dynamic),
    }
}
