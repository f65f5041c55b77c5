//! The engine's words of sync in those of the border, and back. Exhaustive, so that a new word does not compile.

use keepwell_jobs::bandwidth::{Bandwidth, Window};
use keepwell_jobs::outcome::PulledBrake;
use keepwell_jobs::pairs::PairGroup;
use keepwell_jobs::standing::Differs;
use keepwell_sync::pair::{BinSpec, FilterSpec, PatternPolicy};
use keepwell_sync::plan::{ConflictKind as EngineConflictKind, Totals, Why};
use keepwell_sync::policy::{
    BrakeKind, BrakeLimits, Choice, ConflictPolicy as EnginePolicy, Links as EngineLinks, Mode as EngineMode,
};
use keepwell_sync::run_types::ActionKind;
use keepwell_sync::{Say, Side};

use crate::dto::sync::{
    ConflictPolicy, ConflictRule, SyncBandwidth, SyncBinLimits, SyncBrakeLimits, SyncDiffers, SyncGroup,
    SyncLinks, SyncMode, SyncRules, SyncSide, SyncWindow,
};
use crate::dto::sync_conflict::{ConflictChoice, ConflictKind};
use crate::dto::sync_plan::{SyncAction, SyncBrake, SyncBrakeKind, SyncChoice, SyncSay, SyncTotals, SyncWhy};
use crate::numbers::Count;
use crate::path_text::shown_lines;

const DAY_SECONDS: u64 = 86_400;
const MINUTE_SECONDS: u64 = 60;

/// Both directions of two enumerations of the same words.
macro_rules! both_ways {
    ($to:ident, $back:ident, $engine:ty, $border:ty, [$($engine_word:ident = $border_word:ident),* $(,)?]) => {
        pub(crate) fn $to(word: $engine) -> $border {
            match word { $(<$engine>::$engine_word => <$border>::$border_word,)* }
        }
        pub(crate) fn $back(word: $border) -> $engine {
            match word { $(<$border>::$border_word => <$engine>::$engine_word,)* }
        }
    };
}

both_ways!(
    mode,
    engine_mode,
    EngineMode,
    SyncMode,
    [TwoWay = TwoWay, Mirror = Mirror, Update = Update, MoveIn = MoveIn,]
);
both_ways!(
    conflict_policy,
    engine_conflict_policy,
    EnginePolicy,
    ConflictPolicy,
    [Ask = Ask, KeepBoth = KeepBoth, Newest = Newest, Left = Left, Right = Right,]
);
both_ways!(links, engine_links, EngineLinks, SyncLinks, [Keep = Keep, Follow = Follow, Skip = Skip]);
both_ways!(side, engine_side, Side, SyncSide, [Left = Left, Right = Right]);
pub(crate) fn choice(choice: Choice) -> SyncChoice {
    match choice {
        Choice::Skip => SyncChoice::Skip,
        Choice::LeftToRight => SyncChoice::LeftToRight,
        Choice::RightToLeft => SyncChoice::RightToLeft,
        Choice::KeepBoth => SyncChoice::KeepBoth,
    }
}

pub(crate) fn engine_say(say: SyncSay) -> Say {
    match say {
        SyncSay::Skip => Say::Skip,
        SyncSay::LeftToRight => Say::LeftToRight,
        SyncSay::RightToLeft => Say::RightToLeft,
        SyncSay::OtherWay => Say::OtherWay,
        SyncSay::AsPlanned => Say::AsPlanned,
    }
}

pub(crate) fn differs(differs: Differs) -> SyncDiffers {
    match differs {
        Differs::Undone => SyncDiffers::Undone,
        Differs::BroughtBack => SyncDiffers::BroughtBack,
        Differs::LeftOver => SyncDiffers::LeftOver,
        Differs::Planned => SyncDiffers::Planned,
        Differs::SettingsChanged => SyncDiffers::SettingsChanged,
        Differs::HubChanged => SyncDiffers::HubChanged,
        Differs::BaseLost => SyncDiffers::BaseLost,
    }
}

fn brake_kind(kind: BrakeKind) -> SyncBrakeKind {
    match kind {
        BrakeKind::RootEmptied => SyncBrakeKind::RootEmptied,
        BrakeKind::RootGone => SyncBrakeKind::RootGone,
        BrakeKind::AnotherPlace => SyncBrakeKind::AnotherPlace,
        BrakeKind::ManyRemoved => SyncBrakeKind::ManyRemoved,
        BrakeKind::ManyRewritten => SyncBrakeKind::ManyRewritten,
        BrakeKind::AllTimesChanged => SyncBrakeKind::AllTimesChanged,
        BrakeKind::RulesChanged => SyncBrakeKind::RulesChanged,
        BrakeKind::OldCopy => SyncBrakeKind::OldCopy,
        BrakeKind::NoSpace => SyncBrakeKind::NoSpace,
    }
}

pub(crate) fn action(action: ActionKind) -> SyncAction {
    match action {
        ActionKind::CreateFolder => SyncAction::CreateFolder,
        ActionKind::Copy => SyncAction::Copy,
        ActionKind::Replace => SyncAction::Replace,
        ActionKind::Move => SyncAction::Move,
        ActionKind::Remove => SyncAction::Remove,
        ActionKind::SetMetadata => SyncAction::SetMetadata,
    }
}

pub(crate) fn why(why: Why) -> SyncWhy {
    match why {
        Why::New => SyncWhy::New,
        Why::Changed => SyncWhy::Changed,
        Why::MetadataChanged => SyncWhy::MetadataChanged,
        Why::Moved => SyncWhy::Moved,
        Why::Removed => SyncWhy::Removed,
        Why::OneWay => SyncWhy::OneWay,
        Why::EditBeatsRemoval => SyncWhy::EditBeatsRemoval,
        Why::ConflictDecided => SyncWhy::ConflictDecided,
        Why::ConflictCopy => SyncWhy::ConflictCopy,
        Why::MovedIn => SyncWhy::MovedIn,
        Why::StepOnTheWay => SyncWhy::StepOnTheWay,
        Why::BroughtBack => SyncWhy::BroughtBack,
    }
}

pub(crate) fn conflict_kind(kind: EngineConflictKind) -> ConflictKind {
    match kind {
        EngineConflictKind::BothChanged => ConflictKind::BothChanged,
        EngineConflictKind::BothCreated => ConflictKind::BothCreated,
        EngineConflictKind::BothMoved => ConflictKind::BothMoved,
        EngineConflictKind::MovedIntoEachOther => ConflictKind::MovedIntoEachOther,
        EngineConflictKind::KindChanged => ConflictKind::KindChanged,
    }
}

/// What a person decided, as the next run takes it; nothing takes a decision back.
pub(crate) fn decision(choice: Choice) -> Option<ConflictChoice> {
    match choice {
        Choice::LeftToRight => Some(ConflictChoice::Left),
        Choice::RightToLeft => Some(ConflictChoice::Right),
        Choice::KeepBoth => Some(ConflictChoice::Both),
        Choice::Skip => None,
    }
}

pub(crate) fn conflict_rule(rule: &PatternPolicy) -> ConflictRule {
    ConflictRule { pattern: rule.pattern.clone(), policy: conflict_policy(rule.conflicts) }
}

pub(crate) fn totals(totals: &Totals) -> SyncTotals {
    SyncTotals {
        created: Count(totals.created),
        replaced: Count(totals.replaced),
        moved: Count(totals.moved),
        removed: Count(totals.removed),
        metadata: Count(totals.metadata),
        bytes: Count(totals.bytes),
    }
}

/// How many items a run changed on one side.
pub(crate) fn changes(totals: &Totals) -> u64 {
    totals.created + totals.replaced + totals.moved + totals.removed + totals.metadata
}

/// A brake a run halted at.
pub(crate) fn pulled_brake(brake: PulledBrake) -> SyncBrake {
    SyncBrake {
        kind: brake_kind(brake.kind),
        side: side(brake.side),
        items: Count(brake.items),
        out_of: Count(brake.out_of),
        found: shown_lines(&brake.found),
        examples: brake.examples,
        can_release: brake.can_release,
        can_bring_back: brake.can_bring_back,
    }
}

pub(crate) fn rules(rules: &FilterSpec) -> SyncRules {
    let whole = |seconds: u64, unit: u64| u32::try_from(seconds / unit).unwrap_or(u32::MAX);
    SyncRules {
        exclude: rules.patterns.clone(),
        max_file_bytes: rules.max_size_bytes.map(Count),
        min_age_minutes: rules.min_age_seconds.map(|seconds| whole(seconds, MINUTE_SECONDS)),
        max_age_days: rules.max_age_seconds.map(|seconds| whole(seconds, DAY_SECONDS)),
        folders: rules.folders.clone(),
    }
}

pub(crate) fn engine_rules(rules: SyncRules) -> FilterSpec {
    FilterSpec {
        patterns: rules.exclude,
        max_size_bytes: rules.max_file_bytes.map(|count| count.0),
        min_age_seconds: rules.min_age_minutes.map(|minutes| u64::from(minutes) * MINUTE_SECONDS),
        max_age_seconds: rules.max_age_days.map(|days| u64::from(days) * DAY_SECONDS),
        folders: rules.folders,
    }
}

pub(crate) fn brakes(limits: BrakeLimits) -> SyncBrakeLimits {
    SyncBrakeLimits {
        removed_items: Count(limits.removed_items),
        removed_percent: limits.removed_percent,
        rewritten_files: Count(limits.rewritten_files),
        rewritten_percent: limits.rewritten_percent,
        reserve_bytes: Count(limits.reserve_bytes),
    }
}

pub(crate) fn engine_brakes(limits: &SyncBrakeLimits) -> BrakeLimits {
    BrakeLimits {
        removed_items: limits.removed_items.0,
        removed_percent: limits.removed_percent.min(100),
        rewritten_files: limits.rewritten_files.0,
        rewritten_percent: limits.rewritten_percent.min(100),
        reserve_bytes: limits.reserve_bytes.0,
    }
}

pub(crate) fn bin(bin: &BinSpec) -> SyncBinLimits {
    SyncBinLimits {
        keep_all_days: bin.keep_all_days,
        keep_daily_days: bin.keep_daily_days,
        keep_weekly_days: bin.keep_weekly_days,
        limit_bytes: bin.limit_bytes.map(Count),
    }
}

pub(crate) fn engine_bin(bin: &SyncBinLimits) -> BinSpec {
    BinSpec {
        keep_all_days: bin.keep_all_days,
        keep_daily_days: bin.keep_daily_days,
        keep_weekly_days: bin.keep_weekly_days,
        limit_bytes: bin.limit_bytes.map(|count| count.0),
    }
}

pub(crate) fn bandwidth(bandwidth: &Bandwidth) -> SyncBandwidth {
    let window = |window: &Window| SyncWindow {
        weekdays: window.weekdays.clone(),
        from_minutes: window.from_minutes,
        to_minutes: window.to_minutes,
        bytes_per_second: window.bytes_per_second.map(Count),
    };
    SyncBandwidth {
        usual_bytes_per_second: bandwidth.usual_bytes_per_second.map(Count),
        windows: bandwidth.windows.iter().map(window).collect(),
    }
}

pub(crate) fn engine_bandwidth(bandwidth: SyncBandwidth) -> Bandwidth {
    let window = |window: SyncWindow| Window {
        weekdays: window.weekdays,
        from_minutes: window.from_minutes,
        to_minutes: window.to_minutes,
        bytes_per_second: window.bytes_per_second.map(|count| count.0),
    };
    Bandwidth {
        usual_bytes_per_second: bandwidth.usual_bytes_per_second.map(|count| count.0),
        windows: bandwidth.windows.into_iter().map(window).collect(),
    }
}

pub(crate) fn group(group: &PairGroup) -> SyncGroup {
    SyncGroup { id: group.id.to_string(), name: group.name.clone() }
}
