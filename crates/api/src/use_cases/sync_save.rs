//! Making and changing sync pairs: a request becomes the pair that is kept.
//!
//! Invariants: what a request does not name stays as it was, or as a new pair has it; a rule that can not be understood
//! is refused here and not in the middle of the night; no secret gets into the pair; two pairs are never of the same two
//! places, however the way to them is written.

use std::path::Component;

use keepwell_catalog::{Catalog, PairRecord};
use keepwell_endpoint::credentials::CredentialKind;
use keepwell_endpoint::{Address, Credentials};
use keepwell_jobs::pairs::{self, Order, real_place};
use keepwell_jobs::standing;
use keepwell_jobs::trees::secret_name;
use keepwell_jobs::{Bandwidth, PairDefinition, Trees};
use keepwell_model::Timestamp;
use keepwell_sync::filter::check_patterns;
use keepwell_sync::pair::{BinSpec, FilterSpec, PairSpec, PatternPolicy, PlaceSpec};
use keepwell_sync::{Filter, FilterError};

use super::repository;
use super::sync::{named, pair, place, record, wake};
use crate::convert;
use crate::dto::sync::{
    ConflictRule, SyncAccess, SyncBandwidth, SyncBinLimits, SyncPair, SyncPairSave, SyncPlace, SyncRules,
};
use crate::error::{ApiError, ErrorCode};
use crate::open::Api;
use crate::path_text;
use crate::sync_words as words;

/// Pairs of one machine.
const PAIRS_LIMIT: usize = 500;
/// Patterns of one pair.
const PATTERNS_LIMIT: usize = 2_000;
/// The longest the bin keeps anything.
const DAYS_LIMIT: u32 = 36_500;

/// An address of a request as a pair keeps it: a whole path of this machine, or a server.
pub(crate) fn address(text: &str) -> Result<Address, ApiError> {
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
        // What `..` leads to is a matter of the links before it: only the file system knows.
        Address::Local(path) if path.components().any(|part| part == Component::ParentDir) => {
            Ok(real_place(&address))
        }
        Address::Local(path) => Ok(Address::Local(path.components().collect())),
        _ => Ok(address),
    }
}

pub(crate) fn refuse_the_same(left: &Address, right: &Address) -> Result<(), ApiError> {
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

/// What opens a server, in the form its kind takes; nothing for a folder of this machine.
pub(crate) fn credentials(address: &Address, access: &SyncAccess) -> Option<Credentials> {
    let user = access.user.as_deref().unwrap_or_default();
    let secret = access.secret.reveal();
    Some(match address {
        Address::Local(_) => return None,
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
    })
}

/// Keeps what opens a server.
pub(crate) fn keep_access(api: &Api, address: &Address, access: &SyncAccess) -> Result<(), ApiError> {
    let Some(credentials) = credentials(address, access) else { return Ok(()) };
    let text = credentials.to_text().map_err(|error| ApiError::new(ErrorCode::Failed, error.to_string()))?;
    Ok(api.credentials.set(&secret_name(address), &text)?)
}

/// The rules of a request, if every one of them can be understood.
fn filter(rules: SyncRules) -> Result<FilterSpec, ApiError> {
    if rules.exclude.len() > PATTERNS_LIMIT || rules.folders.len() > PATTERNS_LIMIT {
        return Err(ApiError::bad_request(format!("A pair has at most {PATTERNS_LIMIT} patterns.")));
    }
    let spec = words::engine_rules(rules);
    if spec.min_age_seconds.zip(spec.max_age_seconds).is_some_and(|(least, most)| least >= most) {
        return Err(ApiError::bad_request("With these ages no file is left to sync.")
            .hint("Let the least age be below the greatest one."));
    }
    let leaves_nothing = |what: &str| {
        Err(ApiError::bad_request(format!("With {what} of 0 no file is left to sync."))
            .hint("Give one above 0, or take this rule away."))
    };
    if spec.max_size_bytes == Some(0) {
        return leaves_nothing("a greatest size");
    }
    if spec.max_age_seconds == Some(0) {
        return leaves_nothing("a greatest age");
    }
    check_patterns(&spec.patterns)
        .and_then(|()| Filter::new(&spec, &[], Timestamp::default()))
        .map_err(|error| rule_error(&error))?;
    Ok(spec)
}

pub(crate) fn rule_error(error: &FilterError) -> ApiError {
    ApiError::bad_request(format!("{error}.")).hint("Correct the rule, or take it out.")
}

/// The conflict rules of a request, if every pattern can be understood.
fn conflict_rules(rules: Vec<ConflictRule>) -> Result<Vec<PatternPolicy>, ApiError> {
    if rules.len() > PATTERNS_LIMIT {
        return Err(ApiError::bad_request(format!("A pair has at most {PATTERNS_LIMIT} patterns.")));
    }
    let patterns = rules.iter().map(|rule| rule.pattern.trim().to_owned()).collect::<Vec<_>>();
    if patterns.iter().any(String::is_empty) {
        return Err(ApiError::bad_request("A rule for conflicts has no pattern.")
            .hint("Give it one, such as *.docx, or take it out."));
    }
    let spec = FilterSpec { patterns: patterns.clone(), ..FilterSpec::default() };
    check_patterns(&spec.patterns)
        .and_then(|()| Filter::new(&spec, &[], Timestamp::default()))
        .map_err(|error| rule_error(&error))?;
    Ok(patterns
        .into_iter()
        .zip(rules)
        .map(|(pattern, rule)| PatternPolicy {
            pattern,
            conflicts: words::engine_conflict_policy(rule.policy),
        })
        .collect())
}

fn bin(limits: &SyncBinLimits) -> Result<BinSpec, ApiError> {
    let days = [limits.keep_all_days, limits.keep_daily_days, limits.keep_weekly_days];
    if days.iter().any(|days| *days > DAYS_LIMIT) {
        return Err(ApiError::bad_request(format!("The bin keeps things for {DAYS_LIMIT} days at most.")));
    }
    Ok(words::engine_bin(limits))
}

fn bandwidth(limits: SyncBandwidth) -> Result<Bandwidth, ApiError> {
    let bandwidth = words::engine_bandwidth(limits);
    bandwidth.check().map_err(|error| {
        ApiError::bad_request(format!("This limit of the line can not be: {error}."))
            .hint("Correct it, or leave it empty for no limit.")
    })?;
    Ok(bandwidth)
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

/// The two places of a request, with the names that conflict copies get.
fn places(
    api: &Api,
    request: &SyncPairSave,
    before: Option<&PairSpec>,
) -> Result<([PlaceSpec; 2], [SyncPlace; 2]), ApiError> {
    let (left, right) = (address(&request.left)?, address(&request.right)?);
    refuse_the_same(&left, &right)?;
    let spec = |address: &Address, old: Option<&PlaceSpec>| {
        // One that is known stays as it was first written, with the volume it was last seen on.
        let is_it = |old: &&PlaceSpec| {
            Trees::address(&old.address).is_ok_and(|old| real_place(&old) == real_place(address))
        };
        match old.filter(is_it) {
            Some(old) => PlaceSpec { label: String::new(), ..old.clone() },
            None => PlaceSpec { address: address.to_string(), ..PlaceSpec::default() },
        }
    };
    let mut specs =
        [spec(&left, before.map(|before| &before.left)), spec(&right, before.map(|before| &before.right))];
    let shown = [place(api, &specs[0]), place(api, &specs[1])];
    let is_alike = shown[0].name == shown[1].name;
    let is_one_device = shown[0].device == shown[1].device;
    for (spec, place) in specs.iter_mut().zip(&shown) {
        spec.label = match (is_alike, is_one_device) {
            (false, _) => place.name.clone(),
            (true, false) => format!("{} on {}", place.name, place.device),
            (true, true) => place.address.display.clone(),
        };
    }
    Ok((specs, shown))
}

/// The pair of a request, on the ground of the one there was. Changes nothing.
pub(crate) fn wanted(
    api: &Api,
    request: SyncPairSave,
    old: Option<&PairDefinition>,
) -> Result<PairDefinition, ApiError> {
    let before = old.map(|old| &old.pair);
    let ([left, right], [left_place, right_place]) = places(api, &request, before)?;
    let name = name(&request, &left_place, &right_place)?;
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
            Some(rules) => conflict_rules(rules)?,
            None => before.map(|before| before.conflicts_by_pattern.clone()).unwrap_or_default(),
        },
        links: match request.links {
            Some(links) => words::engine_links(links),
            None => before.map(|before| before.links).unwrap_or_default(),
        },
        attributes: request.attributes.or(before.map(|before| before.attributes)).unwrap_or(true),
        modes: request.modes.or(before.map(|before| before.modes)).unwrap_or(true),
        rules: match request.rules {
            Some(rules) => filter(rules)?,
            None => before.map(|before| before.rules.clone()).unwrap_or_default(),
        },
        brakes: match request.brakes {
            Some(limits) => words::engine_brakes(&limits),
            None => before.map(|before| before.brakes).unwrap_or_default(),
        },
        bin: match request.bin {
            Some(limits) => bin(&limits)?,
            None => before.map(|before| before.bin.clone()).unwrap_or_default(),
        },
        live: request.live.or(before.map(|before| before.live)).unwrap_or(false),
        paused: before.is_some_and(|before| before.paused),
    };
    Ok(PairDefinition {
        pair,
        schedule: match request.schedule {
            Some(schedule) => convert::engine_schedule(schedule)?,
            None => old.map_or(keepwell_jobs::Schedule::Manual, |old| old.schedule),
        },
        bandwidth: match request.bandwidth {
            Some(limits) => bandwidth(limits)?,
            None => old.map(|old| old.bandwidth.clone()).unwrap_or_default(),
        },
        group: old.and_then(|old| old.group.clone()),
        makes_right: match old {
            Some(old) => old.makes_right,
            None => address(&request.right)?.local().is_none_or(|path| !path.exists()),
        },
    })
}

/// Keeps what opens the places of a request.
pub(crate) fn keep_accesses(api: &Api, request: &SyncPairSave) -> Result<(), ApiError> {
    for (place, access) in [(&request.left, &request.left_access), (&request.right, &request.right_access)] {
        if let Some(access) = access {
            keep_access(api, &address(place)?, access)?;
        }
    }
    Ok(())
}

/// Refuses a pair there is already, and more pairs than can be.
pub(crate) fn refuse_more(known: &[PairRecord], new: &PairSpec) -> Result<(), ApiError> {
    if known.len() >= PAIRS_LIMIT {
        return Err(ApiError::bad_request(format!(
            "There are {PAIRS_LIMIT} pairs already. Remove some first."
        )));
    }
    let real = |place: &PlaceSpec| Trees::address(&place.address).map(|address| real_place(&address));
    let (left, right) = (real(&new.left)?, real(&new.right)?);
    let found = known.iter().find_map(|known| Some((known, pairs::is_of(known, &left, &right)?)));
    let Some((known, order)) = found else { return Ok(()) };
    let order = if order == Order::Swapped { ", in the other order" } else { "" };
    let message = format!("The pair \"{}\" is of these two places already{order}.", known.name);
    Err(ApiError::new(ErrorCode::AlreadyExists, message).hint("Change that one, or choose other places."))
}

/// The row of a new pair.
pub(crate) fn new_record(
    definition: &PairDefinition,
    created_ms: i64,
    now_ms: i64,
) -> Result<PairRecord, ApiError> {
    let mut record = definition.record(created_ms).map_err(unwritable)?;
    // A schedule that was changed counts from now: nothing is owed from before.
    record.schedule_from_ms = now_ms;
    Ok(record)
}

fn unwritable(error: serde_json::Error) -> ApiError {
    ApiError::bad_request(format!("This pair can not be kept: {error}."))
}

/// The row of a pair that is there, as a request wants it from now on. Changes nothing.
pub(crate) fn changed_record(
    (record, before): &(PairRecord, PairDefinition),
    definition: &PairDefinition,
    now_ms: i64,
) -> Result<PairRecord, ApiError> {
    let addresses = (definition.pair.left.address.as_str(), definition.pair.right.address.as_str());
    if (record.left_address.as_str(), record.right_address.as_str()) != addresses {
        return Err(ApiError::bad_request("The places of a pair can not be changed.")
            .hint("Make a new pair of the two places, and remove this one."));
    }
    let mut new = new_record(definition, record.created_ms, now_ms)?;
    new.definition = definition.text_over(record).map_err(unwritable)?;
    if before.schedule == definition.schedule {
        new.schedule_from_ms = record.schedule_from_ms;
        new.retry_ms = record.retry_ms;
    }
    Ok(new)
}

/// Keeps a changed pair. Somebody may have held it since it was read, and a run of it may have ended: the keyring can wait
/// long for a person.
pub(crate) fn change(
    api: &Api,
    new: &PairRecord,
    before: &PairDefinition,
    now: &PairDefinition,
) -> Result<(), ApiError> {
    let is_other = before.schedule != now.schedule;
    api.catalog.change_pair(new, is_other.then_some(new.schedule_from_ms))?;
    // What was in step by other rules may not be by these.
    if !pairs::looks_alike(&before.pair, &now.pair) {
        standing::note_settings_changed(&api.catalog, new.id)?;
    }
    Ok(())
}

pub(crate) fn sync_pair_save(api: &Api, request: SyncPairSave) -> Result<SyncPair, ApiError> {
    let old = request.id.as_deref().map(|id| named(api, id)).transpose()?;
    let definition = wanted(api, request.clone(), old.as_ref().map(|(_, definition)| definition))?;
    let now_ms = api.now_ms();
    let new = match &old {
        Some(old) => changed_record(old, &definition, now_ms)?,
        None => {
            refuse_more(&api.catalog.pairs()?, &definition.pair)?;
            new_record(&definition, now_ms, now_ms)?
        }
    };
    keep_accesses(api, &request)?;
    match &old {
        Some((_, before)) => change(api, &new, before, &definition)?,
        None => api.catalog.save_pair(&new)?,
    }
    wake(api);
    pair(api, &record(&api.catalog, new.id)?)
}
