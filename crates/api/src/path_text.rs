//! Paths as they cross to JSON: a text that gives back every byte, and one for people beside it.
//!
//! The escaped form is that of [`keepwell_jobs::path_text`]: printable UTF-8 stays as it is; `%`, control characters and
//! every byte that is not part of valid UTF-8 become `%` and two hexadecimal digits. So `Bilder/100%.png` is sent as
//! `Bilder/100%25.png`, and a lone byte FF as `%FF`. Text a person typed has to go through `pathFromText`
//! (commands.ts) first, which escapes its `%`. Deliberately not here: what a path may be.

pub use keepwell_jobs::path_text::{PathTextError, bytes_of, decode, display, encode, local_path};
pub use keepwell_model::shown_lines;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A path: the form to send back, and the form to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PathText {
    /// The exact path, escaped: send this back, never show it.
    pub path: String,
    /// For people: what is not text is replaced, what can not be seen is spelled out.
    pub display: String,
}

impl PathText {
    /// Both forms of a path.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self { path: encode(bytes), display: display(bytes) }
    }

    /// Both forms of a path of this machine.
    #[must_use]
    pub fn of(path: &std::path::Path) -> Self {
        Self::new(path.as_os_str().as_encoded_bytes())
    }
}
