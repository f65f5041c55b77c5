//! What the desktop session offers: a display, a tray. One file a system.
//!
//! Invariant: an answer of "no" is always safe; the shell then does without.
//! Deliberately not here: anything that uses them.

#[cfg(target_os = "linux")]
#[path = "session_linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "session_always.rs"]
mod system;

pub use system::{has_display, has_tray};
