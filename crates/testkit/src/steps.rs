//! Steps of a test, counted: which of them go wrong, and what people do in between.
//!
//! Two places can share a count, so that a run can be let die at each of its steps, and the same steps always end the
//! same. Invariant: no chance in here but from a seed. Deliberately not here: the places (`memory_tree`).

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::random::SeededRandom;

/// What a step does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepFault {
    /// It fails and changes nothing.
    Fail,
    /// It does its work and says that it failed.
    LoseAnswer,
    /// The thread panics: the process is gone.
    Kill,
    /// From here on the place can not be reached.
    Die,
    /// From here on another, empty volume is at the path.
    Vanish,
}

/// Steps of one or two places, counted together; which of them go wrong; what people do in between.
pub struct Steps {
    inner: Mutex<StepsState>,
}

type Visitor = Box<dyn FnMut(u64) + Send>;

#[derive(Default)]
struct StepsState {
    count: u64,
    faults: BTreeMap<u64, StepFault>,
    /// One step in so many fails, by chance.
    fails_once_in: Option<(u64, SeededRandom)>,
    visitors: BTreeMap<u64, Visitor>,
}

impl Default for Steps {
    fn default() -> Self {
        Self { inner: Mutex::new(StepsState::default()) }
    }
}

impl Steps {
    /// How many steps there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.inner.lock().count
    }

    /// Begins to count anew, without any fault.
    pub fn restart(&self) {
        *self.inner.lock() = StepsState::default();
    }

    /// The step with this number (from 0) goes wrong.
    pub fn fault_at(&self, step: u64, fault: StepFault) {
        self.inner.lock().faults.insert(step, fault);
    }

    /// One step in so many fails.
    pub fn fail_once_in(&self, times: u64, seed: u64) {
        self.inner.lock().fails_once_in = Some((times, SeededRandom::new(seed)));
    }

    /// Somebody does something right before a step.
    pub fn before(&self, step: u64, visit: impl FnMut(u64) + Send + 'static) {
        self.inner.lock().visitors.insert(step, Box::new(visit));
    }

    pub(crate) fn next(&self) -> Option<StepFault> {
        let (visitor, step) = {
            let mut state = self.inner.lock();
            let step = state.count;
            state.count += 1;
            (state.visitors.remove(&step), step)
        };
        if let Some(mut visit) = visitor {
            visit(step);
        }
        let mut state = self.inner.lock();
        if let Some(fault) = state.faults.get(&step) {
            return Some(*fault);
        }
        let (times, random) = state.fails_once_in.as_mut()?;
        if !random.once_in(*times) {
            return None;
        }
        Some(if random.once_in(2) { StepFault::Fail } else { StepFault::LoseAnswer })
    }
}
