//! Which servers are the right ones: the person's own `known_hosts`, and one of ours beside it.
//!
//! Why both: who uses `ssh` has accepted servers already and must not be asked again; who does not, gets a file in the
//! same form that belongs to Keepwell. The person's files are read and never written. Invariants:
//! 1. A server nobody accepted is never trusted by itself: its key is handed back as a question.
//! 2. A server of which any key is known and that shows another is refused, even if it is of another kind: otherwise
//!    whoever stands in between needs only to offer a kind that is not known yet.
//! 3. A revoked key is refused wherever else it may stand.
//!
//! Deliberately not here: certificates of servers (`@cert-authority` lines are passed over).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::HostPatterns;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use sha1::Sha1;

use crate::error::EndpointError;
use crate::server_key::ServerKey;

/// The port of SSH, which is not written down in these files.
const SSH_PORT: u16 = 22;

/// A larger file is no list of hosts.
const FILE_LIMIT_BYTES: u64 = 16 << 20;

/// The lists of servers that were accepted.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    read_only: Vec<PathBuf>,
    own: Option<PathBuf>,
}

/// What the lists say about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    Unknown,
    /// Where another key is written down, with its fingerprint.
    Changed(String),
}

/// A line about the host in question.
struct Line {
    file: PathBuf,
    number: usize,
    revoked: bool,
    /// Whether the line names the port too (or the port is that of SSH).
    exact: bool,
    key: PublicKey,
}

impl KnownHosts {
    /// The files a person's `ssh` uses, found below the home folder and in the system's place.
    #[must_use]
    pub fn of_person(home: Option<&Path>) -> Self {
        let mut read_only = Vec::new();
        if let Some(home) = home {
            read_only.extend(["known_hosts", "known_hosts2"].map(|name| home.join(".ssh").join(name)));
        }
        if cfg!(unix) {
            read_only.push(PathBuf::from("/etc/ssh/ssh_known_hosts"));
        }
        Self { read_only, own: None }
    }

    /// Another file that is read and never written.
    #[must_use]
    pub fn and_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.read_only.push(path.into());
        self
    }

    /// The file of ours, to which accepted servers are added; it need not exist yet.
    #[must_use]
    pub fn and_own(mut self, path: impl Into<PathBuf>) -> Self {
        self.own = Some(path.into());
        self
    }

    /// Writes an accepted server down, in place of what our own file said of it. What the person's files say stays:
    /// they are theirs to change.
    ///
    /// # Errors
    /// There is no file of ours, it can not be written, or the key makes no sense.
    pub fn accept(&self, key: &ServerKey) -> Result<(), EndpointError> {
        let Some(own) = &self.own else {
            let why = "there is no file to write the accepted server to".to_owned();
            return Err(EndpointError::Unexpected { path: key.host.clone(), why });
        };
        let shown = own.display().to_string();
        let public = PublicKey::from_openssh(&key.public_key).map_err(|error| EndpointError::Unexpected {
            path: shown.clone(),
            why: format!("the server's key can not be written down: {error}"),
        })?;
        let failed = |error| EndpointError::from_io("write", shown.clone(), error);
        let name = name_of(&key.host, key.port);
        if name.contains(|character: char| {
            character.is_whitespace() || matches!(character, ',' | '#' | '@' | '!' | '|')
        }) {
            return Err(EndpointError::Unexpected {
                path: key.host.clone(),
                why: "it is no name of a server".to_owned(),
            });
        }
        let mut text = String::new();
        for line in read(own)?.unwrap_or_default().lines() {
            let about_it = fields(line).is_some_and(|fields| matches(fields.hosts, &name));
            if !about_it {
                text.push_str(line);
                text.push('\n');
            }
        }
        let public = public.to_openssh().map_err(|error| failed(io::Error::other(error.to_string())))?;
        let words: Vec<&str> = public.split_whitespace().take(2).collect();
        text.push_str(&format!("{name} {}\n", words.join(" ")));
        replace(own, &text).map_err(failed)
    }

    /// As [`accept`](Self::accept), but only for a server of which no key is known: one that shows another key than
    /// before is never accepted by a simple yes.
    ///
    /// # Errors
    /// As [`accept`](Self::accept), or another key is known ([`EndpointError::ServerChanged`]).
    pub fn accept_unknown(&self, key: &ServerKey) -> Result<(), EndpointError> {
        let public = parsed(key)?;
        match self.judge(&key.host, key.port, &public)? {
            Verdict::Known => Ok(()),
            Verdict::Unknown => self.accept(key),
            Verdict::Changed(known) => Err(EndpointError::ServerChanged {
                path: name_of(&key.host, key.port),
                key: Box::new(key.clone()),
                known,
            }),
        }
    }

    /// Takes back what was accepted of a server here. Answers whether there was anything, and where else a key of it is
    /// written down: those files are the person's to change.
    ///
    /// # Errors
    /// A list can not be read, or ours not be written.
    pub fn forget(&self, host: &str, port: u16) -> Result<(bool, Vec<PathBuf>), EndpointError> {
        let name = name_of(host, port);
        let mut was_known = false;
        if let Some(own) = &self.own
            && let Some(text) = read(own)?
        {
            let is_about_it = |line: &&str| fields(line).is_some_and(|fields| matches(fields.hosts, &name));
            let (about_it, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(is_about_it);
            if !about_it.is_empty() {
                was_known = true;
                let text: String = rest.into_iter().flat_map(|line| [line, "\n"]).collect();
                let shown = own.display().to_string();
                replace(own, &text).map_err(|error| EndpointError::from_io("write", shown, error))?;
            }
        }
        let others = self.lines(host, port)?.into_iter().filter(|line| line.exact && !line.revoked);
        let mut elsewhere: Vec<PathBuf> = others.map(|line| line.file).collect();
        elsewhere.dedup();
        Ok((was_known, elsewhere))
    }

    /// Kinds of keys that are known of a server: it is asked to show one of them.
    pub(super) fn kinds(&self, host: &str, port: u16) -> Result<Vec<Algorithm>, EndpointError> {
        let lines = self.lines(host, port)?;
        Ok(lines.into_iter().filter(|line| !line.revoked).map(|line| line.key.algorithm()).collect())
    }

    pub(super) fn judge(&self, host: &str, port: u16, key: &PublicKey) -> Result<Verdict, EndpointError> {
        let lines = self.lines(host, port)?;
        let told = |line: &Line| {
            let fingerprint = line.key.fingerprint(HashAlg::Sha256);
            format!("{fingerprint} (line {} of {})", line.number, line.file.display())
        };
        let same = |line: &&Line| line.key.key_data() == key.key_data();
        if let Some(line) = lines.iter().filter(|line| line.revoked).find(same) {
            return Ok(Verdict::Changed(format!("revoked: {}", told(line))));
        }
        if lines.iter().any(|line| same(&line) && !line.revoked) {
            return Ok(Verdict::Known);
        }
        let other = lines.iter().find(|line| line.exact && !line.revoked);
        Ok(other.map_or(Verdict::Unknown, |line| Verdict::Changed(told(line))))
    }

    fn lines(&self, host: &str, port: u16) -> Result<Vec<Line>, EndpointError> {
        let exact_name = name_of(host, port);
        let bare_name = name_of(host, SSH_PORT);
        let mut found = Vec::new();
        for file in self.read_only.iter().chain(&self.own) {
            let Some(text) = read(file)? else { continue };
            for (index, line) in text.lines().enumerate() {
                let Some(fields) = fields(line) else { continue };
                let exact = matches(fields.hosts, &exact_name);
                if !exact && !matches(fields.hosts, &bare_name) {
                    continue;
                }
                // A line with a key of a kind we do not know says nothing to us.
                let Ok(key) = PublicKey::from_openssh(&format!("{} {}", fields.kind, fields.key)) else {
                    continue;
                };
                let file = file.clone();
                found.push(Line { file, number: index + 1, revoked: fields.revoked, exact, key });
            }
        }
        Ok(found)
    }
}

/// A key as a server showed it. Its kind and fingerprint are worked out here, never believed.
///
/// # Errors
/// It is no public key in OpenSSH's form.
pub fn server_key(host: &str, port: u16, public_key: &str) -> Result<ServerKey, EndpointError> {
    let mut key = ServerKey {
        host: host.to_owned(),
        port,
        algorithm: String::new(),
        fingerprint: String::new(),
        public_key: public_key.to_owned(),
    };
    let public = parsed(&key)?;
    key.algorithm = public.algorithm().to_string();
    key.fingerprint = public.fingerprint(HashAlg::Sha256).to_string();
    Ok(key)
}

fn parsed(key: &ServerKey) -> Result<PublicKey, EndpointError> {
    PublicKey::from_openssh(&key.public_key).map_err(|error| EndpointError::Unexpected {
        path: name_of(&key.host, key.port),
        why: format!("what it shows is no key: {error}"),
    })
}

/// The name a server has in these files.
fn name_of(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == SSH_PORT { host } else { format!("[{host}]:{port}") }
}

struct Fields<'a> {
    revoked: bool,
    hosts: &'a str,
    kind: &'a str,
    key: &'a str,
}

fn fields(line: &str) -> Option<Fields<'_>> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let mut words = line.split_whitespace();
    let mut hosts = words.next()?;
    let revoked = hosts == "@revoked";
    if revoked {
        hosts = words.next()?;
    } else if hosts.starts_with('@') {
        return None;
    }
    Some(Fields { revoked, hosts, kind: words.next()?, key: words.next()? })
}

fn matches(hosts: &str, name: &str) -> bool {
    match hosts.parse::<HostPatterns>() {
        Ok(HostPatterns::HashedName { salt, hash }) => Hmac::<Sha1>::new_from_slice(&salt)
            .is_ok_and(|mac| mac.chain_update(name).verify_slice(&hash).is_ok()),
        Ok(HostPatterns::Patterns(patterns)) => {
            let mut found = false;
            for pattern in patterns {
                match pattern.strip_prefix('!') {
                    Some(pattern) if fits(&pattern.to_ascii_lowercase(), name) => return false,
                    Some(_) => {}
                    None => found |= fits(&pattern.to_ascii_lowercase(), name),
                }
            }
            found
        }
        Err(_) => false,
    }
}

/// Whether a pattern with `*` and `?` fits the whole name. Goes back to the last star only, so it ends soon.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut star, mut from) = (0, None, 0);
    let mut next = 0;
    while next < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some(at);
                from = next;
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[next] => {
                at += 1;
                next += 1;
            }
            _ => match star {
                Some(place) => {
                    at = place + 1;
                    from += 1;
                    next = from;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The text of a list; nothing where there is none.
fn read(path: &Path) -> Result<Option<String>, EndpointError> {
    let failed = |error| EndpointError::from_io("read", path.display().to_string(), error);
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.len() > FILE_LIMIT_BYTES => {
            let why = "it is too large for a list of known servers".to_owned();
            return Err(EndpointError::Unexpected { path: path.display().to_string(), why });
        }
        Ok(_) => {}
    }
    Ok(Some(String::from_utf8_lossy(&fs::read(path).map_err(failed)?).into_owned()))
}

/// Puts a new list in place of the old one, at once.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let mut file = fs::File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&temporary, path)
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
