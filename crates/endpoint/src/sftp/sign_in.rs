//! Who we are: passwords, key files and agents are offered to a server in the order the person chose.
//!
//! Invariants: what the person entered goes only to a server that was accepted before; no secret is in any message; a
//! way the server does not take is not tried, because servers count attempts and then hang up.
//! Deliberately not here: asking the person, and where secrets are kept.

use std::path::Path;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, decode_secret_key};
use russh::{MethodKind, MethodSet};
use zeroize::Zeroizing;

#[cfg(unix)]
use super::agent_unix as system;
#[cfg(windows)]
use super::agent_windows as system;
use super::connection::Judge;
use super::options::{Secret, SftpOptions, SignIn};
use crate::error::EndpointError;

/// Servers hang up after about six keys.
const AGENT_KEYS_LIMIT: usize = 5;
/// How often a server may ask for more in one conversation.
const QUESTIONS_LIMIT: usize = 8;
/// A larger file is no key.
const KEY_FILE_LIMIT_BYTES: u64 = 1 << 20;

/// An agent, however it is reached.
pub(super) type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// Signs in with the first way the server takes.
pub(super) async fn sign_in(server: &mut Handle<Judge>, options: &SftpOptions) -> Result<(), EndpointError> {
    let mut attempt = Attempt {
        server,
        user: &options.user,
        address: options.address(),
        open: None,
        refused: false,
        why: Vec::new(),
    };
    for way in &options.sign_in {
        let done = match way {
            SignIn::Password(password) => attempt.password(password).await,
            SignIn::KeyFile { path, passphrase } => attempt.key_file(path, passphrase.as_ref()).await,
            SignIn::Agent => attempt.agent(None).await,
            SignIn::AgentAt(path) => attempt.agent(Some(path)).await,
        };
        match done {
            Ok(true) => return Ok(()),
            // A line that broke looks like a refusal that leaves nothing to try.
            Ok(false) if attempt.server.is_closed() => {
                return Err(attempt.hung_up("the connection broke while signing in"));
            }
            Ok(false) => {}
            Err(error) => return Err(attempt.hung_up(&error.to_string())),
        }
    }
    if attempt.why.is_empty() {
        attempt.why.push("no password and no key were given".to_owned());
    }
    Err(EndpointError::SignIn { path: attempt.address, why: attempt.why.join("; ") })
}

struct Attempt<'a> {
    server: &'a mut Handle<Judge>,
    user: &'a str,
    address: String,
    /// What the server still takes, once it said so.
    open: Option<MethodSet>,
    /// Whether the server refused anything.
    refused: bool,
    /// What came of each way.
    why: Vec<String>,
}

impl Attempt<'_> {
    /// The conversation ended. After a refusal that is an answer too: servers hang up after too many attempts.
    fn hung_up(mut self, how: &str) -> EndpointError {
        let path = self.address.clone();
        if !self.refused {
            return EndpointError::Unreachable { path, why: how.to_owned() };
        }
        self.why.push(format!("then the server ended the conversation ({how})"));
        EndpointError::SignIn { path, why: self.why.join("; ") }
    }

    fn takes(&self, method: MethodKind) -> bool {
        self.open.as_ref().is_none_or(|open| open.contains(&method))
    }

    /// Whether that was enough; otherwise what the server still takes is kept.
    fn judge(&mut self, result: AuthResult, what: impl FnOnce() -> String) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure { remaining_methods, partial_success } => {
                // No methods at all: nobody answered.
                self.refused |= !remaining_methods.is_empty();
                self.open = Some(remaining_methods);
                if !partial_success {
                    self.why.push(what());
                }
                false
            }
        }
    }

    async fn password(&mut self, password: &Secret) -> Result<bool, russh::Error> {
        let mut tried = false;
        if self.takes(MethodKind::Password) {
            tried = true;
            let result = self.server.authenticate_password(self.user, password.as_str()).await?;
            if self.judge(result, || "it refused the password".to_owned()) {
                return Ok(true);
            }
        }
        if self.takes(MethodKind::KeyboardInteractive)
            && self.open.as_ref().is_some_and(|open| !open.is_empty())
        {
            tried = true;
            if self.questions(password).await? {
                return Ok(true);
            }
        }
        if !tried {
            self.why.push("it takes no password".to_owned());
        }
        Ok(false)
    }

    /// The server asks its own questions; a hidden one is taken for the password, once.
    async fn questions(&mut self, password: &Secret) -> Result<bool, russh::Error> {
        let mut answer =
            self.server.authenticate_keyboard_interactive_start(self.user, None::<String>).await?;
        let mut given = false;
        for _ in 0..QUESTIONS_LIMIT {
            match answer {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    let result = AuthResult::Failure { remaining_methods, partial_success };
                    return Ok(self.judge(result, || "it refused the answers to its questions".to_owned()));
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                    let hidden = prompts.iter().filter(|prompt| !prompt.echo).count();
                    if (given && hidden > 0) || hidden < prompts.len() || hidden > 1 {
                        self.why.push("it asks questions a password does not answer".to_owned());
                        return Ok(false);
                    }
                    given |= hidden > 0;
                    let answers = prompts.iter().map(|_| password.as_str().to_owned()).collect();
                    answer = self.server.authenticate_keyboard_interactive_respond(answers).await?;
                }
            }
        }
        self.why.push("it did not stop asking".to_owned());
        Ok(false)
    }

    async fn key_file(&mut self, path: &Path, passphrase: Option<&Secret>) -> Result<bool, russh::Error> {
        if !self.takes(MethodKind::PublicKey) {
            self.why.push("it takes no keys".to_owned());
            return Ok(false);
        }
        let key = match read_key(path, passphrase) {
            Ok(key) => key,
            Err(why) => {
                self.why.push(why);
                return Ok(false);
            }
        };
        let hash = self.hash_for(&key.algorithm()).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let result = self.server.authenticate_publickey(self.user, key).await?;
        Ok(self.judge(result, || format!("it refused the key {}", path.display())))
    }

    async fn agent(&mut self, path: Option<&Path>) -> Result<bool, russh::Error> {
        if !self.takes(MethodKind::PublicKey) {
            self.why.push("it takes no keys".to_owned());
            return Ok(false);
        }
        let mut agent = match system::agent(path).await {
            Ok(agent) => agent,
            Err(error) => {
                self.why.push(format!("no key agent can be reached ({error})"));
                return Ok(false);
            }
        };
        let identities = match agent.request_identities().await {
            Ok(identities) => identities,
            Err(error) => {
                self.why.push(format!("the key agent does not list its keys ({error})"));
                return Ok(false);
            }
        };
        let keys = identities.into_iter().filter_map(|identity| match identity {
            AgentIdentity::PublicKey { key, .. } => Some(key),
            AgentIdentity::Certificate { .. } => None,
        });
        let keys: Vec<_> = keys.take(AGENT_KEYS_LIMIT).collect();
        if keys.is_empty() {
            self.why.push("the key agent holds no keys".to_owned());
        }
        for key in keys {
            let hash = self.hash_for(&key.algorithm()).await?;
            let shown = key.fingerprint(HashAlg::Sha256);
            match self.server.authenticate_publickey_with(self.user, key, hash, &mut agent).await {
                Ok(result) => {
                    if self.judge(result, || format!("it refused the agent's key {shown}")) {
                        return Ok(true);
                    }
                }
                Err(error) => self.why.push(format!("the key agent did not sign with {shown} ({error})")),
            }
        }
        Ok(false)
    }

    /// Which hash an RSA key signs with; other kinds bring their own.
    async fn hash_for(&self, algorithm: &Algorithm) -> Result<Option<HashAlg>, russh::Error> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return Ok(None);
        }
        // Servers that do not tell know SHA-256, unless they are older than 2016.
        Ok(self.server.best_supported_rsa_hash().await?.unwrap_or(Some(HashAlg::Sha256)))
    }
}

/// Reads a key; otherwise says why not, without anything that is in it.
fn read_key(path: &Path, passphrase: Option<&Secret>) -> Result<russh::keys::PrivateKey, String> {
    let shown = path.display();
    let failed = |error: std::io::Error| format!("the key {shown} can not be read ({error})");
    if std::fs::metadata(path).map_err(failed)?.len() > KEY_FILE_LIMIT_BYTES {
        return Err(format!("{shown} is no key"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
    match decode_secret_key(&text, passphrase.map(Secret::as_str)) {
        Ok(key) => Ok(key),
        Err(russh::keys::Error::KeyIsEncrypted) => {
            Err(format!("the key {shown} is locked and needs its passphrase"))
        }
        Err(_) if passphrase.is_some() => Err(format!("the passphrase does not open the key {shown}")),
        Err(_) => Err(format!("{shown} is no key that is known here, or it is locked")),
    }
}
