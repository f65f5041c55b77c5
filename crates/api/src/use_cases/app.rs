//! The program itself and its settings.

use keepwell_catalog::CredentialKind;
use keepwell_jobs::scheduler::PAUSED_SETTING;
use keepwell_jobs::unknown_keys::text_over;
use keepwell_jobs::{HISTORY_JOBS, HISTORY_SETTING};
use serde_json::Value;

use crate::dto::Nothing;
use crate::dto::app::{AppInfo, KeyringKind, Limits, Platform, Settings, SettingsSet, Theme};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::PathText;

const SETTINGS: &str = "settings";
const FIRST_RUN_SKIPPED: &str = "firstRunSkipped";

pub(crate) fn app_info(api: &Api, _: Nothing) -> Result<AppInfo, ApiError> {
    let (keyring, note) = match api.credentials.kind() {
        CredentialKind::System => (KeyringKind::System, "Passwords are kept in this system's keyring."),
        CredentialKind::EncryptedFile => (
            KeyringKind::EncryptedFile,
            "No keyring runs here. Passwords are kept in an encrypted file whose key lies beside it: anyone who can read \
             this account's files can open it.",
        ),
        CredentialKind::MasterPassword => (
            KeyringKind::MasterPassword,
            "Passwords are kept in a file encrypted with the master password given at the start.",
        ),
    };
    let skipped = api.catalog.setting(FIRST_RUN_SKIPPED)?.is_some();
    Ok(AppInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        home: PathText::of(&api.options.home),
        logs: PathText::of(&api.options.home.join("logs")),
        user_folder: api.options.user_folder.as_deref().map(PathText::of),
        keyring,
        keyring_note: note.to_owned(),
        first_run_due: !skipped && api.catalog.plans()?.is_empty() && api.catalog.places()?.is_empty(),
        platform: match std::env::consts::OS {
            "macos" => Platform::Macos,
            "windows" => Platform::Windows,
            _ => Platform::Linux,
        },
        host: api.options.host.clone(),
        notices: api.notices.clone(),
        now_ms: Moment(api.now_ms()),
    })
}

/// The person does not want the first questions.
pub(crate) fn skip_first_run(api: &Api) -> Result<(), ApiError> {
    Ok(api.catalog.set_setting(FIRST_RUN_SKIPPED, "true")?)
}

/// The settings as they are kept, or as they are at first.
pub(crate) fn settings(api: &Api) -> Result<Settings, ApiError> {
    let kept = api.catalog.setting(SETTINGS)?.and_then(|text| serde_json::from_str(&text).ok());
    Ok(kept.unwrap_or(Settings {
        theme: Theme::System,
        keep_running_in_tray: true,
        notifications: true,
        schedules_paused: false,
        limits: Limits {
            write_bytes_per_second: None,
            history_jobs: u32::try_from(HISTORY_JOBS).unwrap_or(u32::MAX),
        },
    }))
}

/// Makes the settings felt in this process.
pub(crate) fn apply_settings(api: &Api, settings: &Settings) {
    api.repositories.ceiling().set(settings.limits.write_bytes_per_second.map(|count| count.0));
}

pub(crate) fn settings_get(api: &Api, _: Nothing) -> Result<Settings, ApiError> {
    settings(api)
}

pub(crate) fn settings_set(api: &Api, request: SettingsSet) -> Result<Settings, ApiError> {
    let settings = request.settings;
    if !(100..=100_000).contains(&settings.limits.history_jobs) {
        return Err(ApiError::bad_request("The history keeps 100 to 100,000 jobs."));
    }
    if settings.limits.write_bytes_per_second.is_some_and(|Count(bytes)| bytes < 1024) {
        return Err(ApiError::bad_request("The ceiling for writing is 1 KiB a second at least."));
    }
    let old = api.catalog.setting(SETTINGS)?.filter(|old| serde_json::from_str::<Value>(old).is_ok());
    let text = match old {
        Some(old) => {
            text_over(&old, &serde_json::from_str(&old).unwrap_or_else(|_| settings.clone()), &settings)
        }
        None => serde_json::to_string(&settings),
    };
    let text =
        text.map_err(|error| ApiError::bad_request(format!("These settings can not be kept: {error}.")))?;
    api.catalog.set_setting(SETTINGS, &text)?;
    // The engine reads these two by themselves.
    api.catalog.set_setting(PAUSED_SETTING, if settings.schedules_paused { "true" } else { "false" })?;
    api.catalog.set_setting(HISTORY_SETTING, &settings.limits.history_jobs.to_string())?;
    apply_settings(api, &settings);
    if let Some(scheduler) = &api.scheduler {
        scheduler.wake();
    }
    Ok(settings)
}
