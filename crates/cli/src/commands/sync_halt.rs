//! What a safety brake found and the ways on from it: in words, and the same as JSON.
//!
//! Invariants: both tell of the same ways, with commands that do just that when they are typed; what a way means is told
//! with it. Deliberately not here: whether an answer is taken (`sync_run`).

use std::collections::BTreeSet;

use keepwell_api::ApiError;
use keepwell_api::dto::job::Job;
use keepwell_api::dto::sync::SyncSide;
use keepwell_api::dto::sync_plan::{SyncBrake, SyncBrakeKind};
use serde_json::{Map, Value, json};

use crate::arguments_sync::Brake;
use crate::context::Context;
use crate::output;

/// A way on from a halt.
struct Way {
    /// A word for programs.
    answer: &'static str,
    /// What it is called.
    label: String,
    /// What it means for the data.
    means: String,
    /// What is typed for it.
    command: String,
}

/// A halt as it is told.
pub struct Halted<'a> {
    job: &'a Job,
    brakes: Vec<SyncBrake>,
    /// The command that asks for the same run again.
    again: &'a str,
}

impl<'a> Halted<'a> {
    pub fn of(context: &Context, job: &'a Job, again: &'a str) -> Result<Self, ApiError> {
        Ok(Self { job, brakes: context.api.sync_brakes(&job.id)?, again })
    }

    /// Whether a folder is gone: then there was nothing to look at, and there is no plan.
    pub fn is_of_a_gone_root(&self) -> bool {
        self.brakes.iter().any(|brake| brake.kind == SyncBrakeKind::RootGone)
    }

    /// After a run: what was seen in single items, and the commands that go on.
    pub fn print_after_run(&self) {
        self.print_examples();
        output::note("  What you can do next:");
        print(&self.ways_after_run());
    }

    /// Items brakes are about, each once.
    pub fn print_examples(&self) {
        let mut told: Vec<&String> = Vec::new();
        for brake in &self.brakes {
            let what = if brake.kind == SyncBrakeKind::AnotherPlace {
                "there now, for instance"
            } else {
                "for instance"
            };
            for example in &brake.examples {
                if !told.contains(&example) {
                    output::note(format!("    {what} {example}"));
                    told.push(example);
                }
            }
        }
    }

    /// The commands that go on, with what each does; what only goes for the plan that was shown stands at the end.
    pub fn print_ways(&self, plan: &str) {
        print(&self.ways(plan));
    }

    /// The halt of a preview for programs, as the last row of its plan.
    pub fn row(&self, plan: &str) -> Value {
        let reason = self.job.halt.as_ref().map(|halt| halt.reason.as_str());
        let mut row = self.fields(&self.ways(plan));
        row.extend([
            ("path".to_owned(), Value::Null),
            ("kind".to_owned(), "halt".into()),
            ("from".to_owned(), Value::Null),
            ("to".to_owned(), Value::Null),
            ("why".to_owned(), reason.into()),
        ]);
        Value::Object(row)
    }

    /// The job that halted, for programs.
    pub fn whole(&self) -> Result<Value, ApiError> {
        let mut job = serde_json::to_value(self.job).map_err(output::unwritable)?;
        if let Some(Value::Object(halt)) = job.get_mut("halt") {
            halt.extend(self.fields(&self.ways_after_run()));
        }
        Ok(job)
    }

    fn fields(&self, ways: &[Way]) -> Map<String, Value> {
        let brakes: Vec<Value> = self.brakes.iter().map(brake_json).collect();
        let answers: Vec<Value> = ways
            .iter()
            .map(|way| {
                json!({ "answer": way.answer, "label": way.label, "means": way.means, "command": way.command })
            })
            .collect();
        Map::from_iter([("brakes".to_owned(), brakes.into()), ("answers".to_owned(), answers.into())])
    }

    fn ways_after_run(&self) -> Vec<Way> {
        let mut ways = self.ways("");
        if !self.is_of_a_gone_root() {
            ways.push(Way {
                answer: "preview",
                label: "Look at what would happen".to_owned(),
                means: "Nothing is changed.".to_owned(),
                command: format!("{} --preview", self.again),
            });
        }
        ways
    }

    fn ways(&self, plan: &str) -> Vec<Way> {
        let again = self.again;
        let halt = self.job.halt.as_ref();
        let mut ways = Vec::new();
        for choice in halt.iter().flat_map(|halt| &halt.choices) {
            let (answer, from, side) = match choice.key.as_str() {
                "bringBackFromLeft" => ("bring-back-from-left", "left", SyncSide::Right),
                _ => ("bring-back-from-right", "right", SyncSide::Left),
            };
            let also = match self.brakes.iter().any(|brake| is_another(brake, side)) {
                true => " --release-brake another-place",
                false => "",
            };
            ways.push(Way {
                answer,
                label: choice.label.clone(),
                means: choice.means.clone(),
                command: format!("{again} --bring-back-from {from}{also}"),
            });
        }
        if !self.brakes.is_empty() && self.brakes.iter().all(|brake| brake.can_release) {
            let kinds: BTreeSet<&str> = self.brakes.iter().map(|brake| word(brake.kind)).collect();
            let words: String = kinds.into_iter().map(|kind| format!(" --release-brake {kind}")).collect();
            ways.push(Way {
                answer: "release-brake",
                label: "Go on anyway".to_owned(),
                means: halt.map(|halt| halt.if_continued.clone()).unwrap_or_default(),
                command: format!("{again}{words}{plan}"),
            });
        }
        ways
    }
}

fn print(ways: &[Way]) {
    for Way { answer, label, means, command } in ways {
        output::note(match *answer {
            // What that means was said with what was found.
            "release-brake" => format!("    {label}, as said above."),
            "preview" => format!("    {label}."),
            _ => format!("    {label}. {means}"),
        });
        output::note(format!("      {command}"));
    }
}

fn brake_json(brake: &SyncBrake) -> Value {
    let side = if brake.side == SyncSide::Left { "left" } else { "right" };
    json!({
        "kind": word(brake.kind),
        "side": side,
        "items": brake.items.0,
        "outOf": brake.out_of.0,
        "found": brake.found,
        "examples": brake.examples,
        "canRelease": brake.can_release,
        "canBringBack": brake.can_bring_back,
    })
}

/// Whether another place sits where this side was.
pub fn is_another(brake: &SyncBrake, side: SyncSide) -> bool {
    brake.side == side && brake.kind == SyncBrakeKind::AnotherPlace
}

pub fn kind(brake: Brake) -> SyncBrakeKind {
    match brake {
        Brake::RootEmptied => SyncBrakeKind::RootEmptied,
        Brake::AnotherPlace => SyncBrakeKind::AnotherPlace,
        Brake::ManyRemoved => SyncBrakeKind::ManyRemoved,
        Brake::ManyRewritten => SyncBrakeKind::ManyRewritten,
        Brake::AllTimesChanged => SyncBrakeKind::AllTimesChanged,
        Brake::RulesChanged => SyncBrakeKind::RulesChanged,
        Brake::OldCopy => SyncBrakeKind::OldCopy,
    }
}

/// A brake as it is typed.
pub fn word(kind: SyncBrakeKind) -> &'static str {
    match kind {
        SyncBrakeKind::RootEmptied => "root-emptied",
        SyncBrakeKind::RootGone => "root-gone",
        SyncBrakeKind::AnotherPlace => "another-place",
        SyncBrakeKind::ManyRemoved => "many-removed",
        SyncBrakeKind::ManyRewritten => "many-rewritten",
        SyncBrakeKind::AllTimesChanged => "all-times-changed",
        SyncBrakeKind::RulesChanged => "rules-changed",
        SyncBrakeKind::OldCopy => "old-copy",
        SyncBrakeKind::NoSpace => "no-space",
    }
}
