//! Uploads to S3 that were begun in parts and never ended: listed and taken back.
//!
//! Why its own requests: OpenDAL has none for this, and the parts of a killed program would be paid for month after
//! month. Invariants: only uploads below our folder are seen; what is taken back is named exactly. Deliberately not
//! here: services that forget unfinished uploads by themselves (Azure does, after a week).

use bytes::Bytes;
use http::{Method, Request};
use reqsign_aws_v4::{Credential, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use serde::Deserialize;

use super::runtime;
use super::transport::{Answer, Body, Transport};
use crate::address::Address;
use crate::credentials::Credentials;
use crate::error::EndpointError;
use crate::store::StoredObject;

/// The region of services that have none.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";
/// How keys of unfinished uploads begin; a colon is in no key of a store.
const KEY_PREFIX: &str = "upload:";
/// How many pages of uploads are read at most.
const PAGES_LIMIT: usize = 1000;

/// The unfinished uploads of one folder of a bucket.
pub(crate) struct Uploads {
    /// The bucket's address over HTTP.
    url: String,
    prefix: String,
    name: String,
    signer: Option<Signer<Credential>>,
    transport: Transport,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Page {
    is_truncated: bool,
    next_key_marker: String,
    next_upload_id_marker: String,
    #[serde(rename = "Upload")]
    uploads: Vec<Listed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Listed {
    key: String,
    upload_id: String,
    initiated: String,
}

impl Uploads {
    pub(crate) fn new(address: &Address, credentials: &Credentials, transport: Transport) -> Self {
        let (url, prefix, region) = match address {
            Address::S3 { bucket, prefix, endpoint, region, bucket_in_host } => {
                let region = region.as_deref().unwrap_or(DEFAULT_REGION);
                let amazon = format!("https://s3.{region}.amazonaws.com");
                let endpoint = endpoint.as_deref().unwrap_or(&amazon);
                let url = match endpoint.split_once("://") {
                    Some((scheme, host)) if *bucket_in_host => format!("{scheme}://{bucket}.{host}"),
                    _ => format!("{endpoint}/{bucket}"),
                };
                (url, prefix.clone(), region)
            }
            _ => (String::new(), String::new(), DEFAULT_REGION),
        };
        let signer = match (credentials.get("access_key_id"), credentials.get("secret_access_key")) {
            (Some(id), Some(secret)) => {
                let mut provider = StaticCredentialProvider::new(id, secret);
                if let Some(token) = credentials.get("session_token") {
                    provider = provider.with_session_token(token);
                }
                Some(Signer::new(Context::new(), provider, RequestSigner::new("s3", region)))
            }
            _ => None,
        };
        Self { url, prefix, name: address.to_string(), signer, transport }
    }

    /// All of them; the keys are good for [`Uploads::remove`] alone.
    pub(crate) fn list(self: &std::sync::Arc<Self>) -> Result<Vec<StoredObject>, EndpointError> {
        let uploads = std::sync::Arc::clone(self);
        self.run("list", async move {
            let below =
                if uploads.prefix.is_empty() { String::new() } else { format!("{}/", uploads.prefix) };
            let (mut found, mut after) = (Vec::new(), String::new());
            for _ in 0..PAGES_LIMIT {
                let query = format!("?prefix={}&uploads={after}", encoded(&below));
                let answer = uploads.send(Method::GET, &query).await?;
                // A service without this question, or a key that may not ask it: nothing is known then, and nothing else
                // of the place suffers.
                if matches!(answer.status.as_u16(), 403 | 405 | 501) {
                    tracing::warn!(place = uploads.name, status = %answer.status, "unfinished uploads are not listed");
                    return Ok(Vec::new());
                }
                if !answer.status.is_success() {
                    return Err(format!("the service answered {}", answer.status));
                }
                let text = std::str::from_utf8(&answer.body).map_err(|error| error.to_string())?;
                let page: Page = quick_xml::de::from_str(text).map_err(|error| error.to_string())?;
                found.extend(page.uploads.into_iter().filter_map(|upload| {
                    let key = upload.key.strip_prefix(&below)?.to_owned();
                    let begun: Option<jiff::Timestamp> = upload.initiated.parse().ok();
                    Some(StoredObject {
                        key: key_of(&upload.upload_id, &key),
                        size_bytes: 0,
                        modified_ms: begun.map(jiff::Timestamp::as_millisecond),
                    })
                }));
                if !page.is_truncated {
                    return Ok(found);
                }
                after = format!(
                    "&key-marker={}&upload-id-marker={}",
                    encoded(&page.next_key_marker),
                    encoded(&page.next_upload_id_marker)
                );
            }
            Err("the list of unfinished uploads does not end".to_owned())
        })
    }

    /// Takes one back, if the key is one of [`Uploads::list`].
    pub(crate) fn remove(self: &std::sync::Arc<Self>, key: &str) -> Option<Result<(), EndpointError>> {
        let (id, key) = id_and_key(key)?;
        let object = if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) };
        let path = object.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let query = format!("/{path}?uploadId={id}");
        let uploads = std::sync::Arc::clone(self);
        Some(self.run("delete", async move {
            let answer = uploads.send(Method::DELETE, &query).await?;
            if answer.status.is_success() || answer.status == http::StatusCode::NOT_FOUND {
                return Ok(());
            }
            Err(format!("the service answered {}", answer.status))
        }))
    }

    fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Result<T, EndpointError> {
        let path = || format!("unfinished uploads in {}", self.name);
        runtime::wait(work)
            .map_err(|error| EndpointError::from_io(action, path(), error))?
            .map_err(|why| EndpointError::Io { action, path: path(), source: std::io::Error::other(why) })
    }

    async fn send(&self, method: Method, path_and_query: &str) -> Result<Answer, String> {
        let request = Request::builder().method(method).uri(format!("{}{path_and_query}", self.url));
        let (mut parts, ()) = request.body(()).map_err(|error| error.to_string())?.into_parts();
        if let Some(signer) = &self.signer {
            signer.sign(&mut parts, None).await.map_err(|_| "the request could not be signed".to_owned())?;
            // It goes with the connection, which may be shared.
            parts.headers.remove(http::header::HOST);
        }
        let request = Request::from_parts(parts, Body::Bytes(Bytes::new()));
        self.transport.send(request).await.map_err(|error| error.to_string())
    }
}

/// What an upload is called here. Its id is encoded: like the names of a person's files, it may hold colons.
fn key_of(id: &str, key: &str) -> String {
    format!("{KEY_PREFIX}{}:{key}", encoded(id))
}

/// The encoded id of an upload, and the key of the object it was to become.
fn id_and_key(called: &str) -> Option<(&str, &str)> {
    called.strip_prefix(KEY_PREFIX)?.split_once(':')
}

/// Percent-encoded as in a query or one component of a path.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colons_in_ids_and_names_are_told_apart() {
        let called = key_of("abc:1", "minutes/12:30.txt");
        assert_eq!(id_and_key(&called), Some(("abc%3A1", "minutes/12:30.txt")));
        assert_eq!(id_and_key("packs/x"), None);
    }

    #[test]
    fn a_page_is_read_as_services_write_it() {
        let text = r#"<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Bucket>b</Bucket><KeyMarker/><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>
            <IsTruncated>true</IsTruncated>
            <Upload><Key>p/packs/x</Key><UploadId>abc:1</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>
            <Upload><Key>p/packs/y</Key><UploadId>d</UploadId><Initiated>2026-01-02T03:04:05Z</Initiated></Upload>
            </ListMultipartUploadsResult>"#;
        let page: Page = quick_xml::de::from_str(text).unwrap();
        assert!(page.is_truncated);
        assert_eq!((page.next_key_marker.as_str(), page.uploads.len()), ("k", 2));
        assert_eq!(page.uploads[0].upload_id, "abc:1");
        let none: Page = quick_xml::de::from_str("<R><IsTruncated>false</IsTruncated></R>").unwrap();
        assert!(none.uploads.is_empty());
    }
}
