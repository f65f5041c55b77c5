//! Addresses of places: one text a person can read, write and paste, and the secrets that open it kept apart.
//!
//! Invariants: an address never holds a secret, and a text that does is refused rather than cut; what is printed reads
//! back as the same address; nothing is guessed: an unknown scheme or option is an error. Deliberately not here:
//! speaking to the place (`open`), where secrets are kept (`catalog`).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The longest address taken, in bytes.
pub const ADDRESS_LIMIT_BYTES: usize = 4096;

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing is known under this scheme.
    #[error("{scheme}:// is no kind of place Keepwell knows")]
    UnknownScheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// It holds a password or a key.
    #[error("an address must not hold a password or a key")]
    HoldsSecret,
    /// Something in it can not be understood.
    #[error("{part}: {why}")]
    Malformed {
        /// The part of the address.
        part: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl AddressError {
    /// What the person can do next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::UnknownScheme { .. } => {
                "Use a path, or s3://, azure://, gcs://, webdav://, webdavs:// or sftp://."
            }
            Self::HoldsSecret => {
                "Leave it out of the address; Keepwell asks for it and keeps it in the keyring."
            }
            Self::Malformed { .. } => "Correct this part of the address.",
        }
    }
}

/// Where a place is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// A folder of this machine.
    Local(PathBuf),
    /// A bucket of Amazon S3 or a compatible service.
    S3 {
        /// The bucket.
        bucket: String,
        /// The folder in it, without slashes at its ends; empty for the whole bucket.
        prefix: String,
        /// Where the service is; Amazon's own where absent.
        endpoint: Option<String>,
        /// The region; `us-east-1` where absent.
        region: Option<String>,
        /// The bucket's name is part of the host name rather than of the path.
        bucket_in_host: bool,
    },
    /// A folder on a WebDAV server.
    WebDav {
        /// Over TLS.
        secure: bool,
        /// The host, with its port where that is not the usual one.
        host: String,
        /// The folder, without slashes at its ends, not encoded.
        path: String,
    },
    /// A container of Azure Blob Storage.
    Azure {
        /// The container.
        container: String,
        /// The folder in it.
        prefix: String,
        /// The storage account.
        account: String,
        /// Where the service is; the account's host at Microsoft where absent.
        endpoint: Option<String>,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// The bucket.
        bucket: String,
        /// The folder in it.
        prefix: String,
        /// Where the service is; Google's own where absent.
        endpoint: Option<String>,
    },
    /// A folder on an SSH server.
    Sftp {
        /// The account there; this machine's where absent.
        user: Option<String>,
        /// The host.
        host: String,
        /// The port; 22 where absent.
        port: Option<u16>,
        /// The folder, beginning with a slash; `/~/…` is below the account's home folder.
        path: String,
    },
}

impl Address {
    /// The folder of this machine, if it is one.
    #[must_use]
    pub fn local(&self) -> Option<&std::path::Path> {
        match self {
            Self::Local(path) => Some(path),
            _ => None,
        }
    }

    /// Whether a text is meant as the address of a place that is not on this machine. `C:\data` is a path.
    #[must_use]
    pub fn is_remote(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
        })
    }

    /// The address of a folder below this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::Local(path) => path.push(name),
            Self::S3 { prefix: path, .. }
            | Self::Azure { prefix: path, .. }
            | Self::Gcs { prefix: path, .. }
            | Self::WebDav { path, .. }
            | Self::Sftp { path, .. } => {
                if !path.is_empty() && !path.ends_with('/') {
                    path.push('/');
                }
                path.push_str(name);
            }
        }
        other
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_LIMIT_BYTES {
            return Err(malformed("the address", "it is too long"));
        }
        if !Self::is_remote(text) {
            return if text.is_empty() {
                Err(malformed("the address", "it is empty"))
            } else {
                Ok(Self::Local(PathBuf::from(text)))
            };
        }
        let parts = Parts::of(text)?;
        match parts.scheme.as_str() {
            "s3" => parts.s3(),
            "webdav" | "webdavs" => parts.web_dav(),
            "azure" => parts.azure(),
            "gcs" => parts.gcs(),
            "sftp" => parts.sftp(),
            other => Err(AddressError::UnknownScheme { scheme: other.to_owned() }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(formatter, "{}", path.display()),
            Self::S3 { bucket, prefix, endpoint, region, bucket_in_host } => {
                write!(formatter, "s3://{bucket}{}", below_host(prefix))?;
                let style = bucket_in_host.then(|| "host".to_owned());
                write_options(formatter, &[("endpoint", endpoint), ("region", region), ("bucket-in", &style)])
            }
            Self::WebDav { secure, host, path } => {
                write!(formatter, "webdav{}://{host}{}", if *secure { "s" } else { "" }, below_host(path))
            }
            Self::Azure { container, prefix, account, endpoint } => {
                write!(formatter, "azure://{container}{}", below_host(prefix))?;
                write_options(formatter, &[("account", &Some(account.clone())), ("endpoint", endpoint)])
            }
            Self::Gcs { bucket, prefix, endpoint } => {
                write!(formatter, "gcs://{bucket}{}", below_host(prefix))?;
                write_options(formatter, &[("endpoint", endpoint)])
            }
            Self::Sftp { user, host, port, path } => {
                formatter.write_str("sftp://")?;
                if let Some(user) = user {
                    write!(formatter, "{}@", encode(user))?;
                }
                formatter.write_str(host)?;
                if let Some(port) = port {
                    write!(formatter, ":{port}")?;
                }
                formatter.write_str(&encode(path))
            }
        }
    }
}

fn malformed(part: impl Into<String>, why: &'static str) -> AddressError {
    AddressError::Malformed { part: part.into(), why }
}

/// A remote address taken apart.
struct Parts {
    scheme: String,
    /// What stands before `@`.
    user: Option<String>,
    /// Host and port, or the bucket.
    host: String,
    /// Decoded, with its first slash where there is one.
    path: String,
    options: Vec<(String, String)>,
}

impl Parts {
    fn of(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        if rest.contains('#') {
            return Err(malformed("#", "write it as %23"));
        }
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (user, host) = match authority.rsplit_once('@') {
            // What follows a colon before the @ is a password.
            Some((user, _)) if user.contains(':') => return Err(AddressError::HoldsSecret),
            Some((user, host)) => (Some(decode(user)?), host),
            None => (None, authority),
        };
        if host.is_empty() || host.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return Err(malformed(authority, "this is no host or bucket"));
        }
        let mut options = Vec::new();
        for option in query.unwrap_or_default().split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let name = name.to_ascii_lowercase();
            if ["password", "secret", "token", "key", "sas", "sig"].iter().any(|word| name.contains(word)) {
                return Err(AddressError::HoldsSecret);
            }
            options.push((name, decode(value)?));
        }
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user,
            host: host.to_owned(),
            path: decode(path)?,
            options,
        })
    }

    /// Takes an option out.
    fn option(&mut self, name: &str) -> Option<String> {
        let at = self.options.iter().position(|(known, value)| known == name && !value.is_empty())?;
        Some(self.options.remove(at).1)
    }

    fn endpoint(&mut self) -> Result<Option<String>, AddressError> {
        let Some(endpoint) = self.option("endpoint") else { return Ok(None) };
        let full = if endpoint.contains("://") { endpoint } else { format!("https://{endpoint}") };
        let rest = full.strip_prefix("https://").or_else(|| full.strip_prefix("http://"));
        match rest {
            Some(rest) if rest.contains('@') => Err(AddressError::HoldsSecret),
            Some(rest) if !rest.is_empty() && !rest.contains(['?', '#', ' ']) => {
                Ok(Some(full.trim_end_matches('/').to_owned()))
            }
            _ => Err(malformed(full, "an endpoint looks like https://host")),
        }
    }

    /// The folder, without slashes at its ends.
    fn folder(&self) -> Result<String, AddressError> {
        let folder = self.path.trim_matches('/');
        if !folder.is_empty() && folder.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(malformed(folder, "a folder has no empty, \".\" or \"..\" part"));
        }
        if folder.trim() != folder || folder.chars().any(char::is_control) {
            return Err(malformed(folder, "a folder has no space at its ends and no control characters"));
        }
        Ok(folder.to_owned())
    }

    /// Nothing may be left over.
    fn done(&self) -> Result<(), AddressError> {
        match self.options.first() {
            Some((name, _)) => Err(malformed(name.clone(), "this option is not known here")),
            None => Ok(()),
        }
    }

    fn no_user(&self) -> Result<(), AddressError> {
        match &self.user {
            Some(user) => {
                Err(malformed(user.clone(), "the account is asked for, it is no part of this address"))
            }
            None => Ok(()),
        }
    }

    fn bucket(&self) -> Result<String, AddressError> {
        self.no_user()?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if self.host.len() > 255 || !self.host.bytes().all(allowed) {
            return Err(malformed(self.host.clone(), "a bucket's name has letters, digits, dots, hyphens"));
        }
        Ok(self.host.clone())
    }

    fn s3(mut self) -> Result<Address, AddressError> {
        let (bucket, prefix) = (self.bucket()?, self.folder()?);
        let (endpoint, region) = (self.endpoint()?, self.option("region"));
        let bucket_in_host = match self.option("bucket-in").as_deref() {
            None | Some("path") => false,
            Some("host") => true,
            Some(_) => return Err(malformed("bucket-in", "it is path or host")),
        };
        self.done()?;
        Ok(Address::S3 { bucket, prefix, endpoint, region, bucket_in_host })
    }

    fn azure(mut self) -> Result<Address, AddressError> {
        let (container, prefix) = (self.bucket()?, self.folder()?);
        let account = self.option("account").ok_or_else(|| malformed("account", "add ?account=NAME"))?;
        let endpoint = self.endpoint()?;
        self.done()?;
        Ok(Address::Azure { container, prefix, account, endpoint })
    }

    fn gcs(mut self) -> Result<Address, AddressError> {
        let (bucket, prefix) = (self.bucket()?, self.folder()?);
        let endpoint = self.endpoint()?;
        self.done()?;
        Ok(Address::Gcs { bucket, prefix, endpoint })
    }

    fn web_dav(self) -> Result<Address, AddressError> {
        self.no_user()?;
        self.done()?;
        Ok(Address::WebDav { secure: self.scheme == "webdavs", path: self.folder()?, host: self.host })
    }

    fn sftp(self) -> Result<Address, AddressError> {
        self.done()?;
        let folder = self.folder()?;
        // An address in brackets holds colons of its own.
        let (host, port) = match self.host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().map_err(|_| malformed(port, "this is no port"))?;
                (host.to_owned(), Some(port))
            }
            _ => (self.host.clone(), None),
        };
        if host.is_empty() {
            return Err(malformed(self.host, "the host is missing"));
        }
        Ok(Address::Sftp { user: self.user, host, port, path: format!("/{folder}") })
    }
}

/// A folder as it stands after a host.
fn below_host(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("/{}", encode(folder)) }
}

fn write_options(formatter: &mut fmt::Formatter<'_>, options: &[(&str, &Option<String>)]) -> fmt::Result {
    let mut before = '?';
    for (name, value) in options {
        if let Some(value) = value {
            write!(formatter, "{before}{name}={}", encode(value))?;
            before = '&';
        }
    }
    Ok(())
}

/// Only what would be read as something else is encoded: an address is for people.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '%' | '?' | '#' | '&' | '@' | ' ' => encoded.push_str(&format!("%{:02X}", letter as u32)),
            _ => encoded.push(letter),
        }
    }
    encoded
}

fn decode(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| malformed(text, "after % there are two hexadecimal digits"))?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| malformed(text, "it is no UTF-8 text"))
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
