//! A folder on a server: what a store and a tree have in common. Paths below it, retries, errors with a path.
//!
//! Invariants: only what can be done twice is tried twice; every error carries the path as the person knows it.

use std::sync::Arc;

use super::calls::FileSystem;
use super::connection::Server;
use super::error::SftpError;
use super::options::SftpOptions;
use super::packet::status;
use crate::error::EndpointError;
use crate::object::runtime;
use crate::retry::Patience;

/// Less than this left counts as full: servers say only "failure".
const FULL_BELOW_BYTES: u64 = 64 * 1024;

/// A folder on a server.
pub(super) struct Place {
    pub(super) server: Server,
    /// The whole path on the server, without a slash at its end unless it is the server's root.
    pub(super) root: Vec<u8>,
}

/// How often something was tried because the connection broke.
pub(super) struct Attempts {
    patience: Patience,
    made: u32,
}

impl Attempts {
    /// Waits before the next attempt; gives the error back where it was the last.
    pub(super) async fn again(&mut self, error: SftpError) -> Result<(), SftpError> {
        self.made += 1;
        match self.patience.wait_after(self.made, None) {
            Some(wait) if self.patience.pause(wait).await => Ok(()),
            _ => Err(error),
        }
    }
}

/// Asks until there is an answer: only for what may be done twice. A macro, because no closure can lend what it holds
/// to work that moves between threads.
macro_rules! again {
    ($place:expr, |$session:ident| $work:expr) => {{
        let mut attempts = $place.attempts();
        loop {
            let result: Result<_, SftpError> = match $place.server.session().await {
                Ok($session) => async { $work }.await,
                Err(error) => Err(error),
            };
            match result {
                Err(error) if error.is_lost() => {
                    if let Err(error) = attempts.again(error).await {
                        break Err(error);
                    }
                }
                result => break result,
            }
        }
    }};
}
pub(super) use again;

/// Waits for work on the threads that speak to servers.
pub(super) fn wait<T, W>(path: &str, work: W) -> Result<T, EndpointError>
where
    T: Send + 'static,
    W: Future<Output = Result<T, EndpointError>> + Send + 'static,
{
    runtime::wait(work)
        .unwrap_or_else(|source| Err(EndpointError::Io { action: "speak to", path: path.to_owned(), source }))
}

impl Place {
    /// Connects, and finds the folder. Its path begins with a slash, or with `~/` below the home folder; with `make`,
    /// folders that are missing are made.
    pub(super) async fn open(options: SftpOptions, path: &str, make: bool) -> Result<Self, EndpointError> {
        let address = options.address();
        let shown = format!("{address}/{}", path.trim_start_matches('/'));
        let server = Server::new(options);
        let below_home = path
            .trim_start_matches('/')
            .strip_prefix('~')
            .filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let asked = match below_home {
            Some(rest) => format!("./{}", rest.trim_matches('/')),
            None => format!("/{}", path.trim_matches('/')),
        };
        let mut place = Self { server, root: Vec::new() };
        let about = |error: SftpError| error.about("open", shown.clone());
        let home = again!(place, |session| session.real_path(b".").await).map_err(about)?;
        let mut root = match asked.strip_prefix("./") {
            Some(rest) => joined(&home, rest.as_bytes()),
            None => asked.trim_end_matches('/').as_bytes().to_vec(),
        };
        while root.len() > 1 && root.ends_with(b"/") {
            root.pop();
        }
        if root.is_empty() {
            root.push(b'/');
        }
        if make {
            place.make_all(&root).await.map_err(about)?;
        }
        let kind = again!(place, |session| session.stat(&root).await).map_err(about)?;
        if !is_folder(kind.mode) {
            return Err(EndpointError::Unexpected { path: shown, why: "it is not a folder".to_owned() });
        }
        // Without links from here on, so that what leads elsewhere later can be told.
        place.root = again!(place, |session| session.real_path(&root).await).map_err(about)?;
        Ok(place)
    }

    async fn make_all(&self, path: &[u8]) -> Result<(), SftpError> {
        let mut missing = Vec::new();
        let mut rest = path;
        while !rest.is_empty() {
            let known = again!(self, |session| session.lstat(rest).await)?;
            if known.is_some() {
                break;
            }
            missing.push(rest);
            let end = rest.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            rest = &rest[..end];
        }
        for folder in missing.into_iter().rev() {
            self.make_folder_once(folder).await?;
        }
        Ok(())
    }

    /// Makes a folder and makes its name durable; one that is there is no error.
    pub(super) async fn make_folder_once(&self, folder: &[u8]) -> Result<(), SftpError> {
        let made = again!(self, |session| match session.make_folder(folder, None).await {
            // "Failure" is all a server says of a folder that is there.
            Err(error @ SftpError::Status { .. }) => match session.lstat(folder).await? {
                Some(found) if is_folder(found.mode) => Ok(false),
                _ => Err(error),
            },
            result => result.map(|()| true),
        })?;
        if made {
            let end = folder.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            let parent = if end == 0 { b"/" } else { &folder[..end] };
            again!(self, |session| session.sync_folder(parent).await)?;
        }
        Ok(())
    }

    /// The path on the server of something below the root.
    pub(super) fn path(&self, below: &[u8]) -> Vec<u8> {
        if below.is_empty() { self.root.clone() } else { joined(&self.root, below) }
    }

    /// A path on the server as the person knows it.
    pub(super) fn shown(&self, path: &[u8]) -> String {
        format!("{}{}", self.server.options().address(), String::from_utf8_lossy(path))
    }

    pub(super) fn describe(&self) -> String {
        self.shown(&self.root)
    }

    pub(super) fn attempts(&self) -> Attempts {
        Attempts { patience: self.server.options().patience.clone(), made: 0 }
    }

    /// An error about a path, with what can be found out about it: servers say no more than "failure" of a full disk,
    /// and "no such file" also where the root itself is gone.
    pub(super) async fn explain(&self, error: SftpError, action: &'static str, path: &[u8]) -> EndpointError {
        if error.is_status(status::FAILURE)
            && let Ok(Some(FileSystem { free_bytes, .. })) = self.file_system().await
            && free_bytes < FULL_BELOW_BYTES
        {
            return EndpointError::NoSpace { action, path: self.shown(path) };
        }
        if error.is_status(status::NO_SUCH_FILE)
            && let Ok(None) = again!(self, |session| session.lstat(&self.root).await)
        {
            return EndpointError::NotFound { path: self.describe() };
        }
        error.about(action, self.shown(path))
    }

    /// The explanation as an error that can be handed on, taken before what failed is cleared away (and with it the
    /// evidence of a full disk).
    pub(super) async fn explained(&self, error: SftpError, action: &'static str, path: &[u8]) -> SftpError {
        SftpError::Closed(Arc::new(self.explain(error, action, path).await))
    }

    /// What tells a file system on this server from others.
    pub(super) async fn volume(&self, file_system: u64) -> String {
        let server = self.server.fingerprint().await.unwrap_or_default();
        format!("{server} {file_system:016x}")
    }

    pub(super) async fn file_system(&self) -> Result<Option<FileSystem>, SftpError> {
        again!(self, |session| session.file_system(&self.root).await)
    }
}

/// A path and what lies below it.
pub(super) fn joined(folder: &[u8], below: &[u8]) -> Vec<u8> {
    let mut path = folder.to_vec();
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(below);
    path
}

const KIND_BITS: u32 = 0o170_000;

pub(super) fn is_folder(mode: Option<u32>) -> bool {
    mode.is_some_and(|mode| mode & KIND_BITS == 0o040_000)
}

pub(super) fn is_file(mode: Option<u32>) -> bool {
    mode.is_some_and(|mode| mode & KIND_BITS == 0o100_000)
}

pub(super) fn is_link(mode: Option<u32>) -> bool {
    mode.is_some_and(|mode| mode & KIND_BITS == 0o120_000)
}
