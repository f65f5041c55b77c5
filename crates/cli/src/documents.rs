//! The JSON documents of a command that is about several pairs or texts, as one document.
//!
//! Invariant: what is on standard output is one document, also where the command ends before the last of them: what closes
//! it is written when this goes. Documents are written as they come, however large. Deliberately not here: what is in them.

use std::cell::Cell;

use crate::output;

/// How the documents are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There is only one, or what is printed is for people.
    One,
    /// A list of them, as they come.
    List,
    /// An object with each under a name of its own.
    Named,
}

/// What the documents of one command are written into.
pub struct Documents {
    kind: Kind,
    is_begun: Cell<bool>,
}

impl Documents {
    /// For a command that prints one.
    pub fn one() -> Self {
        Self::of(Kind::One)
    }

    /// For one that prints several where data is printed as JSON.
    pub fn list(is_json: bool) -> Self {
        Self::of(if is_json { Kind::List } else { Kind::One })
    }

    /// As [`list`](Self::list), each under a name.
    pub fn named(is_json: bool) -> Self {
        Self::of(if is_json { Kind::Named } else { Kind::One })
    }

    fn of(kind: Kind) -> Self {
        Self { kind, is_begun: Cell::new(false) }
    }

    /// Goes right before the next one is written; names are written where they are wanted.
    pub fn next(&self, name: &str) {
        let start = if self.is_begun.replace(true) { "," } else { self.brackets()[0] };
        match self.kind {
            Kind::One => {}
            Kind::List => output::part(&format!("{start}\n")),
            Kind::Named => output::part(&format!("{start}\n{}: ", serde_json::Value::from(name))),
        }
    }

    fn brackets(&self) -> [&'static str; 2] {
        match self.kind {
            Kind::One => ["", ""],
            Kind::List => ["[", "]"],
            Kind::Named => ["{", "}"],
        }
    }
}

impl Drop for Documents {
    fn drop(&mut self) {
        let [start, end] = self.brackets();
        if self.kind != Kind::One {
            output::line(if self.is_begun.get() { end.to_owned() } else { format!("{start}{end}") });
        }
    }
}
