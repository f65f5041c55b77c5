//! How a pair works, as it can be typed: the flags that `sync add`, `sync run` and `sync change` share, and their values.
//!
//! Invariant: what is not given leaves a pair as it is, and a new one as new pairs are. Deliberately not here: what the
//! flags do to a pair (`commands::sync_add`).

use clap::{Args, ValueEnum};
use keepwell_api::Count;
use keepwell_api::dto::sync::SyncWindow;

use crate::arguments::{parse_size, parse_time};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Changes of either side reach the other.
    TwoWay,
    /// The right becomes an exact copy of the left.
    Mirror,
    /// New and changed items reach the right; nothing is removed there.
    Update,
    /// Items move from the left to the right.
    MoveIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Conflict {
    /// Neither is touched until a person decides.
    Ask,
    /// Both stay.
    Both,
    /// The later change wins; the other goes to the bin. A file and a folder of one name both stay.
    Newest,
    /// The left wins; the other goes to the bin. A folder gives way to no file: then both stay.
    Left,
    /// The right wins; the other goes to the bin. A folder gives way to no file: then both stay.
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Links {
    /// Links stay links.
    Keep,
    /// What they point to is synced, where it lies in the folder.
    Follow,
    /// Links are left out.
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    On,
    Off,
}

/// A value, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit<T>(pub Option<T>);

const LEFT_OUT: &str = "What is left out (a list replaces the one there was; '' empties it)";
const METADATA: &str = "Links and what surrounds a file";
const BRAKES: &str = "Safety brakes: a run halts and asks where both numbers are passed";
const BIN: &str = "The bin: how long replaced and removed files stay";
const SPEED: &str = "Speed limit";

/// How a pair works.
#[derive(Debug, Default, PartialEq, Args)]
pub struct PairRules {
    /// Which way changes go [new pair: two-way].
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// What happens where both sides changed the same thing [new pair: ask]. What one side edited and the other removed
    /// stays, whatever is chosen.
    #[arg(long, value_enum)]
    pub conflict: Option<Conflict>,
    /// Another way with conflicts for some files, as in '*.docx=both' (may be given several times; the first that fits
    /// counts; '' takes all away).
    #[arg(long, value_name = "PATTERN=WAY", value_parser = parse_conflict_at)]
    pub conflict_at: Vec<Option<(String, Conflict)>>,

    /// Leaves out what fits this pattern, on both sides, as in .gitignore (may be given several times).
    #[arg(long, value_name = "PATTERN", help_heading = LEFT_OUT)]
    pub exclude: Vec<String>,
    /// Syncs only this folder, as a path below the places (may be given several times).
    #[arg(long, value_name = "PATH", help_heading = LEFT_OUT)]
    pub folder: Vec<String>,
    /// Leaves out larger files: 500M, 2G, or none.
    #[arg(long, value_name = "SIZE", value_parser = parse_size_limit, help_heading = LEFT_OUT)]
    pub max_size: Option<Limit<Count>>,
    /// Leaves out files until their last change is so long ago: 10m, 2h, 3d, or none.
    #[arg(long, value_name = "AGE", value_parser = parse_minutes_limit, help_heading = LEFT_OUT)]
    pub min_age: Option<Limit<u32>>,
    /// Leaves out files whose last change is more days ago, or none.
    #[arg(long, value_name = "DAYS", value_parser = parse_days_limit, help_heading = LEFT_OUT)]
    pub max_age: Option<Limit<u32>>,

    /// What symbolic links are [new pair: keep].
    #[arg(long, value_enum, help_heading = METADATA)]
    pub links: Option<Links>,
    /// Whether permissions are carried over, where both places keep them [new pair: on].
    #[arg(long, value_enum, help_heading = METADATA)]
    pub permissions: Option<OnOff>,
    /// Whether extended attributes are carried over, where both places keep them [new pair: on].
    #[arg(long, value_enum, help_heading = METADATA)]
    pub attributes: Option<OnOff>,

    /// More items removed than this, moved ones not counted [new pair: 25].
    #[arg(long, value_name = "COUNT", help_heading = BRAKES)]
    pub halt_removed: Option<u64>,
    /// … and more than this share of all items [new pair: 25].
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), help_heading = BRAKES)]
    pub halt_removed_percent: Option<u8>,
    /// More files with new content than this [new pair: 50].
    #[arg(long, value_name = "COUNT", help_heading = BRAKES)]
    pub halt_rewritten: Option<u64>,
    /// … and more than this share of all files [new pair: 40].
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), help_heading = BRAKES)]
    pub halt_rewritten_percent: Option<u8>,
    /// So much stays free in each place [new pair: 64M].
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = BRAKES)]
    pub keep_free: Option<Count>,

    /// Everything of so many days [new pair: 1].
    #[arg(long, value_name = "DAYS", help_heading = BIN)]
    pub bin_all: Option<u32>,
    /// Then one version a day, for so many days [new pair: 30].
    #[arg(long, value_name = "DAYS", help_heading = BIN)]
    pub bin_daily: Option<u32>,
    /// Then one version a week, for so many days [new pair: 365].
    #[arg(long, value_name = "DAYS", help_heading = BIN)]
    pub bin_weekly: Option<u32>,
    /// The oldest go where the bin of one place is larger: 20G, or none [new pair: none].
    #[arg(long, value_name = "SIZE", value_parser = parse_size_limit, help_heading = BIN)]
    pub bin_size: Option<Limit<Count>>,

    /// At most so much a second: 2M, or none [new pair: none].
    #[arg(long, value_name = "SIZE", value_parser = parse_size_limit, help_heading = SPEED)]
    pub bandwidth: Option<Limit<Count>>,
    /// Another limit at some hours, as in 'mon-fri 08:00-18:00=500K' or '22:00-06:00=none' (may be given several times;
    /// the first that fits counts; '' takes all away).
    #[arg(long, value_name = "HOURS=SIZE", value_parser = parse_window, help_heading = SPEED)]
    pub bandwidth_at: Vec<Option<SyncWindow>>,
}

/// `none` or what the parser reads.
fn limit<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Limit<T>, String> {
    if text == "none" { Ok(Limit(None)) } else { parse(text).map(|value| Limit(Some(value))) }
}

fn parse_size_limit(text: &str) -> Result<Limit<Count>, String> {
    limit(text, parse_size).map_err(|_| format!("\"{text}\" is not a size: write 1500, 10M, 2G or none"))
}

fn parse_days_limit(text: &str) -> Result<Limit<u32>, String> {
    let wrong = || format!("\"{text}\" is not a number of days: write 30 or none");
    limit(text, |text| text.trim_end_matches('d').parse().map_err(|_| wrong()))
}

fn parse_minutes_limit(text: &str) -> Result<Limit<u32>, String> {
    let wrong = || format!("\"{text}\" is not an age: write 10m, 2h, 3d or none");
    limit(text, |text| {
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
        let minutes = match unit {
            "m" => 1,
            "h" => 60,
            "d" => 1_440,
            _ => return Err(wrong()),
        };
        number.parse::<u32>().ok().and_then(|number| number.checked_mul(minutes)).ok_or_else(wrong)
    })
}

fn parse_conflict_at(text: &str) -> Result<Option<(String, Conflict)>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("\"{text}\" is not a pattern with a way: write '*.docx=both'");
    let (pattern, way) = text.rsplit_once('=').ok_or_else(wrong)?;
    let way = Conflict::from_str(way.trim(), true)
        .map_err(|_| format!("\"{way}\" is none of ask, both, newest, left, right"))?;
    if pattern.trim().is_empty() { Err(wrong()) } else { Ok(Some((pattern.trim().to_owned(), way))) }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `mon-fri` or `sat,sun` as 1 Monday to 7 Sunday.
fn parse_weekdays(text: &str) -> Option<Vec<u8>> {
    let day = |text: &str| {
        let text = text.trim().to_lowercase();
        let at = DAYS
            .iter()
            .position(|known| text.len() >= 2 && (known.starts_with(&text) || text.starts_with(known)))?;
        u8::try_from(at + 1).ok()
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(day(part)?),
            Some((from, to)) => {
                let (from, to) = (day(from)?, day(to)?);
                // Round the end of the week: sat-mon.
                let length = (to + 7 - from) % 7;
                days.extend((0..=length).map(|step| (from - 1 + step) % 7 + 1));
            }
        }
    }
    days.sort_unstable();
    days.dedup();
    Some(days)
}

fn parse_window(text: &str) -> Result<Option<SyncWindow>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("\"{text}\" is not hours with a limit: write 'mon-fri 08:00-18:00=500K'");
    let (hours, size) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (days, hours) = match hours.trim().rsplit_once(' ') {
        Some((days, hours)) => (parse_weekdays(days).ok_or_else(wrong)?, hours),
        None => (Vec::new(), hours.trim()),
    };
    let (from, to) = hours.split_once('-').ok_or_else(wrong)?;
    Ok(Some(SyncWindow {
        weekdays: days,
        from_minutes: parse_time(from)?,
        to_minutes: parse_time(to)?,
        bytes_per_second: parse_size_limit(size.trim())?.0,
    }))
}

/// Hours with a limit as they are typed.
pub fn window_words(window: &SyncWindow) -> String {
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let days: Vec<&str> = window
        .weekdays
        .iter()
        .filter_map(|day| DAYS.get(usize::from(*day).checked_sub(1)?).copied())
        .collect();
    let hours = format!("{}-{}", clock(window.from_minutes), clock(window.to_minutes));
    if days.is_empty() { hours } else { format!("{} {hours}", days.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_with_a_limit_are_read_and_written() {
        let read = |text| parse_window(text).unwrap().unwrap();
        let work = read("mon-fri 08:00-18:00=500K");
        assert_eq!(work.weekdays, [1, 2, 3, 4, 5]);
        assert_eq!((work.from_minutes, work.to_minutes), (480, 1080));
        assert_eq!(work.bytes_per_second, Some(Count(512_000)));
        assert_eq!(window_words(&work), "mon,tue,wed,thu,fri 08:00-18:00");
        let night = read("22:00-06:00=none");
        assert_eq!((night.weekdays.len(), night.bytes_per_second), (0, None));
        assert_eq!(read("sat-mon 1:00-2:00=1M").weekdays, [1, 6, 7]);
        assert_eq!(read("sun,wed 1:00-2:00=1M").weekdays, [3, 7]);
        assert_eq!(parse_window(""), Ok(None));
        for wrong in ["8-18=1M", "noday 08:00-18:00=1M", "08:00-18:00", "08:00=1M", "08:00-25:00=1M"] {
            assert!(parse_window(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ways_with_conflicts_ages_and_sizes_are_read() {
        assert_eq!(parse_conflict_at("*.docx=both"), Ok(Some(("*.docx".to_owned(), Conflict::Both))));
        assert_eq!(parse_conflict_at("a=b=newest"), Ok(Some(("a=b".to_owned(), Conflict::Newest))));
        assert!(parse_conflict_at("*.docx").is_err() && parse_conflict_at("=both").is_err());
        assert!(parse_conflict_at("*.docx=maybe").is_err());
        assert_eq!(parse_minutes_limit("2h"), Ok(Limit(Some(120))));
        assert_eq!(parse_minutes_limit("none"), Ok(Limit(None)));
        assert!(parse_minutes_limit("2").is_err() && parse_minutes_limit("é").is_err());
        assert_eq!(parse_days_limit("30d"), Ok(Limit(Some(30))));
        assert_eq!(parse_size_limit("none"), Ok(Limit(None)));
    }
}
