//! What a server shows to prove who it is: the vocabulary of errors and questions about it.
//!
//! Deliberately not here: which keys are trusted (`sftp::known_hosts`).

/// The key a server showed, as a person has to judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// The server's name or number, as the person wrote it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The kind of key: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
    pub algorithm: String,
    /// `SHA256:…`, as OpenSSH shows it.
    pub fingerprint: String,
    /// The public key in OpenSSH's form: what is kept when the person accepts it.
    pub public_key: String,
}
