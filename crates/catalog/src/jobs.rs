//! Jobs: every run with its history, problems and receipt.

use keepwell_model::{JobId, PairId, PlaceId, PlanId, Problem};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params, params_from_iter};

use crate::{Catalog, CatalogError};

/// Where a job is. The words are those of the database and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    /// Works out what to do.
    Planning,
    /// Waits for a person to confirm the plan.
    WaitingForConfirmation,
    /// Works.
    Running,
    /// Held by a person.
    Paused,
    /// A safety brake asks a person.
    Halted,
    /// Done.
    Succeeded,
    /// Done, but some items had problems.
    SucceededWithProblems,
    /// Stopped by a person.
    Cancelled,
    /// Could not be done.
    Failed,
    /// The process that ran it ended before it was done.
    Interrupted,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Planning,
        Self::WaitingForConfirmation,
        Self::Running,
        Self::Paused,
        Self::Halted,
        Self::Succeeded,
        Self::SucceededWithProblems,
        Self::Cancelled,
        Self::Failed,
        Self::Interrupted,
    ];

    /// The word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Planning => "planning",
            Self::WaitingForConfirmation => "waiting for confirmation",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Succeeded => "succeeded",
            Self::SucceededWithProblems => "succeeded with problems",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the work is over: nothing will change any more.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(
            self,
            Self::Succeeded
                | Self::SucceededWithProblems
                | Self::Cancelled
                | Self::Failed
                | Self::Interrupted
        )
    }

    /// Whether a living process has to be behind it. A halted job waits for a person, not for a process.
    #[must_use]
    pub fn needs_owner(self) -> bool {
        matches!(self, Self::Queued | Self::Planning | Self::Running | Self::Paused)
    }
}

/// What a person in another process wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Stop.
    Cancel,
    /// Hold.
    Pause,
    /// Go on.
    Resume,
}

impl Wish {
    fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// `backup`, `restore`, `check` or `sync`.
    pub kind: String,
    /// What it is, in a line.
    pub title: String,
    /// Where it is.
    pub state: JobState,
    /// The queue it waits in.
    pub destination: String,
    /// The place it works on.
    pub place_id: Option<PlaceId>,
    /// What that is called.
    pub place_label: String,
    /// The plan it was run for.
    pub plan_id: Option<PlanId>,
    /// The sync pair it was run for.
    pub pair_id: Option<PairId>,
    /// The process that runs it.
    pub owner: String,
    /// What it waits for.
    pub waiting_for: Option<String>,
    /// What was asked, as JSON.
    pub request: String,
    /// How far it is, as JSON.
    pub progress: Option<String>,
    /// What it did, as JSON.
    pub outcome: Option<String>,
    /// Why it failed, as JSON.
    pub fault: Option<String>,
    /// The safety brake, as JSON.
    pub halt: Option<String>,
    /// What it would do if a person said so, as JSON.
    pub proposal: Option<String>,
    /// Whether it has a receipt (read with [`Catalog::receipt`]).
    pub has_receipt: bool,
    /// Problems in all.
    pub problems_total: u64,
    /// When it was asked for.
    pub queued_ms: i64,
    /// When it began.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only these states; none means all.
    pub states: Vec<JobState>,
    /// Only these kinds; none means all.
    pub kinds: Vec<String>,
    /// Only those of this plan.
    pub plan_id: Option<PlanId>,
    /// Only those of this place.
    pub place_id: Option<PlaceId>,
    /// Only those of this sync pair.
    pub pair_id: Option<PairId>,
}

const COLUMNS: &str = "id, kind, title, state, destination, place_id, place_label, plan_id, owner, waiting_for, \
    request, progress, outcome, fault, halt, receipt IS NOT NULL, problems_total, queued_ms, started_ms, \
    finished_ms, proposal, pair_id";

impl Catalog {
    /// Adds or replaces a job; its receipt, problems and wish stay as they are.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn save_job(&self, job: &JobRecord) -> Result<(), CatalogError> {
        self.write(|transaction| put_job(transaction, job))
    }

    /// [`Catalog::save_job`] of a step on the way, for which nobody waits until it is on the disk: the next write that
    /// waits takes it along, and a machine that lost its power before that runs nothing any more.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn save_job_soon(&self, job: &JobRecord) -> Result<(), CatalogError> {
        self.write_soon(|transaction| put_job(transaction, job))
    }

    /// Gives a job that waits for a person another halt or proposal, where it still waits with the one that was read;
    /// whether that was so.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn replace_question(
        &self,
        read: &JobRecord,
        halt: Option<&str>,
        proposal: Option<&str>,
    ) -> Result<bool, CatalogError> {
        let changed = self.write(|transaction| {
            transaction.execute(
                "UPDATE jobs SET halt = ?5, proposal = ?6
                 WHERE id = ?1 AND state = ?2 AND halt IS ?3 AND proposal IS ?4",
                params![read.id.to_string(), read.state.word(), read.halt, read.proposal, halt, proposal],
            )
        })?;
        Ok(changed > 0)
    }

    /// Writes how far a job is; one that ended meanwhile is left as it is. Nobody waits for the disk, as in
    /// [`Catalog::save_job_soon`].
    ///
    /// # Errors
    /// The database can not be written.
    pub fn save_progress(&self, id: JobId, progress: &str, problems_total: u64) -> Result<(), CatalogError> {
        self.write_soon(|transaction| {
            transaction
                .prepare_cached(
                    "UPDATE jobs SET progress = ?2, problems_total = ?3 WHERE id = ?1 AND finished_ms IS NULL",
                )?
                .execute(params![id.to_string(), progress, clamp(problems_total)])
                .map(drop)
        })
    }

    /// One job.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn job(&self, id: JobId) -> Result<Option<JobRecord>, CatalogError> {
        self.with(|connection| {
            connection
                .query_row(&format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"), [id.to_string()], read)
                .optional()
        })?
        .transpose()
        .map_err(|what| self.unreadable(what))
    }

    /// A page of jobs, newest first, and how many there are in all.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn jobs(
        &self,
        filter: &JobFilter,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<JobRecord>, u64), CatalogError> {
        let (clause, values) = filter.clause();
        let (rows, total) = self.with(|connection| {
            let total: i64 = connection.query_row(
                &format!("SELECT count(*) FROM jobs WHERE {clause}"),
                params_from_iter(&values),
                |row| row.get(0),
            )?;
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM jobs WHERE {clause} ORDER BY queued_ms DESC, rowid DESC LIMIT {} OFFSET {}",
                clamp(limit),
                clamp(offset)
            ))?;
            let rows = statement
                .query_map(params_from_iter(&values), read)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((rows, total.unsigned_abs()))
        })?;
        let rows: Result<Vec<_>, _> =
            rows.into_iter().map(|row| row.map_err(|what| self.unreadable(what))).collect();
        Ok((rows?, total))
    }

    /// Asks the process that runs a job for something.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_wish(&self, id: JobId, wish: Wish) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute("UPDATE jobs SET wish = ?2 WHERE id = ?1", params![id.to_string(), wish.word()])
                .map(drop)
        })
    }

    /// Takes the wishes for the jobs of one process; each is given once.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn take_wishes(&self, owner: &str) -> Result<Vec<(JobId, Wish)>, CatalogError> {
        // Looked at without the write lock first: there is nearly never one.
        let any: bool = self.with(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM jobs WHERE owner = ?1 AND wish IS NOT NULL)",
                [owner],
                |row| row.get(0),
            )
        })?;
        if !any {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, String)> = self.write(|transaction| {
            let rows = transaction
                .prepare("SELECT id, wish FROM jobs WHERE owner = ?1 AND wish IS NOT NULL")?
                .query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            transaction.execute("UPDATE jobs SET wish = NULL WHERE owner = ?1", [owner])?;
            Ok(rows)
        })?;
        let wish = |word: &str| match word {
            "cancel" => Some(Wish::Cancel),
            "pause" => Some(Wish::Pause),
            "resume" => Some(Wish::Resume),
            _ => None,
        };
        Ok(rows.iter().filter_map(|(id, word)| Some((id.parse().ok()?, wish(word)?))).collect())
    }

    /// Replaces the kept problems of a job. The disk is not waited for: the row of the job's end is written next.
    ///
    /// # Errors
    /// The job does not exist, or the database can not be written.
    pub fn set_problems(&self, id: JobId, problems: &[Problem]) -> Result<(), CatalogError> {
        self.write_soon(|transaction| {
            let job = id.to_string();
            transaction.execute("DELETE FROM problems WHERE job_id = ?1", [&job])?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO problems (job_id, number, path, what, why, next) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for (number, problem) in (0_i64..).zip(problems) {
                insert.execute(params![job, number, problem.path, problem.what, problem.why, problem.next])?;
            }
            Ok(())
        })
    }

    /// A page of the kept problems of a job, and how many are kept.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn problems(&self, id: JobId, offset: u64, limit: u64) -> Result<(Vec<Problem>, u64), CatalogError> {
        self.with(|connection| {
            let job = id.to_string();
            let kept: i64 =
                connection.query_row("SELECT count(*) FROM problems WHERE job_id = ?1", [&job], |row| row.get(0))?;
            let rows = connection
                .prepare_cached(
                    "SELECT path, what, why, next FROM problems WHERE job_id = ?1 ORDER BY number LIMIT ?2 OFFSET ?3",
                )?
                .query_map(params![job, clamp(limit), clamp(offset)], |row| {
                    Ok(Problem { path: row.get(0)?, what: row.get(1)?, why: row.get(2)?, next: row.get(3)? })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((rows, kept.unsigned_abs()))
        })
    }

    /// Keeps the receipt of a job. The disk is not waited for: the row of the job's end is written next.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_receipt(&self, id: JobId, receipt: &str) -> Result<(), CatalogError> {
        self.write_soon(|transaction| {
            transaction
                .execute("UPDATE jobs SET receipt = ?2 WHERE id = ?1", params![id.to_string(), receipt])
                .map(drop)
        })
    }

    /// The receipt of a job.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn receipt(&self, id: JobId) -> Result<Option<String>, CatalogError> {
        self.with(|connection| {
            connection
                .query_row("SELECT receipt FROM jobs WHERE id = ?1", [id.to_string()], |row| row.get(0))
                .optional()
                .map(Option::flatten)
        })
    }

    /// Drops one job: it did nothing that anyone would want to read of.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn remove_job(&self, id: JobId) -> Result<(), CatalogError> {
        self.write_soon(|transaction| {
            transaction.execute("DELETE FROM jobs WHERE id = ?1", [id.to_string()]).map(drop)
        })
    }

    /// Drops the oldest finished jobs beyond a number; answers which went.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn trim_jobs(&self, keep: u64) -> Result<Vec<JobId>, CatalogError> {
        let gone: Vec<String> = self.write_soon(|transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM jobs WHERE finished_ms IS NOT NULL AND rowid NOT IN
                        (SELECT rowid FROM jobs WHERE finished_ms IS NOT NULL
                         ORDER BY queued_ms DESC, rowid DESC LIMIT ?1)
                     RETURNING id",
                )?
                .query_map([clamp(keep)], |row| row.get(0))?
                .collect()
        })?;
        Ok(gone.iter().filter_map(|id| id.parse().ok()).collect())
    }
}

impl JobFilter {
    fn clause(&self) -> (String, Vec<Value>) {
        let mut clauses = vec!["1".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        let mut among = |column: &str, words: Vec<String>| {
            if !words.is_empty() {
                clauses.push(format!("{column} IN ({})", vec!["?"; words.len()].join(", ")));
                values.extend(words.into_iter().map(Value::Text));
            }
        };
        among("state", self.states.iter().map(|state| state.word().to_owned()).collect());
        among("kind", self.kinds.clone());
        among("plan_id", self.plan_id.iter().map(ToString::to_string).collect());
        among("pair_id", self.pair_id.iter().map(ToString::to_string).collect());
        among("place_id", self.place_id.iter().map(ToString::to_string).collect());
        (clauses.join(" AND "), values)
    }
}

fn put_job(transaction: &rusqlite::Transaction<'_>, job: &JobRecord) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO jobs (id, kind, title, state, destination, place_id, place_label, plan_id, owner,
                waiting_for, request, progress, outcome, fault, halt, problems_total, queued_ms,
                started_ms, finished_ms, proposal, pair_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
                ?20, ?21)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, state = excluded.state,
                owner = excluded.owner, waiting_for = excluded.waiting_for, request = excluded.request,
                progress = excluded.progress, outcome = excluded.outcome,
                fault = excluded.fault, halt = excluded.halt, problems_total = excluded.problems_total,
                queued_ms = excluded.queued_ms, started_ms = excluded.started_ms,
                finished_ms = excluded.finished_ms, proposal = excluded.proposal",
        )?
        .execute(params![
            job.id.to_string(),
            job.kind,
            job.title,
            job.state.word(),
            job.destination,
            job.place_id.map(|id| id.to_string()),
            job.place_label,
            job.plan_id.map(|id| id.to_string()),
            job.owner,
            job.waiting_for,
            job.request,
            job.progress,
            job.outcome,
            job.fault,
            job.halt,
            clamp(job.problems_total),
            job.queued_ms,
            job.started_ms,
            job.finished_ms,
            job.proposal,
            job.pair_id.map(|id| id.to_string())
        ])
        .map(drop)
}

/// SQLite's numbers are signed.
fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<JobRecord, String>> {
    let (id, state): (String, String) = (row.get(0)?, row.get(3)?);
    let Ok(parsed) = id.parse() else { return Ok(Err(format!("the job id {id}"))) };
    let Some(state) = JobState::ALL.into_iter().find(|known| known.word() == state) else {
        return Ok(Err(format!("the state \"{state}\" of job {id}")));
    };
    let (place_id, plan_id): (Option<String>, Option<String>) = (row.get(5)?, row.get(7)?);
    Ok(Ok(JobRecord {
        id: parsed,
        kind: row.get(1)?,
        title: row.get(2)?,
        state,
        destination: row.get(4)?,
        place_id: place_id.and_then(|id| id.parse().ok()),
        place_label: row.get(6)?,
        plan_id: plan_id.and_then(|id| id.parse().ok()),
        owner: row.get(8)?,
        waiting_for: row.get(9)?,
        request: row.get(10)?,
        progress: row.get(11)?,
        outcome: row.get(12)?,
        fault: row.get(13)?,
        halt: row.get(14)?,
        has_receipt: row.get(15)?,
        problems_total: row.get::<_, i64>(16)?.unsigned_abs(),
        queued_ms: row.get(17)?,
        started_ms: row.get(18)?,
        finished_ms: row.get(19)?,
        proposal: row.get(20)?,
        pair_id: row.get::<_, Option<String>>(21)?.and_then(|id| id.parse().ok()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: u8, state: JobState) -> JobRecord {
        JobRecord {
            id: JobId([number; 16]),
            kind: "backup".to_owned(),
            title: "Back up".to_owned(),
            state,
            destination: "here".to_owned(),
            place_id: None,
            place_label: "here".to_owned(),
            plan_id: None,
            pair_id: None,
            owner: "me".to_owned(),
            waiting_for: None,
            request: "{}".to_owned(),
            progress: None,
            outcome: None,
            fault: None,
            halt: None,
            proposal: None,
            has_receipt: false,
            problems_total: 0,
            queued_ms: i64::from(number),
            started_ms: None,
            finished_ms: state.is_finished().then_some(i64::from(number)),
        }
    }

    #[test]
    fn history_is_trimmed_but_never_what_is_active() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        for number in 1..=9 {
            catalog.save_job(&job(number, JobState::Succeeded)).unwrap();
        }
        catalog.save_job(&job(0, JobState::Running)).unwrap();
        catalog.set_problems(JobId([1; 16]), &[Problem::new("a", "b", "c", "d")]).unwrap();
        assert_eq!(catalog.trim_jobs(3).unwrap().len(), 6);
        let (rows, total) = catalog.jobs(&JobFilter::default(), 0, 2).unwrap();
        assert_eq!((rows.len(), total), (2, 4));
        assert_eq!(rows[0].id, JobId([9; 16]));
        assert!(catalog.job(JobId([0; 16])).unwrap().is_some());
        assert_eq!(catalog.problems(JobId([1; 16]), 0, 10).unwrap().1, 0);
    }

    #[test]
    fn filters_hold_and_pages_do_not_overlap() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        for number in 0..20 {
            let state = if number % 2 == 0 { JobState::Failed } else { JobState::Cancelled };
            catalog.save_job(&job(number, state)).unwrap();
        }
        let filter = JobFilter { states: vec![JobState::Failed], ..JobFilter::default() };
        let (first, total) = catalog.jobs(&filter, 0, 6).unwrap();
        let (second, _) = catalog.jobs(&filter, 6, 6).unwrap();
        assert_eq!((first.len(), second.len(), total), (6, 4, 10));
        assert!(first.iter().all(|job| !second.contains(job) && job.state == JobState::Failed));
    }

    #[test]
    fn a_wish_reaches_the_owner_once() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        catalog.save_job(&job(1, JobState::Running)).unwrap();
        catalog.set_wish(JobId([1; 16]), Wish::Cancel).unwrap();
        assert_eq!(catalog.take_wishes("someone else").unwrap(), vec![]);
        assert_eq!(catalog.take_wishes("me").unwrap(), vec![(JobId([1; 16]), Wish::Cancel)]);
        assert_eq!(catalog.take_wishes("me").unwrap(), vec![]);
    }

    #[test]
    fn every_state_survives_the_database() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        for (number, state) in (0_u8..).zip(JobState::ALL) {
            catalog.save_job(&job(number, state)).unwrap();
            assert_eq!(catalog.job(JobId([number; 16])).unwrap().unwrap().state, state);
        }
    }
}
