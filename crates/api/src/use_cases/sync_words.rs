//! The engine's words of sync in those of the border, and back. Exhaustive, so that a new word does not compile.

use keepwell_jobs::outcome::PulledBrake;
use keepwell_sync::Side;
use keepwell_sync::pair::PatternPolicy;
use keepwell_sync::plan::{ConflictKind as EngineConflictKind, Totals, Why};
use keepwell_sync::policy::{
    BrakeKind, Choice, ConflictPolicy as EnginePolicy, Links as EngineLinks, Mode as EngineMode,
};
use keepwell_sync::run_types::ActionKind;

use crate::dto::sync::{ConflictPolicy, ConflictRule, SyncLinks, SyncMode, SyncSide};
use crate::dto::sync_conflict::{ConflictChoice, ConflictKind};
use crate::dto::sync_plan::{SyncAction, SyncBrake, SyncBrakeKind, SyncChoice, SyncTotals, SyncWhy};
use crate::numbers::Count;

pub(crate) const DAY_SECONDS: u64 = 86_400;

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
both_ways!(
    choice,
    engine_choice,
    Choice,
    SyncChoice,
    [Skip = Skip, LeftToRight = LeftToRight, RightToLeft = RightToLeft, KeepBoth = KeepBoth,]
);
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
        examples: brake.examples,
        can_release: brake.can_release,
        can_bring_back: brake.can_bring_back,
    }
}
