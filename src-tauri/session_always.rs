//! Windows and macOS: a session of a person always has a display and a place for tray icons.

/// Whether there is a display to open a window on.
pub fn has_display() -> bool {
    true
}

/// Whether some part of the desktop shows tray icons.
pub fn has_tray() -> bool {
    true
}
