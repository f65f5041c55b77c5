//! What a folder on a server can do, found out by doing it with files of random names.
//!
//! Why not from the server's name: an OpenSSH may serve a FAT stick, a case-blind volume or Windows. Invariants: what was
//! made is removed; where nothing can be made (a read-only account) the usual answers of a Unix server are given, since
//! nothing will be written by them. Deliberately not here: identity and free space, which are asked each time.

use std::sync::Arc;

use keepwell_model::id::to_hex;

use super::error::SftpError;
use super::naming::refuses_to_replace;
use super::packet::{Attributes, open};
use super::place::{Place, again, is_link, joined};
use super::session::{Session, extension};
use crate::tree::{Capabilities, NameRules, STAGED_PREFIX, UnicodeNames};

/// An odd second, so that a grain of two seconds shows; the bits of a mode nobody sets by default.
const PROBE_TIME: u32 = 1_234_567_891;
const PROBE_MODE: u32 = 0o604;
/// The longest name where the server does not tell.
const USUAL_NAME_BYTES: u32 = 255;
/// The longest path of the systems servers run on.
const USUAL_PATH_BYTES: u32 = 4096;

/// What was seen of the probes.
#[derive(Debug, Clone, Copy)]
struct Seen {
    case_sensitive: bool,
    unicode: UnicodeNames,
    names: NameRules,
    symlinks: bool,
    modes: bool,
    times: bool,
    time_grain_ns: u64,
    refuses_to_replace: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            case_sensitive: true,
            unicode: UnicodeNames::Kept,
            names: NameRules::Bytes,
            symlinks: true,
            modes: true,
            times: true,
            time_grain_ns: 1_000_000_000,
            refuses_to_replace: false,
        }
    }
}

/// What the folder can do, and whether a rename leaves alone what has the new name.
pub(super) async fn probe(place: &Place) -> Result<(Capabilities, bool), SftpError> {
    let seen = again!(place, |session| probe_once(place, &session).await)?;
    let file_system = place.file_system().await?;
    let name_limit_bytes = file_system.and_then(|known| u32::try_from(known.name_limit_bytes).ok());
    let copies = again!(place, |session| Ok(session.offers(extension::COPY_DATA)))?;
    let above = u32::try_from(place.root.len()).unwrap_or(u32::MAX);
    let capabilities = Capabilities {
        // Version 3 of the protocol tells neither inode numbers nor times of change.
        stable_ids: false,
        strong_versions: false,
        folders: true,
        symlinks: seen.symlinks,
        modes: seen.modes,
        extended_attributes: false,
        times: seen.times,
        time_grain_ns: seen.time_grain_ns,
        case_sensitive: seen.case_sensitive,
        keeps_case: true,
        unicode: seen.unicode,
        names: seen.names,
        name_limit_bytes: name_limit_bytes.filter(|limit| *limit > 0).unwrap_or(USUAL_NAME_BYTES),
        path_limit_bytes: USUAL_PATH_BYTES.saturating_sub(above + 2),
        renames_folders: true,
        stages_from_existing: copies,
        parallel: u32::try_from(place.server.options().sessions * 4).unwrap_or(4).max(1),
    };
    Ok((capabilities, seen.refuses_to_replace))
}

async fn probe_once(place: &Place, session: &Arc<Session>) -> Result<Seen, SftpError> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| SftpError::Protocol(error.to_string()))?;
    let stem = [STAGED_PREFIX, b"probe-", to_hex(&random).as_bytes(), b"-"].concat();
    let path = |end: &[u8]| joined(&place.root, &[&stem, end].concat());
    // Composed, with a small letter.
    let first = path("a\u{e9}".as_bytes());
    let flags = open::READ | open::WRITE | open::CREATE | open::EXCLUSIVE;
    let file = match session.open(&first, flags, &Attributes::default()).await {
        Ok(file) => file,
        // Nothing can be made here, so nothing is known; the usual holds.
        Err(SftpError::Status { .. }) => return Ok(Seen::default()),
        Err(error) => return Err(error),
    };
    let wanted =
        Attributes { mode: Some(PROBE_MODE), times: Some((PROBE_TIME, PROBE_TIME)), ..Attributes::default() };
    let set = file.ask_set(&wanted).await?.wait().await?.into_done();
    let kept = file.attributes().await?;
    drop(file);
    let looked = look_for(session, &path).await;
    let others = try_others(session, &path).await;
    let renamed = try_rename(session, &first, &path(b"second")).await;
    session.remove(&first).await?;
    let refuses_to_replace = renamed?;
    let (case_sensitive, unicode) = looked?;
    let (symlinks, names) = others?;
    let time = kept.times.map(|(_, modified)| modified);
    Ok(Seen {
        case_sensitive,
        unicode,
        names,
        symlinks,
        modes: set.is_ok() && kept.mode.is_some_and(|mode| mode & 0o777 == PROBE_MODE),
        times: time.is_some_and(|time| time.abs_diff(PROBE_TIME) <= 1),
        time_grain_ns: if time == Some(PROBE_TIME) { 1_000_000_000 } else { 2_000_000_000 },
        refuses_to_replace,
    })
}

/// Whether the file is found under other spellings of its name.
async fn look_for(
    session: &Arc<Session>,
    path: &impl Fn(&[u8]) -> Vec<u8>,
) -> Result<(bool, UnicodeNames), SftpError> {
    let (large, decomposed) = (path("A\u{e9}".as_bytes()), path("ae\u{301}".as_bytes()));
    let large = session.lstat(&large).await?.is_some();
    let decomposed = session.lstat(&decomposed).await?.is_some();
    // Which form is stored matters only to whoever compares listings byte by byte; told apart they are not.
    let unicode = if decomposed { UnicodeNames::Insensitive } else { UnicodeNames::Kept };
    Ok((!large, unicode))
}

/// Tries whether a second file replaces the first when it is given its name.
async fn try_rename(session: &Arc<Session>, first: &[u8], second: &[u8]) -> Result<bool, SftpError> {
    let flags = open::WRITE | open::CREATE | open::EXCLUSIVE;
    session.open(second, flags, &Attributes::default()).await?.close().await?;
    let refuses = refuses_to_replace(session, second, first).await?;
    if refuses {
        session.remove(second).await?;
    }
    Ok(refuses)
}

/// Tries names other systems forbid, and a link.
async fn try_others(
    session: &Arc<Session>,
    path: &impl Fn(&[u8]) -> Vec<u8>,
) -> Result<(bool, NameRules), SftpError> {
    let (link, colon, bytes) = (path(b"link"), path(b"x:y"), path(b"\xff"));
    let symlinks = match session.make_link(b"target", &link).await {
        Ok(()) => {
            let made = session.lstat(&link).await?;
            session.remove(&link).await?;
            made.is_some_and(|made| is_link(made.mode))
        }
        Err(SftpError::Status { .. }) => false,
        Err(error) => return Err(error),
    };
    let names = if !takes(session, &colon).await? {
        NameRules::Windows
    } else if takes(session, &bytes).await? {
        NameRules::Bytes
    } else {
        NameRules::Text
    };
    Ok((symlinks, names))
}

async fn takes(session: &Arc<Session>, path: &[u8]) -> Result<bool, SftpError> {
    let flags = open::WRITE | open::CREATE | open::EXCLUSIVE;
    match session.open(path, flags, &Attributes::default()).await {
        Ok(file) => {
            file.close().await?;
            session.remove(path).await?;
            Ok(true)
        }
        Err(SftpError::Status { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
