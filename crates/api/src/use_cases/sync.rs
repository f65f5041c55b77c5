//! Sync pairs: listing, holding and running them. How one is made and changed is in `sync_save`.

use keepwell_catalog::{Catalog, JobFilter, JobRecord, JobState, PairRecord};
use keepwell_endpoint::{Address, Credentials};
use keepwell_jobs::scheduler::PAIRS_PAUSED_SETTING;
use keepwell_jobs::standing::{self, Differs, PairState};
use keepwell_jobs::{
    Fault, Halt, JobRequest, LiveState, Origin, PairDefinition, hub, live, place_name, scheduler,
};
use keepwell_model::PairId;
use keepwell_sync::PairDatabase;
use keepwell_sync::pair::PlaceSpec;

use super::sync_save::address;
use crate::convert;
use crate::dto::job::JobStarted;
use crate::dto::sync::{
    SyncDiffers, SyncHold, SyncLastRun, SyncLive, SyncPair, SyncPairGet, SyncPairPause, SyncPairs, SyncPlace,
    SyncRun, SyncState,
};
use crate::dto::sync_plan::SyncBrake;
use crate::dto::{Done, Nothing};
use crate::error::{ApiError, ErrorCode};
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::PathText;
use crate::sync_words as words;

/// Runs that are looked through for the last one.
pub(crate) const RECENT_RUNS: u64 = 20;

/// The row of a pair.
pub(crate) fn record(catalog: &Catalog, id: PairId) -> Result<PairRecord, ApiError> {
    catalog.pair(id)?.ok_or_else(|| {
        ApiError::not_found("This sync pair is not known (any more).").hint("Look at the list of pairs.")
    })
}

/// A pair that a request names.
pub(crate) fn named(api: &Api, text: &str) -> Result<(PairRecord, PairDefinition), ApiError> {
    let record = record(&api.catalog, convert::pair_id(text)?)?;
    let definition = PairDefinition::of(&record)?;
    Ok((record, definition))
}

/// The database of a pair, to be read while a run may hold the pair.
pub(crate) fn database(api: &Api, id: PairId) -> Result<PairDatabase, ApiError> {
    Ok(api.syncs.database(id)?)
}

/// What the database of a pair says.
#[derive(Default)]
struct Known {
    /// Conflicts that wait for a decision.
    conflicts: u64,
    /// Conflicts that are decided and wait for the next run.
    decided: u64,
    /// Whether what both sides agreed on is there.
    has_base: bool,
}

/// Of a pair that has no database yet nothing is known.
fn database_says(api: &Api, id: PairId) -> Known {
    if !PairDatabase::path_of(&api.options.home, id).exists() {
        return Known::default();
    }
    let read = || -> Result<Known, ApiError> {
        let database = database(api, id)?;
        let all = database.conflicts().map_err(Fault::from)?;
        let decided = all.iter().filter(|stored| stored.choice.is_some()).count() as u64;
        let has_base = database.lost().map_err(Fault::from)?.is_none();
        Ok(Known { conflicts: all.len() as u64 - decided, decided, has_base })
    };
    read().unwrap_or_else(|error| {
        tracing::warn!(%error, pair = %id, "the database of a pair could not be read");
        Known::default()
    })
}

/// A place as clients see it.
pub(crate) fn place(api: &Api, spec: &PlaceSpec) -> SyncPlace {
    let (is_local, device) = match spec.address.parse::<Address>() {
        Ok(Address::Local(_)) => (true, api.options.host.clone()),
        Ok(Address::S3 { bucket, endpoint, .. } | Address::Gcs { bucket, endpoint, .. }) => {
            (false, endpoint.unwrap_or(bucket))
        }
        Ok(Address::Azure { account, .. }) => (false, account),
        Ok(Address::WebDav { host, .. } | Address::Sftp { host, .. }) => (false, host),
        Err(_) => (false, String::new()),
    };
    let name = place_name(&spec.address);
    SyncPlace { address: PathText::new(spec.address.as_bytes()), name, device, is_local }
}

/// Whether a job is none of the runs a pair shows as its last one: a look at the plan that was given up, one that was
/// undone, or items that were brought back.
fn says_nothing(job: &JobRecord) -> bool {
    let is_given_up = job.state == JobState::Cancelled;
    serde_json::from_str(&job.request).is_ok_and(|request: JobRequest| match request {
        JobRequest::Sync(sync) => {
            (!sync.carries_over() && job.state.is_finished()) || (is_given_up && sync.only_looks())
        }
        _ => false,
    })
}

/// Whether a person asked for a run.
pub(crate) fn is_by_hand(job: &JobRecord) -> bool {
    serde_json::from_str(&job.request).is_ok_and(|request: JobRequest| request.is_by_hand())
}

/// How a pair stands, and what made it so.
struct Stands {
    state: SyncState,
    differs: Option<SyncDiffers>,
    problems: u64,
    active: Option<JobRecord>,
    last: Option<JobRecord>,
    conflicts: u64,
    in_step_ms: Option<i64>,
}

fn stands(api: &Api, record: &PairRecord, is_live: bool) -> Result<Stands, ApiError> {
    let newest = |wanted: fn(&JobState) -> bool| {
        let states = JobState::ALL.into_iter().filter(wanted).collect();
        let filter = JobFilter { states, pair_id: Some(record.id), ..JobFilter::default() };
        let found = api.catalog.jobs(&filter, 0, RECENT_RUNS);
        found.map(|(jobs, _)| jobs.into_iter().find(|job| !says_nothing(job)))
    };
    let active = newest(|state| !state.is_finished())?;
    let last = newest(|state| state.is_finished())?;
    let Known { conflicts, decided, has_base } = database_says(api, record.id);
    let found = standing::standing(&api.catalog, record.id)?;
    let mut now = found;
    if !has_base {
        now = now.map(|now| now.unless(Differs::BaseLost));
    }
    // A live pair is told of the change as of any other.
    if record.hub.is_waiting() && !is_live {
        now = now.map(|now| now.unless(Differs::HubChanged));
    }
    let (state, differs) = match (active.as_ref().map(|job| job.state), now.map(|now| now.state)) {
        (Some(JobState::Halted), _) => (SyncState::Halted, None),
        (Some(JobState::WaitingForConfirmation), _) => (SyncState::Preview, None),
        (Some(JobState::Queued), _) => (SyncState::Waiting, None),
        (Some(_), _) => (SyncState::Running, None),
        (None, None) => (SyncState::New, None),
        (None, Some(PairState::Halted)) => (SyncState::Halted, None),
        (None, Some(PairState::Failed)) => (SyncState::Failed, None),
        (None, Some(PairState::Stopped)) => (SyncState::Stopped, None),
        (None, Some(PairState::NotInStep(differs))) => (SyncState::NotInStep, Some(words::differs(differs))),
        (None, Some(PairState::InStep | PairState::Problems)) if conflicts > 0 => {
            (SyncState::Conflicts, None)
        }
        (None, Some(PairState::InStep | PairState::Problems)) if decided > 0 => {
            (SyncState::NotInStep, Some(SyncDiffers::Decided))
        }
        (None, Some(PairState::Problems)) => (SyncState::Problems, None),
        (None, Some(PairState::InStep)) => (SyncState::InStep, None),
    };
    Ok(Stands {
        state,
        differs,
        problems: found.map_or(0, |found| found.problems),
        active,
        last,
        conflicts,
        in_step_ms: found.and_then(|found| found.in_step_ms),
    })
}

fn last_run(job: JobRecord) -> SyncLastRun {
    let fault = job.fault.as_deref().and_then(|text| serde_json::from_str::<Fault>(text).ok());
    SyncLastRun {
        job_id: job.id.to_string(),
        state: convert::job_state(job.state),
        finished_ms: Moment(job.finished_ms.unwrap_or(job.queued_ms)),
        problems: Count(job.problems_total),
        error: fault.map(ApiError::from),
    }
}

/// What a job halted at.
pub(crate) fn halt_of(job: &JobRecord) -> Option<Halt> {
    job.halt.as_deref().and_then(|text| serde_json::from_str(text).ok())
}

fn halted_by(job: &JobRecord) -> Vec<SyncBrake> {
    halt_of(job).map(|halt| halt.brakes).unwrap_or_default().into_iter().map(words::pulled_brake).collect()
}

/// Whether the changes of a live pair are noticed, by this process or another.
fn watched(api: &Api, id: PairId) -> Result<SyncLive, ApiError> {
    let here = api.live.as_ref().and_then(|live| live.state(id));
    let state = match here {
        Some(state) => Some(state),
        None => live::state_anywhere(&api.catalog, &api.presence, id)?,
    };
    Ok(match state {
        Some(LiveState::Watching) => SyncLive::Watching,
        Some(LiveState::Scanning) => SyncLive::Scanning,
        None => SyncLive::Asleep,
    })
}

/// The brakes a job halted at.
pub(crate) fn brakes_of(api: &Api, id: keepwell_model::JobId) -> Result<Vec<SyncBrake>, ApiError> {
    Ok(halted_by(&api.engine.job(id)?.record))
}

/// A pair as clients see it.
pub(crate) fn pair(api: &Api, record: &PairRecord) -> Result<SyncPair, ApiError> {
    let definition = PairDefinition::of(record)?;
    let is_held = record.paused || scheduler::are_pairs_paused(&api.catalog)?;
    let next_run_ms =
        if is_held { None } else { scheduler::next_pair_run_ms(record, api.now_ms(), &api.zone) };
    let spec = &definition.pair;
    let Stands { state, differs, problems, active, last, conflicts, in_step_ms } =
        stands(api, record, spec.live)?;
    Ok(SyncPair {
        id: record.id.to_string(),
        name: record.name.clone(),
        left: place(api, &spec.left),
        right: place(api, &spec.right),
        mode: words::mode(spec.mode),
        conflicts: words::conflict_policy(spec.conflicts),
        conflict_rules: spec.conflicts_by_pattern.iter().map(words::conflict_rule).collect(),
        links: words::links(spec.links),
        modes: spec.modes,
        attributes: spec.attributes,
        rules: words::rules(&spec.rules),
        brakes: words::brakes(spec.brakes),
        bin: words::bin(&spec.bin),
        bandwidth: words::bandwidth(&definition.bandwidth),
        group: definition.group.as_ref().map(words::group),
        schedule: convert::schedule(definition.schedule),
        live: spec.live,
        paused: record.paused,
        state,
        differs,
        problems: Count(problems),
        watched: if spec.live && !is_held { watched(api, record.id)? } else { SyncLive::Off },
        conflicts_waiting: Count(conflicts),
        in_step_ms: in_step_ms.map(Moment),
        next_run_ms: next_run_ms.map(Moment),
        last_run: last.map(last_run),
        active_job_id: active.as_ref().map(|job| job.id.to_string()),
        halted_by: active.as_ref().map(halted_by).unwrap_or_default(),
    })
}

pub(crate) fn sync_pairs(api: &Api, _: Nothing) -> Result<SyncPairs, ApiError> {
    let known = api.catalog.pairs()?;
    let (readable, unreadable): (Vec<_>, Vec<_>) =
        known.iter().partition(|record| PairDefinition::of(record).is_ok());
    for record in unreadable {
        tracing::warn!(pair = %record.name, "this pair can not be read; it may be from a newer Keepwell");
    }
    let pairs: Result<Vec<_>, _> = readable.into_iter().map(|record| pair(api, record)).collect();
    Ok(SyncPairs { pairs: pairs?, all_paused: all_paused(api)? })
}

/// Whether the person holds all pairs as a whole.
pub(crate) fn all_paused(api: &Api) -> Result<bool, ApiError> {
    Ok(api.catalog.setting(PAIRS_PAUSED_SETTING)?.as_deref() == Some("true"))
}

pub(crate) fn sync_pair(api: &Api, request: SyncPairGet) -> Result<SyncPair, ApiError> {
    pair(api, &record(&api.catalog, convert::pair_id(&request.pair_id)?)?)
}

/// A pair that this Keepwell can not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncUnreadable {
    /// Its id.
    pub id: String,
    /// What the person calls it.
    pub name: String,
}

impl Api {
    /// The pairs that are in no list, because what they are can not be read: they may be from a newer Keepwell. They can be
    /// removed.
    ///
    /// # Errors
    /// The catalog can not be read.
    pub fn sync_unreadable(&self) -> Result<Vec<SyncUnreadable>, ApiError> {
        let known = self.catalog.pairs()?.into_iter();
        Ok(known
            .filter(|record| PairDefinition::of(record).is_err())
            .map(|record| SyncUnreadable { id: record.id.to_string(), name: record.name })
            .collect())
    }

    /// What a set of named values (a program's environment) holds to open a place, for as long as this process lives.
    ///
    /// # Errors
    /// The address can not be understood.
    pub fn sync_access(
        &self,
        place: &str,
        value_of: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ApiError> {
        let address = address(place)?;
        if let Some(credentials) = Credentials::from_names(&address, value_of) {
            self.syncs.trees().give(&address, credentials);
        }
        Ok(())
    }
}

/// Lets schedules and watchers see what changed.
pub(crate) fn wake(api: &Api) {
    if let Some(scheduler) = &api.scheduler {
        scheduler.wake();
    }
    if let Some(live) = &api.live {
        live.wake();
    }
}

/// Refuses where a run of a pair is under way or waits.
pub(crate) fn refuse_taken(api: &Api, id: PairId) -> Result<(), ApiError> {
    if api.syncs.is_taken(id)? {
        return Err(ApiError::new(ErrorCode::Busy, "A run of this pair is under way or waits for you.")
            .hint("Stop it first, then remove the pair."));
    }
    Ok(())
}

pub(crate) fn sync_pair_remove(api: &Api, request: SyncPairGet) -> Result<Done, ApiError> {
    let record = record(&api.catalog, convert::pair_id(&request.pair_id)?)?;
    refuse_taken(api, record.id)?;
    api.syncs.remove(record.id)?;
    wake(api);
    api.syncs.trees().forget_unused(&api.catalog, [record.left_address, record.right_address])?;
    Ok(Done {})
}

pub(crate) fn sync_pair_pause(api: &Api, request: SyncPairPause) -> Result<SyncPair, ApiError> {
    let id = convert::pair_id(&request.pair_id)?;
    api.catalog.set_pair_paused(id, request.paused)?;
    wake(api);
    pair(api, &record(&api.catalog, id)?)
}

pub(crate) fn sync_hold(api: &Api, request: SyncHold) -> Result<SyncPairs, ApiError> {
    match request.group_id.as_deref().map(convert::pair_id).transpose()? {
        Some(group) => {
            for (record, _) in hub::pairs_of(&api.catalog, group)? {
                api.catalog.set_pair_paused(record.id, request.paused)?;
            }
        }
        None => {
            api.catalog.set_setting(PAIRS_PAUSED_SETTING, if request.paused { "true" } else { "false" })?;
        }
    }
    wake(api);
    sync_pairs(api, Nothing {})
}

/// Gives up the runs of a pair that only wait for a person, but for a mere look none that a brake halted; answers one that
/// is under way.
pub(crate) fn free(api: &Api, id: PairId, is_look: bool) -> Result<Option<JobRecord>, ApiError> {
    let states = JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
    let filter = JobFilter { states, pair_id: Some(id), ..JobFilter::default() };
    let mut under_way = None;
    for job in api.catalog.jobs(&filter, 0, RECENT_RUNS)?.0 {
        match job.state {
            JobState::Halted if is_look => {}
            JobState::Halted | JobState::WaitingForConfirmation => api.engine.cancel(job.id)?,
            _ => under_way = under_way.or(Some(job)),
        }
    }
    Ok(under_way)
}

/// Whether a plan of a pair waits for a person, or a brake does.
pub(crate) fn waits_for_a_person(api: &Api, id: PairId) -> Result<bool, ApiError> {
    let states = vec![JobState::Halted, JobState::WaitingForConfirmation];
    let filter = JobFilter { states, pair_id: Some(id), ..JobFilter::default() };
    Ok(!api.catalog.jobs(&filter, 0, 1)?.0.is_empty())
}

/// Whether a job is just what a person asks for now: a run of the pair as it is, or a look.
pub(crate) fn is_plain(job: &JobRecord, preview: bool) -> bool {
    serde_json::from_str(&job.request)
        .is_ok_and(|request| matches!(request, JobRequest::Sync(sync) if sync.is_plain(preview)))
}

/// Starts a run; one that waits or runs already is not started twice, and one that waits for a person is looked at anew.
pub(crate) fn start(api: &Api, record: &PairRecord, preview: bool) -> Result<JobStarted, ApiError> {
    // What runs by itself leaves no trace where it finds nothing to do, and what else is under way does not carry over what
    // there is: a person's run comes after it.
    if let Some(active) = free(api, record.id, false)?.filter(|active| is_plain(active, preview)) {
        return Ok(JobStarted { job_id: active.id.to_string() });
    }
    match api.syncs.start(&api.engine, record.id, preview, Origin::Person, None)? {
        Some(job_id) => Ok(JobStarted { job_id: job_id.to_string() }),
        None => Err(ApiError::new(ErrorCode::Busy, "Another run of this pair is under way.")
            .hint("Wait until it is done.")),
    }
}

pub(crate) fn sync_run(api: &Api, request: SyncRun) -> Result<JobStarted, ApiError> {
    start(api, &record(&api.catalog, convert::pair_id(&request.pair_id)?)?, request.preview)
}
