//! The border of Keepwell: use cases, data transfer objects and error codes. The only crate a host imports.
//!
//! [`commands`] holds the one table of commands; [`dto`] what they take and answer; [`error`] the one error.
//! Deliberately not here: transport (each host has its own), and any work (`jobs`, `backup`, `repository`).

pub mod commands;
pub mod dto;
pub mod error;
pub mod numbers;
pub mod path_text;
pub mod secret_text;

pub use commands::{Commands, NAMES, dispatch};
pub use error::{ApiError, ErrorCode};
pub use numbers::{Count, Moment};
pub use path_text::PathText;
pub use secret_text::SecretText;
