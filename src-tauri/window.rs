//! The one window.
//!
//! Invariants: it shows only the page that is compiled in, and never follows a link out of it.
//! Deliberately not here: when it closes (`lifecycle`).

use keepwell_api::dto::app::Theme;
use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::texts;

/// The window's label, as the capabilities name it.
pub const LABEL: &str = "main";

/// Opens the window.
pub fn open(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title(texts::TITLE)
        .inner_size(1180.0, 780.0)
        .min_inner_size(720.0, 520.0)
        .center()
        .on_navigation(|address| {
            // `tauri://localhost` on Linux and macOS, `http://tauri.localhost` on Windows: our own page, nothing else.
            matches!(
                (address.scheme(), address.host_str()),
                ("tauri", _) | ("http" | "https", Some("tauri.localhost"))
            )
        })
        .build()
}

/// Brings the window to the front, from wherever it is.
pub fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "the window can not be brought to the front");
    }
}

/// Hides the window; the program goes on.
pub fn hide(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Err(error) = window.hide()
    {
        tracing::warn!(%error, "the window can not be hidden");
    }
}

/// Gives frame and page the theme the person chose.
pub fn set_theme(app: &AppHandle, theme: Theme) {
    app.set_theme(match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    });
}
