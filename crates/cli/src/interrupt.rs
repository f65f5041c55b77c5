//! Ctrl-C: the first cancels the running job cleanly, the second ends the program at once.
//!
//! Where no job runs, the first ends the program too. A request to terminate counts as a Ctrl-C.

use std::sync::{Arc, Mutex, PoisonError};

use keepwell_api::dto::job::JobGet;
use keepwell_api::{Api, Commands};

use crate::ending::Ending;

/// The job that a Ctrl-C cancels.
static CURRENT: Mutex<Option<(Arc<Api>, String)>> = Mutex::new(None);

/// Begins listening, on a thread of its own.
pub fn listen() {
    let listener = std::thread::Builder::new().name("interrupt".to_owned()).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Without it the system's default stays: Ctrl-C ends the program, and leases bear that.
        if let Ok(runtime) = runtime {
            runtime.block_on(wait());
        }
    });
    if let Err(error) = listener {
        tracing::warn!(%error, "Ctrl-C will end the program without cancelling first");
    }
}

async fn wait() {
    let mut cancelled = false;
    loop {
        if !signalled().await {
            return;
        }
        let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match current {
            Some((api, job_id)) if !cancelled => {
                cancelled = true;
                crate::output::note(
                    "Cancelling: the last step ends safely first. Press Ctrl-C again to end at once.",
                );
                if let Err(error) = api.job_cancel(JobGet { job_id }) {
                    // It ended by itself in this very moment.
                    tracing::info!(%error, "nothing to cancel");
                }
            }
            _ => std::process::exit(i32::from(Ending::Cancelled.code())),
        }
    }
}

#[cfg(unix)]
async fn signalled() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return false;
    };
    tokio::select! {
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
    }
}

#[cfg(not(unix))]
async fn signalled() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}

/// While the value lives, Ctrl-C cancels this job.
pub struct Cancels;

impl Cancels {
    /// From now on.
    pub fn job(api: &Arc<Api>, job_id: &str) -> Self {
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(api), job_id.to_owned()));
        Self
    }
}

impl Drop for Cancels {
    fn drop(&mut self) {
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
