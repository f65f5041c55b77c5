//! What the page may ask: any command of the api, the stream of job changes, and the system's folder picker.
//!
//! Invariants: nothing blocks the main thread; one subscription at a time, so a reloaded page leaves no old one
//! behind; errors reach the page as the api's own `ApiError`.
//! Deliberately not here: any knowledge of what a command does. The one exception is `settings.set`, after which the
//! shell takes over what concerns the window.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keepwell_api::dto::job::{JobChanges, JobChangesGet};
use keepwell_api::{ApiError, Commands, ErrorCode};
use serde_json::Value;
use tauri::ipc::Channel;
use tauri::{AppHandle, State};
use tauri_plugin_dialog::DialogExt;

use crate::{SharedApi, lifecycle};

/// How long one question for changes may wait in the engine.
const WAIT_MS: u32 = 25_000;
/// The least time between two messages to the page: ten a second are as many as an eye can use.
const PACE: Duration = Duration::from_millis(100);

/// Counts subscriptions; only the newest one is served.
#[derive(Default)]
pub struct Subscription(Arc<AtomicU64>);

/// Runs a command of the api.
#[tauri::command]
pub async fn call(
    app: AppHandle,
    api: State<'_, SharedApi>,
    command: String,
    payload: Value,
) -> Result<Value, ApiError> {
    let api = SharedApi::clone(&api);
    let work = move || {
        let answer = keepwell_api::dispatch(api.as_ref(), &command, payload);
        if command == "settings.set" && answer.is_ok() {
            lifecycle::apply_settings(&app, &api);
        }
        answer
    };
    tauri::async_runtime::spawn_blocking(work).await.unwrap_or_else(|_panicked| {
        Err(ApiError::new(
            ErrorCode::Failed,
            String::from("This could not be done because of a fault in Keepwell."),
        ))
    })
}

/// Sends every change of jobs into the channel, the whole picture first, until the page subscribes anew or is gone.
#[tauri::command]
pub fn subscribe(
    api: State<'_, SharedApi>,
    subscription: State<'_, Subscription>,
    channel: Channel<JobChanges>,
) -> Result<(), ApiError> {
    let api = SharedApi::clone(&api);
    let newest = subscription.0.clone();
    let mine = newest.fetch_add(1, Ordering::SeqCst) + 1;
    let work = move || {
        let mut since = None;
        while newest.load(Ordering::SeqCst) == mine {
            let Ok(changes) = api.job_changes(JobChangesGet { since, wait_ms: Some(WAIT_MS) }) else {
                // The catalog may be busy or gone for a moment; the page keeps what it has.
                std::thread::sleep(Duration::from_secs(1));
                continue;
            };
            since = Some(changes.revision);
            if (changes.full || !changes.jobs.is_empty() || !changes.removed.is_empty())
                && channel.send(changes).is_err()
            {
                return;
            }
            std::thread::sleep(PACE);
        }
    };
    std::thread::Builder::new().name(String::from("subscription")).spawn(work).map(drop).map_err(|error| {
        ApiError::new(ErrorCode::Failed, format!("The window can not follow the running work: {error}"))
    })
}

/// Lets the person choose a folder with the system's own picker.
#[tauri::command]
pub async fn choose_folder(app: AppHandle, title: String) -> Result<Option<PathBuf>, ApiError> {
    let picker = move || app.dialog().file().set_title(title).blocking_pick_folder();
    let chosen = tauri::async_runtime::spawn_blocking(picker).await.unwrap_or(None);
    chosen
        .map(tauri_plugin_dialog::FilePath::into_path)
        .transpose()
        .map_err(|error| ApiError::bad_request(format!("this folder can not be used: {error}")))
}
