//! The server as a browser meets it: who may ask, what is answered, what protects the page.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use keepwell_api::open::KeyringChoice;
use keepwell_api::{Api, NAMES, OpenOptions};
use keepwell_web::{Guard, Page, Token, router};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A server with a page of its own, and the folder it lives in.
fn server() -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    fs::create_dir(&page).unwrap();
    fs::write(page.join("index.html"), "<!doctype html>the page").unwrap();
    let api = Api::open(OpenOptions {
        home: folder.path().join("state"),
        keyring: KeyringChoice::File,
        schedules: false,
        logs: None,
        ..OpenOptions::from_environment()
    });
    let guard = Guard::new(Token::new("the token"), 4174, &[]);
    (router(Arc::new(api.unwrap()), guard, Page::Folder(page)), folder)
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", "127.0.0.1:4174");
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(body.to_owned())).unwrap()
}

/// The answer: status, policy, body.
fn ask(server: &Router, request: Request<Body>) -> (StatusCode, String, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = server.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, policy, String::from_utf8(body.to_vec()).unwrap())
    })
}

const KEY: (&str, &str) = ("authorization", "Bearer the token");

#[test]
fn every_command_of_the_table_is_served_and_needs_the_token() {
    let (server, _folder) = server();
    for name in NAMES {
        let path = format!("/api/{name}");
        let (status, _, _) = ask(&server, request("POST", &path, &[], "{}"));
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}");
        let wrong = [("authorization", "Bearer another token")];
        assert_eq!(ask(&server, request("POST", &path, &wrong, "{}")).0, StatusCode::UNAUTHORIZED, "{name}");
        // A request with a field no command has is refused by the command itself, so the command was reached.
        let (status, _, body) = ask(&server, request("POST", &path, &[KEY], r#"{ "no such field": 1 }"#));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}: {body}");
        assert!(body.contains(name), "{name}: {body}");
    }
}

#[test]
fn an_answer_is_json_and_so_is_an_error() {
    let (server, _folder) = server();
    let (status, _, body) = ask(&server, request("POST", "/api/app.info", &[KEY], ""));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["keyring"], "encryptedFile");
    let body_text = json!({ "placeId": "0".repeat(32) }).to_string();
    let (status, _, body) = ask(&server, request("POST", "/api/place.get", &[KEY], &body_text));
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["code"], "notFound");
    assert_eq!(ask(&server, request("POST", "/api/app.info", &[KEY], "not json")).0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(&server, request("POST", "/api/no.such", &[KEY], "{}")).0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(&server, request("GET", "/api/app.info", &[KEY], "")).0, StatusCode::METHOD_NOT_ALLOWED);
    let huge = " ".repeat(5 << 20);
    assert_eq!(
        ask(&server, request("POST", "/api/app.info", &[KEY], &huge)).0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[test]
fn what_comes_from_elsewhere_gets_nothing_not_even_the_page() {
    let (server, _folder) = server();
    for headers in [
        &[("host", "evil.example:4174"), KEY][..],
        &[("origin", "http://evil.example"), KEY],
        &[("sec-fetch-site", "cross-site"), KEY],
    ] {
        for (method, path) in [("POST", "/api/app.info"), ("GET", "/")] {
            let (status, policy, body) = ask(&server, request(method, path, headers, "{}"));
            assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?}");
            assert!(policy.contains("default-src 'none'") && !body.contains("the page"));
        }
    }
}

#[test]
fn the_page_is_served_under_a_strict_policy() {
    let (server, _folder) = server();
    for path in ["/", "/index.html", "/backup/plans"] {
        let (status, policy, body) = ask(&server, request("GET", path, &[], ""));
        assert_eq!((status, body.as_str()), (StatusCode::OK, "<!doctype html>the page"), "{path}");
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
    }
    for path in ["/no-such.js", "/../state/secrets.key", "/%2e%2e/state/secrets.key"] {
        assert_eq!(ask(&server, request("GET", path, &[], "")).0, StatusCode::NOT_FOUND, "{path}");
    }
}
