//! Many seeds on all cores: what failed is collected, and told when all have run.
//!
//! Invariant: which seeds run, and what comes of each, does not depend on how many run at once.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::room::{Kept, Room};

/// One seed in so many is run twice and has to end the same;
const TWICE_ONCE_IN: u64 = 16;
/// one in so many the second time with its database in a file that each run opens anew.
const IN_FILE_ONCE_IN: u64 = 64;
/// So many that failed are told whole; of the others only the numbers.
const TOLD_WHOLE: usize = 20;

/// Which seeds.
pub struct Range {
    pub from: u64,
    pub count: u64,
    /// How many at once; nothing: one a core.
    pub threads: Option<u64>,
}

/// Runs every seed of a range; what does not hold, by seed.
pub fn failures<T: PartialEq>(
    range: &Range,
    simulate: impl Fn(u64, &Room, Kept) -> Result<T, String> + Sync,
) -> BTreeMap<u64, String> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let next = AtomicU64::new(range.from);
    let failed = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..range.threads.unwrap_or(cores).clamp(1, range.count.max(1)) {
            scope.spawn(|| {
                let room = Room::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= range.from + range.count {
                        return;
                    }
                    let once = |kept| simulate(seed, &room, kept);
                    if let Err(why) = one(seed, once) {
                        eprintln!("seed {seed} failed");
                        failed.lock().unwrap().insert(seed, why);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

fn one<T: PartialEq>(seed: u64, simulate: impl Fn(Kept) -> Result<T, String>) -> Result<(), String> {
    let tried = |kept| {
        catch_unwind(AssertUnwindSafe(|| simulate(kept))).unwrap_or_else(|panic| Err(panicked(&*panic)))
    };
    let outcome = tried(Kept::InMemory)?;
    if seed.is_multiple_of(TWICE_ONCE_IN) {
        let kept = if seed.is_multiple_of(IN_FILE_ONCE_IN) { Kept::InFile } else { Kept::InMemory };
        let again = tried(kept).map_err(|why| format!("the second time: {why}"))?;
        if again != outcome {
            return Err("not the same twice".into());
        }
    }
    Ok(())
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a word"))
}

/// What failed, for a person.
pub fn told(failed: &BTreeMap<u64, String>) -> String {
    let seeds: Vec<u64> = failed.keys().copied().collect();
    let mut text = format!("{} seeds failed: {seeds:?}", seeds.len());
    for (seed, why) in failed.iter().take(TOLD_WHOLE) {
        text += &format!("\n\nseed {seed}: {why}");
    }
    text
}
