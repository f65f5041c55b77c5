//! Jobs: listing, following, steering, and what is left of them.

use keepwell_catalog::JobFilter;
use keepwell_jobs::{Attachment, Receipt as EngineReceipt};
use keepwell_model::JobId;

use crate::convert::{self, cut, page};
use crate::dto::job::{
    Job, JobChanges, JobChangesGet, JobGet, JobList, JobPage, JobPart, JobStarted, LogPage, ProblemPage,
    Receipt, ReceiptSkip,
};
use crate::dto::{Done, Nothing};
use crate::error::{ApiError, ErrorCode};
use crate::job_log;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::secret_text::SecretText;

/// The longest wait for changes.
const WAIT_LIMIT_MS: u32 = 30_000;

fn get(api: &Api, id: JobId) -> Result<Job, ApiError> {
    Ok(convert::job(api.engine.job(id)?))
}

pub(crate) fn job_list(api: &Api, request: JobList) -> Result<JobPage, ApiError> {
    let (offset, limit) = page(request.offset, request.limit)?;
    let filter = JobFilter {
        states: request.states.unwrap_or_default().into_iter().map(convert::catalog_state).collect(),
        kinds: request
            .kinds
            .unwrap_or_default()
            .into_iter()
            .map(|kind| convert::kind_word(kind).to_owned())
            .collect(),
        plan_id: request.plan_id.as_deref().map(convert::plan_id).transpose()?,
        place_id: request.place_id.as_deref().map(convert::place_id).transpose()?,
        pair_id: request.pair_id.as_deref().map(convert::pair_id).transpose()?,
    };
    let (jobs, total) = api.engine.jobs(&filter, offset as u64, limit as u64)?;
    Ok(JobPage { jobs: jobs.into_iter().map(convert::job).collect(), total: Count(total) })
}

pub(crate) fn job_get(api: &Api, request: JobGet) -> Result<Job, ApiError> {
    get(api, convert::job_id(&request.job_id)?)
}

pub(crate) fn job_changes(api: &Api, request: JobChangesGet) -> Result<JobChanges, ApiError> {
    let wait_ms = request.wait_ms.unwrap_or(0).min(WAIT_LIMIT_MS);
    let changes = api.engine.changes(request.since.map(|count| count.0), u64::from(wait_ms))?;
    Ok(JobChanges {
        revision: Count(changes.revision),
        full: changes.full,
        jobs: changes.jobs.into_iter().map(convert::job).collect(),
        removed: changes.removed.iter().map(ToString::to_string).collect(),
    })
}

pub(crate) fn job_cancel(api: &Api, request: JobGet) -> Result<Job, ApiError> {
    let id = convert::job_id(&request.job_id)?;
    api.engine.cancel(id)?;
    get(api, id)
}

pub(crate) fn job_pause(api: &Api, request: JobGet) -> Result<Job, ApiError> {
    let id = convert::job_id(&request.job_id)?;
    api.engine.pause(id)?;
    get(api, id)
}

pub(crate) fn job_resume(api: &Api, request: JobGet) -> Result<Job, ApiError> {
    let id = convert::job_id(&request.job_id)?;
    api.engine.resume(id)?;
    get(api, id)
}

pub(crate) fn job_pause_all(api: &Api, _: Nothing) -> Result<Done, ApiError> {
    api.engine.hold_all(true);
    Ok(Done {})
}

pub(crate) fn job_resume_all(api: &Api, _: Nothing) -> Result<Done, ApiError> {
    api.engine.hold_all(false);
    Ok(Done {})
}

pub(crate) fn job_confirm(api: &Api, request: JobGet) -> Result<Job, ApiError> {
    let id = convert::job_id(&request.job_id)?;
    api.engine.confirm(id, Attachment::default())?;
    get(api, id)
}

pub(crate) fn job_retry(api: &Api, request: JobGet) -> Result<JobStarted, ApiError> {
    let id = api.engine.retry(convert::job_id(&request.job_id)?, Attachment::default())?;
    Ok(JobStarted { job_id: id.to_string() })
}

impl Api {
    /// Waits until a job is over or halted; the job then.
    ///
    /// # Errors
    /// There is no such job.
    pub fn job_wait(&self, job_id: &str) -> Result<Job, ApiError> {
        Ok(convert::job(self.engine.wait(convert::job_id(job_id)?)?))
    }

    /// Asks for the same work again, with a password.
    ///
    /// # Errors
    /// There is no such job, or it is not over.
    pub fn job_retry_with(
        &self,
        job_id: &str,
        password: Option<&SecretText>,
    ) -> Result<JobStarted, ApiError> {
        let password = password.map(|secret| zeroize::Zeroizing::new(secret.reveal().to_owned()));
        let id =
            self.engine.retry(convert::job_id(job_id)?, Attachment { password, ..Attachment::default() })?;
        Ok(JobStarted { job_id: id.to_string() })
    }
}

pub(crate) fn job_problems(api: &Api, request: JobPart) -> Result<ProblemPage, ApiError> {
    let (offset, limit) = page(request.offset, request.limit)?;
    let id = convert::job_id(&request.job_id)?;
    let (log, kept) = api.engine.problems(id, offset as u64, limit as u64)?;
    Ok(ProblemPage {
        problems: log.problems.into_iter().map(convert::problem).collect(),
        kept: Count(kept),
        total: Count(log.total),
    })
}

pub(crate) fn job_log(api: &Api, request: JobPart) -> Result<LogPage, ApiError> {
    let page = page(request.offset, request.limit)?;
    let id = convert::job_id(&request.job_id)?;
    get(api, id)?;
    let lines = job_log::lines(&api.options.home.join("logs"), &id.to_string());
    Ok(LogPage { total: Count::from(lines.len()), lines: cut(lines, page) })
}

pub(crate) fn job_receipt(api: &Api, request: JobGet) -> Result<Receipt, ApiError> {
    let id = convert::job_id(&request.job_id)?;
    let state = api.engine.job(id)?.record.state;
    let text = api
        .catalog
        .receipt(id)?
        .ok_or_else(|| ApiError::not_found("This job has no receipt: a receipt is made when a run ends."))?;
    let unreadable =
        |error: &dyn std::fmt::Display| ApiError::new(ErrorCode::NewerKeepwell, error.to_string());
    let receipt: EngineReceipt = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    let statement = receipt.statement().map_err(|error| unreadable(&error))?;
    let skips = statement.skipped.into_iter();
    Ok(Receipt {
        job_id: statement.job_id,
        kind: convert::job_kind(&statement.kind),
        state: convert::job_state(state),
        asked: statement.asked,
        facts: statement.facts.into_iter().map(convert::fact).collect(),
        skipped: skips.map(|skip| ReceiptSkip { reason: skip.reason, count: Count(skip.count) }).collect(),
        problems: statement.problems.into_iter().map(convert::problem).collect(),
        problems_total: Count(statement.problems_total),
        started_ms: Moment(statement.started_ms),
        finished_ms: Moment(statement.finished_ms),
        host: statement.host,
        program: statement.program,
        merkle_root: statement.merkle_root,
        signature_valid: receipt.is_valid(),
        public_key: receipt.public_key,
        signature: receipt.signature,
        signed_text: receipt.signed_text,
    })
}
