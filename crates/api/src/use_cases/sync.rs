//! Sync pairs: making, listing, holding and running them.

use keepwell_catalog::{Catalog, JobFilter, JobRecord, JobState, PairRecord};
use keepwell_endpoint::credentials::CredentialKind;
use keepwell_endpoint::{Address, Credentials};
use keepwell_jobs::trees::secret_name;
use keepwell_jobs::{Fault, Halt, JobRequest, LiveState, Origin, PairDefinition, Trees, live, scheduler};
use keepwell_model::PairId;
use keepwell_sync::pair::{FilterSpec, PairSpec, PatternPolicy, PlaceSpec};
use keepwell_sync::{PairDatabase, policy};

use super::sync_words as words;
use super::{app, repository};
use crate::convert;
use crate::dto::job::JobStarted;
use crate::dto::sync::{
    SyncAccess, SyncBrakeLimits, SyncLastRun, SyncLive, SyncPair, SyncPairGet, SyncPairPause, SyncPairSave,
    SyncPairs, SyncPlace, SyncRules, SyncRun, SyncState,
};
use crate::dto::sync_plan::SyncBrake;
use crate::dto::{Done, Nothing};
use crate::error::{ApiError, ErrorCode};
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};

/// Pairs of one machine.
const PAIRS_LIMIT: usize = 500;
/// Patterns of one pair.
const PATTERNS_LIMIT: usize = 2_000;
/// Runs that are looked through for the one that says how a pair stands.
const RECENT_RUNS: u64 = 20;

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
    let (database, _) = PairDatabase::open(&api.options.home, id, api.now_ms()).map_err(Fault::from)?;
    Ok(database)
}

/// Conflicts that wait; a pair that never ran has none.
fn conflicts_waiting(api: &Api, id: PairId) -> u64 {
    if !PairDatabase::path_of(&api.options.home, id).exists() {
        return 0;
    }
    let waiting = database(api, id).map(|database| database.conflicts());
    match waiting {
        Ok(Ok(conflicts)) => conflicts.len() as u64,
        Ok(Err(error)) => {
            tracing::warn!(%error, pair = %id, "the conflicts could not be counted");
            0
        }
        Err(error) => {
            tracing::warn!(%error, pair = %id, "the conflicts could not be counted");
            0
        }
    }
}

/// A place as clients see it.
pub(crate) fn place(api: &Api, spec: &PlaceSpec) -> SyncPlace {
    let address = spec.address.parse::<Address>();
    let last = |text: &str| text.trim_end_matches('/').rsplit('/').next().unwrap_or(text).to_owned();
    let (is_local, name, device) = match &address {
        Ok(Address::Local(path)) => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            (true, path_text::display(name.as_encoded_bytes()), api.options.host.clone())
        }
        Ok(Address::S3 { bucket, prefix, endpoint, .. } | Address::Gcs { bucket, prefix, endpoint }) => {
            let name = if prefix.is_empty() { bucket.clone() } else { last(prefix) };
            (false, name, endpoint.clone().unwrap_or_else(|| bucket.clone()))
        }
        Ok(Address::Azure { container, prefix, account, .. }) => {
            (false, if prefix.is_empty() { container.clone() } else { last(prefix) }, account.clone())
        }
        Ok(Address::WebDav { host, path, .. } | Address::Sftp { host, path, .. }) => {
            let name = last(path);
            (false, if name.is_empty() { host.clone() } else { name }, host.clone())
        }
        Err(_) => (false, spec.address.clone(), String::new()),
    };
    SyncPlace { address: PathText::new(spec.address.as_bytes()), name, device, is_local }
}

/// Whether a run was a look at the plan that was given up: nothing came of it, so it says nothing of the pair.
fn was_only_looked_at(job: &JobRecord) -> bool {
    job.state == JobState::Cancelled
        && serde_json::from_str(&job.request).is_ok_and(|request: JobRequest| match request {
            JobRequest::Sync(sync) => sync.preview && sync.answer.confirmed.is_none(),
            _ => false,
        })
}

/// Whether a person asked for a run.
fn is_by_hand(job: &JobRecord) -> bool {
    serde_json::from_str(&job.request).is_ok_and(|request: JobRequest| request.is_by_hand())
}

/// How a pair stands, and what made it so.
struct Standing {
    state: SyncState,
    active: Option<JobRecord>,
    last: Option<JobRecord>,
    conflicts: u64,
    in_step_ms: Option<i64>,
}

fn standing(api: &Api, id: PairId) -> Result<Standing, ApiError> {
    let newest = |wanted: fn(&JobState) -> bool| {
        let states = JobState::ALL.into_iter().filter(wanted).collect();
        let filter = JobFilter { states, pair_id: Some(id), ..JobFilter::default() };
        let found = api.catalog.jobs(&filter, 0, RECENT_RUNS);
        found.map(|(jobs, _)| jobs.into_iter().find(|job| !was_only_looked_at(job)))
    };
    let active = newest(|state| !state.is_finished())?;
    let last = newest(|state| state.is_finished())?;
    let good = newest(|state| matches!(state, JobState::Succeeded))?;
    let conflicts = conflicts_waiting(api, id);
    let state = match (active.as_ref().map(|job| job.state), last.as_ref().map(|job| job.state)) {
        (Some(JobState::Halted), _) => SyncState::Halted,
        (Some(JobState::WaitingForConfirmation), _) => SyncState::Preview,
        (Some(JobState::Queued), _) => SyncState::Waiting,
        (Some(_), _) => SyncState::Running,
        (None, None) => SyncState::New,
        (None, Some(JobState::Failed | JobState::Interrupted)) => SyncState::Failed,
        (None, Some(JobState::Cancelled)) => SyncState::Stopped,
        (None, Some(_)) if conflicts > 0 => SyncState::Conflicts,
        (None, Some(JobState::SucceededWithProblems)) => SyncState::Problems,
        (None, Some(_)) => SyncState::InStep,
    };
    Ok(Standing { state, active, last, conflicts, in_step_ms: good.and_then(|job| job.finished_ms) })
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

fn halted_by(job: &JobRecord) -> Vec<SyncBrake> {
    let halt = job.halt.as_deref().and_then(|text| serde_json::from_str::<Halt>(text).ok());
    halt.map(|halt| halt.brakes).unwrap_or_default().into_iter().map(words::pulled_brake).collect()
}

/// Whether the changes of a live pair are noticed, by this process or another.
fn watched(api: &Api, id: PairId) -> Result<SyncLive, ApiError> {
    Ok(match api.live.as_ref().and_then(|live| live.state(id)) {
        Some(LiveState::Watching) => SyncLive::Watching,
        Some(LiveState::Scanning(_)) => SyncLive::Scanning,
        _ if live::is_watched(&api.catalog, &api.presence, id)? => SyncLive::Watching,
        _ => SyncLive::Asleep,
    })
}

/// The brakes a job halted at.
pub(crate) fn brakes_of(api: &Api, id: keepwell_model::JobId) -> Result<Vec<SyncBrake>, ApiError> {
    Ok(halted_by(&api.engine.job(id)?.record))
}

/// A pair as clients see it.
pub(crate) fn pair(api: &Api, record: &PairRecord) -> Result<SyncPair, ApiError> {
    let definition = PairDefinition::of(record)?;
    let Standing { state, active, last, conflicts, in_step_ms } = standing(api, record.id)?;
    let schedules_paused = app::settings(api)?.schedules_paused;
    let next_run_ms = if schedules_paused || record.paused {
        None
    } else {
        scheduler::next_pair_run_ms(record, api.now_ms(), &api.zone)
    };
    let spec = &definition.pair;
    Ok(SyncPair {
        id: record.id.to_string(),
        name: record.name.clone(),
        left: place(api, &spec.left),
        right: place(api, &spec.right),
        mode: words::mode(spec.mode),
        conflicts: words::conflict_policy(spec.conflicts),
        conflict_rules: spec.conflicts_by_pattern.iter().map(words::conflict_rule).collect(),
        links: words::links(spec.links),
        rules: SyncRules {
            exclude: spec.rules.patterns.clone(),
            max_file_bytes: spec.rules.max_size_bytes.map(Count),
            max_age_days: spec
                .rules
                .max_age_seconds
                .map(|seconds| u32::try_from(seconds / words::DAY_SECONDS).unwrap_or(u32::MAX)),
            folders: spec.rules.folders.clone(),
        },
        brakes: SyncBrakeLimits {
            removed_items: Count(spec.brakes.removed_items),
            removed_percent: spec.brakes.removed_percent,
            rewritten_files: Count(spec.brakes.rewritten_files),
            rewritten_percent: spec.brakes.rewritten_percent,
        },
        schedule: convert::schedule(definition.schedule),
        live: spec.live,
        paused: record.paused,
        state,
        watched: if spec.live && !record.paused { watched(api, record.id)? } else { SyncLive::Off },
        conflicts_waiting: Count(conflicts),
        in_step_ms: in_step_ms.map(Moment),
        next_run_ms: next_run_ms.map(Moment),
        last_run: last.map(last_run),
        active_job_id: active.as_ref().map(|job| job.id.to_string()),
        halted_by: active.as_ref().map(halted_by).unwrap_or_default(),
    })
}

pub(crate) fn sync_pairs(api: &Api, _: Nothing) -> Result<SyncPairs, ApiError> {
    let pairs: Result<Vec<_>, _> = api.catalog.pairs()?.iter().map(|record| pair(api, record)).collect();
    Ok(SyncPairs { pairs: pairs? })
}

pub(crate) fn sync_pair(api: &Api, request: SyncPairGet) -> Result<SyncPair, ApiError> {
    pair(api, &record(&api.catalog, convert::pair_id(&request.pair_id)?)?)
}

/// An address of a request as a pair keeps it: a whole path of this machine, or a server.
fn address(text: &str) -> Result<Address, ApiError> {
    let bytes = path_text::decode(text)?;
    let shown = path_text::display(&bytes);
    let text = String::from_utf8(bytes).map_err(|_| {
        ApiError::bad_request(format!(
            "The name of {shown} is not text, so it can not be one side of a pair."
        ))
        .hint("Choose the folder above it, or rename it.")
    })?;
    let address = Trees::address(text.trim())?;
    match &address {
        Address::Local(path) if !path.is_absolute() => {
            Err(ApiError::bad_request(format!("\"{shown}\" is not a whole path."))
                .hint("Begin it at the top, for instance with /home."))
        }
        Address::Local(path) => Ok(Address::Local(path.components().collect())),
        _ => Ok(address),
    }
}

fn refuse_the_same(left: &Address, right: &Address) -> Result<(), ApiError> {
    let refuse = |what: &str, next: &str| Err(ApiError::bad_request(what).hint(next));
    if left == right {
        return refuse("Both sides are the same place.", "Choose two different ones.");
    }
    if let (Some(left), Some(right)) = (left.local(), right.local()) {
        let real = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (left, right) = (real(left), real(right));
        if left == right {
            return refuse("Both paths lead to the same folder.", "Choose two different ones.");
        }
        if left.starts_with(&right) || right.starts_with(&left) {
            return refuse("One of the folders lies in the other.", "Choose two folders beside each other.");
        }
    }
    Ok(())
}

/// Keeps what opens a server, in the form its kind takes.
fn keep_access(api: &Api, address: &Address, access: &SyncAccess) -> Result<(), ApiError> {
    let user = access.user.as_deref().unwrap_or_default();
    let secret = access.secret.reveal();
    let credentials = match address {
        Address::Local(_) => return Ok(()),
        Address::S3 { .. } => {
            let fields = [("access_key_id", user), ("secret_access_key", secret)];
            Credentials::new(CredentialKind::AccessKey, &fields)
        }
        Address::WebDav { .. } | Address::Sftp { .. } => {
            Credentials::new(CredentialKind::Password, &[("user", user), ("password", secret)])
        }
        Address::Azure { .. } => Credentials::new(CredentialKind::AccountKey, &[("account_key", secret)]),
        Address::Gcs { .. } => {
            let fields = [("client_email", user), ("private_key", secret)];
            Credentials::new(CredentialKind::ServiceAccount, &fields)
        }
    };
    let text = credentials.to_text().map_err(|error| ApiError::new(ErrorCode::Failed, error.to_string()))?;
    Ok(api.credentials.set(&secret_name(address), &text)?)
}

impl Api {
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

fn filter(rules: SyncRules) -> Result<FilterSpec, ApiError> {
    if rules.exclude.len() > PATTERNS_LIMIT || rules.folders.len() > PATTERNS_LIMIT {
        return Err(ApiError::bad_request(format!("A pair has at most {PATTERNS_LIMIT} patterns.")));
    }
    let spec = FilterSpec {
        patterns: rules.exclude,
        max_size_bytes: rules.max_file_bytes.map(|count| count.0),
        min_age_seconds: None,
        max_age_seconds: rules.max_age_days.map(|days| u64::from(days) * words::DAY_SECONDS),
        folders: rules.folders,
    };
    Ok(spec)
}

fn name(request: &SyncPairSave, left: &SyncPlace, right: &SyncPlace) -> Result<String, ApiError> {
    let given = request.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = given.map_or_else(
        || match left.name == right.name {
            true => left.name.clone(),
            false => format!("{} and {}", left.name, right.name),
        },
        str::to_owned,
    );
    if name.chars().count() > repository::LABEL_LIMIT {
        return Err(ApiError::bad_request(format!(
            "A pair's name has 1 to {} letters.",
            repository::LABEL_LIMIT
        )));
    }
    Ok(name)
}

/// The pair of a request, on the ground of the one there was.
fn wanted(
    api: &Api,
    request: SyncPairSave,
    old: Option<&PairDefinition>,
) -> Result<PairDefinition, ApiError> {
    let (left, right) = (address(&request.left)?, address(&request.right)?);
    refuse_the_same(&left, &right)?;
    for (address, access) in [(&left, &request.left_access), (&right, &request.right_access)] {
        if let Some(access) = access {
            keep_access(api, address, access)?;
        }
    }
    let spec = |address: &Address| PlaceSpec { address: address.to_string(), ..PlaceSpec::default() };
    let (mut left, mut right) = (spec(&left), spec(&right));
    let (left_place, right_place) = (place(api, &left), place(api, &right));
    // Names of conflict copies say where they are from.
    let is_alike = left_place.name == right_place.name;
    for (spec, place) in [(&mut left, &left_place), (&mut right, &right_place)] {
        spec.label = match (is_alike, left_place.device == right_place.device) {
            (false, _) => place.name.clone(),
            (true, false) => format!("{} on {}", place.name, place.device),
            (true, true) => place.address.display.clone(),
        };
    }
    let name = name(&request, &left_place, &right_place)?;
    let before = old.map(|old| &old.pair);
    let brakes = before.map(|before| before.brakes).unwrap_or_default();
    let pair = PairSpec {
        id: match before {
            Some(before) => before.id,
            None => Catalog::new_pair_id()?,
        },
        name,
        left,
        right,
        mode: words::engine_mode(request.mode),
        conflicts: words::engine_conflict_policy(request.conflicts),
        conflicts_by_pattern: match request.conflict_rules {
            Some(rules) => rules
                .into_iter()
                .map(|rule| PatternPolicy {
                    pattern: rule.pattern,
                    conflicts: words::engine_conflict_policy(rule.policy),
                })
                .collect(),
            None => before.map(|before| before.conflicts_by_pattern.clone()).unwrap_or_default(),
        },
        links: match request.links {
            Some(links) => words::engine_links(links),
            None => before.map(|before| before.links).unwrap_or_default(),
        },
        attributes: before.is_none_or(|before| before.attributes),
        modes: before.is_none_or(|before| before.modes),
        rules: match request.rules {
            Some(rules) => filter(rules)?,
            None => before.map(|before| before.rules.clone()).unwrap_or_default(),
        },
        brakes: match request.brakes {
            Some(limits) => policy::BrakeLimits {
                removed_items: limits.removed_items.0,
                removed_percent: limits.removed_percent.min(100),
                rewritten_files: limits.rewritten_files.0,
                rewritten_percent: limits.rewritten_percent.min(100),
                ..brakes
            },
            None => brakes,
        },
        bin: before.map(|before| before.bin.clone()).unwrap_or_default(),
        live: request.live.or(before.map(|before| before.live)).unwrap_or(false),
        paused: before.is_some_and(|before| before.paused),
    };
    Ok(PairDefinition {
        pair,
        schedule: match request.schedule {
            Some(schedule) => convert::engine_schedule(schedule)?,
            None => old.map_or(keepwell_jobs::Schedule::Manual, |old| old.schedule),
        },
        bandwidth: old.map(|old| old.bandwidth.clone()).unwrap_or_default(),
    })
}

pub(crate) fn sync_pair_save(api: &Api, request: SyncPairSave) -> Result<SyncPair, ApiError> {
    let old = request.id.as_deref().map(|id| named(api, id)).transpose()?;
    let all = api.catalog.pairs()?;
    if old.is_none() && all.len() >= PAIRS_LIMIT {
        return Err(ApiError::bad_request(format!(
            "There are {PAIRS_LIMIT} pairs already. Remove some first."
        )));
    }
    let definition = wanted(api, request, old.as_ref().map(|(_, definition)| definition))?;
    let places = (definition.pair.left.address.as_str(), definition.pair.right.address.as_str());
    match &old {
        Some((record, _)) if (record.left_address.as_str(), record.right_address.as_str()) != places => {
            return Err(ApiError::bad_request("The places of a pair can not be changed.")
                .hint("Make a new pair of the two places, and remove this one."));
        }
        None if all
            .iter()
            .any(|known| (known.left_address.as_str(), known.right_address.as_str()) == places) =>
        {
            return Err(ApiError::new(
                ErrorCode::AlreadyExists,
                "There is a pair of these two places already.",
            )
            .hint("Change that one, or choose other places."));
        }
        _ => {}
    }
    let now_ms = api.now_ms();
    let mut new = definition
        .record(old.as_ref().map_or(now_ms, |(record, _)| record.created_ms))
        .map_err(|error| ApiError::bad_request(format!("This pair can not be kept: {error}.")))?;
    // A schedule that was changed counts from now: nothing is owed from before.
    new.schedule_from_ms = now_ms;
    if let Some((record, before)) = &old
        && before.schedule == definition.schedule
    {
        new.schedule_from_ms = record.schedule_from_ms;
        new.retry_ms = record.retry_ms;
    }
    api.catalog.save_pair(&new)?;
    wake(api);
    pair(api, &new)
}

/// Lets schedules and watchers see what changed.
fn wake(api: &Api) {
    if let Some(scheduler) = &api.scheduler {
        scheduler.wake();
    }
    if let Some(live) = &api.live {
        live.wake();
    }
}

pub(crate) fn sync_pair_remove(api: &Api, request: SyncPairGet) -> Result<Done, ApiError> {
    let id = convert::pair_id(&request.pair_id)?;
    if api.syncs.is_taken(id)? {
        return Err(ApiError::new(ErrorCode::Busy, "A run of this pair is under way or waits for you.")
            .hint("Stop it first, then remove the pair."));
    }
    api.catalog.remove_pair(id)?;
    wake(api);
    Ok(Done {})
}

pub(crate) fn sync_pair_pause(api: &Api, request: SyncPairPause) -> Result<SyncPair, ApiError> {
    let id = convert::pair_id(&request.pair_id)?;
    api.catalog.set_pair_paused(id, request.paused)?;
    wake(api);
    pair(api, &record(&api.catalog, id)?)
}

/// Starts a run; one that waits or runs already is not started twice.
pub(crate) fn start(api: &Api, record: &PairRecord, preview: bool) -> Result<JobStarted, ApiError> {
    let states = JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
    let filter = JobFilter { states, pair_id: Some(record.id), ..JobFilter::default() };
    if let Some(active) = api.catalog.jobs(&filter, 0, 1)?.0.into_iter().next() {
        let waits = matches!(active.state, JobState::Halted | JobState::WaitingForConfirmation);
        if waits {
            // It is looked at anew.
            api.engine.cancel(active.id)?;
        } else if is_by_hand(&active) {
            return Ok(JobStarted { job_id: active.id.to_string() });
        }
        // What runs by itself leaves no trace where it finds nothing to do; a person's run comes after it.
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
