//! The question whether a server is the right one, for people at a terminal; for everybody else the command that answers
//! it.
//!
//! Invariant: a server that shows another key than before is never accepted by a simple yes, here or anywhere.

use std::io::{BufRead, IsTerminal};

use keepwell_api::dto::server::ServerAccept;
use keepwell_api::{Api, ApiError, Commands, ErrorCode, ShownServer};

use crate::output;

/// The address of a server, as `keepwell place trust` takes it.
pub fn address(server: &ShownServer) -> String {
    let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
    if server.port == 22 { format!("sftp://{host}") } else { format!("sftp://{host}:{}", server.port) }
}

/// What a server shows, as a person compares it.
pub fn shown(server: &ShownServer) -> String {
    output::facts(&[
        ("Server", format!("{}, port {}", server.host, server.port)),
        ("Kind of key", server.algorithm.clone()),
        ("Fingerprint", server.fingerprint.clone()),
    ])
}

/// What can be done about a server that is not trusted, after the error itself was told.
pub fn explain(error: &ApiError) {
    let Some(server) = &error.server else { return };
    let address = address(server);
    if error.code == ErrorCode::UnknownServer {
        output::note(shown(server));
        output::note("  If the fingerprint is right, accept the server with:");
        output::note(format!("    keepwell place trust {address} --fingerprint {}", server.fingerprint));
        return;
    }
    output::note(
        "  WARNING: this may not be your server. Either its keeper gave it a new key, or somebody stands in",
    );
    output::note(
        "  between and would read and change everything. Nothing was sent to it, no password either.",
    );
    output::note(shown(server));
    output::note(format!("  Known is     {}", server.known.as_deref().unwrap_or_default()));
    output::note("  Only when its keeper has confirmed the new key, take the old one back with:");
    output::note(format!("    keepwell place distrust {address}"));
}

/// Asks a person at a terminal whether an unknown server is the right one; true where it was accepted.
///
/// # Errors
/// It can not be written down.
pub fn asked(api: &Api, error: &ApiError) -> Result<bool, ApiError> {
    let Some(server) = error.server.as_deref().filter(|_| error.code == ErrorCode::UnknownServer) else {
        return Ok(false);
    };
    if !can_ask() {
        return Ok(false);
    }
    output::note("Nobody has said yet that this is the right server:");
    accept_if_right(api, server)
}

/// Whether there is a person to ask.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a person at the terminal.
pub fn says_yes(question: &str) -> bool {
    output::note(question);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

/// Shows a server and asks; true where it was accepted.
///
/// # Errors
/// It can not be written down.
pub fn accept_if_right(api: &Api, server: &ShownServer) -> Result<bool, ApiError> {
    output::note(shown(server));
    output::note("  Compare the fingerprint with the one its keeper gives you.");
    if !says_yes("Is it right? Type \"yes\" to accept this server, anything else to stop:") {
        return Ok(false);
    }
    accept(api, server)?;
    Ok(true)
}

/// Accepts a server.
///
/// # Errors
/// It can not be written down.
pub fn accept(api: &Api, server: &ShownServer) -> Result<(), ApiError> {
    let (host, public_key) = (server.host.clone(), server.public_key.clone());
    api.server_accept(ServerAccept { host, port: server.port, public_key })?;
    output::note(format!("Accepted. From now on {} has to show this key.", server.host));
    Ok(())
}
