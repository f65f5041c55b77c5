//! Logs: rolling files below the state folder, one JSON object a line; shown on the error stream if wanted.
//!
//! Invariants: at most a fortnight of files; no secret is ever a field (types that hold one do not print it); the files
//! are in a folder only the person may enter. Deliberately not here: reading a job's lines back (`job_log`).

use std::path::Path;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::{ApiError, ErrorCode};

/// Days of logs that are kept.
const FILES_LIMIT: usize = 14;
/// Lines that may wait for the disk. Their room is taken when the program begins, which every command would wait for.
const LINES_WAITING: usize = 8192;
/// What log files begin with.
pub(crate) const PREFIX: &str = "keepwell";
/// What log files end with.
pub(crate) const SUFFIX: &str = "log";

/// What to log where.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogsOptions {
    /// Whether lines are shown on the error stream as well.
    pub show: bool,
}

/// Logging, for as long as the value lives.
pub struct Logs {
    // Writes what waits when dropped.
    _guard: WorkerGuard,
}

impl Logs {
    /// Starts logging into the state folder. A process logs once: a second start only writes to the first's files.
    pub(crate) fn start(home: &Path, options: &LogsOptions) -> Result<Self, ApiError> {
        let folder = home.join("logs");
        let failed = |why: &dyn std::fmt::Display| {
            ApiError::new(ErrorCode::Failed, format!("The logs can not be written: {why}."))
                .hint("Check that the folder is writable and has space.")
                .about(folder.display().to_string())
        };
        keepwell_catalog::private_file::create_private_folder(&folder).map_err(|error| failed(&error))?;
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(PREFIX)
            .filename_suffix(SUFFIX)
            .max_log_files(FILES_LIMIT)
            .build(&folder)
            .map_err(|error| failed(&error))?;
        let (writer, guard) =
            NonBlockingBuilder::default().buffered_lines_limit(LINES_WAITING).finish(appender);
        // A target is matched by its beginning: all of our crates.
        let filter =
            || Targets::new().with_default(LevelFilter::WARN).with_target("keepwell", LevelFilter::INFO);
        let files = tracing_subscriber::fmt::layer()
            .json()
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(writer)
            .with_filter(filter());
        let shown = options.show.then(|| {
            tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(false)
                .with_writer(std::io::stderr)
                .with_filter(filter())
        });
        // A second api in one process (tests) keeps the first subscriber: that is no failure.
        let _ = tracing_subscriber::registry().with(files).with(shown).try_init();
        Ok(Self { _guard: guard })
    }
}
