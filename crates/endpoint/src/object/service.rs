//! A service, opened: the operator that speaks to it, and what is asked of it in one place.
//!
//! Invariants: paths given to OpenDAL are exactly the keys meant (it trims spaces at the ends of a path, so such keys
//! never get here); a listing is gathered whole or is an error. Deliberately not here: what the objects are for.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use opendal::options::{DeleteOptions, ListOptions, ReadOptions, WriteOptions};
use opendal::services::{Azblob, Gcs, S3};
use opendal::{Buffer, Entry, Error, ErrorKind, HttpTransporter, Metadata, OperationContext, Operator};

use super::moving::is_same;
use super::runtime;
use super::transport::{Transport, asked_once, sent_once};
use super::unfinished::Uploads;
use super::{PART_BYTES, errors};
use crate::address::Address;
use crate::credentials::{CredentialKind, Credentials};
use crate::error::EndpointError;
use crate::retry::Patience;

/// How old something unfinished is before nobody can be at it any more.
pub(super) const ABANDONED_MS: i64 = 24 * 60 * 60 * 1000;
/// What all our objects are to a service: bytes.
pub(crate) const CONTENT_TYPE: &str = "application/octet-stream";
/// The most objects one listing may have: beyond it the memory of a list is not worth having.
const LISTING_LIMIT: usize = 20_000_000;

/// A service, opened at a folder of a bucket. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) operator: Operator,
    /// The address, as a person knows it.
    pub(crate) name: Arc<str>,
    /// Unfinished uploads, where the service lists them.
    pub(crate) uploads: Option<Arc<Uploads>>,
    /// How long it goes on where requests must not be repeated blindly.
    patience: Patience,
    /// Found out by the first upload whose etag is not its sum.
    pub(crate) etags_are_no_sums: Arc<AtomicBool>,
}

impl Service {
    /// Opens the service of an address. Nothing is asked of it yet.
    ///
    /// # Errors
    /// The address is not one of an object service, or does not fit the credentials.
    pub(crate) fn open(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        let name = address.to_string();
        let transport = Transport::new(patience.clone())
            .map_err(|error| EndpointError::Unreachable { path: name.clone(), why: error.to_string() })?;
        let mut uploads = None;
        let operator = match address {
            Address::S3 { .. } => {
                uploads = Some(Arc::new(Uploads::new(address, credentials, transport.clone())));
                s3(address, credentials)
            }
            Address::Azure { .. } => azure(address, credentials),
            Address::Gcs { .. } => gcs(address, credentials),
            _ => Err(Error::new(ErrorKind::ConfigInvalid, "this is no bucket")),
        };
        let operator = operator.map_err(|error| errors::sorted("open", name.clone(), &error))?;
        let context = OperationContext::new().with_http_transport(HttpTransporter::new(transport));
        Ok(Self {
            operator: operator.with_context(context),
            name: name.into(),
            uploads,
            patience: patience.clone(),
            etags_are_no_sums: Arc::default(),
        })
    }

    /// What a key is called in errors.
    pub(crate) fn path(&self, key: &str) -> String {
        match self.name.split_once('?') {
            _ if key.is_empty() => self.name.to_string(),
            // Options belong behind the key, and say nothing about it.
            Some((before, _)) => format!("{before}/{key}"),
            None => format!("{}/{key}", self.name),
        }
    }

    pub(crate) fn failed(&self, action: &'static str, key: &str, error: &Error) -> EndpointError {
        errors::sorted(action, self.path(key), error)
    }

    /// Runs work on the runtime, and says what failed in the words of this crate.
    pub(crate) fn run<T, W>(&self, action: &'static str, key: &str, work: W) -> Result<T, EndpointError>
    where
        T: Send + 'static,
        W: Future<Output = opendal::Result<T>> + Send + 'static,
    {
        runtime::wait(work)
            .map_err(|error| EndpointError::from_io(action, self.path(key), error))?
            .map_err(|error| self.failed(action, key, &error))
    }

    /// What is known of an object.
    pub(crate) fn stat(&self, key: &str) -> Result<Metadata, EndpointError> {
        let (operator, wanted) = (self.operator.clone(), key.to_owned());
        self.run("read", key, async move { operator.stat(&wanted).await })
    }

    /// What is known of an object; "internal error" is taken for an answer at once.
    pub(crate) fn stat_once(&self, key: &str) -> Result<Metadata, EndpointError> {
        let (operator, wanted) = (self.operator.clone(), key.to_owned());
        self.run("read", key, asked_once(async move { operator.stat(&wanted).await }))
    }

    /// Whether there is an object.
    pub(crate) fn has(&self, key: &str) -> Result<bool, EndpointError> {
        match self.stat(key) {
            Ok(_) => Ok(true),
            Err(EndpointError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// So many bytes from there on, or fewer where the object ends.
    pub(crate) fn read(
        &self,
        key: &str,
        offset_bytes: u64,
        length_bytes: usize,
        version: Option<String>,
    ) -> Result<Buffer, EndpointError> {
        let (operator, wanted) = (self.operator.clone(), key.to_owned());
        let end = offset_bytes.saturating_add(length_bytes as u64);
        let options = ReadOptions {
            range: (offset_bytes..end).into(),
            if_match: version,
            // Large ranges travel side by side.
            chunk: Some(PART_BYTES),
            concurrent: 4,
            ..ReadOptions::default()
        };
        let is_of_one_version = options.if_match.is_some();
        match self.run("read", key, async move { operator.read_options(&wanted, options).await }) {
            Err(EndpointError::AlreadyExists { path }) if is_of_one_version => {
                Err(EndpointError::Changed { path })
            }
            result => result,
        }
    }

    /// Everything below a folder (`packs/`, or nothing for the root), all levels or one.
    pub(crate) fn list(&self, folder: &str, recursive: bool) -> Result<Vec<Entry>, EndpointError> {
        self.list_some(folder, recursive, LISTING_LIMIT).and_then(|found| {
            if found.len() < LISTING_LIMIT {
                return Ok(found);
            }
            let why = format!("more than {LISTING_LIMIT} objects");
            Err(EndpointError::Unexpected { path: self.path(folder), why })
        })
    }

    /// The first entries of a folder.
    pub(crate) fn list_some(
        &self,
        folder: &str,
        recursive: bool,
        limit: usize,
    ) -> Result<Vec<Entry>, EndpointError> {
        let (operator, wanted) = (self.operator.clone(), folder.to_owned());
        let page = (limit < 1000).then_some(limit.max(2));
        let options = ListOptions { recursive, limit: page, ..ListOptions::default() };
        self.run("list", folder.trim_end_matches('/'), async move {
            use futures_util::TryStreamExt;
            let mut lister = operator.lister_options(&wanted, options).await?;
            let mut found = Vec::new();
            while found.len() < limit
                && let Some(entry) = lister.try_next().await?
            {
                found.push(entry);
            }
            Ok(found)
        })
    }

    /// Writes a small object in one request.
    pub(crate) fn write(
        &self,
        key: &str,
        bytes: impl Into<Buffer>,
        mut options: WriteOptions,
    ) -> Result<Metadata, Error> {
        options.content_type.get_or_insert_with(|| CONTENT_TYPE.to_owned());
        let (operator, wanted, bytes) = (self.operator.clone(), key.to_owned(), bytes.into());
        runtime::wait(async move { operator.write_options(&wanted, bytes, options).await })
            .unwrap_or_else(|error| Err(Error::new(ErrorKind::Unexpected, error.to_string())))
    }

    /// Removes an object that was looked at, with a condition where the service has those. One that went meanwhile is no
    /// error. After an answer that was lost it is looked again before the next attempt: what somebody else put there
    /// since is left alone, and the object that was meant is gone.
    pub(crate) fn delete_seen(
        &self,
        key: &str,
        seen: &Metadata,
        has_condition: bool,
    ) -> Result<(), EndpointError> {
        let if_match = seen.etag().filter(|etag| has_condition && !etag.starts_with("W/")).map(str::to_owned);
        let mut options = DeleteOptions { if_match, ..DeleteOptions::default() };
        let mut attempt = 1;
        loop {
            let (operator, wanted, now) = (self.operator.clone(), key.to_owned(), options.clone());
            let deleting = sent_once(async move { operator.delete_options(&wanted, now).await });
            let lost = match self.run("delete", key, deleting) {
                Err(error @ EndpointError::Unreachable { .. }) => Some(error),
                Err(EndpointError::AlreadyExists { .. } | EndpointError::NotFound { .. }) => None,
                // A service that knows conditions only of other requests.
                Err(EndpointError::Io { .. } | EndpointError::Unexpected { .. })
                    if options.if_match.is_some() =>
                {
                    None
                }
                result => return result,
            };
            let is_there = match self.stat(key) {
                Ok(found) => is_same(&found, seen),
                Err(EndpointError::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            match (lost, is_there) {
                (Some(error), true) => match self.patience.wait_after(attempt, None) {
                    Some(wait) if self.patience.pause_thread(wait) => attempt += 1,
                    _ => return Err(error),
                },
                (Some(_), false) => return Ok(()),
                (None, false) if attempt > 1 => return Ok(()),
                (None, true) if options.if_match.take().is_some() => {}
                (None, _) => return Err(EndpointError::Changed { path: self.path(key) }),
            }
        }
    }

    /// Removes an object of a name nobody else ever gives; one that is absent is no error.
    pub(crate) fn delete(&self, key: &str) -> Result<(), EndpointError> {
        let (operator, wanted) = (self.operator.clone(), key.to_owned());
        self.run("delete", key, async move { operator.delete(&wanted).await })
    }
}

fn s3(address: &Address, credentials: &Credentials) -> opendal::Result<Operator> {
    let Address::S3 { bucket, prefix, endpoint, region, bucket_in_host } = address else {
        return Err(Error::new(ErrorKind::ConfigInvalid, "this is no S3 bucket"));
    };
    // Nothing is taken from the environment: a host hands over what it found there.
    let mut builder = S3::default()
        .bucket(bucket)
        .root(prefix)
        .region(region.as_deref().unwrap_or(super::unfinished::DEFAULT_REGION))
        .disable_config_load()
        .disable_ec2_metadata();
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint(endpoint);
    }
    if *bucket_in_host {
        builder = builder.enable_virtual_host_style();
    }
    match (credentials.get("access_key_id"), credentials.get("secret_access_key")) {
        (Some(id), Some(secret)) if credentials.kind == CredentialKind::AccessKey => {
            builder = builder.access_key_id(id).secret_access_key(secret);
            if let Some(token) = credentials.get("session_token") {
                builder = builder.session_token(token);
            }
        }
        _ => builder = builder.skip_signature(),
    }
    Operator::new(builder)
}

fn azure(address: &Address, credentials: &Credentials) -> opendal::Result<Operator> {
    let Address::Azure { container, prefix, account, endpoint } = address else {
        return Err(Error::new(ErrorKind::ConfigInvalid, "this is no Azure container"));
    };
    let microsoft = format!("https://{account}.blob.core.windows.net");
    let mut builder = Azblob::default()
        .container(container)
        .root(prefix)
        .account_name(account)
        .endpoint(endpoint.as_deref().unwrap_or(&microsoft));
    match (credentials.get("account_key"), credentials.get("sas_token")) {
        (Some(key), _) => builder = builder.account_key(key),
        (None, Some(token)) => builder = builder.sas_token(token.trim_start_matches('?')),
        (None, None) => builder = builder.skip_signature(),
    }
    Operator::new(builder)
}

fn gcs(address: &Address, credentials: &Credentials) -> opendal::Result<Operator> {
    let Address::Gcs { bucket, prefix, endpoint } = address else {
        return Err(Error::new(ErrorKind::ConfigInvalid, "this is no Google bucket"));
    };
    let mut builder = Gcs::default().bucket(bucket).root(prefix).disable_config_load().disable_vm_metadata();
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint(endpoint);
    }
    match (credentials.get("token"), credentials.get("client_email"), credentials.get("private_key")) {
        (Some(token), _, _) => builder = builder.token(token.to_owned()),
        (None, Some(email), Some(key)) => builder = builder.credential(&service_account(email, key)),
        _ => builder = builder.skip_signature(),
    }
    Operator::new(builder)
}

/// A service account as Google's own files hold it, in the form OpenDAL takes.
fn service_account(email: &str, private_key: &str) -> zeroize::Zeroizing<String> {
    use base64::Engine as _;
    let json = zeroize::Zeroizing::new(
        serde_json::json!({
            "type": "service_account",
            "client_email": email,
            "private_key": private_key,
            "token_uri": "https://oauth2.googleapis.com/token",
        })
        .to_string(),
    );
    zeroize::Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(json.as_bytes()))
}
