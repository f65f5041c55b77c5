//! Requests and answers: one command a POST, everything else is the page.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use keepwell_api::{Api, ApiError, ErrorCode};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::guard::{Guard, Refusal};
use crate::page::Page;

/// The largest request.
const BODY_LIMIT_BYTES: usize = 4 << 20;
/// Commands at work at a time; waiting for changes counts too.
const COMMANDS_LIMIT: usize = 64;

/// Nothing but our own files; pictures of previews come as data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Server {
    api: Arc<Api>,
    guard: Guard,
    page: Page,
    at_work: Semaphore,
}

/// The whole server.
pub fn router(api: Arc<Api>, guard: Guard, page: Page) -> Router {
    let server = Arc::new(Server { api, guard, page, at_work: Semaphore::new(COMMANDS_LIMIT) });
    Router::new()
        .route("/api/{*command}", post(command))
        .route("/api", any(nothing_there))
        .fallback(file_of_page)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&server), guarded))
        .with_state(server)
}

/// Refuses what comes from elsewhere, and puts the protecting headers on every answer.
async fn guarded(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let mut response = match server.guard.check_place(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(refusal),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refused(refusal: Refusal) -> Response {
    let (status, message, hint) = match refusal {
        Refusal::Elsewhere => (
            StatusCode::FORBIDDEN,
            "This request does not come from Keepwell's own page.",
            "Open the address that keepwell-web printed.",
        ),
        Refusal::NoToken => (
            StatusCode::UNAUTHORIZED,
            "This page is not (any more) allowed to ask Keepwell.",
            "Open the address that keepwell-web printed at its start: it carries the key.",
        ),
    };
    failed(status, &ApiError::new(ErrorCode::Permission, message).hint(hint))
}

fn failed(status: StatusCode, error: &ApiError) -> Response {
    // An `ApiError` is made of texts: it can always be written.
    let body = serde_json::to_string(error).unwrap_or_else(|_| "{}".to_owned());
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::AlreadyExists | ErrorCode::Halted | ErrorCode::Cancelled => StatusCode::CONFLICT,
        ErrorCode::WrongPassword
        | ErrorCode::PasswordNeeded
        | ErrorCode::Permission
        | ErrorCode::UnknownServer
        | ErrorCode::ServerChanged => StatusCode::FORBIDDEN,
        ErrorCode::Busy | ErrorCode::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::NewerKeepwell | ErrorCode::Damaged => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn nothing_there() -> Response {
    failed(StatusCode::NOT_FOUND, &ApiError::not_found("There is no such command."))
}

/// Runs one command.
async fn command(
    State(server): State<Arc<Server>>,
    Path(command): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refusal) = server.guard.check_command(&headers) {
        return refused(refusal);
    }
    let request: Value = if body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(&body) {
            Ok(request) => request,
            Err(error) => {
                let error = ApiError::bad_request(format!("The request is not JSON: {error}."));
                return failed(StatusCode::BAD_REQUEST, &error);
            }
        }
    };
    let Ok(_permit) = server.at_work.acquire().await else {
        return failed(
            StatusCode::SERVICE_UNAVAILABLE,
            &ApiError::new(ErrorCode::Busy, "Keepwell is closing."),
        );
    };
    let api = Arc::clone(&server.api);
    let done =
        tokio::task::spawn_blocking(move || keepwell_api::dispatch(api.as_ref(), &command, request)).await;
    match done {
        Ok(Ok(answer)) => ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response(),
        Ok(Err(error)) => failed(status(error.code), &error),
        Err(_panicked) => {
            let error =
                ApiError::new(ErrorCode::Failed, "This could not be done because of a fault in Keepwell.");
            failed(StatusCode::INTERNAL_SERVER_ERROR, &error)
        }
    }
}

/// A file of the page.
async fn file_of_page(State(server): State<Arc<Server>>, uri: Uri) -> Response {
    let path = uri.path().to_owned();
    let read = {
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || server.page.file(&path)).await
    };
    match read {
        Ok(Some(file)) => {
            ([(header::CONTENT_TYPE, file.media_type), (header::CACHE_CONTROL, "no-cache")], file.bytes)
                .into_response()
        }
        _ => (
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            "There is nothing here.",
        )
            .into_response(),
    }
}
