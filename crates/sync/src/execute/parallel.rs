//! The rows of a batch in several threads.
//!
//! Invariants: each row is done once; answers are taken in one thread, in whatever order they come; what waits to be taken is
//! bounded. Deliberately not here: what a row does (`execute::item`), what follows from its answer (`execute`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use parking_lot::RwLock;

use super::bin::Planned;
use super::view::View;
use super::{Answers, Execution, Progress};
use crate::error::SyncError;

/// A worker takes so many rows at once: neighbours lie in one folder.
pub(super) const TAKEN_ITEMS: usize = 16;
/// Fewer, where they are so large.
const TAKEN_BYTES: u64 = 4 << 20;
/// So many answers may wait while a group is written down; who has more waits too, or a slow disk would fill the memory.
const ANSWERS_WAITING: usize = 256;

impl Execution<'_> {
    /// Does rows that do not touch each other, in threads.
    pub(super) fn in_parallel(
        &self,
        ready: &[usize],
        bins: &HashMap<usize, Planned>,
        workers: usize,
        progress: &mut Progress<'_, '_>,
    ) -> Result<(), SyncError> {
        let next = AtomicUsize::new(0);
        let is_over = AtomicBool::new(false);
        let view = progress.view;
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel::<Answers>(ANSWERS_WAITING);
            for _ in 0..workers {
                let (sender, next, is_over) = (sender.clone(), &next, &is_over);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let taken = self.take_rows(ready, next);
                        if taken.is_empty() {
                            return;
                        }
                        let mut answers = Answers::with_capacity(taken.len());
                        for &number in taken.iter().take_while(|_| !is_over.load(Ordering::Relaxed)) {
                            self.answer(number, bins, view, &mut answers);
                        }
                        // Nobody listens any more: the run is over.
                        if sender.send(answers).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut result = Ok(());
            for (number, answer) in receiver.into_iter().flatten() {
                if result.is_ok() {
                    result = self.take(number, answer, bins, progress);
                }
                if result.is_err() || progress.ended.is_some() {
                    is_over.store(true, Ordering::Relaxed);
                }
            }
            result
        })
    }

    /// The next few rows for a worker.
    fn take_rows<'r>(&self, ready: &'r [usize], next: &AtomicUsize) -> &'r [usize] {
        let mut start = next.load(Ordering::Relaxed);
        loop {
            let mut bytes = 0;
            let mut items = 0;
            let few = ready[start.min(ready.len())..].iter().take_while(|number| {
                let fits = items < TAKEN_ITEMS && bytes < TAKEN_BYTES;
                let ahead = self.done_with(**number);
                items += 1 + ahead.len();
                bytes += self.plan.operations[**number].size_bytes;
                bytes +=
                    ahead.iter().map(|number| self.plan.operations[*number as usize].size_bytes).sum::<u64>();
                fits
            });
            let end = start + few.count();
            match next.compare_exchange_weak(start, end, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return &ready[start.min(ready.len())..end.min(ready.len())],
                Err(now) => start = now,
            }
        }
    }

    /// Does a row, and those that are done with it.
    pub(super) fn answer(
        &self,
        number: usize,
        bins: &HashMap<usize, Planned>,
        view: &RwLock<View<'_>>,
        answers: &mut Answers,
    ) {
        if !self.fill(number, view, answers) {
            answers.push((number, self.one(number, bins, view)));
        }
    }
}
