//! What a WebDAV server can do, found out by trying it with a file of our own.
//!
//! Why: servers differ in names and in what they keep, and their names tell nothing. Invariants: the file begins like an
//! unfinished one, so nobody takes it for an item; a server that may only be read is told as one that keeps nothing.
//! Deliberately not here: what is done with it (`tree`).

use keepwell_model::id::to_hex;

use super::client::Client;
use super::tree::version;
use crate::error::EndpointError;
use crate::object::transport::Body;
use crate::tree::{Capabilities, NameRules, STAGED_PREFIX, UnicodeNames};

/// What is tried when names are composed and decomposed.
const COMPOSED: &str = "\u{e9}";
const DECOMPOSED: &str = "e\u{301}";

/// Tries what there is to try.
pub(super) fn probe(client: &Client) -> Result<Capabilities, EndpointError> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| {
        EndpointError::from_io("open", client.name(), std::io::Error::other(error.to_string()))
    })?;
    let stem = format!("{}probe-{}-a", String::from_utf8_lossy(STAGED_PREFIX), to_hex(&random));
    let name = format!("{stem}{COMPOSED}");
    let mut found = Capabilities {
        stable_ids: false,
        strong_versions: false,
        folders: true,
        symlinks: false,
        modes: false,
        extended_attributes: false,
        times: false,
        time_grain_ns: 1_000_000_000,
        case_sensitive: true,
        keeps_case: true,
        unicode: UnicodeNames::Kept,
        names: NameRules::Text,
        // What file systems below servers take.
        name_limit_bytes: 255,
        path_limit_bytes: 4000,
        renames_folders: true,
        stages_from_existing: false,
        parallel: 8,
    };
    match client.write(&name, Body::Bytes(bytes::Bytes::from_static(b"probe"))) {
        Ok(()) => {}
        // It may be read all the same.
        Err(EndpointError::PermissionDenied { .. }) => return Ok(found),
        Err(error) => return Err(error),
    }
    let probed = try_all(client, &name, &stem, &mut found);
    // Also after trouble; a leftover is no item.
    let _ = client.remove(&name);
    probed.map(|()| found)
}

fn try_all(client: &Client, name: &str, stem: &str, found: &mut Capabilities) -> Result<(), EndpointError> {
    let is_there = |name: &str| match client.stat(name) {
        Ok(_) => Ok(true),
        Err(EndpointError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    let before = version(&client.stat(name)?);
    // Another content of the same length, right away: what etags of whole seconds do not notice.
    client.write(name, Body::Bytes(bytes::Bytes::from_static(b"PROBE")))?;
    let after = version(&client.stat(name)?);
    found.strong_versions = !after.is_unknown() && before != after;
    if client.note(name, "modified", "1 2 3")? && client.stat(name)?.noted.as_deref() == Some("1 2 3") {
        found.times = true;
        found.time_grain_ns = 1;
    }
    found.case_sensitive = !is_there(&format!("{}A{COMPOSED}", stem.trim_end_matches('a')))?;
    let both = is_there(&format!("{stem}{DECOMPOSED}"))?;
    let listed = client.list("")?;
    let as_listed = |form: &str| listed.iter().any(|(listed, _)| *listed == format!("{stem}{form}"));
    found.unicode = match (both, as_listed(COMPOSED)) {
        (false, true) => UnicodeNames::Kept,
        (true, true) => UnicodeNames::Insensitive,
        (_, false) => UnicodeNames::Decomposed,
    };
    Ok(())
}
