//! Plans: what to back up, where to, how often; and the three questions of the first run.

use super::backup::BackupRules;
use super::{dto, request};
use crate::{Moment, PathText, SecretText};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// When a plan runs. Times of day are the machine's local time, in minutes after midnight (0 to 1439).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Schedule {
    /// Only when a person says so.
    Manual,
    /// Every so many hours (1 to 168) after the last run.
    EveryHours {
        /// How many.
        hours: u16,
    },
    /// Every day.
    Daily {
        /// Minutes after midnight.
        at_minutes: u16,
    },
    /// Once a week.
    Weekly {
        /// 1 Monday to 7 Sunday.
        weekday: u8,
        /// Minutes after midnight.
        at_minutes: u16,
    },
}

dto! {
    /// The newest finished run of a plan.
    pub struct LastRun {
        /// The job.
        pub job_id: String,
        /// How it ended.
        pub state: super::job::JobState,
        /// When it ended.
        pub finished_ms: Moment,
        /// The snapshot it made.
        pub snapshot_id: Option<String>,
        /// Problems it had.
        pub problems: crate::Count,
    }

    /// A plan.
    pub struct Plan {
        /// Its id.
        pub id: String,
        /// What the person calls it.
        pub name: String,
        /// The place copies go to.
        pub place_id: String,
        /// What is backed up.
        pub sources: Vec<PathText>,
        /// What is left out.
        pub rules: BackupRules,
        /// When it runs.
        pub schedule: Schedule,
        /// Whether its schedule is on.
        pub enabled: bool,
        /// When it was made.
        pub created_ms: Moment,
        /// When it runs next; nothing where it is manual, off or schedules are paused.
        pub next_run_ms: Option<Moment>,
        /// Its newest finished run.
        pub last_run: Option<LastRun>,
        /// When it last succeeded.
        pub last_success_ms: Option<Moment>,
        /// The job of it that waits or runs now.
        pub active_job_id: Option<String>,
    }

    /// All plans.
    pub struct PlanList {
        /// In the order they were made.
        pub plans: Vec<Plan>,
    }

    /// The first backup is on its way.
    pub struct FirstRunStarted {
        /// The place that was made.
        pub place_id: String,
        /// The plan that was made.
        pub plan_id: String,
        /// The first backup.
        pub job_id: String,
        /// The printable recovery key: shown once, kept nowhere.
        pub recovery_key: String,
    }

    /// A plan the scheduler will run.
    pub struct UpcomingRun {
        /// The plan.
        pub plan_id: String,
        /// Its name.
        pub name: String,
        /// When.
        pub at_ms: Moment,
    }

    /// What the scheduler is about to do.
    pub struct SchedulerStatus {
        /// Whether this Keepwell runs the schedules (another may hold them).
        pub running_here: bool,
        /// Who does, where it is another.
        pub held_by: Option<String>,
        /// Whether the person paused all schedules.
        pub paused: bool,
        /// The next runs, soonest first; at most 100.
        pub upcoming: Vec<UpcomingRun>,
    }
}

request! {
    /// Makes or changes a plan.
    pub struct PlanSave {
        /// The plan to change; nothing makes a new one.
        pub id: Option<String>,
        /// What to call it.
        pub name: String,
        /// The place copies go to.
        pub place_id: String,
        /// What is backed up.
        pub sources: Vec<String>,
        /// What is left out.
        pub rules: BackupRules,
        /// When it runs.
        pub schedule: Schedule,
        /// Whether its schedule is on.
        pub enabled: bool,
    }

    /// Names one plan.
    pub struct PlanGet {
        /// Its id.
        pub plan_id: String,
    }

    /// Removes a plan. Its snapshots stay.
    pub struct PlanRemove {
        /// Its id.
        pub plan_id: String,
    }

    /// Runs a plan now.
    pub struct PlanRun {
        /// Its id.
        pub plan_id: String,
    }

    /// The three answers.
    pub struct FirstRunStart {
        /// What matters?
        pub sources: Vec<String>,
        /// Where may copies go? A folder that is absent or empty.
        pub destination: String,
        /// How often?
        pub schedule: Schedule,
        /// The person's password; nothing makes a strong one and keeps it in the keyring.
        pub password: Option<SecretText>,
        /// What to call the place.
        pub place_label: Option<String>,
        /// What to call the plan.
        pub plan_name: Option<String>,
    }
}
