//! Places: where data lives, and whether it is well.

use std::path::Path;

use keepwell_catalog::{Catalog, PlaceRecord};
use keepwell_jobs::repositories::password_name;
use keepwell_jobs::work::LastCheck as KeptCheck;
use keepwell_jobs::{CheckJob, JobRequest, NewJob, Target, replicas};
use keepwell_model::PlaceId;

use super::repository::{self, LABEL_LIMIT};
use crate::convert;
use crate::dto::Done;
use crate::dto::job::JobStarted;
use crate::dto::place::{
    CheckLevel, LastCheck, Place, PlaceCheck, PlaceForget, PlaceGet, PlaceHealth, PlaceList, PlaceListGet,
    PlaceRename, PlaceStatus,
};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};

/// Below this share of free space a person should look.
const LITTLE_SPACE_PERCENT: u64 = 5;

/// The row of a place.
pub(crate) fn record(catalog: &Catalog, id: PlaceId) -> Result<PlaceRecord, ApiError> {
    catalog.place(id)?.ok_or_else(|| ApiError::not_found("This place is not known (any more)."))
}

/// A place as clients see it.
pub(crate) fn place(api: &Api, record: PlaceRecord, with_health: bool) -> Result<Place, ApiError> {
    let plans = api.catalog.plans()?.iter().filter(|plan| plan.place_id == record.id).count();
    Ok(Place {
        id: record.id.to_string(),
        label: record.label.clone(),
        path: PathText::new(&record.path),
        repository_id: record.repository_id.clone(),
        created_ms: Moment(record.created_ms),
        password_kept: api.credentials.get(&password_name(record.id))?.is_some(),
        plans: Count::from(plans),
        health: with_health.then(|| health(api, &record)),
    })
}

fn last_check(record: &PlaceRecord) -> Option<LastCheck> {
    let kept: KeptCheck = serde_json::from_str(record.last_check.as_deref()?).ok()?;
    Some(LastCheck {
        job_id: kept.job_id,
        finished_ms: Moment(kept.finished_ms),
        level: if kept.full { CheckLevel::Full } else { CheckLevel::Quick },
        problems: Count(kept.problems),
    })
}

/// Looks at a place. Whatever goes wrong is part of the answer.
fn health(api: &Api, record: &PlaceRecord) -> PlaceHealth {
    let path = path_text::local_path(&record.path);
    let mut health = PlaceHealth {
        status: PlaceStatus::Good,
        sentence: String::new(),
        reachable: false,
        error: None,
        free_bytes: None,
        total_bytes: None,
        snapshots: None,
        latest_snapshot_ms: None,
        stored_bytes: None,
        last_check: last_check(record),
    };
    match look(api, record, &path, &mut health) {
        Ok(()) => health.reachable = true,
        Err(error) => {
            health.status = PlaceStatus::Unreachable;
            health.sentence = error.message.clone();
            health.error = Some(error);
            return health;
        }
    }
    let (status, sentence) = judge(&health);
    health.status = status;
    health.sentence = sentence;
    health
}

fn look(api: &Api, record: &PlaceRecord, path: &Path, health: &mut PlaceHealth) -> Result<(), ApiError> {
    let target = Target { path: path_text::encode(&record.path), place_id: Some(record.id) };
    let repository = api.repositories.open(&target, None)?;
    let info = repository.info()?;
    let space = (api.options.space)(path);
    health.free_bytes = space.free_bytes.or(info.free_bytes).map(Count);
    health.total_bytes = space.total_bytes.map(Count);
    health.snapshots = Some(Count(info.snapshots));
    health.stored_bytes = Some(Count(info.packs_bytes + info.index_bytes));
    health.latest_snapshot_ms =
        repository.snapshots()?.snapshots.last().map(|(_, snapshot)| snapshot.started.into());
    Ok(())
}

fn judge(health: &PlaceHealth) -> (PlaceStatus, String) {
    if let Some(Count(problems @ 1..)) = health.last_check.as_ref().map(|check| check.problems) {
        let what = if problems == 1 { "one problem".to_owned() } else { format!("{problems} problems") };
        return (PlaceStatus::Attention, format!("The last check found {what}. Run a check with repair."));
    }
    if let (Some(Count(free)), Some(Count(total))) = (health.free_bytes, health.total_bytes)
        && free < total / 100 * LITTLE_SPACE_PERCENT
    {
        return (PlaceStatus::Attention, "There is little space left here.".to_owned());
    }
    let sentence = match (health.snapshots, &health.last_check) {
        (Some(Count(0)), _) => "Ready. There is no snapshot yet.",
        (_, Some(_)) => "Reachable, and the last check found nothing wrong.",
        (_, None) => "Reachable. It was not checked yet.",
    };
    (PlaceStatus::Good, sentence.to_owned())
}

pub(crate) fn place_list(api: &Api, request: PlaceListGet) -> Result<PlaceList, ApiError> {
    let records = api.catalog.places()?;
    let places: Result<Vec<_>, _> =
        records.into_iter().map(|record| place(api, record, request.health)).collect();
    Ok(PlaceList { places: places? })
}

pub(crate) fn place_get(api: &Api, request: PlaceGet) -> Result<Place, ApiError> {
    place(api, record(&api.catalog, convert::place_id(&request.place_id)?)?, true)
}

pub(crate) fn place_rename(api: &Api, request: PlaceRename) -> Result<Place, ApiError> {
    let label = request.label.trim();
    if label.is_empty() || label.chars().count() > LABEL_LIMIT {
        return Err(ApiError::bad_request(format!("A name has 1 to {LABEL_LIMIT} letters.")));
    }
    let id = convert::place_id(&request.place_id)?;
    api.catalog.rename_place(id, label)?;
    place(api, record(&api.catalog, id)?, false)
}

pub(crate) fn place_forget(api: &Api, request: PlaceForget) -> Result<Done, ApiError> {
    let id = convert::place_id(&request.place_id)?;
    let record = record(&api.catalog, id)?;
    // Second copies go with their place.
    let copies: Vec<_> =
        api.catalog.replicas()?.into_iter().filter(|replica| replica.place_id == id).collect();
    api.catalog.remove_place(id)?;
    api.repositories.close(&path_text::local_path(&record.path));
    api.credentials.remove(&password_name(id))?;
    let places = copies.iter().map(replicas::place_of);
    let places = places.chain([String::from_utf8_lossy(&record.path).into_owned()]);
    api.syncs.trees().forget_unused(&api.catalog, places)?;
    Ok(Done {})
}

pub(crate) fn place_check(api: &Api, request: PlaceCheck) -> Result<JobStarted, ApiError> {
    let meant = repository::meant(api, request.repository)?;
    let repair = request.repair.unwrap_or(false);
    let title = match (repair, request.level) {
        (true, _) => format!("Repair {}", meant.label()),
        (false, CheckLevel::Quick) => format!("Quick check of {}", meant.label()),
        (false, CheckLevel::Full) => format!("Full check of {}", meant.label()),
    };
    let job_id = api.engine.enqueue(NewJob {
        request: JobRequest::Check(CheckJob {
            target: meant.target.clone(),
            full: request.level == CheckLevel::Full,
            repair,
        }),
        title,
        place_label: meant.label(),
        destination: meant.destination(),
        attachment: meant.attachment(),
    })?;
    Ok(JobStarted { job_id: job_id.to_string() })
}
