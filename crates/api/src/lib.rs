//! The border of Keepwell: use cases, data transfer objects and error codes. The only crate a host imports.
//!
//! [`commands`] holds the one table of commands; [`dto`] what they take and answer; [`error`] the one error; [`Api`] is
//! the whole program in a process. Deliberately not here: transport (each host has its own), and any work (`jobs`,
//! `backup`, `repository`).

pub mod commands;
pub mod dto;
pub mod error;
pub mod logs;
pub mod numbers;
pub mod open;
pub mod path_text;
pub mod secret_text;

mod convert;
mod diff;
mod find;
mod fold;
mod job_log;
mod preview;
mod sync_what;
mod sync_words;
mod use_cases;
mod volumes;

pub use commands::{Commands, NAMES, dispatch};
pub use error::{ApiError, ErrorCode, ShownServer};
pub use numbers::{Count, Moment};
pub use open::{Api, OpenOptions};
pub use path_text::PathText;
pub use secret_text::SecretText;
pub use use_cases::sync::SyncUnreadable;
pub use use_cases::sync_ask::{SyncAsk, SyncAsked, SyncKnown};
