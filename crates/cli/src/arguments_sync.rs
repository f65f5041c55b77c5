//! What can be typed after `keepwell sync`. One structure per command; what they do is in `commands`.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueEnum};

use crate::arguments::{parse_time, parse_weekly};

#[derive(Debug, Subcommand)]
pub enum SyncVerb {
    /// Syncs two places now. The pair is remembered by its two places.
    Run(SyncRun),
    /// Makes a pair without running it.
    Add(SyncAdd),
    /// Lists the pairs and how each stands.
    List,
    /// Shows one pair, what waits for a decision, and its last runs.
    Show(PairName),
    /// Carries changes of live pairs over as they happen, until it is stopped.
    Watch(SyncWatch),
    /// Holds a pair, or all of them: neither clock nor changes start a run.
    Pause(SyncHold),
    /// Lets a pair, or all of them, go on.
    Resume(SyncHold),
    /// Lists conflicts, or decides them.
    Resolve(SyncResolve),
    /// Undoes a whole run.
    Undo(SyncUndo),
    /// Lists what runs replaced or removed, or brings it back.
    Bin(SyncBin),
    /// Forgets a pair. Both places stay as they are.
    Remove(PairName),
}

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
    /// The later change wins; the other goes to the bin.
    Newest,
    /// The left wins; the other goes to the bin.
    Left,
    /// The right wins; the other goes to the bin.
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    Left,
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Brake {
    RootEmptied,
    AnotherPlace,
    ManyRemoved,
    ManyRewritten,
    AllTimesChanged,
    RulesChanged,
    OldCopy,
}

/// How a pair works.
#[derive(Debug, Args)]
pub struct PairRules {
    /// Which way changes go. A new pair goes both ways unless this says otherwise.
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// What happens where both sides changed the same thing. A new pair asks unless this says otherwise.
    #[arg(long, value_enum)]
    pub conflict: Option<Conflict>,
    /// Leaves out what fits this pattern, on both sides (as in .gitignore; may be given several times).
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
}

#[derive(Debug, Args)]
pub struct SyncRun {
    /// The first place: a folder, or an address such as sftp://host/folder. With nothing after it: the name of a pair.
    pub left: OsString,
    /// The second place.
    pub right: Option<OsString>,
    #[command(flatten)]
    pub rules: PairRules,
    /// Says what would happen, and changes nothing.
    #[arg(long)]
    pub preview: bool,
    /// Goes on although this safety brake is pulled (may be given several times).
    #[arg(long, value_name = "KIND", value_enum)]
    pub release_brake: Vec<Brake>,
    /// Where a safety brake is pulled: fills the other side again from this one.
    #[arg(long, value_name = "SIDE", value_enum, conflicts_with = "release_brake")]
    pub bring_back_from: Option<Side>,
}

#[derive(Debug, Args)]
pub struct SyncAdd {
    /// The first place; the source of one-way modes.
    pub left: OsString,
    /// The second place.
    pub right: OsString,
    /// What to call it; else it is named after its places.
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub rules: PairRules,
    /// Runs every so many hours (1 to 168).
    #[arg(long, value_name = "HOURS", group = "schedule")]
    pub every: Option<u16>,
    /// Runs every day at this time.
    #[arg(long, value_name = "HH:MM", group = "schedule", value_parser = parse_time)]
    pub daily: Option<u16>,
    /// Runs once a week, as in `monday@18:30`.
    #[arg(long, value_name = "DAY@HH:MM", group = "schedule", value_parser = parse_weekly)]
    pub weekly: Option<(u8, u16)>,
    /// Carries changes over as they happen, while Keepwell is open or `keepwell sync watch` runs.
    #[arg(long)]
    pub live: bool,
}

#[derive(Debug, Args)]
pub struct PairName {
    /// Its name, or the start of its id.
    pub pair: String,
}

#[derive(Debug, Args)]
pub struct SyncWatch {
    /// Pairs that are made live first, by name.
    pub pairs: Vec<String>,
}

#[derive(Debug, Args)]
pub struct SyncHold {
    /// Its name, or the start of its id.
    #[arg(required_unless_present = "all")]
    pub pair: Option<String>,
    /// All pairs.
    #[arg(long, conflicts_with = "pair")]
    pub all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// The left one stays, the right one goes to the bin.
    Left,
    /// The right one stays, the left one goes to the bin.
    Right,
    /// Both stay.
    Both,
    /// The one that was changed later stays.
    Newest,
}

#[derive(Debug, Args)]
pub struct SyncResolve {
    /// The pair: its name, or the start of its id.
    pub pair: String,
    /// The paths of the conflicts; none with --all.
    pub paths: Vec<OsString>,
    /// Every conflict of the pair.
    #[arg(long, conflicts_with = "paths")]
    pub all: bool,
    /// Which one stays. Without it, the conflicts are listed.
    #[arg(long, value_enum, group = "decision")]
    pub keep: Option<Keep>,
    /// Merges both texts into one, where they changed different lines.
    #[arg(long, group = "decision", conflicts_with = "all")]
    pub merge: bool,
}

#[derive(Debug, Args)]
pub struct SyncUndo {
    /// The pair: its name, or the start of its id.
    pub pair: String,
    /// The run: the start of its id. Without it: the last one that changed something.
    pub run: Option<String>,
    /// Lists the runs that can be undone.
    #[arg(long, conflicts_with = "run")]
    pub list: bool,
}

#[derive(Debug, Args)]
pub struct SyncBin {
    /// The pair: its name, or the start of its id.
    pub pair: String,
    /// Only paths that hold this text.
    #[arg(long, value_name = "TEXT")]
    pub find: Option<String>,
    /// Brings these back to where they were: their numbers in the list.
    #[arg(long, value_name = "NUMBER", num_args = 1..)]
    pub restore: Vec<String>,
    /// Rows to print at most.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}
