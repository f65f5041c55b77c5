//! What can be typed: nouns, verbs, flags. One structure per command; what they do is in `commands`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keepwell_api::Count;

use crate::arguments_place::{PlaceVerb, RepositoryReplicate};
use crate::arguments_sync::SyncVerb;

/// Backups that bring any point in time back, and folders kept alike in two places.
///
/// The password of a repository is read from KEEPWELL_PASSWORD or asked for. All state is kept below KEEPWELL_HOME.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with problems, 4 halted by a safety brake, 130 cancelled.
#[derive(Debug, Parser)]
#[command(name = "keepwell", version, arg_required_else_help = true)]
pub struct Arguments {
    /// Prints data as JSON.
    #[arg(long, global = true, display_order = 900)]
    pub json: bool,
    /// Shows the log.
    #[arg(long, global = true, display_order = 901)]
    pub verbose: bool,
    #[command(subcommand)]
    pub noun: Noun,
}

#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Repositories: where snapshots are kept.
    #[command(subcommand)]
    Repository(RepositoryVerb),
    /// Places: which servers are the right ones.
    #[command(subcommand)]
    Place(PlaceVerb),
    /// Backups: making a snapshot.
    #[command(subcommand)]
    Backup(BackupVerb),
    /// Snapshots: looking into them.
    #[command(subcommand)]
    Snapshot(SnapshotVerb),
    /// Bringing files back.
    #[command(subcommand)]
    Restore(RestoreVerb),
    /// Plans: what to back up where, and when.
    #[command(subcommand)]
    Plan(PlanVerb),
    /// Sync: two places kept alike.
    #[command(subcommand)]
    Sync(SyncVerb),
    /// Jobs: what ran and runs.
    #[command(subcommand)]
    Job(JobVerb),
    /// Shows everything on a sample folder: backup, change, backup, restore, compare, check.
    Tour(Tour),
}

#[derive(Debug, Subcommand)]
pub enum RepositoryVerb {
    /// Makes a repository in a new or empty folder.
    Init(RepositoryInit),
    /// Says what a repository holds.
    Info(RepositoryInfo),
    /// Reads a repository and says what is damaged.
    Check(RepositoryCheck),
    /// Lists, adds and removes passwords and recovery keys.
    Key(RepositoryKey),
    /// Keeps a repository a second time in another place, proven to be the same.
    Replicate(RepositoryReplicate),
}

#[derive(Debug, Args)]
pub struct RepositoryInit {
    /// The folder, new or empty.
    pub path: PathBuf,
}

#[derive(Debug, Args)]
pub struct RepositoryInfo {
    /// The repository.
    pub path: PathBuf,
}

#[derive(Debug, Args)]
pub struct RepositoryCheck {
    /// The repository.
    pub path: PathBuf,
    /// Looks at the structure only; no content is read.
    #[arg(long, conflicts_with = "repair")]
    pub quick: bool,
    /// Rebuilds what can be rebuilt, and says what can not.
    #[arg(long)]
    pub repair: bool,
}

#[derive(Debug, Args)]
pub struct RepositoryKey {
    /// The repository.
    pub path: PathBuf,
    /// Adds a password (from KEEPWELL_NEW_PASSWORD, or asked for).
    #[arg(long, group = "change")]
    pub add_password: bool,
    /// Makes one more printable recovery key.
    #[arg(long, group = "change")]
    pub add_recovery_key: bool,
    /// Takes the key with this id (or its start) out of use.
    #[arg(long, value_name = "ID", group = "change")]
    pub remove: Option<String>,
    /// What to call the new key.
    #[arg(long)]
    pub label: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum BackupVerb {
    /// Makes a snapshot of folders and files.
    Run(BackupRun),
}

/// What is left out.
#[derive(Debug, Args)]
pub struct Rules {
    /// Leaves out what fits this pattern (as in .gitignore; may be given several times).
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Leaves out what fits the patterns in this file.
    #[arg(long, value_name = "FILE")]
    pub exclude_file: Vec<PathBuf>,
    /// Leaves out folders marked with a CACHEDIR.TAG.
    #[arg(long)]
    pub exclude_caches: bool,
    /// Leaves out files larger than this (bytes, or with K, M, G, T).
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub exclude_larger_than: Option<Count>,
    /// Stays on the file system each source is on.
    #[arg(long)]
    pub one_file_system: bool,
}

#[derive(Debug, Args)]
pub struct BackupRun {
    /// The repository.
    #[arg(long, value_name = "PATH")]
    pub repository: PathBuf,
    /// What to back up.
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    #[command(flatten)]
    pub rules: Rules,
    /// A word to find the snapshot by (may be given several times).
    #[arg(long)]
    pub tag: Vec<String>,
    /// Goes on where a source that held files is empty now.
    #[arg(long)]
    pub even_if_empty: bool,
}

#[derive(Debug, Subcommand)]
pub enum SnapshotVerb {
    /// Lists snapshots, newest first.
    List(SnapshotList),
    /// Lists a folder of a snapshot.
    Files(SnapshotFiles),
    /// Says what differs between two snapshots.
    Diff(SnapshotDiff),
    /// Finds names in all snapshots.
    Find(SnapshotFind),
}

/// Which rows to print.
#[derive(Debug, Args)]
pub struct Page {
    /// Rows to skip.
    #[arg(long, default_value_t = 0)]
    pub offset: u32,
    /// Rows to print at most.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub struct SnapshotList {
    /// The repository.
    #[arg(long, value_name = "PATH")]
    pub repository: PathBuf,
    #[command(flatten)]
    pub page: Page,
}

#[derive(Debug, Args)]
pub struct SnapshotFiles {
    /// The repository.
    #[arg(long, value_name = "PATH")]
    pub repository: PathBuf,
    /// The snapshot: the start of its id, or `latest`.
    pub snapshot: String,
    /// The folder in it; the top if left out.
    pub path: Option<OsString>,
    /// Only names that hold this text.
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    #[command(flatten)]
    pub page: Page,
}

#[derive(Debug, Args)]
pub struct SnapshotDiff {
    /// The repository.
    #[arg(long, value_name = "PATH")]
    pub repository: PathBuf,
    /// The older snapshot.
    pub older: String,
    /// The newer snapshot.
    pub newer: String,
    /// Only below this folder.
    #[arg(long)]
    pub path: Option<OsString>,
    #[command(flatten)]
    pub page: Page,
}

#[derive(Debug, Args)]
pub struct SnapshotFind {
    /// The repository.
    #[arg(long, value_name = "PATH")]
    pub repository: PathBuf,
    /// What to look for: a part of a name, or a pattern with * and ?; with a / the whole path counts.
    pub pattern: String,
    /// Only in this snapshot.
    #[arg(long)]
    pub snapshot: Option<String>,
    #[command(flatten)]
    pub page: Page,
}

#[derive(Debug, Subcommand)]
pub enum RestoreVerb {
    /// Brings files back.
    Run(RestoreRun),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Overwrite {
    /// What is there stays.
    Never,
    /// What is there is replaced where it is older.
    IfOlder,
    /// What is there is replaced where it differs.
    IfDifferent,
    /// What is there is replaced.
    Always,
}

#[derive(Debug, Args)]
pub struct RestoreRun {
    /// The repository.
    #[arg(long, value_name = "PATH")]
    pub repository: PathBuf,
    /// The snapshot: the start of its id, or `latest`.
    pub snapshot: String,
    /// The folder to restore into.
    #[arg(long, value_name = "DIR", required_unless_present = "in_place", conflicts_with = "in_place")]
    pub target: Option<PathBuf>,
    /// Restores to where the files were.
    #[arg(long)]
    pub in_place: bool,
    /// Only this path of the snapshot (may be given several times).
    #[arg(long, value_name = "P")]
    pub path: Vec<OsString>,
    /// What happens to what is there already.
    #[arg(long, value_enum, default_value_t = Overwrite::IfDifferent)]
    pub overwrite: Overwrite,
    /// Says what would happen, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Reads every file back and compares it.
    #[arg(long)]
    pub verify: bool,
}

#[derive(Debug, Subcommand)]
pub enum PlanVerb {
    /// Makes a plan. This machine then keeps the repository's password.
    Add(PlanAdd),
    /// Lists the plans.
    List,
    /// Runs a plan now.
    Run(PlanName),
    /// Removes a plan; its snapshots stay.
    Remove(PlanName),
}

#[derive(Debug, Args)]
pub struct PlanAdd {
    /// What to call it.
    pub name: String,
    /// The repository.
    #[arg(long, value_name = "PATH")]
    pub repository: PathBuf,
    /// What to back up.
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// Runs every so many hours (1 to 168).
    #[arg(long, value_name = "HOURS", group = "schedule")]
    pub every: Option<u16>,
    /// Runs every day at this time.
    #[arg(long, value_name = "HH:MM", group = "schedule", value_parser = parse_time)]
    pub daily: Option<u16>,
    /// Runs once a week, as in `monday@18:30`.
    #[arg(long, value_name = "DAY@HH:MM", group = "schedule", value_parser = parse_weekly)]
    pub weekly: Option<(u8, u16)>,
    #[command(flatten)]
    pub rules: Rules,
}

#[derive(Debug, Args)]
pub struct PlanName {
    /// Its name, or the start of its id.
    pub plan: String,
}

#[derive(Debug, Subcommand)]
pub enum JobVerb {
    /// Lists jobs, newest first.
    List(Page),
    /// Shows one job.
    Show(JobShow),
    /// Stops a job.
    Cancel(JobName),
}

#[derive(Debug, Args)]
pub struct JobName {
    /// Its id, or the start of it.
    pub job: String,
}

#[derive(Debug, Args)]
pub struct JobShow {
    /// Its id, or the start of it.
    pub job: String,
    /// Shows its signed receipt.
    #[arg(long, group = "part")]
    pub receipt: bool,
    /// Shows its problems.
    #[arg(long, group = "part")]
    pub problems: bool,
    /// Shows its log.
    #[arg(long, group = "part")]
    pub log: bool,
}

#[derive(Debug, Args)]
pub struct Tour {
    /// Keeps the folder of the tour, to look around in it.
    #[arg(long)]
    pub keep: bool,
}

pub(crate) fn parse_size(text: &str) -> Result<Count, String> {
    let wrong = || format!("\"{text}\" is not a size: write 1500, 10M or 2G");
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let shift = match text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return Err(wrong()),
    };
    number.checked_mul(1 << shift).filter(|bytes| *bytes < 1 << 53).map(Count).ok_or_else(wrong)
}

pub(crate) fn parse_time(text: &str) -> Result<u16, String> {
    let wrong = || format!("\"{text}\" is not a time of day: write 18:30");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let (hours, minutes): (u16, u16) =
        (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
    if hours < 24 && minutes < 60 { Ok(hours * 60 + minutes) } else { Err(wrong()) }
}

/// A moment that was, by the clock of this machine, in milliseconds.
pub(crate) fn parse_since(text: &str) -> Result<i64, String> {
    since(text, &jiff::Zoned::now())
}

fn since(text: &str, now: &jiff::Zoned) -> Result<i64, String> {
    let wrong = || format!("\"{text}\" is no time that was: write 18:30, or \"2026-11-30 18:30\"");
    let at = match jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M", text) {
        Ok(at) => at,
        Err(_) => {
            let minutes = parse_time(text)?;
            let hour = i8::try_from(minutes / 60).map_err(|_| wrong())?;
            let minute = i8::try_from(minutes % 60).map_err(|_| wrong())?;
            let today = now.date().at(hour, minute, 0, 0);
            if today > now.datetime() {
                today.checked_sub(jiff::Span::new().days(1)).map_err(|_| wrong())?
            } else {
                today
            }
        }
    };
    let at = at.to_zoned(now.time_zone().clone()).map_err(|_| wrong())?;
    if at > *now { Err(wrong()) } else { Ok(at.timestamp().as_millisecond()) }
}

pub(crate) fn parse_weekly(text: &str) -> Result<(u8, u16), String> {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let wrong = || format!("\"{text}\" is not a day and time: write monday@18:30");
    let (day, time) = text.split_once('@').ok_or_else(wrong)?;
    let day = day.to_lowercase();
    let position =
        DAYS.iter().position(|known| day.len() >= 2 && known.starts_with(&day)).ok_or_else(wrong)?;
    Ok((u8::try_from(position + 1).map_err(|_| wrong())?, parse_time(time)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_times_and_days_are_read() {
        assert_eq!(parse_size("1500"), Ok(Count(1500)));
        assert_eq!(parse_size("10M"), Ok(Count(10 << 20)));
        assert_eq!(parse_size("2GiB"), Ok(Count(2 << 30)));
        assert!(parse_size("M").is_err() && parse_size("1X").is_err() && parse_size("99999999T").is_err());
        assert_eq!(parse_time("18:30"), Ok(1110));
        assert!(parse_time("24:00").is_err() && parse_time("1830").is_err());
        assert_eq!(parse_weekly("Sun@0:05"), Ok((7, 5)));
        assert!(parse_weekly("someday@1:00").is_err() && parse_weekly("m@1:00").is_err());
    }

    #[test]
    fn a_time_of_day_is_the_last_time_it_was() {
        let now = jiff::civil::date(2026, 11, 30).at(14, 30, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let hours = |text: &str| {
            since(text, &now).map(|at_ms| (now.timestamp().as_millisecond() - at_ms) / 3_600_000)
        };
        assert_eq!((hours("14:30"), hours("13:30"), hours("15:30")), (Ok(0), Ok(1), Ok(23)));
        assert_eq!(hours("2026-11-29 14:30"), Ok(24));
        assert!(since("2026-11-30 14:31", &now).is_err() && since("yesterday", &now).is_err());
    }
}
