//! The program itself: what it is, where it keeps its state, and its settings.

use super::{dto, request, words};
use crate::{Count, Moment, PathText};

words! {
    /// Where passwords are kept on this machine.
    pub enum KeyringKind {
        /// The system's keyring (Secret Service, Keychain, Credential Manager).
        System,
        /// A file encrypted with a key file beside it: no keyring service runs here.
        EncryptedFile,
        /// A file encrypted with the person's master password.
        MasterPassword,
    }

    /// The system this runs on.
    pub enum Platform {
        /// Linux and the other Unixes.
        Linux,
        /// macOS.
        Macos,
        /// Windows.
        Windows,
    }

    /// Light or dark.
    pub enum Theme {
        /// As the system says.
        System,
        /// Always light.
        Light,
        /// Always dark.
        Dark,
    }
}

dto! {
    /// What the program says about itself.
    pub struct AppInfo {
        /// The version, as in `0.1.0`.
        pub version: String,
        /// Where all state is kept.
        pub home: PathText,
        /// Where the logs are.
        pub logs: PathText,
        /// The person's own folder.
        pub user_folder: Option<PathText>,
        /// Where passwords are kept.
        pub keyring: KeyringKind,
        /// The same in an honest sentence.
        pub keyring_note: String,
        /// Whether the three questions are still to be asked.
        pub first_run_due: bool,
        /// The system.
        pub platform: Platform,
        /// This machine's name.
        pub host: String,
        /// What the person has to know about the start, for instance that a damaged database was moved aside.
        pub notices: Vec<String>,
        /// The engine's clock.
        pub now_ms: Moment,
    }

    /// Ceilings the person sets.
    pub struct Limits {
        /// At most this many bytes a second are written to places; nothing means no limit.
        pub write_bytes_per_second: Option<Count>,
        /// Finished jobs kept in the history (100 to 100,000).
        pub history_jobs: u32,
    }

    /// What the person can set.
    pub struct Settings {
        /// Light or dark.
        pub theme: Theme,
        /// Whether closing the window keeps Keepwell running in the tray, so that plans run.
        pub keep_running_in_tray: bool,
        /// Whether finished and failed runs are shown as desktop notifications.
        pub notifications: bool,
        /// Whether scheduled plans wait.
        pub schedules_paused: bool,
        /// Ceilings.
        pub limits: Limits,
    }
}

request! {
    /// Replaces all settings.
    pub struct SettingsSet {
        /// The new settings.
        pub settings: Settings,
    }
}
