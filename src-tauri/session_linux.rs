//! Linux: a display may be missing, and a tray often is.

/// Whether there is a display to open a window on. Asked first, because GTK ends the program without one.
pub fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Whether some program shows tray icons: desktops without one (GNOME as it comes) would swallow ours silently, and a
/// window that closes to a tray nobody can see would be lost.
pub fn has_tray() -> bool {
    let Ok(connection) = zbus::blocking::Connection::session() else { return false };
    let Ok(bus) = zbus::blocking::fdo::DBusProxy::new(&connection) else { return false };
    let Ok(name) = zbus::names::BusName::try_from("org.kde.StatusNotifierWatcher") else { return false };
    bus.name_has_owner(name).unwrap_or(false)
}
