//! Requests to a WebDAV server, and what their answers mean.
//!
//! Invariants: paths are relative to the root and not encoded, here they become addresses; an answer is sorted into the
//! kinds a caller branches on; a request that was tried again knows that its first attempt may have been done.
//! Deliberately not here: what is stored and where (`store`, `tree`).

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use zeroize::Zeroizing;

use super::multistatus::{self, Resource};
use crate::address::Address;
use crate::credentials::{CredentialKind, Credentials};
use crate::error::EndpointError;
use crate::object::runtime;
use crate::object::transport::{Answer, Body, Transport, sent_once};
use crate::retry::Patience;

/// How many folders are listed at once.
const LISTINGS_AT_ONCE: usize = 8;
/// The most resources one listing over all levels may have.
const LISTING_LIMIT: usize = 20_000_000;

/// A server, at a folder of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    transport: Transport,
    /// `https://host`, without a slash.
    origin: String,
    /// The folder, not encoded, without slashes at its ends.
    root: String,
    authorization: Option<HeaderValue>,
    name: String,
}

/// What a resource is asked to become when it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Whatever is there is replaced.
    Replace,
    /// Nothing may be there.
    Refuse,
}

/// How a move ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It is there now.
    Done,
    /// Something was there already.
    Taken,
    /// The folder it should go to is missing.
    NoFolder,
}

/// A name with what the server tells about it.
pub(crate) type Named = (String, Resource);

impl Client {
    /// For a server. Nothing is asked of it yet.
    pub(crate) fn new(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        let name = address.to_string();
        let Address::WebDav { secure, host, path } = address else {
            return Err(EndpointError::Unexpected { path: name, why: "it is no WebDAV server".to_owned() });
        };
        let transport = Transport::new(patience.clone())
            .map_err(|error| EndpointError::Unreachable { path: name.clone(), why: error.to_string() })?;
        let origin = format!("http{}://{host}", if *secure { "s" } else { "" });
        let authorization = authorization(credentials)
            .map_err(|why| EndpointError::SignIn { path: name.clone(), why: why.to_owned() })?;
        Ok(Self(Arc::new(Inner { transport, origin, root: path.clone(), authorization, name })))
    }

    /// What the person calls the place.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// What a path is called in errors.
    pub(crate) fn path(&self, path: &str) -> String {
        if path.is_empty() { self.0.name.clone() } else { format!("{}/{path}", self.0.name) }
    }

    fn url(&self, path: &str) -> String {
        let whole = match (self.0.root.as_str(), path) {
            ("", path) => path.to_owned(),
            (root, "") => root.to_owned(),
            (root, path) => format!("{root}/{path}"),
        };
        let encoded: Vec<String> = whole.split('/').map(encode).collect();
        format!("{}/{}", self.0.origin, encoded.join("/"))
    }

    /// A resource's path below the root, out of what the server calls it.
    fn relative(&self, href: &str) -> Option<String> {
        let path = match href.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
            None => href,
        };
        let decoded = decode(path)?;
        let decoded = decoded.trim_matches('/');
        match self.0.root.as_str() {
            "" => Some(decoded.to_owned()),
            root => match decoded.strip_prefix(root)? {
                "" => Some(String::new()),
                rest => rest.strip_prefix('/').map(str::to_owned),
            },
        }
    }

    async fn send(
        &self,
        action: &'static str,
        method: &str,
        path: &str,
        headers: &[(&'static str, String)],
        body: Body,
    ) -> Result<Answer, EndpointError> {
        let broken = |why: String| EndpointError::Io {
            action,
            path: self.path(path),
            source: std::io::Error::other(why),
        };
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| broken(error.to_string()))?;
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = &self.0.authorization {
            request = request.header(http::header::AUTHORIZATION, authorization.clone());
        }
        let request = request.body(body).map_err(|error| broken(error.to_string()))?;
        let answer = self.0.transport.send(request).await;
        answer.map_err(|error| EndpointError::Unreachable { path: self.path(path), why: error.to_string() })
    }

    /// Runs work on the runtime.
    pub(crate) fn run<T, W>(
        &self,
        action: &'static str,
        path: &str,
        work: impl FnOnce(Self, String) -> W,
    ) -> Result<T, EndpointError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, EndpointError>> + Send + 'static,
    {
        runtime::wait(work(self.clone(), path.to_owned()))
            .unwrap_or_else(|error| Err(EndpointError::from_io(action, self.path(path), error)))
    }

    /// An answer that is no success, sorted.
    fn refused(&self, action: &'static str, path: &str, answer: &Answer) -> EndpointError {
        let path = self.path(path);
        let status = answer.status;
        let io = |why: String| EndpointError::Io {
            action,
            path: path.clone(),
            source: std::io::Error::other(why),
        };
        match status {
            StatusCode::UNAUTHORIZED => {
                EndpointError::SignIn { path, why: "the server asks for another user or password".to_owned() }
            }
            StatusCode::FORBIDDEN => EndpointError::PermissionDenied { action, path },
            StatusCode::NOT_FOUND | StatusCode::GONE => EndpointError::NotFound { path },
            StatusCode::LOCKED => {
                EndpointError::Unexpected { path, why: "somebody has locked it".to_owned() }
            }
            StatusCode::INSUFFICIENT_STORAGE | StatusCode::PAYLOAD_TOO_LARGE => {
                EndpointError::NoSpace { action, path }
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                EndpointError::Unreachable { path, why: format!("the server answered {status}") }
            }
            status if status.is_redirection() => {
                let to = answer.headers.get(http::header::LOCATION).and_then(|to| to.to_str().ok());
                io(format!("the server sends us to {}", to.unwrap_or("another address")))
            }
            status => io(format!("the server answered {status}")),
        }
    }

    async fn propfind(&self, path: &str, depth: u8) -> Result<Vec<Named>, EndpointError> {
        let headers =
            [("depth", depth.to_string()), ("content-type", "application/xml; charset=utf-8".to_owned())];
        let body = Body::Bytes(Bytes::from_static(multistatus::PROPFIND.as_bytes()));
        // Folders are asked for by their own name, with a slash: some servers redirect otherwise.
        let answer = self.send("list", "PROPFIND", path, &headers, body).await?;
        if answer.status != StatusCode::MULTI_STATUS {
            return Err(self.refused("list", path, &answer));
        }
        let wrong = |why: String| EndpointError::Unexpected { path: self.path(path), why };
        let mut named = Vec::new();
        for resource in multistatus::parse(&answer.body).map_err(wrong)? {
            let name = self.relative(&resource.href);
            let name = name.ok_or_else(|| wrong(format!("the server tells about {}", resource.href)))?;
            named.push((name, resource));
        }
        Ok(named)
    }

    async fn ask(&self, path: &str) -> Result<Resource, EndpointError> {
        let found = self.propfind(path, 0).await?;
        found.into_iter().find(|(name, _)| name == path).map(|(_, resource)| resource).ok_or_else(|| {
            EndpointError::Unexpected {
                path: self.path(path),
                why: "the server tells about something else".to_owned(),
            }
        })
    }

    /// A folder itself, and what is directly in it by name.
    async fn ask_folder(&self, path: &str) -> Result<(Resource, Vec<Named>), EndpointError> {
        let wrong = |why: &str| EndpointError::Unexpected { path: self.path(path), why: why.to_owned() };
        let (mut folder, mut inside) = (None, Vec::new());
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        for (name, resource) in self.propfind(path, 1).await? {
            if name == path {
                folder = Some(resource);
                continue;
            }
            match name.strip_prefix(below.as_str()) {
                Some(name) if !name.is_empty() && !name.contains('/') => {
                    inside.push((name.to_owned(), resource))
                }
                _ => return Err(wrong("the server lists what is not in it")),
            }
        }
        match folder {
            Some(folder) if folder.is_folder => Ok((folder, inside)),
            Some(_) => Err(wrong("it is not a folder")),
            // Without the folder itself the answer is not the whole.
            None => Err(wrong("the server lists it without itself")),
        }
    }

    /// What is known of a resource.
    pub(crate) fn stat(&self, path: &str) -> Result<Resource, EndpointError> {
        self.run("read", path, |client, path| async move { client.ask(&path).await })
    }

    /// Everything directly in a folder.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<Named>, EndpointError> {
        self.run("list", folder, |client, folder| async move {
            client.ask_folder(&folder).await.map(|(_, inside)| inside)
        })
    }

    /// Everything below a folder that is no folder, by its path below the root.
    pub(crate) fn list_all(&self, folder: &str) -> Result<Vec<Named>, EndpointError> {
        self.run("list", folder, |client, folder| async move {
            let (mut found, mut waiting) = (Vec::new(), vec![folder]);
            let mut running = tokio::task::JoinSet::new();
            loop {
                while running.len() < LISTINGS_AT_ONCE
                    && let Some(folder) = waiting.pop()
                {
                    let client = client.clone();
                    running.spawn(async move {
                        let inside = client.ask_folder(&folder).await.map(|(_, inside)| inside);
                        (folder, inside)
                    });
                }
                let Some(done) = running.join_next().await else { return Ok(found) };
                let (folder, inside) = done.map_err(|error| {
                    EndpointError::from_io("list", client.path(""), std::io::Error::other(error))
                })?;
                for (name, resource) in inside? {
                    let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                    if resource.is_folder {
                        waiting.push(path);
                    } else {
                        found.push((path, resource));
                    }
                }
                if found.len() + waiting.len() > LISTING_LIMIT {
                    let why = format!("more than {LISTING_LIMIT} files");
                    return Err(EndpointError::Unexpected { path: client.path(&folder), why });
                }
            }
        })
    }

    /// So many bytes from there on, or fewer where the file ends. With an etag, only of that very content.
    pub(crate) fn read(
        &self,
        path: &str,
        offset_bytes: u64,
        length_bytes: usize,
        etag: Option<String>,
    ) -> Result<Bytes, EndpointError> {
        self.run("read", path, |client, path| async move {
            let last = offset_bytes.saturating_add(length_bytes as u64).saturating_sub(1);
            let mut headers = vec![("range", format!("bytes={offset_bytes}-{last}"))];
            headers.extend(etag.map(|etag| ("if-match", etag)));
            let answer = client.send("read", "GET", &path, &headers, Body::Bytes(Bytes::new())).await?;
            match answer.status {
                StatusCode::PARTIAL_CONTENT if answer.body.len() <= length_bytes => Ok(answer.body),
                StatusCode::RANGE_NOT_SATISFIABLE => Ok(Bytes::new()),
                StatusCode::PRECONDITION_FAILED => Err(EndpointError::Changed { path: client.path(&path) }),
                // A server without ranges: only what is not large can be had from it.
                StatusCode::OK => {
                    let from = usize::try_from(offset_bytes).unwrap_or(usize::MAX).min(answer.body.len());
                    let to = from.saturating_add(length_bytes).min(answer.body.len());
                    Ok(answer.body.slice(from..to))
                }
                _ => Err(client.refused("read", &path, &answer)),
            }
        })
    }

    /// Writes a whole file, replacing what is there. The folder must be there; `NotFound` says that it is not.
    pub(crate) fn write(&self, path: &str, body: Body) -> Result<(), EndpointError> {
        self.run("write", path, |client, path| async move {
            let answer = client.send("write", "PUT", &path, &[], body).await?;
            match answer.status {
                status if status.is_success() => Ok(()),
                StatusCode::CONFLICT => Err(EndpointError::NotFound { path: client.path(&path) }),
                _ => Err(client.refused("write", &path, &answer)),
            }
        })
    }

    /// Makes one folder; false where something is there already. `NotFound` says that its parent is missing.
    pub(crate) fn create_folder(&self, path: &str) -> Result<bool, EndpointError> {
        self.run("create", path, |client, path| async move {
            let answer = client.send("create", "MKCOL", &path, &[], Body::Bytes(Bytes::new())).await?;
            match answer.status {
                status if status.is_success() => Ok(true),
                // After a lost answer it may be our own work.
                StatusCode::METHOD_NOT_ALLOWED => {
                    Ok(answer.attempt > 1 && client.ask(&path).await?.is_folder)
                }
                StatusCode::CONFLICT => Err(EndpointError::NotFound { path: client.path(&path) }),
                _ => Err(client.refused("create", &path, &answer)),
            }
        })
    }

    /// Notes something of our own beside a file or folder; false where the server takes no such notes.
    pub(crate) fn note(&self, path: &str, name: &str, value: &str) -> Result<bool, EndpointError> {
        let body = Body::Bytes(Bytes::from(multistatus::proppatch(name, value)));
        self.run("write", path, |client, path| async move {
            let headers = [("content-type", "application/xml; charset=utf-8".to_owned())];
            let answer = client.send("write", "PROPPATCH", &path, &headers, body).await?;
            match answer.status {
                StatusCode::MULTI_STATUS | StatusCode::OK => {
                    let text = String::from_utf8_lossy(&answer.body);
                    Ok(!["403", "409", "422", "424", "507"]
                        .iter()
                        .any(|code| text.contains(&format!(" {code} "))))
                }
                StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                    Ok(false)
                }
                _ => Err(client.refused("write", &path, &answer)),
            }
        })
    }

    /// Moves a file or a folder.
    pub(crate) fn rename(&self, from: &str, to: &str, over: Over) -> Result<Moved, EndpointError> {
        let to = to.to_owned();
        self.run("rename", from, |client, from| async move {
            let overwrite = if over == Over::Replace { "T" } else { "F" };
            let headers = [("destination", client.url(&to)), ("overwrite", overwrite.to_owned())];
            let answer = client.send("rename", "MOVE", &from, &headers, Body::Bytes(Bytes::new())).await?;
            let refused = client.refused("rename", &from, &answer);
            match answer.status {
                status if status.is_success() && status != StatusCode::MULTI_STATUS => Ok(Moved::Done),
                StatusCode::CONFLICT => Ok(Moved::NoFolder),
                StatusCode::PRECONDITION_FAILED | StatusCode::NOT_FOUND if answer.attempt > 1 => {
                    // The first attempt may have done it: then the source is gone and the target is there.
                    match (client.ask(&from).await, client.ask(&to).await) {
                        (Err(EndpointError::NotFound { .. }), Ok(_)) => Ok(Moved::Done),
                        _ if answer.status == StatusCode::PRECONDITION_FAILED => Ok(Moved::Taken),
                        _ => Err(refused),
                    }
                }
                StatusCode::PRECONDITION_FAILED => Ok(Moved::Taken),
                _ => Err(refused),
            }
        })
    }

    /// Removes a file that was looked at: after an answer that was lost another attempt is made only where it `is_there`
    /// still.
    pub(crate) fn remove_seen(
        &self,
        path: &str,
        is_there: impl Fn() -> Result<bool, EndpointError>,
    ) -> Result<(), EndpointError> {
        let patience = self.0.transport.patience();
        let mut attempt = 1;
        loop {
            let removed = self
                .run("delete", path, |client, path| sent_once(async move { client.remove_now(&path).await }));
            let Err(lost @ EndpointError::Unreachable { .. }) = removed else { return removed.map(drop) };
            if !is_there()? {
                return Ok(());
            }
            match patience.wait_after(attempt, None) {
                Some(wait) if patience.pause_thread(wait) => attempt += 1,
                _ => return Err(lost),
            }
        }
    }

    /// Removes a file of a name nobody else ever gives, or a folder with all in it; false where nothing was there.
    pub(crate) fn remove(&self, path: &str) -> Result<bool, EndpointError> {
        self.run("delete", path, |client, path| async move { client.remove_now(&path).await })
    }

    async fn remove_now(&self, path: &str) -> Result<bool, EndpointError> {
        let answer = self.send("delete", "DELETE", path, &[], Body::Bytes(Bytes::new())).await?;
        match answer.status {
            // "Several answers" to a removal means that something stayed.
            StatusCode::MULTI_STATUS => Err(EndpointError::Io {
                action: "delete",
                path: self.path(path),
                source: std::io::Error::other("the server could not remove all of it"),
            }),
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(answer.attempt > 1),
            _ => Err(self.refused("delete", path, &answer)),
        }
    }
}

/// The header that says who we are.
fn authorization(credentials: &Credentials) -> Result<Option<HeaderValue>, &'static str> {
    let text = match credentials.kind {
        CredentialKind::None => return Ok(None),
        CredentialKind::Token => {
            Zeroizing::new(format!("Bearer {}", credentials.get("token").unwrap_or_default()))
        }
        CredentialKind::Password => {
            let user = credentials.get("user").unwrap_or_default();
            let both = Zeroizing::new(format!("{user}:{}", credentials.get("password").unwrap_or_default()));
            let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(both.as_bytes()));
            Zeroizing::new(format!("Basic {}", *encoded))
        }
        _ => return Err("a WebDAV server takes a user and a password, or a token"),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| "the token holds what no header can hold")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn encode(component: &str) -> String {
    let mut encoded = String::with_capacity(component.len());
    for byte in component.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(after.get(..2)?).ok()?, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::new(&address.parse().unwrap(), &Credentials::none(), &Patience::default()).unwrap()
    }

    #[test]
    fn names_become_addresses_and_come_back() {
        let client = client("webdav://h:1/dav/a b");
        for path in ["", "x", "ü/100%/x?y#z&w", "a+b/c;d=e"] {
            let url = client.url(path);
            assert!(url.starts_with("http://h:1/dav/a%20b"), "{url}");
            assert_eq!(client.relative(&url).as_deref(), Some(path));
            let without_origin = url.strip_prefix("http://h:1").unwrap();
            assert_eq!(client.relative(&format!("{without_origin}/")).as_deref(), Some(path));
        }
        assert_eq!(client.relative("/other/x"), None);
        assert_eq!(client.relative("/dav/a%20bc"), None);
        assert_eq!(client.relative("/dav/%zz"), None);
    }

    #[test]
    fn secrets_do_not_print() {
        let credentials = Credentials::new(CredentialKind::Password, &[("user", "ada"), ("password", "pw")]);
        let header = authorization(&credentials).unwrap().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic YWRhOnB3");
        assert!(!format!("{header:?}").contains("YWRh"));
        let wrong = Credentials::new(CredentialKind::AccessKey, &[("access_key_id", "x")]);
        assert!(authorization(&wrong).is_err());
    }
}
