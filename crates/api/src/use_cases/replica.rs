//! Replicas: keeping a repository a second time, by hand and by a schedule.
//!
//! Invariants: a replica is never put into the repository it is of, nor around it; removing one forgets it and leaves
//! what is in the second place alone. Deliberately not here: the copying (`repository`), the job (`jobs`).

use std::path::Path;

use keepwell_catalog::{Catalog, CatalogError, JobFilter, JobRecord, JobState, PlaceRecord, ReplicaRecord};
use keepwell_jobs::unknown_keys::text_over;
use keepwell_jobs::{
    Attachment, Clock, Engine, Fault, JobRequest, LastReplication, NewJob, ReplicaDefinition, ReplicateJob,
    Schedule as EngineSchedule, Target, replicas, scheduler,
};
use keepwell_model::{JobId, PlaceId, ReplicaId};

use super::repository::{Meant, label_of, meant};
use super::{app, place, sync_save};
use crate::convert;
use crate::dto::Done;
use crate::dto::job::JobStarted;
use crate::dto::place::CheckLevel;
use crate::dto::replica::{
    Replica, ReplicaGet, ReplicaLastRun, ReplicaList, ReplicaListGet, ReplicaRun, ReplicaSave,
    RepositoryReplicate,
};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};

/// Replicas of one machine.
const REPLICAS_LIMIT: usize = 500;
/// Runs of a place that are looked through for those of one replica.
const RECENT_RUNS: u64 = 200;

fn record(catalog: &Catalog, id: ReplicaId) -> Result<ReplicaRecord, ApiError> {
    catalog.replica(id)?.ok_or_else(|| {
        ApiError::not_found("This second copy is not known (any more).").hint("Look at the place's page.")
    })
}

/// The second place of a request, beside the repository it is a copy of.
fn beside(to: &str, source: &Path) -> Result<Meant, ApiError> {
    let path = convert::place_path(to)?;
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (there, here) = (real(&path), real(source));
    if there.starts_with(&here) || here.starts_with(&there) {
        return Err(ApiError::bad_request(
            "The second copy can not be in the repository itself, nor around it.",
        )
        .hint("Choose another folder, at best on another drive or a server.")
        .about(path.display().to_string()));
    }
    let target = Target { path: path_text::encode(&path_text::bytes_of(&path)), place_id: None };
    Ok(Meant { target, place: None, path, password: None })
}

/// The newest run of a replica in one of these states.
fn newest(
    catalog: &Catalog,
    replica: &ReplicaRecord,
    wanted: fn(&JobState) -> bool,
) -> Result<Option<JobRecord>, CatalogError> {
    let filter = JobFilter {
        states: JobState::ALL.into_iter().filter(wanted).collect(),
        kinds: vec!["replicate".to_owned()],
        place_id: Some(replica.place_id),
        ..JobFilter::default()
    };
    let is_ours = |job: &JobRecord| {
        serde_json::from_str(&job.request)
            .is_ok_and(|request: JobRequest| request.replica_id() == Some(replica.id))
    };
    Ok(catalog.jobs(&filter, 0, RECENT_RUNS)?.0.into_iter().find(is_ours))
}

/// A replica as clients see it.
fn replica(api: &Api, record: &ReplicaRecord) -> Result<Replica, ApiError> {
    let definition = ReplicaDefinition::of(record)?;
    let last = LastReplication::of(record);
    let finished = newest(&api.catalog, record, |state| state.is_finished())?;
    let active = newest(&api.catalog, record, |state| !state.is_finished())?;
    let next_run_ms = if app::settings(api)?.schedules_paused {
        None
    } else {
        scheduler::next_replica_run_ms(record, api.now_ms(), &api.zone)
    };
    let bytes = path_text::decode(&record.address)?;
    Ok(Replica {
        id: record.id.to_string(),
        place_id: record.place_id.to_string(),
        path: PathText::new(&bytes),
        label: label_of(&path_text::local_path(&bytes)),
        schedule: convert::schedule(definition.schedule),
        next_run_ms: next_run_ms.map(Moment),
        proven_ms: last.as_ref().and_then(|last| last.proven_ms).map(Moment),
        copied_ms: last.map(|last| Moment(last.finished_ms)),
        last_run: finished.map(|job| ReplicaLastRun {
            job_id: job.id.to_string(),
            state: convert::job_state(job.state),
            finished_ms: Moment(job.finished_ms.unwrap_or(job.queued_ms)),
            problems: Count(job.problems_total),
            error: job
                .fault
                .as_deref()
                .and_then(|text| serde_json::from_str::<Fault>(text).ok())
                .map(ApiError::from),
        }),
        active_job_id: active.map(|job| job.id.to_string()),
    })
}

pub(crate) fn replica_list(api: &Api, request: ReplicaListGet) -> Result<ReplicaList, ApiError> {
    let place_id = request.place_id.as_deref().map(convert::place_id).transpose()?;
    let records = api.catalog.replicas()?;
    let wanted = records.iter().filter(|record| place_id.is_none_or(|id| record.place_id == id));
    let replicas: Result<Vec<_>, _> = wanted.map(|record| replica(api, record)).collect();
    Ok(ReplicaList { replicas: replicas? })
}

/// The row of a place's replica at an address, made where there is none.
fn remembered(
    api: &Api,
    place_id: PlaceId,
    address: &str,
    schedule: Option<EngineSchedule>,
) -> Result<ReplicaRecord, ApiError> {
    let all = api.catalog.replicas()?;
    let known = all.iter().find(|record| record.place_id == place_id && record.address == address);
    match known {
        Some(known) => changed(api, known.clone(), schedule),
        None if all.len() >= REPLICAS_LIMIT => Err(ApiError::bad_request(format!(
            "There are {REPLICAS_LIMIT} second copies already. Remove some first."
        ))),
        None => {
            let record = ReplicaRecord {
                id: Catalog::new_replica_id()?,
                place_id,
                address: address.to_owned(),
                definition: serde_json::to_string(&ReplicaDefinition {
                    schedule: schedule.unwrap_or(EngineSchedule::Manual),
                })
                .map_err(unwritable)?,
                created_ms: api.now_ms(),
                schedule_from_ms: api.now_ms(),
                retry_ms: None,
                last_run: None,
            };
            api.catalog.save_replica(&record)?;
            Ok(record)
        }
    }
}

/// The row with another schedule, which counts from now: nothing is owed from before.
fn changed(
    api: &Api,
    mut record: ReplicaRecord,
    schedule: Option<EngineSchedule>,
) -> Result<ReplicaRecord, ApiError> {
    let Some(schedule) = schedule else { return Ok(record) };
    // What a newer Keepwell wrote is told, never overwritten, and single keys of one stay.
    let before = ReplicaDefinition::of(&record)?;
    if before.schedule != schedule {
        record.definition =
            text_over(&record.definition, &before, &ReplicaDefinition { schedule }).map_err(unwritable)?;
        record.schedule_from_ms = api.now_ms();
        record.retry_ms = None;
        api.catalog.save_replica(&record)?;
    }
    Ok(record)
}

fn unwritable(error: serde_json::Error) -> ApiError {
    ApiError::bad_request(format!("This second copy can not be kept: {error}."))
}

pub(crate) fn replica_save(api: &Api, request: ReplicaSave) -> Result<Replica, ApiError> {
    let place = place::record(&api.catalog, convert::place_id(&request.place_id)?)?;
    let schedule = request.schedule.map(convert::engine_schedule).transpose()?;
    let to = beside(&request.path, &path_text::local_path(&place.path))?;
    if let Some(access) = &request.access {
        sync_save::keep_access(api, &sync_save::address(&request.path)?, access)?;
    }
    let record = match &request.id {
        Some(id) => {
            let known = record(&api.catalog, convert::replica_id(id)?)?;
            if known.place_id != place.id || known.address != to.target.path {
                return Err(ApiError::bad_request("A second copy stays where it is.")
                    .hint("Make another one, and remove this one from the list."));
            }
            changed(api, known, schedule)?
        }
        None => remembered(api, place.id, &to.target.path, schedule)?,
    };
    if let Some(scheduler) = &api.scheduler {
        scheduler.wake();
    }
    replica(api, &record)
}

pub(crate) fn replica_remove(api: &Api, request: ReplicaGet) -> Result<Done, ApiError> {
    let record = record(&api.catalog, convert::replica_id(&request.replica_id)?)?;
    api.catalog.remove_replica(record.id)?;
    api.syncs.trees().forget_unused(&api.catalog, [replicas::place_of(&record)])?;
    Ok(Done {})
}

pub(crate) fn replica_run(api: &Api, request: ReplicaRun) -> Result<JobStarted, ApiError> {
    let record = record(&api.catalog, convert::replica_id(&request.replica_id)?)?;
    let full = request.level == CheckLevel::Full;
    let job_id = start(&api.catalog, &api.engine, &record, full, true, Attachment::default())?;
    Ok(JobStarted { job_id: job_id.to_string() })
}

/// Starts a replica that is due: what is new is copied, and from time to time everything is read again.
pub(crate) fn start_due(
    catalog: &Catalog,
    engine: &Engine,
    clock: &dyn Clock,
    id: ReplicaId,
) -> Result<JobId, ApiError> {
    let record = record(catalog, id)?;
    let full = LastReplication::of(&record).is_none_or(|last| last.is_proof_due(clock.now_ms()));
    start(catalog, engine, &record, full, false, Attachment::default())
}

/// Starts a replica; one that waits or runs already is not started twice.
fn start(
    catalog: &Catalog,
    engine: &Engine,
    record: &ReplicaRecord,
    full: bool,
    by_hand: bool,
    attachment: Attachment,
) -> Result<JobId, ApiError> {
    match newest(catalog, record, |state| !state.is_finished())? {
        // What a person asks for now is looked at anew, whatever the brake said another day.
        Some(active) if active.state == JobState::Halted && by_hand => engine.cancel(active.id)?,
        Some(active) => return Ok(active.id),
        None => {}
    }
    let place: PlaceRecord = place::record(catalog, record.place_id)?;
    let source = path_text::local_path(&place.path);
    let target = Target { path: path_text::encode(&place.path), place_id: Some(place.id) };
    let to = beside(&record.address, &source)?;
    enqueue(engine, &place.label, target, &to, Some(record.id), full, attachment)
}

fn enqueue(
    engine: &Engine,
    label: &str,
    target: Target,
    to: &Meant,
    replica_id: Option<ReplicaId>,
    full: bool,
    attachment: Attachment,
) -> Result<JobId, ApiError> {
    Ok(engine.enqueue(NewJob {
        request: JobRequest::Replicate(ReplicateJob {
            target,
            to: to.target.path.clone(),
            replica_id,
            full,
            confirmed: false,
        }),
        title: format!("Second copy of {label} in {}", to.label()),
        place_label: to.label(),
        destination: to.destination(),
        attachment,
    })?)
}

pub(crate) fn repository_replicate(api: &Api, request: RepositoryReplicate) -> Result<JobStarted, ApiError> {
    let source = meant(api, request.repository)?;
    let to = beside(&request.to, &source.path)?;
    let full = request.level == CheckLevel::Full;
    let job_id = match &source.place {
        Some(place) => {
            let record = remembered(api, place.id, &to.target.path, None)?;
            start(&api.catalog, &api.engine, &record, full, true, source.attachment())?
        }
        None => {
            let target = source.target.clone();
            enqueue(&api.engine, &source.label(), target, &to, None, full, source.attachment())?
        }
    };
    Ok(JobStarted { job_id: job_id.to_string() })
}
