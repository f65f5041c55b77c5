//! Giving a file its name: without replacing anything, or in place of what is there, at once.
//!
//! Why not one request: a server that lost the connection may or may not have done what it was asked; and servers
//! differ in whether RENAME replaces. Invariants: where it says "done", the file is there under its name, whole, and the
//! old name is gone; where it says "taken", nothing was changed; what has a person's old name by then is not removed with
//! it. Deliberately not here: durability.

use std::sync::Arc;

use super::calls::found;
use super::error::SftpError;
use super::packet::{Attributes, open, status};
use super::place::{Place, again};
use super::reading::Reading;
use super::session::{Session, extension};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It has its name.
    Done,
    /// Something else has this name.
    Taken,
    /// The folder it belongs into is not there.
    NoFolder,
}

impl Place {
    /// Moves a file of a random name to a name that must be free.
    pub(super) async fn put_new(&self, from: &[u8], to: &[u8]) -> Result<Put, SftpError> {
        self.put_new_seen(from, to, None).await
    }

    /// The same for a file of a person's, which was seen so, and may be another one at any time.
    pub(super) async fn put_new_seen(
        &self,
        from: &[u8],
        to: &[u8],
        seen: Option<&Attributes>,
    ) -> Result<Put, SftpError> {
        let mut unsure = false;
        again!(self, |session| {
            if std::mem::replace(&mut unsure, true) && was_done(&session, from, to).await? {
                return Ok(Put::Done);
            }
            put_new_once(&session, from, to, seen).await
        })
    }

    /// Moves a file of a random name over what is there, at once.
    pub(super) async fn put_over(&self, from: &[u8], to: &[u8]) -> Result<(), SftpError> {
        let mut unsure = false;
        again!(self, |session| {
            let again = std::mem::replace(&mut unsure, true);
            if again && session.lstat(from).await?.is_none() {
                return Ok(());
            }
            if !session.offers(extension::POSIX_RENAME) {
                return Err(SftpError::protocol(
                    "the server can not replace a file at once (it lacks posix-rename@openssh.com)",
                ));
            }
            session.ask_replace(from, to).await?.wait().await?.into_done()
        })
    }

    /// Removes what an attempt left behind, as far as the server can be reached.
    pub(super) async fn discard(&self, path: &[u8]) {
        // Without the whole patience once more: what stays is listed as unfinished and removed later.
        for _ in 0..2 {
            match self.server.session().await {
                Ok(session) if session.remove(path).await.is_err_and(|error| error.is_lost()) => {}
                _ => return,
            }
        }
    }
}

/// Whether RENAME leaves alone what has the new name, as OpenSSH's does; others replace it. Tried with two files of ours.
pub(super) async fn refuses_to_replace(
    session: &Arc<Session>,
    from: &[u8],
    to: &[u8],
) -> Result<bool, SftpError> {
    match session.ask_rename(from, to).await?.wait().await?.into_done() {
        Ok(()) => Ok(false),
        Err(SftpError::Status { .. }) => Ok(is_there(session, from).await?),
        Err(error) => Err(error),
    }
}

/// Takes away the first name of what has two, unless somebody has put something else there.
async fn remove_seen(session: &Arc<Session>, path: &[u8], seen: &Attributes) -> Result<(), SftpError> {
    let known =
        |attributes: &Attributes| (attributes.size_bytes, attributes.times.map(|(_, modified)| modified));
    match session.lstat(path).await? {
        Some(now) if known(&now) == known(seen) => session.remove(path).await,
        _ => Ok(()),
    }
}

async fn put_new_once(
    session: &Arc<Session>,
    from: &[u8],
    to: &[u8],
    seen: Option<&Attributes>,
) -> Result<Put, SftpError> {
    if session.offers(extension::HARD_LINK) {
        let linked = session.ask_hard_link(from, to).await?;
        let looked = session.ask_lstat(to).await?;
        match linked.wait().await?.into_done() {
            // There are servers that say so and do nothing: the first name stays until the second is seen.
            Ok(())
                if found(looked.wait().await?.into_attributes())?.is_some()
                    || is_there(session, to).await? =>
            {
                match seen {
                    Some(seen) => remove_seen(session, from, seen).await?,
                    None => session.remove(from).await?,
                }
                return Ok(Put::Done);
            }
            Ok(()) => {}
            Err(error @ SftpError::Status { .. }) => {
                if is_there(session, to).await? {
                    return Ok(Put::Taken);
                }
                if error.is_status(status::NO_SUCH_FILE) {
                    return Ok(Put::NoFolder);
                }
                // No hard links there (FAT): on to the rename.
            }
            Err(error) => return Err(error),
        }
    }
    // RENAME must not replace, but some servers do; the look before leaves a moment in which another writer could be
    // replaced. With OpenSSH there is none.
    if is_there(session, to).await? {
        return Ok(Put::Taken);
    }
    match session.ask_rename(from, to).await?.wait().await?.into_done() {
        Ok(()) => Ok(Put::Done),
        Err(error @ SftpError::Status { .. }) => {
            if is_there(session, to).await? {
                return Ok(Put::Taken);
            }
            if error.is_status(status::NO_SUCH_FILE) { Ok(Put::NoFolder) } else { Err(error) }
        }
        Err(error) => Err(error),
    }
}

async fn is_there(session: &Arc<Session>, path: &[u8]) -> Result<bool, SftpError> {
    Ok(session.lstat(path).await?.is_some())
}

/// Whether the attempt whose answer was lost had worked.
async fn was_done(session: &Arc<Session>, from: &[u8], to: &[u8]) -> Result<bool, SftpError> {
    let (source, target) = (session.lstat(from).await?, session.lstat(to).await?);
    match (source, target) {
        (None, Some(_)) => Ok(true),
        (Some(source), Some(target)) if source.size_bytes == target.size_bytes => {
            // Both names may be the same file; the same content is as good.
            let same = hash(session, from).await? == hash(session, to).await?;
            if same {
                // Reading took its time.
                remove_seen(session, from, &source).await?;
            }
            Ok(same)
        }
        _ => Ok(false),
    }
}

/// Length and hash of a file as the server gives it back.
pub(super) async fn hash(session: &Arc<Session>, path: &[u8]) -> Result<(u64, blake3::Hash), SftpError> {
    let file = session.open(path, open::READ, &Attributes::default()).await?;
    Reading::new(Arc::new(file), 0..u64::MAX).hash().await
}
