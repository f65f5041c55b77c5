//! Plans, their schedules, and the first run.

use keepwell_catalog::{Catalog, JobFilter, JobState, PlanRecord};
use keepwell_jobs::request::PlanDefinition;
use keepwell_jobs::scheduler::{self, Holder};
use keepwell_jobs::unknown_keys::text_over;
use keepwell_jobs::{Attachment, BackupJob, Clock, Engine, JobRequest, NewJob, Outcome, Target};
use keepwell_model::PlanId;

use super::{app, backup, place, repository};
use crate::convert;
use crate::dto::backup::BackupRules;
use crate::dto::job::JobStarted;
use crate::dto::plan::{
    FirstRunStart, FirstRunStarted, LastRun, Plan, PlanGet, PlanList, PlanRemove, PlanRun, PlanSave,
    SchedulerStatus, UpcomingRun,
};
use crate::dto::repository::RepositoryCreate;
use crate::dto::{Done, Nothing};
use crate::error::{ApiError, ErrorCode};
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};

/// Plans of one machine.
const PLANS_LIMIT: usize = 500;
/// Runs named as upcoming.
const UPCOMING_LIMIT: usize = 100;

fn record(catalog: &Catalog, id: PlanId) -> Result<PlanRecord, ApiError> {
    catalog.plan(id)?.ok_or_else(|| ApiError::not_found("This plan is not known (any more)."))
}

fn definition(record: &PlanRecord) -> Result<PlanDefinition, ApiError> {
    serde_json::from_str(&record.definition).map_err(|_| {
        ApiError::new(
            ErrorCode::NewerKeepwell,
            format!("The plan \"{}\" can not be read. It may be from a newer Keepwell.", record.name),
        )
    })
}

fn paused(api: &Api) -> Result<bool, ApiError> {
    Ok(app::settings(api)?.schedules_paused)
}

/// A plan as clients see it.
fn plan(api: &Api, record: &PlanRecord) -> Result<Plan, ApiError> {
    let definition = definition(record)?;
    let newest = |states: &[JobState]| {
        let filter = JobFilter { states: states.to_vec(), plan_id: Some(record.id), ..JobFilter::default() };
        api.catalog.jobs(&filter, 0, 1).map(|(jobs, _)| jobs.into_iter().next())
    };
    let states = |wanted: fn(&JobState) -> bool| JobState::ALL.into_iter().filter(wanted).collect::<Vec<_>>();
    let finished = newest(&states(|state| state.is_finished()))?;
    let succeeded = newest(&[JobState::Succeeded, JobState::SucceededWithProblems])?;
    let active = newest(&states(|state| !state.is_finished()))?;
    let next_run_ms =
        if paused(api)? { None } else { scheduler::next_run_ms(record, api.now_ms(), &api.zone) };
    Ok(Plan {
        id: record.id.to_string(),
        name: record.name.clone(),
        place_id: record.place_id.to_string(),
        sources: definition
            .sources
            .iter()
            .map(|source| PathText::new(&path_text::decode(source).unwrap_or_default()))
            .collect(),
        rules: convert::rules(definition.rules),
        schedule: convert::schedule(definition.schedule),
        enabled: record.enabled,
        created_ms: Moment(record.created_ms),
        next_run_ms: next_run_ms.map(Moment),
        last_run: finished.map(|job| LastRun {
            job_id: job.id.to_string(),
            state: convert::job_state(job.state),
            finished_ms: Moment(job.finished_ms.unwrap_or(job.queued_ms)),
            snapshot_id: job
                .outcome
                .and_then(|text| serde_json::from_str::<Outcome>(&text).ok())
                .and_then(|outcome| outcome.snapshot_id),
            problems: Count(job.problems_total),
        }),
        last_success_ms: succeeded.and_then(|job| job.finished_ms).map(Moment),
        active_job_id: active.map(|job| job.id.to_string()),
    })
}

pub(crate) fn plan_list(api: &Api, _: Nothing) -> Result<PlanList, ApiError> {
    let plans: Result<Vec<_>, _> = api.catalog.plans()?.iter().map(|record| plan(api, record)).collect();
    Ok(PlanList { plans: plans? })
}

pub(crate) fn plan_get(api: &Api, request: PlanGet) -> Result<Plan, ApiError> {
    plan(api, &record(&api.catalog, convert::plan_id(&request.plan_id)?)?)
}

pub(crate) fn plan_save(api: &Api, request: PlanSave) -> Result<Plan, ApiError> {
    let name = request.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > repository::LABEL_LIMIT {
        return Err(ApiError::bad_request(format!(
            "A plan's name has 1 to {} letters.",
            repository::LABEL_LIMIT
        )));
    }
    let wanted = PlanDefinition {
        sources: backup::sources(&request.sources)?,
        rules: convert::engine_rules(request.rules)?,
        schedule: convert::engine_schedule(request.schedule)?,
    };
    let place = place::record(&api.catalog, convert::place_id(&request.place_id)?)?;
    let now_ms = api.now_ms();
    let old = request.id.map(|id| record(&api.catalog, convert::plan_id(&id)?)).transpose()?;
    if old.is_none() && api.catalog.plans()?.len() >= PLANS_LIMIT {
        return Err(ApiError::bad_request(format!(
            "There are {PLANS_LIMIT} plans already. Remove some first."
        )));
    }
    // What a newer Keepwell wrote is told, never overwritten, and single keys of one stay.
    let before = old.as_ref().map(definition).transpose()?;
    let text = match old.as_ref().zip(before.as_ref()) {
        Some((old, before)) => text_over(&old.definition, before, &wanted),
        None => serde_json::to_string(&wanted),
    };
    // A schedule that was changed or switched on counts from now: nothing is owed from before.
    let same_schedule = old.as_ref().is_some_and(|old| old.enabled)
        && before.is_some_and(|before| before.schedule == wanted.schedule);
    let new = PlanRecord {
        id: match &old {
            Some(old) => old.id,
            None => Catalog::new_plan_id()?,
        },
        place_id: place.id,
        name,
        definition: text
            .map_err(|error| ApiError::bad_request(format!("This plan can not be kept: {error}.")))?,
        enabled: request.enabled,
        created_ms: old.as_ref().map_or(now_ms, |old| old.created_ms),
        schedule_from_ms: old.as_ref().filter(|_| same_schedule).map_or(now_ms, |old| old.schedule_from_ms),
        retry_ms: old.as_ref().filter(|_| same_schedule).and_then(|old| old.retry_ms),
    };
    api.catalog.save_plan(&new)?;
    if let Some(scheduler) = &api.scheduler {
        scheduler.wake();
    }
    plan(api, &new)
}

pub(crate) fn plan_remove(api: &Api, request: PlanRemove) -> Result<Done, ApiError> {
    api.catalog.remove_plan(convert::plan_id(&request.plan_id)?)?;
    Ok(Done {})
}

/// Starts the backup of a plan; one that waits or runs already is not started twice.
pub(crate) fn start_plan(
    catalog: &Catalog,
    engine: &Engine,
    clock: &dyn Clock,
    id: PlanId,
) -> Result<keepwell_model::JobId, ApiError> {
    let record = record(catalog, id)?;
    let definition = definition(&record)?;
    let place = place::record(catalog, record.place_id)?;
    let states = JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
    let filter = JobFilter { states, plan_id: Some(id), ..JobFilter::default() };
    if let Some(active) = catalog.jobs(&filter, 0, 1)?.0.first() {
        return Ok(active.id);
    }
    let path = path_text::local_path(&place.path);
    let target = Target { path: path_text::encode(&place.path), place_id: Some(place.id) };
    let meant =
        repository::Meant { target: target.clone(), place: Some(place.clone()), path, password: None };
    let job_id = engine.enqueue(NewJob {
        request: JobRequest::Backup(BackupJob {
            target,
            sources: definition.sources,
            rules: definition.rules,
            tags: Vec::new(),
            plan_id: Some(id),
            confirmed: false,
        }),
        title: format!("{} to {}", record.name, place.label),
        place_label: place.label,
        destination: meant.destination(),
        attachment: Attachment::default(),
    })?;
    catalog.set_plan_times(id, clock.now_ms(), None)?;
    Ok(job_id)
}

pub(crate) fn plan_run(api: &Api, request: PlanRun) -> Result<JobStarted, ApiError> {
    let id = convert::plan_id(&request.plan_id)?;
    let job_id = start_plan(&api.catalog, &api.engine, &*api.clock, id)?;
    Ok(JobStarted { job_id: job_id.to_string() })
}

pub(crate) fn first_run_start(api: &Api, request: FirstRunStart) -> Result<FirstRunStarted, ApiError> {
    // Everything is checked before the repository is made: a second try must find nothing half-made.
    let sources = backup::sources(&request.sources)?;
    convert::engine_schedule(request.schedule)?;
    let destination = convert::place_path(&request.destination)?;
    for source in &sources {
        let source = path_text::local_path(&path_text::decode(source)?);
        if destination == source {
            return Err(ApiError::bad_request(
                "The copies can not go into the very folder that is backed up.",
            )
            .hint("Choose another folder or drive for the copies.")
            .about(destination.display().to_string()));
        }
    }
    let created = repository::repository_create(
        api,
        RepositoryCreate {
            path: request.destination,
            password: request.password,
            label: request.place_label,
            access: None,
        },
    )?;
    let saved = plan_save(
        api,
        PlanSave {
            id: None,
            name: request.plan_name.unwrap_or_else(|| "My files".to_owned()),
            place_id: created.place.id.clone(),
            sources,
            rules: BackupRules::default(),
            schedule: request.schedule,
            enabled: true,
        },
    )?;
    let job = plan_run(api, PlanRun { plan_id: saved.id.clone() })?;
    Ok(FirstRunStarted {
        place_id: created.place.id,
        plan_id: saved.id,
        job_id: job.job_id,
        recovery_key: created.recovery_key,
    })
}

pub(crate) fn first_run_skip(api: &Api, _: Nothing) -> Result<Done, ApiError> {
    app::skip_first_run(api)?;
    Ok(Done {})
}

pub(crate) fn scheduler_status(api: &Api, _: Nothing) -> Result<SchedulerStatus, ApiError> {
    let paused = paused(api)?;
    let mut upcoming: Vec<UpcomingRun> = Vec::new();
    if !paused {
        for record in api.catalog.plans()? {
            if let Some(at_ms) = scheduler::next_run_ms(&record, api.now_ms(), &api.zone) {
                upcoming.push(UpcomingRun {
                    plan_id: record.id.to_string(),
                    name: record.name,
                    at_ms: Moment(at_ms),
                });
            }
        }
    }
    upcoming.sort_by_key(|run| run.at_ms);
    upcoming.truncate(UPCOMING_LIMIT);
    let (running_here, held_by) = match scheduler::holder(&api.catalog, &api.presence)? {
        Holder::Here => (true, None),
        // Nobody yet: this process takes them at its next look.
        Holder::Nobody => (api.scheduler.is_some(), None),
        Holder::Other(label) => (false, Some(label)),
    };
    Ok(SchedulerStatus { running_here, held_by, paused, upcoming })
}
