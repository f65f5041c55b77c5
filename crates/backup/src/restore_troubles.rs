//! Metadata that could not be set: the first items of a kind are told one by one, the rest in one sentence.
//!
//! Why: a target that can not hold permissions (a USB stick with FAT) would otherwise bury everything else under one
//! problem a file. Invariant: every trouble is either told or counted in a sentence. Deliberately not here: content.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use keepwell_endpoint::local::{MetadataPart, MetadataTrouble};
use keepwell_model::{Control, Problem};

/// So many of a kind are told one by one.
const TOLD_LIMIT: u64 = 20;

/// What could not be set so far, by kind.
#[derive(Debug, Default)]
pub(crate) struct MetadataTroubles {
    owners_denied: AtomicU64,
    owners: AtomicU64,
    modes: AtomicU64,
    attributes: AtomicU64,
    flags: AtomicU64,
    times: AtomicU64,
}

impl MetadataTroubles {
    /// Tells or counts troubles with one item.
    pub(crate) fn note(&self, control: &Control, troubles: Vec<MetadataTrouble>, path: impl Fn() -> String) {
        for trouble in troubles {
            // What everyone but the administrator meets with every file of others is told once, at the end.
            if trouble.part == MetadataPart::Owner && trouble.source.kind() == io::ErrorKind::PermissionDenied
            {
                self.owners_denied.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let counter = match &trouble.part {
                MetadataPart::Owner => &self.owners,
                MetadataPart::Mode => &self.modes,
                MetadataPart::Attribute(_) => &self.attributes,
                MetadataPart::Flags => &self.flags,
                MetadataPart::Times => &self.times,
            };
            if counter.fetch_add(1, Ordering::Relaxed) < TOLD_LIMIT {
                control.problem(trouble.into_problem(path()));
            }
        }
    }

    /// Tells what was only counted.
    pub(crate) fn tell_rest(&self, control: &Control, target: &str) {
        let owners = self.owners_denied.load(Ordering::Relaxed);
        if owners > 0 {
            control.problem(Problem::new(
                target,
                format!(
                    "{owners} items belong to you now and not to their former owner; their content is there."
                ),
                "only the administrator may give files to others",
                "Run it again as the administrator if the owners matter.",
            ));
        }
        for (counter, what) in [
            (&self.owners, "owner"),
            (&self.modes, "permissions"),
            (&self.attributes, "extended attributes"),
            (&self.flags, "file flags"),
            (&self.times, "times"),
        ] {
            let rest = counter.load(Ordering::Relaxed).saturating_sub(TOLD_LIMIT);
            if rest > 0 {
                control.problem(Problem::new(
                    target,
                    format!("{what} could not be set {rest} more times; the content is there."),
                    "as with the items told one by one",
                    "Use a target file system that can hold them if you need them.",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_is_told_or_counted() {
        let (control, troubles) = (Control::new(), MetadataTroubles::default());
        let note = |part: MetadataPart, kind: io::ErrorKind| {
            troubles
                .note(&control, vec![MetadataTrouble { part, source: kind.into() }], || "path".to_owned());
        };
        for _ in 0..TOLD_LIMIT + 7 {
            note(MetadataPart::Mode, io::ErrorKind::Unsupported);
            note(MetadataPart::Owner, io::ErrorKind::PermissionDenied);
        }
        note(MetadataPart::Times, io::ErrorKind::Other);
        assert_eq!(control.problems().total, TOLD_LIMIT + 1);
        troubles.tell_rest(&control, "/target");
        let problems = control.problems().problems;
        let last: Vec<&str> = problems.iter().rev().take(2).map(|problem| problem.what.as_str()).collect();
        assert!(last[0].starts_with("permissions could not be set 7 more times"), "{last:?}");
        assert!(last[1].starts_with("27 items belong to you"), "{last:?}");
    }
}
