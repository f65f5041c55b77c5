//! What a place could not keep of items, such as their times: said once a run and place, with the first of them.
//!
//! Invariant: every item is counted. Deliberately not here: what a place can keep (`endpoint`), rows that failed.

use std::collections::BTreeMap;

use keepwell_model::{Problem, RelativePath};

use super::item::Tools;
use crate::node::Side;

/// What could not be kept in a run, by the place and by what it is: a few kinds, however many items.
#[derive(Default)]
pub(super) struct NotKept(BTreeMap<(Side, String), Items>);

/// The items it is about.
struct Items {
    first: RelativePath,
    /// What the place said of the first of them.
    why: String,
    count: u64,
}

impl NotKept {
    /// Counts an item of which something could not be kept: `what`, or `what: why`.
    pub(super) fn add(&mut self, side: Side, path: &RelativePath, what: &str) {
        let (what, why) = what.split_once(": ").unwrap_or((what, ""));
        let new = || Items { first: path.clone(), why: sentence(why), count: 0 };
        self.0.entry((side, what.to_owned())).or_insert_with(new).count += 1;
    }

    /// Tells all of it.
    pub(super) fn tell(self, tools: &Tools<'_>) {
        for ((side, what), Items { first, why, count }) in self.0 {
            let whose = match count {
                1 => "this item".to_owned(),
                2 => "this and another item".to_owned(),
                count => format!("this and {} other items", count - 1),
            };
            tools.control.problem(Problem::new(
                tools.shown(side, &first),
                format!("Something of {whose} could not be kept there: {what}."),
                why,
                "What they hold is safe. The place may not be able to keep this.",
            ));
        }
    }
}

/// Words as a sentence of their own.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str().trim_end_matches('.')),
        None => String::new(),
    }
}
