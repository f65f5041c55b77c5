//! Follows a job to its end: a bar on a terminal, plain lines elsewhere, then what it did.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keepwell_api::dto::job::{Job, JobChangesGet, JobGet, JobPart, JobPhase, JobProgress, JobState};
use keepwell_api::{ApiError, Commands, Count};
use serde::Serialize;

use crate::context::Context;
use crate::documents::Documents;
use crate::ending::Ending;
use crate::interrupt::Cancels;
use crate::output::{self, counted, number, size};

/// How often a plain line is printed.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How long one wait for news takes at most.
const WAIT_MS: u32 = 2_000;
/// Problems that are printed.
const PROBLEMS_SHOWN: u32 = 200;

/// Follows a job to its end; prints its problems, and the job itself as JSON where that is wanted.
///
/// # Errors
/// The engine refused.
pub fn follow(context: &Context, job_id: &str) -> Result<(Job, Ending), ApiError> {
    let job = watch(context, job_id)?;
    let ending = told(context, &job, &job, &Documents::one())?;
    Ok((job, ending))
}

/// Prints what became of a job; as JSON its data, into these documents.
///
/// # Errors
/// The engine refused.
pub fn told(
    context: &Context,
    job: &Job,
    data: &impl Serialize,
    documents: &Documents,
) -> Result<Ending, ApiError> {
    let ending = Ending::of_job(job);
    if context.json {
        documents.next(&job.id);
        output::json(data)?;
    }
    problems(context, job)?;
    match job.state {
        JobState::Halted => {
            if let Some(halt) = &job.halt {
                output::note(format!("Stopped by a safety brake: {}", halt.reason));
                if !halt.if_continued.is_empty() {
                    output::note(format!("  If you go on: {}", halt.if_continued));
                }
            }
        }
        JobState::Cancelled => output::note("Cancelled. What was safe before still is."),
        _ => {}
    }
    // Whether a server is the right one can be asked, and the work be done then.
    if let Some(error) = job.error.as_ref().filter(|error| error.server.is_some()) {
        return Err(error.clone());
    }
    if let Some(error) = &job.error {
        output::error(error);
    }
    Ok(ending)
}

/// Waits for the end, or until it waits for a person, and shows how far it is.
pub fn watch(context: &Context, job_id: &str) -> Result<Job, ApiError> {
    let _cancels = Cancels::job(&context.api, job_id);
    let mut display = Display::new();
    let mut since = None;
    loop {
        let job = context.api.job_get(JobGet { job_id: job_id.to_owned() })?;
        let waits = matches!(job.state, JobState::Halted | JobState::WaitingForConfirmation);
        if job.finished_ms.is_some() || waits {
            display.end();
            return Ok(job);
        }
        display.show(&job);
        let changes = context.api.job_changes(JobChangesGet { since, wait_ms: Some(WAIT_MS) })?;
        since = Some(changes.revision);
    }
}

/// Prints the problems of a job.
///
/// # Errors
/// The engine refused.
pub fn problems(context: &Context, job: &Job) -> Result<(), ApiError> {
    if job.problems == Count(0) {
        return Ok(());
    }
    let part = JobPart { job_id: job.id.clone(), offset: None, limit: Some(PROBLEMS_SHOWN) };
    let page = context.api.job_problems(part)?;
    let what = if page.total == Count(1) { "problem" } else { "problems" };
    output::note(format!("{} {what}:", number(page.total)));
    for problem in &page.problems {
        output::note(format!("  {}", problem.path));
        output::note(format!("    {} {}", problem.what, problem.why).trim_end());
        output::note(format!("    {}", problem.next).trim_end());
    }
    let rest = page.total.0.saturating_sub(page.problems.len() as u64);
    if rest > 0 {
        output::note(format!("  and {rest} more: keepwell job show {}", job.id));
    }
    Ok(())
}

/// A bar or lines, on the error stream.
struct Display {
    bar: Option<ProgressBar>,
    last_line: Option<(JobPhase, Instant)>,
    waiting: Option<String>,
    started: Instant,
}

impl Display {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(ProgressStyle::default_spinner());
            bar
        });
        Self { bar, last_line: None, waiting: None, started: Instant::now() }
    }

    fn show(&mut self, job: &Job) {
        if let Some(waiting) = &job.waiting_for
            && job.state == JobState::Queued
            && self.waiting.as_ref() != Some(waiting)
        {
            self.waiting = Some(waiting.clone());
            let text = format!("Waiting for {waiting}.");
            match &self.bar {
                Some(bar) => bar.set_message(text),
                None => output::note(text),
            }
        }
        let Some(progress) = &job.progress else { return };
        match &self.bar {
            Some(bar) => show_bar(bar, progress),
            None => self.show_line(progress),
        }
    }

    fn show_line(&mut self, progress: &JobProgress) {
        // What is over at once needs no lines.
        let due = match self.last_line {
            None => self.started.elapsed() >= Duration::from_secs(2),
            Some((phase, at)) => phase != progress.phase || at.elapsed() >= LINE_EVERY,
        };
        if due {
            self.last_line = Some((progress.phase, Instant::now()));
            output::note(sentence(progress));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn show_bar(bar: &ProgressBar, progress: &JobProgress) {
    if progress.total_known && progress.bytes_total.0 > 0 {
        // The template is fixed and known to be right; where it were not, the spinner stays.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}% {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_length(progress.bytes_total.0);
        bar.set_position(progress.bytes_done.0.min(progress.bytes_total.0));
    }
    bar.set_message(format!("{}  {}", sentence(progress), progress.current));
    bar.tick();
}

/// How far it is, in a line.
fn sentence(progress: &JobProgress) -> String {
    let phase = match progress.phase {
        JobPhase::Preparing => "Preparing",
        JobPhase::Scanning => "Looking and copying",
        JobPhase::Copying => "Copying",
        JobPhase::Finishing => "Finishing",
        JobPhase::Verifying => "Reading back",
    };
    let mut text =
        format!("{phase}: {}, {}", counted(progress.items_done, "item", "items"), size(progress.bytes_done));
    if progress.total_known && progress.bytes_total.0 > 0 {
        text.push_str(&format!(" of {}", size(progress.bytes_total)));
    }
    if progress.bytes_per_second.0 > 0 {
        text.push_str(&format!(", {}/s", size(progress.bytes_per_second)));
    }
    if let Some(Count(left @ 1000..)) = progress.remaining_ms {
        text.push_str(&format!(", {} left", output::duration(left)));
    }
    text
}

/// How long a job worked.
pub fn took(job: &Job) -> String {
    let begin = job.started_ms.unwrap_or(job.queued_ms).0;
    let end = job.finished_ms.map_or(begin, |end| end.0);
    output::duration(end.saturating_sub(begin).unsigned_abs())
}

/// A fact of a job's result.
pub fn fact(job: &Job, key: &str) -> Count {
    let facts = job.result.iter().flat_map(|result| &result.facts);
    facts.filter(|fact| fact.key == key).map(|fact| fact.value).next().unwrap_or_default()
}
