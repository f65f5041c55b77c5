//! What has to be known to reach an SFTP server: address, account, how to sign in, which servers are trusted, how long
//! to wait.
//!
//! Invariant: secrets are wiped when dropped and never printed.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::known_hosts::KnownHosts;
use crate::retry::Patience;

/// A password or passphrase: wiped when dropped, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// One way to sign in.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// A password, also where the server asks for it as its own question.
    Password(Secret),
    /// A private key in a file, of OpenSSH, PEM or PuTTY.
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What opens it, where it is locked.
        passphrase: Option<Secret>,
    },
    /// The keys an agent holds: `SSH_AUTH_SOCK`, on Windows the agent of OpenSSH, then Pageant.
    Agent,
    /// The keys of the agent behind this socket or pipe.
    AgentAt(PathBuf),
}

/// Everything that has to be known of a server.
#[derive(Debug, Clone)]
pub struct SftpOptions {
    /// Its name or number.
    pub host: String,
    /// Its port, mostly 22.
    pub port: u16,
    /// The account there.
    pub user: String,
    /// Ways to sign in, tried in this order.
    pub sign_in: Vec<SignIn>,
    /// Which servers are trusted.
    pub known_hosts: KnownHosts,
    /// How long reaching the server and signing in may take.
    pub connect_limit: Duration,
    /// How long the server may say nothing at all while something is asked of it.
    pub silence_limit: Duration,
    /// How often the line is tested when nothing else goes over it; after three tests without an answer it is given up.
    pub keepalive: Duration,
    /// How many sessions at most: servers work on each by itself.
    pub sessions: usize,
    /// How long to go on when the connection breaks.
    pub patience: Patience,
}

impl SftpOptions {
    /// For an account on a server, with limits that suit a home line.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            user: user.into(),
            sign_in: Vec::new(),
            known_hosts: KnownHosts::default(),
            connect_limit: Duration::from_secs(20),
            silence_limit: Duration::from_secs(120),
            keepalive: Duration::from_secs(15),
            sessions: 4,
            patience: Patience::default(),
        }
    }

    /// As people write it: `sftp://user@host:port`, without any secret.
    #[must_use]
    pub fn address(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.port == 22 { String::new() } else { format!(":{}", self.port) };
        format!("sftp://{}@{host}{port}", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_ever_printed() {
        let mut options = SftpOptions::new("nas", 2222, "mia");
        options.sign_in.push(SignIn::Password(Secret::new("hunter2")));
        options
            .sign_in
            .push(SignIn::KeyFile { path: "key".into(), passphrase: Some(Secret::new("hunter2")) });
        assert!(!format!("{options:?}").contains("hunter2"));
        assert_eq!(options.address(), "sftp://mia@nas:2222");
        assert_eq!(SftpOptions::new("::1", 22, "mia").address(), "sftp://mia@[::1]");
    }
}
