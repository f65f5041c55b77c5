//! Requests over HTTP: one connection pool, one patience, whole answers.
//!
//! Why its own: every single request is tried again by itself (one part of an upload, one page of a listing), so that a
//! server failing now and then costs a request and not the whole work. Invariants: an answer is whole (its length is
//! what the server said) or an error; every request has a time limit that grows with its size; redirects are not
//! followed, because a signed request must not go elsewhere. Deliberately not here: signing, what an answer means.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use opendal::raw::Operation;
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport};

use super::listing;
use crate::retry::{Patience, STOP_GRACE};

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long a request without content may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);
/// How often the very first request is tried where nothing answers: a wrong name should not take a minute.
const FIRST_ATTEMPTS: u32 = 3;
/// Slower than this is taken for a connection that hangs.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 * 1024;
/// What a line carries that is worth waiting for when the work is to stop.
const FAIR_BYTES_PER_SECOND: u64 = 4 << 20;
/// The largest answer taken: ranges and pages of listings are much smaller.
pub(crate) const ANSWER_LIMIT_BYTES: u64 = 64 << 20;

/// What a request carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// These bytes.
    Bytes(Bytes),
    /// A file on this machine, with its length.
    File(PathBuf, u64),
}

impl Body {
    fn length_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, length_bytes) => *length_bytes,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Bytes,
    /// Which attempt it was, from 1: after a lost answer, "it is there already" may mean our own work.
    pub(crate) attempt: u32,
}

/// No answer at all.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct NoAnswer {
    /// What happened, without address and secrets.
    pub(crate) why: String,
    /// Whether another attempt may help.
    temporary: bool,
}

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    client: reqwest::Client,
    patience: Patience,
    /// Whether anything ever answered.
    answered: Arc<AtomicBool>,
}

impl Transport {
    /// With its own pool of connections.
    ///
    /// # Errors
    /// The system's certificates can not be used.
    pub(crate) fn new(patience: Patience) -> Result<Self, NoAnswer> {
        static CRYPTO: OnceLock<()> = OnceLock::new();
        CRYPTO.get_or_init(|| {
            // An error only says that the host chose one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("Keepwell/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| NoAnswer { why: reason(&error), temporary: false })?;
        Ok(Self { client, patience, answered: Arc::default() })
    }

    /// How long it goes on.
    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Sends a request until it is answered for good or patience ends. A server that says "not now" to the last attempt
    /// is an answer too.
    ///
    /// # Errors
    /// No answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Answer, NoAnswer> {
        let mut attempt = 1;
        loop {
            // Even a large part that is under way holds a stop up only for as long as a fair line needs for it.
            let grace =
                STOP_GRACE + Duration::from_secs(request.body().length_bytes() / FAIR_BYTES_PER_SECOND);
            let sending = self.send_once(&request, attempt);
            let stopped = NoAnswer { why: "it was not waited for any longer".to_owned(), temporary: true };
            let result = self.patience.unless_stopped(grace, sending).await.unwrap_or(Err(stopped));
            if result.is_ok() {
                self.answered.store(true, Ordering::Relaxed);
            } else if attempt >= FIRST_ATTEMPTS && !self.answered.load(Ordering::Relaxed) {
                return result;
            }
            let asked_for = match &result {
                Ok(answer) if !is_temporary(answer.status) => return result,
                _ if is_sent_once() => return result,
                Ok(answer) if answer.status == StatusCode::INTERNAL_SERVER_ERROR && is_asked_once() => {
                    return result;
                }
                Ok(answer) => retry_after(&answer.headers),
                Err(error) if !error.temporary => return result,
                Err(_) => None,
            };
            match self.patience.wait_after(attempt, asked_for) {
                Some(wait) if self.patience.pause(wait).await => attempt += 1,
                _ => return result,
            }
        }
    }

    async fn send_once(&self, request: &Request<Body>, attempt: u32) -> Result<Answer, NoAnswer> {
        let length_bytes = request.body().length_bytes();
        let limit = ANSWER_LIMIT + Duration::from_secs(length_bytes / SLOWEST_BYTES_PER_SECOND);
        let body = match request.body() {
            Body::Bytes(bytes) => reqwest::Body::from(bytes.clone()),
            Body::File(path, _) => {
                let file = tokio::fs::File::open(path).await;
                reqwest::Body::from(
                    file.map_err(|error| NoAnswer { why: error.to_string(), temporary: false })?,
                )
            }
        };
        let mut sent = self
            .client
            .request(request.method().clone(), request.uri().to_string())
            .headers(request.headers().clone());
        if length_bytes > 0 {
            if !request.headers().contains_key(http::header::CONTENT_LENGTH) {
                sent = sent.header(http::header::CONTENT_LENGTH, length_bytes);
            }
            sent = sent.body(body);
        }
        let read = async {
            let mut answer = sent.send().await?;
            let announced = answer.content_length().unwrap_or(0).min(ANSWER_LIMIT_BYTES);
            let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
            while let Some(part) = answer.chunk().await? {
                body.extend_from_slice(&part);
                if body.len() as u64 > ANSWER_LIMIT_BYTES {
                    return Ok(Err("the answer is larger than anything that was asked for"));
                }
            }
            Ok::<_, reqwest::Error>(Ok((answer.status(), answer.headers().clone(), body.freeze())))
        };
        // Reading a long answer takes its time too: the range asked for is at most a few MiB.
        match tokio::time::timeout(limit + ANSWER_LIMIT, read).await {
            Ok(Ok(Ok((status, headers, body)))) => Ok(Answer { status, headers, body, attempt }),
            Ok(Ok(Err(why))) => Err(NoAnswer { why: why.to_owned(), temporary: false }),
            Ok(Err(error)) => Err(NoAnswer { temporary: !error.is_builder(), why: reason(&error) }),
            Err(_) => Err(NoAnswer { why: "it did not answer in time".to_owned(), temporary: true }),
        }
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let (parts, body) = request.into_parts();
        let is_head = parts.method == http::Method::HEAD;
        let uri = parts.uri.clone();
        let is_listing = parts.extensions.get() == Some(&Operation::List);
        let request = Request::from_parts(parts, Body::Bytes(body.to_bytes()));
        let answer = self
            .send(request)
            .await
            .map_err(|error| Error::new(ErrorKind::Unexpected, error.why).with_temporary(error.temporary))?;
        if is_listing
            && answer.status.is_success()
            && let Some(why) = listing::trouble(&answer.body)
        {
            return Err(Error::new(ErrorKind::Unexpected, why).set_temporary());
        }
        if is_copy_pending(&answer.headers) {
            let why = "the service did not copy it at once, so it stays where it is";
            return Err(Error::new(ErrorKind::Unexpected, why).set_temporary());
        }
        let length_bytes = (!is_head).then_some(answer.body.len() as u64);
        let body = HttpBody::new(futures_util::stream::iter([Ok(Buffer::from(answer.body))]), length_bytes);
        let mut response = Response::new(body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response.extensions_mut().insert(uri);
        Ok(response)
    }
}

tokio::task_local! {
    static ASKED_ONCE: ();
    static SENT_ONCE: ();
}

/// Work whose requests are not sent again when no answer comes: what they did to a name may have been done, and somebody
/// may have put something else there since. Whoever sends them looks first.
pub(crate) async fn sent_once<W: Future>(work: W) -> W::Output {
    SENT_ONCE.scope((), work).await
}

fn is_sent_once() -> bool {
    SENT_ONCE.try_with(|()| ()).is_ok()
}

/// Azure answers "accepted" also to a copy that is only to come, or will fail.
fn is_copy_pending(headers: &HeaderMap) -> bool {
    headers.get("x-ms-copy-status").is_some_and(|status| status != "success")
}

/// Work for which "internal error" is an answer that is not asked for again: services over a file system give it for ever
/// where a folder is asked for as if it were a file.
pub(crate) async fn asked_once<W: Future>(work: W) -> W::Output {
    ASKED_ONCE.scope((), work).await
}

fn is_asked_once() -> bool {
    ASKED_ONCE.try_with(|()| ()).is_ok()
}

/// "Not now" rather than "no".
fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 499 | 500 | 502 | 503 | 504)
}

/// How long a server asks to wait, where it says so in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The innermost cause: "connection refused" rather than "error sending request".
fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    // Of the outermost error only the kind is told: its words hold the address, and that may hold a signature.
    if error.source().is_none() { "the request failed".to_owned() } else { innermost.to_string() }
}
