//! Watches the work from the outside: tells the person when a run ends in trouble, and counts what runs.
//!
//! Invariants: one notification per job and end; what had already ended when the program started is old news.
//! Deliberately not here: success. Backups that work are not worth an interruption.

use std::collections::HashMap;
use std::time::Duration;

use keepwell_api::Commands;
use keepwell_api::dto::job::{Job, JobChangesGet, JobState};
use tauri::{AppHandle, Manager};
use tauri_plugin_notification::NotificationExt;

use crate::lifecycle::Lifecycle;
use crate::{SharedApi, lifecycle, texts};

/// How long one question for changes may wait in the engine.
const WAIT_MS: u32 = 25_000;

/// Follows all jobs until the program ends.
pub fn watch(app: AppHandle, api: SharedApi) {
    let work = move || {
        let mut known = Known::default();
        let mut since = None;
        loop {
            let Ok(changes) = api.job_changes(JobChangesGet { since, wait_ms: Some(WAIT_MS) }) else {
                std::thread::sleep(Duration::from_secs(1));
                continue;
            };
            let first = since.is_none();
            since = Some(changes.revision);
            if changes.full {
                known.forget_missing(&changes.jobs);
            }
            for id in &changes.removed {
                known.states.remove(id);
            }
            for job in &changes.jobs {
                if known.note(job) && !first {
                    tell(&app, job);
                }
            }
            if app.state::<Lifecycle>().note_active_jobs(known.active()) {
                lifecycle::quit(&app);
                return;
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    };
    if let Err(error) = std::thread::Builder::new().name(String::from("notices")).spawn(work) {
        tracing::warn!(%error, "no notifications: the system gives no thread");
    }
}

/// Shows a notification, if the person wants them and the system can.
pub fn show(app: &AppHandle, title: &str, body: &str) {
    if !app.state::<Lifecycle>().wants_notifications() {
        return;
    }
    if let Err(error) = app.notification().builder().title(title).body(body).show() {
        tracing::info!(%error, "the system shows no notifications");
    }
}

fn tell(app: &AppHandle, job: &Job) {
    let reason = || job.error.as_ref().map(|error| error.message.clone()).unwrap_or_default();
    let (title, body) = match job.state {
        JobState::Failed => (texts::RUN_FAILED, format!("{}. {}", job.title, reason())),
        JobState::Halted => {
            let halt = job.halt.as_ref().map(|halt| halt.reason.clone()).unwrap_or_default();
            (texts::RUN_HALTED, format!("{}. {halt}", job.title))
        }
        JobState::SucceededWithProblems => {
            (texts::RUN_WITH_PROBLEMS, format!("{}. {}", job.title, texts::problems(job.problems.0)))
        }
        _ => return,
    };
    show(app, title, &body);
}

/// The last known state of every job, by id.
#[derive(Default)]
struct Known {
    states: HashMap<String, (JobState, bool)>,
}

impl Known {
    /// Takes note of a job; says whether its state is news.
    fn note(&mut self, job: &Job) -> bool {
        let before = self.states.insert(job.id.clone(), (job.state, job.here));
        before.map(|(state, _)| state) != Some(job.state)
    }

    /// After a whole picture: what is not in it is gone.
    fn forget_missing(&mut self, jobs: &[Job]) {
        self.states.retain(|id, _| jobs.iter().any(|job| job.id == *id));
    }

    /// How many jobs this process has still to finish. A paused one does not hold the program: it goes on next time.
    fn active(&self) -> usize {
        let works =
            |state: JobState| matches!(state, JobState::Queued | JobState::Planning | JobState::Running);
        self.states.values().filter(|(state, here)| *here && works(*state)).count()
    }
}
