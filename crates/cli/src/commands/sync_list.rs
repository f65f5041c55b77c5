//! `keepwell sync list`

use keepwell_api::dto::Nothing;
use keepwell_api::dto::sync::{SyncDiffers, SyncLive, SyncMode, SyncPair, SyncPairs, SyncState};
use keepwell_api::{ApiError, Commands};

use super::plan_list;
use super::sync_typed::quoted;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, time};

pub fn run(context: &Context) -> Result<Ending, ApiError> {
    let pairs = context.api.sync_pairs(Nothing {})?;
    for pair in context.api.sync_unreadable()? {
        output::note(format!(
            "The pair \"{}\" can not be read; it may be from a newer Keepwell. Update this one, or forget the pair: \
             keepwell sync remove {}",
            pair.name,
            pair.id.chars().take(8).collect::<String>()
        ));
    }
    if context.json {
        output::json(&pairs)?;
        return Ok(Ending::Done);
    }
    if pairs.pairs.is_empty() {
        output::note("There is no pair yet. Make one with: keepwell sync add LEFT RIGHT");
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = pairs
        .pairs
        .iter()
        .map(|pair| {
            vec![
                pair.id.chars().take(8).collect(),
                pair.name.clone(),
                pair.group.as_ref().map(|group| group.name.clone()).unwrap_or_default(),
                state(pair),
                when(pair),
                format!("{} {} {}", pair.left.address.display, arrow(pair.mode), pair.right.address.display),
            ]
        })
        .collect();
    if pairs.all_paused {
        output::note("All pairs are paused: keepwell sync resume --all");
    }
    output::line(output::table(&["ID", "NAME", "HUB", "STATE", "RUNS", "PLACES"], &rows));
    Ok(Ending::Done)
}

pub fn arrow(mode: SyncMode) -> &'static str {
    match mode {
        SyncMode::TwoWay => "<->",
        SyncMode::Mirror | SyncMode::Update | SyncMode::MoveIn => "-->",
    }
}

/// How a pair stands, in words.
pub fn state(pair: &SyncPair) -> String {
    let checked = || pair.in_step_ms.map(|at| format!(", checked {}", time(at))).unwrap_or_default();
    let conflicts = || match pair.conflicts_waiting.0 {
        1 => "1 conflict".to_owned(),
        _ => format!("{} conflicts", number(pair.conflicts_waiting)),
    };
    let words = match pair.state {
        SyncState::New => "has not run yet".to_owned(),
        SyncState::InStep => format!("in step{}", checked()),
        SyncState::NotInStep => {
            match (pair.differs.map(differs).unwrap_or("not in step"), pair.conflicts_waiting.0) {
                (words, 0) => words.to_owned(),
                (words, _) => format!("{words}; {} to decide", conflicts()),
            }
        }
        SyncState::Problems => "in step but for problems".to_owned(),
        SyncState::Conflicts => format!("waits for your decision: {}", conflicts()),
        SyncState::Waiting => "waits for its turn".to_owned(),
        SyncState::Running => "running".to_owned(),
        SyncState::Preview => "its plan waits to be looked at".to_owned(),
        SyncState::Halted => "halted by a safety brake".to_owned(),
        SyncState::Failed => "the last run failed".to_owned(),
        SyncState::Stopped => "the last run was stopped".to_owned(),
    };
    if pair.paused { format!("paused; {words}") } else { words }
}

/// Why a pair is not known to be in step.
fn differs(differs: SyncDiffers) -> &'static str {
    match differs {
        SyncDiffers::Undone => "not in step: the last run was undone",
        SyncDiffers::BroughtBack => "not in step: items were brought back from the bin",
        SyncDiffers::LeftOver => "not in step: the last run left items for the next one",
        SyncDiffers::Planned => "not in step: a preview found changes",
        SyncDiffers::SettingsChanged => "not checked since its settings were changed",
        SyncDiffers::HubChanged => "not in step: the hub changed",
        SyncDiffers::Decided => "not in step: what you decided is done with the next run",
        SyncDiffers::BaseLost => "not checked: what both sides last agreed on is lost",
    }
}

fn when(pair: &SyncPair) -> String {
    let by_clock = plan_list::schedule_words(pair.schedule);
    if !pair.live {
        return by_clock;
    }
    let live = match pair.watched {
        SyncLive::Scanning => "live (looked at about once a minute)",
        SyncLive::Asleep => "live (nothing watches it now)",
        SyncLive::Watching | SyncLive::Off => "live",
    };
    format!("{live}, {by_clock}")
}

/// A pair as commands name it, as a shell takes it for one word: its name where nothing else is called so, else the start
/// of its id.
pub fn word(context: &Context, pair: &SyncPair) -> String {
    let Ok(SyncPairs { pairs, .. }) = context.api.sync_pairs(Nothing {}) else { return quoted(&pair.name) };
    let is_called_so = |other: &SyncPair| {
        let is_hub = other.group.as_ref().is_some_and(|group| group.name == pair.name);
        is_hub || (other.id != pair.id && other.name == pair.name)
    };
    if !pairs.iter().any(is_called_so) {
        return quoted(&pair.name);
    }
    let start: String = pair.id.chars().take(8).collect();
    let fits =
        |other: &SyncPair| other.id != pair.id && (other.id.starts_with(&start) || other.name == start);
    if pairs.iter().any(fits) { pair.id.clone() } else { start }
}

/// A pair as headings and messages call it: by its name, and where others are called so, also as commands name it and by
/// its second place.
pub fn label(context: &Context, pair: &SyncPair) -> String {
    let word = word(context, pair);
    if word == quoted(&pair.name) {
        return pair.name.clone();
    }
    format!("{} ({word}, {})", pair.name, pair.right.address.display)
}

/// The pair of a name, or of the start of an id.
pub fn find(context: &Context, text: &str) -> Result<SyncPair, ApiError> {
    let pairs = context.api.sync_pairs(Nothing {})?.pairs;
    one_of(pairs, text, |pair| (&pair.id, &pair.name))
}

/// As [`find`], also among the pairs that can not be read: the id and the name.
pub fn find_any(context: &Context, text: &str) -> Result<(String, String), ApiError> {
    let readable = context.api.sync_pairs(Nothing {})?.pairs.into_iter().map(|pair| (pair.id, pair.name));
    let unreadable = context.api.sync_unreadable()?.into_iter().map(|pair| (pair.id, pair.name));
    one_of(readable.chain(unreadable).collect(), text, |(id, name)| (id, name))
}

/// The one of this name, or of this start of an id.
fn one_of<T>(all: Vec<T>, text: &str, said: impl Fn(&T) -> (&String, &String)) -> Result<T, ApiError> {
    let is_named = all.iter().any(|one| said(one).1 == text);
    let fits = |one: &T| match (said(one), is_named) {
        ((_, name), true) => name == text,
        ((id, _), false) => text.len() >= 4 && id.starts_with(text),
    };
    let mut fitting: Vec<T> = all.into_iter().filter(fits).collect();
    let several = fitting.len() > 1;
    match fitting.pop() {
        Some(one) if !several => Ok(one),
        Some(_) => Err(ApiError::bad_request(format!("Several pairs are called \"{text}\"."))
            .hint("Give the start of its id: keepwell sync list")),
        None => {
            Err(ApiError::not_found(format!("There is no pair \"{text}\".")).hint("See: keepwell sync list"))
        }
    }
}
