//! The desktop host: one window over `keepwell_api`, a tray icon where the system has a tray, notifications.
//!
//! Why so thin: Tauri 3 will come, and everything that is worth testing is below `keepwell_api`, where the command
//! line and the web host use it too.
//! Invariants: the page reaches exactly the four commands of [`bridge`]; nothing here decides anything about data;
//! the tray is never needed to use the app or to end it.
//! Deliberately not here: domain logic, a shell plugin, remote content, an updater.

// A release build on Windows opens no console beside its window.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod bridge;
mod lifecycle;
mod notices;
mod session;
mod texts;
mod tray;
mod window;

use std::process::ExitCode;
use std::sync::Arc;

use keepwell_api::{Api, ApiError};
use tauri::Manager;
use tauri_plugin_dialog::{DialogExt, MessageDialogKind};

use crate::lifecycle::Lifecycle;

/// The api as every part of the shell shares it.
type SharedApi = Arc<Api>;

fn main() -> ExitCode {
    if !session::has_display() {
        eprintln!("{}", texts::NO_DISPLAY);
        return ExitCode::FAILURE;
    }
    let builder = tauri::Builder::default();
    // Two windows over the same state would only confuse; over different state they are two different Keepwells.
    let builder = if std::env::var_os("KEEPWELL_HOME").is_none() {
        builder.plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| window::show(app)))
    } else {
        builder
    };
    let app = builder
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .invoke_handler(tauri::generate_handler![
            bridge::call,
            bridge::subscribe,
            bridge::choose_folder,
            bridge::save_text
        ])
        .on_window_event(lifecycle::on_window_event)
        .setup(|app| setup(app.handle()))
        .build(tauri::generate_context!());
    match app {
        Ok(app) => {
            app.run(lifecycle::on_run_event);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", texts::CANNOT_START);
            ExitCode::FAILURE
        }
    }
}

/// Opens the state, then the window. Where the state can not be opened there is nothing to show but the reason.
fn setup(app: &tauri::AppHandle) -> Result<(), Box<dyn std::error::Error>> {
    let api: SharedApi = match Api::open(keepwell_api::OpenOptions::from_environment()) {
        Ok(api) => Arc::new(api),
        Err(error) => {
            cannot_start(app, &error);
            return Ok(());
        }
    };
    app.manage(api.clone());
    app.manage(bridge::Subscription::default());
    app.manage(Lifecycle::new(tray::create(app)));
    lifecycle::apply_settings(app, &api);
    window::open(app)?;
    notices::watch(app.clone(), api);
    Ok(())
}

/// Says why, in a dialog and where the program was started from, and ends when the person has read it.
fn cannot_start(app: &tauri::AppHandle, error: &ApiError) {
    let reason = match &error.hint {
        Some(hint) => format!("{}\n\n{hint}", error.message),
        None => error.message.clone(),
    };
    eprintln!("{}: {reason}", texts::CANNOT_START);
    let ends = app.clone();
    app.dialog()
        .message(reason)
        .title(texts::CANNOT_START)
        .kind(MessageDialogKind::Error)
        .show(move |_read| ends.exit(1));
}
