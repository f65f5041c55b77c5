//! What the page may ask: any command of the api, the stream of job changes, and the two things only the system's own
//! dialogs can do: choose a folder, save a text.
//!
//! Invariants: nothing blocks the main thread; one subscription at a time, so a reloaded page leaves no old one
//! behind; errors reach the page as the api's own `ApiError`; a file is written only where the person said in the
//! system's dialog.
//! Deliberately not here: any knowledge of what a command does. The one exception is `settings.set`, after which the
//! shell takes over what concerns the window.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keepwell_api::dto::job::{JobChanges, JobChangesGet};
use keepwell_api::{ApiError, Commands, ErrorCode, PathText};
use serde_json::Value;
use tauri::ipc::Channel;
use tauri::{AppHandle, State};
use tauri_plugin_dialog::{DialogExt, FilePath};

use crate::{SharedApi, lifecycle};

/// How long one question for changes may wait in the engine.
const WAIT_MS: u32 = 25_000;
/// The least time between two messages to the page: ten a second are as many as an eye can use.
const PACE: Duration = Duration::from_millis(100);
/// A text to save is a recovery key or a receipt; nothing the page has is larger than this.
const TEXT_LIMIT_BYTES: usize = 16 * 1024 * 1024;

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
    off_the_main_thread(move || {
        let answer = keepwell_api::dispatch(api.as_ref(), &command, payload);
        if command == "settings.set" && answer.is_ok() {
            lifecycle::apply_settings(&app, &api);
        }
        answer
    })
    .await
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
                // The catalog may be busy for a moment; the page keeps what it has.
                std::thread::sleep(Duration::from_secs(1));
                continue;
            };
            since = Some(changes.revision);
            let news = changes.full || !changes.jobs.is_empty() || !changes.removed.is_empty();
            if news && channel.send(changes).is_err() {
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
pub async fn choose_folder(app: AppHandle, title: String) -> Result<Option<PathText>, ApiError> {
    off_the_main_thread(move || {
        let chosen = app.dialog().file().set_title(title).blocking_pick_folder();
        chosen.map(|folder| local(folder).map(|path| PathText::of(&path))).transpose()
    })
    .await
}

/// Saves a text where the person says in the system's own dialog; says whether they did.
#[tauri::command]
pub async fn save_text(app: AppHandle, file_name: String, text: String) -> Result<bool, ApiError> {
    if text.len() > TEXT_LIMIT_BYTES {
        return Err(ApiError::bad_request("this text is too long to be saved like this"));
    }
    off_the_main_thread(move || {
        let Some(chosen) = app.dialog().file().set_file_name(file_name).blocking_save_file() else {
            return Ok(false);
        };
        let path = local(chosen)?;
        std::fs::write(&path, text).map(|()| true).map_err(|error| {
            ApiError::new(ErrorCode::Failed, format!("{} can not be written: {error}", path.display()))
        })
    })
    .await
}

/// The dialogs can answer with addresses of phones' providers; on a desktop it is always a path.
fn local(chosen: FilePath) -> Result<std::path::PathBuf, ApiError> {
    chosen.into_path().map_err(|error| ApiError::bad_request(format!("this place can not be used: {error}")))
}

/// Runs what may take long where it disturbs nobody.
async fn off_the_main_thread<Answer: Send + 'static>(
    work: impl FnOnce() -> Result<Answer, ApiError> + Send + 'static,
) -> Result<Answer, ApiError> {
    tauri::async_runtime::spawn_blocking(work).await.unwrap_or_else(|_panicked| {
        Err(ApiError::new(ErrorCode::Failed, "This could not be done because of a fault in Keepwell."))
    })
}
