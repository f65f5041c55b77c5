//! Every text the shell itself shows: tray, notifications, dialogs, start-up trouble.
//!
//! Why one place: the page has its catalogue, and this is the shell's, so that both can be translated one day.
//! Deliberately not here: what the page or the engine says.

/// The window's title.
pub const TITLE: &str = "Keepwell";
/// Tray: show the window.
pub const TRAY_SHOW: &str = "Show Keepwell";
/// Tray: hold all runs.
pub const TRAY_PAUSE_ALL: &str = "Pause all runs";
/// Tray: let them go on.
pub const TRAY_RESUME_ALL: &str = "Resume all runs";
/// Tray: end the program.
pub const TRAY_QUIT: &str = "Quit Keepwell";

/// A run failed.
pub const RUN_FAILED: &str = "A run failed";
/// A run was stopped by a safety brake.
pub const RUN_HALTED: &str = "A run needs your decision";
/// A run finished with problems.
pub const RUN_WITH_PROBLEMS: &str = "A run finished with problems";
/// Closing the window while a run goes on.
pub const FINISHING: &str = "Keepwell is finishing a run";
/// What that means.
pub const FINISHING_BODY: &str = "It closes when the run is done. Start Keepwell again to see it.";

/// No graphical session.
pub const NO_DISPLAY: &str =
    "There is no display here to open a window on. The command line does the same work: try `keepwell tour`.";
/// The app could not start.
pub const CANNOT_START: &str = "Keepwell can not start";

/// A problem count as words.
pub fn problems(count: u64) -> String {
    match count {
        1 => String::from("1 item had a problem."),
        _ => format!("{count} items had problems."),
    }
}
