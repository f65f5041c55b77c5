//! Per-file trouble as data: shown to the person, capped with a count of the rest, never dropped.
//!
//! Invariant: what it says of names that came from elsewhere can be seen whole ([`crate::shown`]).

use serde::{Deserialize, Serialize};

use crate::shown::{shown, shown_lines};

/// Something that went wrong with one item while the rest went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The path (or key) it is about, as text for people.
    pub path: String,
    /// What happened, in a sentence.
    pub what: String,
    /// Why, as far as known: the system's error, in words.
    pub why: String,
    /// What the person can do next.
    pub next: String,
}

impl Problem {
    /// A problem from its four parts.
    pub fn new(
        path: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let lines = |text: String| shown_lines(&text);
        Self {
            path: shown(path.into().as_bytes()),
            what: lines(what.into()),
            why: lines(why.into()),
            next: lines(next.into()),
        }
    }
}

/// The problems of a run: the first `LIMIT` whole, and the count of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemLog {
    /// The first problems, in the order they came.
    pub problems: Vec<Problem>,
    /// How many there were in all, the kept ones included.
    pub total: u64,
}

impl ProblemLog {
    /// How many problems are kept whole.
    pub const LIMIT: usize = 1000;

    /// Adds one; past the limit only the count grows.
    pub fn push(&mut self, problem: Problem) {
        self.total += 1;
        if self.problems.len() < Self::LIMIT {
            self.problems.push(problem);
        }
    }

    /// How many are counted but not kept.
    #[must_use]
    pub fn excluded(&self) -> u64 {
        self.total - self.problems.len() as u64
    }
}
