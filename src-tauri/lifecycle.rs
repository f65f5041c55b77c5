//! When the program goes on without its window, and when it ends.
//!
//! 1. Closing the window hides it if the person wants Keepwell in the tray and there is a tray.
//! 2. Otherwise, while work runs, closing hides it too, and the program ends when the work is done: a backup is never
//!    cut off because somebody tidied the screen.
//! 3. Otherwise closing ends the program.
//! 4. "Quit" ends it always: what runs is stopped in order, and what it had done is kept.
//!
//! Deliberately not here: what work is (`notices` counts it).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keepwell_api::Commands;
use keepwell_api::dto::Nothing;
use tauri::{AppHandle, Manager, RunEvent, Window, WindowEvent};

use crate::{SharedApi, notices, texts, window};

/// What decides between hiding and ending.
pub struct Lifecycle {
    has_tray: bool,
    keep_in_tray: AtomicBool,
    notifications: AtomicBool,
    active_jobs: AtomicUsize,
    ends_when_idle: AtomicBool,
}

impl Lifecycle {
    /// At the start: nothing is known yet but whether there is a tray.
    pub fn new(has_tray: bool) -> Self {
        Lifecycle {
            has_tray,
            keep_in_tray: AtomicBool::new(false),
            notifications: AtomicBool::new(true),
            active_jobs: AtomicUsize::new(0),
            ends_when_idle: AtomicBool::new(false),
        }
    }

    /// Whether the person wants notifications.
    pub fn wants_notifications(&self) -> bool {
        self.notifications.load(Ordering::SeqCst)
    }

    /// Takes note of how much work runs; says whether the program should end now.
    pub fn note_active_jobs(&self, count: usize) -> bool {
        self.active_jobs.store(count, Ordering::SeqCst);
        count == 0 && self.ends_when_idle.load(Ordering::SeqCst)
    }

    /// The window is wanted again, so the program is not to end by itself.
    fn stays(&self) {
        self.ends_when_idle.store(false, Ordering::SeqCst);
    }
}

/// Takes over the settings that concern the shell. A fault leaves the ones before in force.
pub fn apply_settings(app: &AppHandle, api: &SharedApi) {
    match api.settings_get(Nothing {}) {
        Ok(settings) => {
            let lifecycle = app.state::<Lifecycle>();
            lifecycle.keep_in_tray.store(settings.keep_running_in_tray, Ordering::SeqCst);
            lifecycle.notifications.store(settings.notifications, Ordering::SeqCst);
            window::set_theme(app, settings.theme);
        }
        Err(error) => tracing::warn!(%error, "the settings can not be read"),
    }
}

/// Decides what closing the window means.
pub fn on_window_event(window: &Window, event: &WindowEvent) {
    let app = window.app_handle();
    match event {
        WindowEvent::CloseRequested { api: close, .. } => {
            let lifecycle = app.state::<Lifecycle>();
            if lifecycle.has_tray && lifecycle.keep_in_tray.load(Ordering::SeqCst) {
                close.prevent_close();
                window::hide(app);
            } else if lifecycle.active_jobs.load(Ordering::SeqCst) > 0 {
                close.prevent_close();
                lifecycle.ends_when_idle.store(true, Ordering::SeqCst);
                window::hide(app);
                notices::show(app, texts::FINISHING, texts::FINISHING_BODY);
            }
        }
        WindowEvent::Focused(true) => app.state::<Lifecycle>().stays(),
        _ => {}
    }
}

/// The end of the program stops the work in order; the dock icon on macOS brings the window back.
pub fn on_run_event(app: &AppHandle, event: RunEvent) {
    match event {
        RunEvent::Exit => {
            if let Some(api) = app.try_state::<SharedApi>() {
                api.stop();
            }
        }
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::show(app),
        _ => {}
    }
}

/// Ends the program.
pub fn quit(app: &AppHandle) {
    app.exit(0);
}
