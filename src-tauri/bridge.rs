//! What the page may ask: any command of the api, and the system's folder picker.
//!
//! Why no stream: the page follows running work with the command `job.changes`, which waits for news, in every host
//! the same way.
//! Invariants: nothing blocks the main thread; errors reach the page as the api's own `ApiError`.
//! Deliberately not here: any knowledge of what a command does. The one exception is `settings.set`, after which the
//! shell takes over what concerns the window.

use std::path::PathBuf;

use keepwell_api::{ApiError, ErrorCode};
use serde_json::Value;
use tauri::{AppHandle, State};
use tauri_plugin_dialog::DialogExt;

use crate::{SharedApi, lifecycle};

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
