//! The shared rules of what is left out: they lie in the places and count for whoever syncs these.

use super::{dto, request};

dto! {
    /// The shared rules of a pair, as lines in gitignore syntax.
    pub struct SyncSharedRules {
        /// What the left place says; nothing where it has none.
        pub left: Option<String>,
        /// What the right place says; nothing where it has none.
        pub right: Option<String>,
        /// Whether the two say different things: both count then.
        pub differ: bool,
        /// What counts: where they differ the lines of the left, then those only the right has.
        pub text: String,
    }
}

request! {
    /// Makes this the shared rules in both places.
    pub struct SyncSharedRulesSave {
        /// The pair.
        pub pair_id: String,
        /// The lines.
        pub text: String,
        /// What counted when they were written: where that is something else by now, nothing is changed.
        pub before: Option<String>,
    }
}
