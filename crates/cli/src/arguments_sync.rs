//! What can be typed after `keepwell sync`. One structure per command; what they do is in `commands`.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueEnum};

use crate::arguments::{parse_since, parse_time, parse_weekly};
use crate::arguments_pair::PairRules;

const ADD_EXAMPLES: &str = "\
Examples:
  keepwell sync add ~/Documents /media/usb/Documents --live
  keepwell sync add ~/Photos sftp://ana@nas/photos --daily 02:00 --exclude '*.tmp' --bandwidth 2M
  keepwell sync add /mnt/nas/work ~/work /media/usb/work sftp://office/work --name Work --live
  keepwell sync add ~/Work ~/Share/Work --conflict-at '*.docx=both' --folder letters --folder accounts";
const WHEN: &str = "When it runs by itself";

#[derive(Debug, Subcommand)]
pub enum SyncVerb {
    /// Syncs two places now. The pair is remembered by its two places; other options than it has become its own when the
    /// run changes something.
    Run(Box<SyncRun>),
    /// Makes a pair without running it.
    Add(Box<SyncAdd>),
    /// Changes how a pair works, without running it.
    Change(Box<SyncChange>),
    /// Lists the pairs and how each stands.
    List,
    /// Shows one pair, what waits for a decision, and its last runs.
    Show(PairName),
    /// Carries changes of live pairs over as they happen, and runs pairs with a clock, until it is stopped.
    Watch(SyncWatch),
    /// Holds a pair, those of a hub, or all: neither clock nor changes start a run.
    Pause(SyncHold),
    /// Lets a pair, those of a hub, or all, go on.
    Resume(SyncHold),
    /// Lists conflicts, or decides them.
    Resolve(SyncResolve),
    /// Shows or changes the rules of what is left out that lie in the places and count for whoever syncs these.
    Rules(SyncSharedRules),
    /// Undoes a whole run: what it removed, replaced, moved and made, and the times and permissions it set.
    Undo(SyncUndo),
    /// Lists what runs replaced or removed, brings it back, or removes it for good.
    Bin(SyncBin),
    /// Forgets a pair, or all pairs of a hub. The places stay as they are.
    Remove(PairName),
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

#[derive(Debug, Args)]
pub struct SyncRun {
    /// The first place: a folder, or an address such as sftp://host/folder. With nothing after it: the name of a pair or
    /// of a hub.
    pub left: OsString,
    /// The second place.
    pub right: Option<OsString>,
    #[command(flatten)]
    pub rules: PairRules,
    /// Says what would happen, and changes nothing: no file, and not the pair.
    #[arg(long)]
    pub preview: bool,
    /// Carries out this plan alone, by the id a preview printed; where anything else would be done now, nothing is.
    #[arg(long, value_name = "ID", conflicts_with = "preview")]
    pub plan: Option<String>,
    /// Goes on although this safety brake stopped the last run or preview (may be given several times). Where anything else
    /// would be done now than was shown then, the run halts again.
    #[arg(long, value_name = "KIND", value_enum)]
    pub release_brake: Vec<Brake>,
    /// Where a safety brake stopped the last run or preview: fills the other side again from this one. Where another drive
    /// or folder is at the other side's path, `--release-brake another-place` beside it says that this is the right place
    /// now. Where no safety brake stops the run, nothing is done.
    #[arg(long, value_name = "SIDE", value_enum)]
    pub bring_back_from: Option<Side>,
}

#[derive(Debug, Args)]
#[command(after_help = ADD_EXAMPLES)]
pub struct SyncAdd {
    /// The first place; the source of one-way modes. With several others: the hub all of them are kept the same through.
    pub left: OsString,
    /// The second place, or several.
    #[arg(required = true, value_name = "RIGHT")]
    pub rights: Vec<OsString>,
    /// What to call it; else it is named after its places.
    #[arg(long)]
    pub name: Option<String>,
    /// Adds the places to this hub that is there.
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub hub: Option<String>,
    #[command(flatten)]
    pub rules: PairRules,
    #[command(flatten)]
    pub when: PairWhen,
}

/// When a pair runs by itself.
#[derive(Debug, Args)]
pub struct PairWhen {
    /// Every so many hours (1 to 168).
    #[arg(long, value_name = "HOURS", group = "schedule", help_heading = WHEN)]
    pub every: Option<u16>,
    /// Every day at this time.
    #[arg(long, value_name = "HH:MM", group = "schedule", value_parser = parse_time, help_heading = WHEN)]
    pub daily: Option<u16>,
    /// Once a week, as in `monday@18:30`.
    #[arg(long, value_name = "DAY@HH:MM", group = "schedule", value_parser = parse_weekly, help_heading = WHEN)]
    pub weekly: Option<(u8, u16)>,
    /// As changes happen. All of these run while Keepwell is open or `keepwell sync watch` runs.
    #[arg(long, help_heading = WHEN)]
    pub live: bool,
}

#[derive(Debug, Args)]
pub struct SyncChange {
    /// The name of the pair or hub, or the start of the pair's id. Of a hub all pairs are changed at once.
    pub pair: String,
    /// Another name for it.
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub rules: PairRules,
    #[command(flatten)]
    pub when: PairWhen,
    /// Only when you say so: takes clock and live away.
    #[arg(long, conflicts_with_all = ["schedule", "live"], help_heading = WHEN)]
    pub by_hand: bool,
}

#[derive(Debug, Args)]
pub struct PairName {
    /// Its name, or the start of its id.
    pub pair: String,
}

#[derive(Debug, Args)]
pub struct SyncWatch {
    /// Pairs (or all pairs of hubs) that are made live first, by name.
    pub pairs: Vec<String>,
}

#[derive(Debug, Args)]
pub struct SyncHold {
    /// The name of the pair or hub, or the start of the pair's id.
    #[arg(required_unless_present = "all")]
    pub pair: Option<String>,
    /// All pairs as a whole; one that is paused by itself stays so.
    #[arg(long, conflicts_with = "pair")]
    pub all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// The left one stays, the right one goes to the bin.
    Left,
    /// The right one stays, the left one goes to the bin.
    Right,
    /// Both stay. What was moved to two places can not: of that nothing is decided.
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
    /// Takes back what was decided and is not carried out yet: both stay as they are.
    #[arg(long, group = "decision")]
    pub later: bool,
    /// Merges both texts into one, where they changed different lines: shows it, asks, and writes that very text.
    #[arg(long, group = "decision", conflicts_with = "all")]
    pub merge: bool,
    /// With --merge: shows the merged text and writes nothing.
    #[arg(long, requires = "merge", conflicts_with = "yes")]
    pub show: bool,
    /// With --merge: writes without asking; needed where nobody can be asked.
    #[arg(long, requires = "merge")]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct SyncSharedRules {
    /// The pair: its name, or the start of its id.
    pub pair: String,
    /// Makes this the only rules, as in .gitignore: once for each. '' takes all away.
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["add", "remove"])]
    pub set: Vec<String>,
    /// Adds a rule.
    #[arg(long, value_name = "PATTERN")]
    pub add: Vec<String>,
    /// Takes a rule out.
    #[arg(long, value_name = "PATTERN")]
    pub remove: Vec<String>,
}

#[derive(Debug, Args)]
pub struct SyncUndo {
    /// The pair: its name, or the start of its id.
    pub pair: String,
    /// The run: the start of its id. Without it: the last one that changed something.
    pub run: Option<String>,
    /// All runs that began at this time or later, the last one first: 18:30 (the last time it was), or
    /// "2026-11-30 18:30".
    #[arg(long, value_name = "TIME", conflicts_with = "run", value_parser = parse_since)]
    pub since: Option<i64>,
    /// Lists the runs that can be undone.
    #[arg(long, conflicts_with_all = ["run", "since"])]
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
    #[arg(long, value_name = "NUMBER", num_args = 1.., group = "deed")]
    pub restore: Vec<String>,
    /// Removes these from the bin for good: their numbers in the list. It can not be undone.
    #[arg(long, value_name = "NUMBER", num_args = 1.., group = "deed")]
    pub remove: Vec<String>,
    /// Removes everything in the bin for good. It can not be undone.
    #[arg(long, group = "deed", conflicts_with = "find")]
    pub empty: bool,
    /// Removes without asking; needed where nobody can be asked.
    #[arg(long, conflicts_with = "restore")]
    pub yes: bool,
    /// Rows to print at most.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}
