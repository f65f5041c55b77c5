//! The tray icon: show, pause all, quit.
//!
//! Invariant: where there is no tray, there is no icon and nothing else changes but that closing the window ends the
//! program. Deliberately not here: progress in the tray; the window has room for it.

use std::panic::AssertUnwindSafe;

use keepwell_api::dto::Nothing;
use keepwell_api::dto::app::{Settings, SettingsSet};
use keepwell_api::{ApiError, Commands};
use tauri::image::Image;
use tauri::menu::{Menu, MenuEvent, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager};

use crate::{SharedApi, lifecycle, session, texts, window};

const ID: &str = "keepwell";
const SHOW: &str = "show";
const PAUSE: &str = "pause-all";
const RESUME: &str = "resume-all";
const QUIT: &str = "quit";

/// Puts the icon into the tray; says whether there is one now.
pub fn create(app: &AppHandle) -> bool {
    if !session::has_tray() {
        tracing::info!("no tray here; closing the window will end the program");
        return false;
    }
    // The library behind tray icons on Linux is loaded when the first one is made, and its absence is a panic there.
    match std::panic::catch_unwind(AssertUnwindSafe(|| build(app))) {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "no tray icon; closing the window will end the program");
            false
        }
        Err(_) => {
            tracing::warn!(
                "no tray icon: the system's library for it is missing; closing the window will end the program"
            );
            false
        }
    }
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    let menu = Menu::with_items(
        app,
        &[
            &MenuItem::with_id(app, SHOW, texts::TRAY_SHOW, true, None::<&str>)?,
            &PredefinedMenuItem::separator(app)?,
            &MenuItem::with_id(app, PAUSE, texts::TRAY_PAUSE_ALL, true, None::<&str>)?,
            &MenuItem::with_id(app, RESUME, texts::TRAY_RESUME_ALL, true, None::<&str>)?,
            &PredefinedMenuItem::separator(app)?,
            &MenuItem::with_id(app, QUIT, texts::TRAY_QUIT, true, None::<&str>)?,
        ],
    )?;
    TrayIconBuilder::with_id(ID)
        .icon(icon())
        .icon_as_template(cfg!(target_os = "macos"))
        .tooltip(texts::TITLE)
        .menu(&menu)
        .show_menu_on_left_click(cfg!(target_os = "macos"))
        .on_menu_event(on_menu)
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left, button_state: MouseButtonState::Up, ..
            } = event
                && cfg!(not(target_os = "macos"))
            {
                window::show(tray.app_handle());
            }
        })
        .build(app)
        .map(drop)
}

/// macOS colours a shape of its own accord; the other trays want the picture.
fn icon() -> Image<'static> {
    if cfg!(target_os = "macos") {
        tauri::include_image!("icons/tray-template.png")
    } else {
        tauri::include_image!("icons/png/32.png")
    }
}

fn on_menu(app: &AppHandle, event: MenuEvent) {
    match event.id().as_ref() {
        SHOW => window::show(app),
        PAUSE => in_background(app, |api| hold_all(api, true)),
        RESUME => in_background(app, |api| hold_all(api, false)),
        QUIT => lifecycle::quit(app),
        _ => {}
    }
}

/// Holds what runs, and what would start by itself: schedules and live pairs; or lets all of it go on.
fn hold_all(api: &SharedApi, held: bool) -> Result<(), ApiError> {
    let settings = api.settings_get(Nothing {})?;
    api.settings_set(SettingsSet { settings: Settings { schedules_paused: held, ..settings } })?;
    if held { api.job_pause_all(Nothing {}) } else { api.job_resume_all(Nothing {}) }.map(drop)
}

/// The menu runs on the main thread, which must stay free.
fn in_background(app: &AppHandle, work: impl FnOnce(&SharedApi) -> Result<(), ApiError> + Send + 'static) {
    let api = SharedApi::clone(&app.state::<SharedApi>());
    tauri::async_runtime::spawn_blocking(move || {
        if let Err(error) = work(&api) {
            tracing::warn!(%error, "the tray's wish could not be carried out");
        }
    });
}
