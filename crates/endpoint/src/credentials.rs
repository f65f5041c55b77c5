//! What opens a place that is not on this machine, kept apart from its address and wiped when dropped.
//!
//! Invariants: values never print, not even by mistake in a log; the text for the keyring reads back the same; the
//! environment is never read here: a host hands over what it found. Deliberately not here: where secrets are kept
//! (`catalog`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::address::Address;

/// How one signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// Not at all: a public bucket, an open server.
    None,
    /// `user` and `password`.
    Password,
    /// `token`: sent as it is with every request.
    Token,
    /// `access_key_id`, `secret_access_key`, and `session_token` where they are temporary.
    AccessKey,
    /// `account_key` of an Azure storage account.
    AccountKey,
    /// `sas_token` of Azure.
    SharedAccess,
    /// `client_email` and `private_key` of a Google service account.
    ServiceAccount,
    /// `path` of a key file, with its `passphrase` where it has one.
    KeyFile,
}

/// What opens a place.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// How one signs in.
    pub kind: CredentialKind,
    fields: BTreeMap<String, Zeroizing<String>>,
}

/// Text that is no credentials of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what is kept for this place are no credentials of Keepwell")]
pub struct CredentialsError;

#[derive(Serialize, Deserialize)]
struct Kept {
    kind: CredentialKind,
    #[serde(flatten)]
    fields: BTreeMap<String, String>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.fields.values_mut().for_each(Zeroize::zeroize);
    }
}

impl Credentials {
    /// For a place that asks for nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { kind: CredentialKind::None, fields: BTreeMap::new() }
    }

    /// With these fields; those that are empty are left out.
    #[must_use]
    pub fn new(kind: CredentialKind, fields: &[(&str, &str)]) -> Self {
        let kept = fields.iter().filter(|(_, value)| !value.is_empty());
        let fields = kept.map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned())));
        Self { kind, fields: fields.collect() }
    }

    /// One field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.as_str())
    }

    /// The text the keyring keeps.
    ///
    /// # Errors
    /// None of ours can fail; the format's library may.
    pub fn to_text(&self) -> Result<Zeroizing<String>, CredentialsError> {
        let fields = self.fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let kept = Kept { kind: self.kind, fields };
        serde_json::to_string(&kept).map(Zeroizing::new).map_err(|_| CredentialsError)
    }

    /// Reads the text the keyring kept.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn from_text(text: &str) -> Result<Self, CredentialsError> {
        let mut kept: Kept = serde_json::from_str(text).map_err(|_| CredentialsError)?;
        let fields = std::mem::take(&mut kept.fields).into_iter();
        Ok(Self {
            kind: kept.kind,
            fields: fields.map(|(name, value)| (name, Zeroizing::new(value))).collect(),
        })
    }

    /// What a set of named values (a program's environment) holds for a place: the names the tools of that service use,
    /// and Keepwell's own `KEEPWELL_PLACE_USER`, `KEEPWELL_PLACE_PASSWORD`, `KEEPWELL_PLACE_TOKEN`, which come first.
    pub fn from_names(address: &Address, value_of: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let find = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| value_of(name));
            found.find(|value| !value.is_empty()).map(Zeroizing::new)
        };
        let made = |kind, fields: &[(&str, &Option<Zeroizing<String>>)]| {
            let fields: Vec<(&str, &str)> =
                fields.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.as_str()))).collect();
            Self::new(kind, &fields)
        };
        let user = find(&["KEEPWELL_PLACE_USER"]);
        let password = find(&["KEEPWELL_PLACE_PASSWORD"]);
        let token = find(&["KEEPWELL_PLACE_TOKEN"]);
        match address {
            Address::Local(_) => None,
            Address::S3 { .. } => {
                let id = user.or_else(|| find(&["AWS_ACCESS_KEY_ID"]));
                let secret = password.or_else(|| find(&["AWS_SECRET_ACCESS_KEY"]));
                let session = token.or_else(|| find(&["AWS_SESSION_TOKEN"]));
                (id.is_some() && secret.is_some()).then(|| {
                    let fields =
                        [("access_key_id", &id), ("secret_access_key", &secret), ("session_token", &session)];
                    made(CredentialKind::AccessKey, &fields)
                })
            }
            Address::Azure { .. } => {
                let shared = token.or_else(|| find(&["AZURE_STORAGE_SAS_TOKEN"]));
                let key = password.or_else(|| find(&["AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY"]));
                match (&key, &shared) {
                    (Some(_), _) => Some(made(CredentialKind::AccountKey, &[("account_key", &key)])),
                    (None, Some(_)) => Some(made(CredentialKind::SharedAccess, &[("sas_token", &shared)])),
                    (None, None) => None,
                }
            }
            Address::Gcs { .. } => {
                let token = token.or_else(|| find(&["GOOGLE_OAUTH_ACCESS_TOKEN"]));
                let email = user.or_else(|| find(&["GOOGLE_CLIENT_EMAIL"]));
                let key = password.or_else(|| find(&["GOOGLE_PRIVATE_KEY"]));
                if email.is_some() && key.is_some() {
                    let fields = [("client_email", &email), ("private_key", &key)];
                    Some(made(CredentialKind::ServiceAccount, &fields))
                } else {
                    token.is_some().then(|| made(CredentialKind::Token, &[("token", &token)]))
                }
            }
            Address::WebDav { .. } | Address::Sftp { .. } => match (&user, &password, &token) {
                (_, _, Some(_)) => Some(made(CredentialKind::Token, &[("token", &token)])),
                (None, None, None) => None,
                _ => Some(made(CredentialKind::Password, &[("user", &user), ("password", &password)])),
            },
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.fields.keys().collect();
        formatter.debug_struct("Credentials").field("kind", &self.kind).field("fields", &names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_keyring_keeps_reads_back_and_nothing_prints() {
        let credentials = Credentials::new(
            CredentialKind::AccessKey,
            &[("access_key_id", "AKIA"), ("secret_access_key", "s3cr\"et\n"), ("session_token", "")],
        );
        let text = credentials.to_text().unwrap();
        assert_eq!(Credentials::from_text(&text).unwrap(), credentials);
        assert_eq!(credentials.get("session_token"), None);
        let printed = format!("{credentials:?}");
        assert!(
            printed.contains("secret_access_key") && !printed.contains("s3cr") && !printed.contains("AKIA")
        );
        assert_eq!(Credentials::from_text("{\"kind\":\"strange\"}"), Err(CredentialsError));
        assert_eq!(Credentials::from_text("hunter2"), Err(CredentialsError));
        let none = Credentials::none();
        assert_eq!(Credentials::from_text(&none.to_text().unwrap()).unwrap(), none);
    }

    #[test]
    fn the_names_each_service_uses_are_known_and_ours_come_first() {
        let known = |names: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                names.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            }
        };
        let aws = known(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]);
        let found = Credentials::from_names(&address("s3://b"), aws).unwrap();
        assert_eq!((found.get("access_key_id"), found.get("secret_access_key")), (Some("a"), Some("b")));
        let ours = known(&[
            ("KEEPWELL_PLACE_USER", "u"),
            ("KEEPWELL_PLACE_PASSWORD", "p"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
        ]);
        let found = Credentials::from_names(&address("s3://b"), ours).unwrap();
        assert_eq!((found.get("access_key_id"), found.get("secret_access_key")), (Some("u"), Some("p")));
        let found = Credentials::from_names(&address("webdav://h/x"), ours).unwrap();
        assert_eq!((found.kind, found.get("user")), (CredentialKind::Password, Some("u")));
        assert_eq!(Credentials::from_names(&address("/x"), ours), None);
        assert_eq!(Credentials::from_names(&address("s3://b"), |_| None), None);
        let azure = known(&[("AZURE_STORAGE_KEY", "k")]);
        let found = Credentials::from_names(&address("azure://c?account=a"), azure).unwrap();
        assert_eq!((found.kind, found.get("account_key")), (CredentialKind::AccountKey, Some("k")));
    }
}
