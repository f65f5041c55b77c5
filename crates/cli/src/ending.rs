//! How the program ends: the exit codes scripts rely on.

use std::process::ExitCode;

use keepwell_api::dto::job::{Job, JobState};
use keepwell_api::{ApiError, ErrorCode};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done.
    Done,
    /// It could not be done.
    Failed,
    /// Done, but some items had problems.
    Problems,
    /// A safety brake asks a person.
    Halted,
    /// The person stopped it.
    Cancelled,
}

impl Ending {
    /// How a job ended.
    pub fn of_job(job: &Job) -> Self {
        match job.state {
            // A plan that waits was to be shown, and is.
            JobState::Succeeded | JobState::WaitingForConfirmation => Self::Done,
            JobState::SucceededWithProblems => Self::Problems,
            JobState::Halted => Self::Halted,
            JobState::Cancelled => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    /// How an error ends the program.
    pub fn of_error(error: &ApiError) -> Self {
        match error.code {
            ErrorCode::Halted => Self::Halted,
            ErrorCode::Cancelled => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    /// Whether it did not do what it was to do.
    pub fn is_no_success(self) -> bool {
        !matches!(self, Self::Done | Self::Problems)
    }

    /// The one of two that says more: what a person has to answer comes before what failed, and that before problems.
    pub fn worse(self, other: Self) -> Self {
        let weight = |ending: Self| match ending {
            Self::Done => 0,
            Self::Problems => 1,
            Self::Failed => 2,
            Self::Halted => 3,
            Self::Cancelled => 4,
        };
        if weight(other) > weight(self) { other } else { self }
    }

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Problems => 3,
            Self::Halted => 4,
            Self::Cancelled => 130,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}
