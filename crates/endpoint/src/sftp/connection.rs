//! The connection to a server: made when it is needed, made again when it broke, with a few sessions on it.
//!
//! Invariants:
//! 1. Nothing goes to a server, no password and no file, before its key was found among the accepted ones.
//! 2. A broken connection is made again with growing waits and an end; a refusal (sign-in, unknown server) is told at
//!    once and never repeated by itself.
//! 3. Where patience ended once, others who wait are told soon instead of waiting one after the other.
//!
//! Deliberately not here: what is asked over it.

use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};
use std::time::{Duration, Instant};

use russh::client::{self, Handle};
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred, cipher};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::error::SftpError;
use super::known_hosts::Verdict;
use super::options::SftpOptions;
use super::session::{Session, WINDOW_BYTES};
use super::sign_in::sign_in;
use crate::error::EndpointError;
use crate::retry::{Patience, STOP_GRACE};
use crate::server_key::ServerKey;

/// How often the very first connection is tried: a wrong name should not take a minute.
const FIRST_ATTEMPTS: u32 = 3;

/// For how long after patience ended each question makes only one attempt.
const GIVEN_UP_FOR: Duration = Duration::from_secs(20);

/// The most of one SSH packet.
const SSH_PACKET_BYTES: u32 = 65_535;

/// A server, connected when needed.
pub(super) struct Server {
    options: SftpOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Whether it ever worked: then a failure is more likely to pass.
    worked: bool,
    gave_up: Option<Instant>,
    /// It did not answer while the work was to stop: nobody asks it again until the next work.
    ignored: bool,
    /// Fewer than the options allow, once the server refused more.
    sessions_limit: Option<usize>,
}

struct Connection {
    handle: Handle<Judge>,
    sessions: Vec<Arc<Session>>,
    /// Of the key the server showed.
    fingerprint: String,
}

impl Server {
    pub(super) fn new(options: SftpOptions) -> Self {
        Self { options, state: Mutex::default() }
    }

    pub(super) fn options(&self) -> &SftpOptions {
        &self.options
    }

    /// The session with the least to do; another one is begun where all are busy.
    pub(super) async fn session(&self) -> Result<Arc<Session>, SftpError> {
        let mut state = self.state.lock().await;
        let is_stopping = self.options.patience.stop.is_asked();
        state.ignored &= is_stopping;
        if state.ignored {
            let why = "it did not answer, and is not waited for any longer";
            return Err(SftpError::Closed(Arc::new(self.unreachable(why.to_owned()))));
        }
        state.forget_broken();
        if state.connection.is_none() {
            self.connect_patiently(&mut state).await?;
        }
        let limit = state.sessions_limit.unwrap_or(self.options.sessions).max(1);
        let Some(connection) = &mut state.connection else {
            return Err(SftpError::Lost("the connection broke".to_owned()));
        };
        let least_busy = connection.sessions.iter().min_by_key(|session| session.busy()).cloned();
        if let Some(session) = &least_busy
            && (session.busy() == 0 || connection.sessions.len() >= limit)
        {
            return Ok(Arc::clone(session));
        }
        match self.begin_session(connection).await {
            Ok(session) => Ok(session),
            // Servers allow a limited number of sessions; those there are do.
            Err(error) => match least_busy.filter(|session| !session.is_over()) {
                Some(session) => {
                    state.sessions_limit = Some(connection.sessions.len());
                    Ok(session)
                }
                None => {
                    if self.options.patience.stop.is_asked() {
                        (state.ignored, state.connection) = (true, None);
                    }
                    Err(error)
                }
            },
        }
    }

    /// The fingerprint of the server's key, once connected.
    pub(super) async fn fingerprint(&self) -> Option<String> {
        self.state.lock().await.connection.as_ref().map(|connection| connection.fingerprint.clone())
    }

    async fn connect_patiently(&self, state: &mut State) -> Result<(), SftpError> {
        let mut patience = self.options.patience.clone();
        if !state.worked {
            patience.attempts = patience.attempts.min(FIRST_ATTEMPTS);
        }
        if state.gave_up.is_some_and(|when| when.elapsed() < GIVEN_UP_FOR) {
            patience.attempts = 1;
        }
        let mut attempt = 1;
        loop {
            let error = match self.connect_unless_stopped(&patience).await {
                Ok(connection) => {
                    state.connection = Some(connection);
                    state.worked = true;
                    state.gave_up = None;
                    return Ok(());
                }
                Err(error) => error,
            };
            let EndpointError::Unreachable { why, .. } = &error else {
                return Err(SftpError::Closed(Arc::new(error)));
            };
            tracing::debug!(server = %self.options.address(), attempt, why, "connecting failed");
            let again = match patience.wait_after(attempt, None) {
                Some(wait) => patience.pause(wait).await,
                None => false,
            };
            if !again {
                // A person who stopped one run says nothing about the server.
                match patience.stop.is_asked() {
                    true => state.ignored = true,
                    false => state.gave_up = Some(Instant::now()),
                }
                return Err(SftpError::Closed(Arc::new(error)));
            }
            attempt += 1;
        }
    }

    /// Connects; not waited for once the work is to stop.
    async fn connect_unless_stopped(&self, patience: &Patience) -> Result<Connection, EndpointError> {
        let connected = patience.unless_stopped(STOP_GRACE, self.connect()).await;
        connected.unwrap_or_else(|| Err(self.unreachable("it was not waited for any longer".to_owned())))
    }

    async fn connect(&self) -> Result<Connection, EndpointError> {
        let limit = self.options.connect_limit;
        match tokio::time::timeout(limit, self.connect_and_sign_in()).await {
            Ok(result) => result,
            Err(_) => {
                Err(self.unreachable(format!("there was no answer within {} seconds", limit.as_secs())))
            }
        }
    }

    async fn connect_and_sign_in(&self) -> Result<Connection, EndpointError> {
        let options = &self.options;
        let stream = TcpStream::connect((options.host.as_str(), options.port))
            .await
            .map_err(|error| self.unreachable(error.to_string()))?;
        // Requests are put together before they go out, so nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let kinds = options.known_hosts.kinds(&options.host, options.port)?;
        let config = client::Config {
            window_size: u32::try_from(WINDOW_BYTES).unwrap_or(u32::MAX),
            maximum_packet_size: SSH_PACKET_BYTES,
            keepalive_interval: Some(options.keepalive),
            keepalive_max: 3,
            nodelay: true,
            preferred: preferred(&kinds),
            ..client::Config::default()
        };
        let finding = Arc::new(BlockingMutex::new(Finding::default()));
        let judge = Judge { options: options.clone(), finding: Arc::clone(&finding) };
        let connected = client::connect_stream(Arc::new(config), stream, judge).await;
        let found = std::mem::take(&mut *finding.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(refusal) = found.refusal {
            return Err(refusal);
        }
        let mut handle = connected.map_err(|error| self.connect_trouble(&error))?;
        sign_in(&mut handle, options).await?;
        Ok(Connection { handle, sessions: Vec::new(), fingerprint: found.fingerprint })
    }

    fn connect_trouble(&self, error: &russh::Error) -> EndpointError {
        let path = self.options.address();
        match error {
            russh::Error::NoCommonAlgo { kind, theirs, .. } => EndpointError::Unexpected {
                path,
                why: format!(
                    "it offers only {kind:?} methods that are not safe any more: {}",
                    theirs.join(", ")
                ),
            },
            russh::Error::Version => {
                EndpointError::Unexpected { path, why: "what answers there is no SSH server".to_owned() }
            }
            _ => self.unreachable(error.to_string()),
        }
    }

    fn unreachable(&self, why: String) -> EndpointError {
        EndpointError::Unreachable { path: self.options.address(), why }
    }

    async fn begin_session(&self, connection: &mut Connection) -> Result<Arc<Session>, SftpError> {
        let beginning = self.begin_session_patiently(connection);
        let begun = self.options.patience.unless_stopped(STOP_GRACE, beginning).await;
        begun.unwrap_or_else(|| Err(SftpError::Lost("the server was not waited for any longer".to_owned())))
    }

    async fn begin_session_patiently(&self, connection: &mut Connection) -> Result<Arc<Session>, SftpError> {
        let opening = connection.handle.channel_open_session();
        let channel = tokio::time::timeout(self.options.connect_limit, opening)
            .await
            .map_err(|_| SftpError::Lost("the server opened no session in time".to_owned()))?
            .map_err(|error| SftpError::Lost(format!("the server opened no session: {error}")))?;
        let limits = (self.options.connect_limit, self.options.silence_limit);
        let stop = self.options.patience.stop.clone();
        let session = Arc::new(Session::begin(channel, limits.0, limits.1, stop).await?);
        connection.sessions.push(Arc::clone(&session));
        Ok(session)
    }
}

impl State {
    fn forget_broken(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.sessions.retain(|session| !session.is_over());
        }
        if self.connection.as_ref().is_some_and(|connection| connection.handle.is_closed()) {
            self.connection = None;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for session in &self.sessions {
            session.end("the connection was given up");
        }
        // The task of the connection ends when its handle is gone.
        tracing::trace!(reason = ?Disconnect::ByApplication, "connection given up");
    }
}

/// What was found out about the server while connecting.
#[derive(Default)]
struct Finding {
    refusal: Option<EndpointError>,
    fingerprint: String,
}

/// Decides whether it is the right server.
pub(super) struct Judge {
    options: SftpOptions,
    finding: Arc<BlockingMutex<Finding>>,
}

impl Judge {
    fn judge(&self, key: &PublicKey) -> Result<(), EndpointError> {
        let options = &self.options;
        let path = options.address();
        let shown = || {
            Box::new(ServerKey {
                host: options.host.clone(),
                port: options.port,
                algorithm: key.algorithm().to_string(),
                fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
                public_key: key.to_openssh().unwrap_or_default(),
            })
        };
        match options.known_hosts.judge(&options.host, options.port, key)? {
            Verdict::Known => Ok(()),
            Verdict::Unknown => Err(EndpointError::UnknownServer { path, key: shown() }),
            Verdict::Changed(known) => Err(EndpointError::ServerChanged { path, key: shown(), known }),
        }
    }
}

impl client::Handler for Judge {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // Certificates are never asked for.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let verdict = self.judge(key);
        let trusted = verdict.is_ok();
        let mut finding = self.finding.lock().unwrap_or_else(PoisonError::into_inner);
        finding.refusal = verdict.err();
        finding.fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        Ok(trusted)
    }
}

/// The methods we prefer: kinds of keys that are known of this server first, and the fastest ciphers first.
fn preferred(known: &[Algorithm]) -> Preferred {
    let is_known = |kind: &Algorithm| {
        known.iter().any(|known| {
            matches!((known, kind), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || known == kind
        })
    };
    let (first, rest): (Vec<_>, Vec<_>) = Preferred::DEFAULT.key.iter().cloned().partition(is_known);
    Preferred {
        key: first.into_iter().chain(rest).collect::<Vec<_>>().into(),
        cipher: vec![
            cipher::AES_128_GCM,
            cipher::AES_256_GCM,
            cipher::CHACHA20_POLY1305,
            cipher::AES_256_CTR,
            cipher::AES_192_CTR,
            cipher::AES_128_CTR,
        ]
        .into(),
        ..Preferred::DEFAULT
    }
}
