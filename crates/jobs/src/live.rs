//! Live pairs: what changes on one side is on the other a moment later.
//!
//! One thread looks after all live pairs of this process. Invariants:
//! 1. Only one process watches a pair (a lease), and it starts nothing while a job of the pair is under way or waits for
//!    a person. A second lease says to others that it only looks at the pair from time to time.
//! 2. A burst becomes one run: it begins when nothing happened for a moment, or after a while in any case.
//! 3. Everything is looked at when watching begins, after anything may have been lost, and from time to time (at
//!    moments that differ, so that many machines do not ask one server at once). Where a side can not be watched, that is
//!    often, and is said.
//! 4. A pair whose hub was changed by another one looks at everything at once where its hub is not watched. Where it is,
//!    that change is among what the system tells, and the next look at everything takes off what the pair was told.
//! 5. A side whose root is another folder, or on another mount, is watched anew, and everything is looked at: of a drive
//!    that was pulled out, or a folder that was made again, the system tells nothing any more.
//!
//! Deliberately not here: what events mean (`live_watch`), when what is due after a run (`live_timing`), what a run does
//! (`sync_work`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keepwell_catalog::{Catalog, CatalogError, JobState, LeaseOutcome, Presence, random_bytes};
use keepwell_model::{JobId, PairId};
use keepwell_sync::pair::PlaceSpec;
use keepwell_sync::{Hints, Side};
use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::engine::{Engine, EngineError};
use crate::live_timing::{AFTER_FAILURE, Ended, FULL_EVERY, FULL_UNWATCHED, Timing};
use crate::live_watch::{Dirty, SideWatch};
use crate::mounts::Mounts;
use crate::news::News;
use crate::outcome::Fault;
use crate::pairs::PairDefinition;
use crate::scheduler::are_pairs_paused;
use crate::standing::standing;
use crate::syncs::Syncs;
use crate::trees::Trees;

/// A run begins when nothing happened for so long …
const QUIET: Duration = Duration::from_millis(150);
/// … or only so long where the last news was the end of something: a file was closed, moved or removed …
const QUIET_WHOLE: Duration = Duration::from_millis(20);
/// … or so long after the first news: while a long burst goes on, what is done is carried over already …
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the thread sleeps at most; while a run is under way or news wait, it looks more often.
const IDLE: Duration = Duration::from_secs(2);
const BUSY: Duration = Duration::from_millis(5);
/// How soon it is looked again after a run that left files which somebody has open for writing: nobody tells when one of
/// them comes to rest.
const AFTER_OPEN: Duration = Duration::from_secs(30);
/// How soon it is tried again while a job of the pair is under way or waits for a person.
const AFTER_OTHERS: Duration = Duration::from_millis(500);

const TELLS_NOTHING: &str = "this place does not tell of changes";
const NO_WATCHES_LEFT: &str = "the system watches no more folders (raise fs.inotify.max_user_watches)";

/// How a live pair is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveState {
    /// Changes are noticed as they happen.
    Watching,
    /// A side is only looked at from time to time.
    Scanning,
}

/// A side of a pair: what is known to have changed, and what tells of it, or why nothing does.
struct WatchedSide {
    dirty: Arc<Mutex<Dirty>>,
    watch: Result<SideWatch, String>,
}

/// One pair that is watched here.
struct Watched {
    definition: PairDefinition,
    sides: HashMap<Side, WatchedSide>,
    state: LiveState,
    /// The run that is under way.
    job: Option<JobId>,
    timing: Timing,
}

impl Watched {
    /// Whether the system tells of every change on the left, where a hub is.
    fn watches_hub(&self) -> bool {
        let watch = self.sides.get(&Side::Left).and_then(|side| side.watch.as_ref().ok());
        watch.is_some_and(|watch| !watch.misses_folders())
    }

    fn place(definition: &PairDefinition, side: Side) -> &PlaceSpec {
        match side {
            Side::Left => &definition.pair.left,
            Side::Right => &definition.pair.right,
        }
    }

    /// How it is watched now.
    fn state_now(&self) -> LiveState {
        match self.sides.values().all(|side| side.watch.is_ok()) {
            true => LiveState::Watching,
            false => LiveState::Scanning,
        }
    }
}

struct Inner {
    catalog: Arc<Catalog>,
    presence: Arc<Presence>,
    clock: Arc<dyn Clock>,
    engine: Arc<Engine>,
    syncs: Arc<Syncs>,
    states: Mutex<HashMap<PairId, LiveState>>,
    /// Whether there is news, and whether to stop.
    signal: Mutex<(bool, bool)>,
    told: Condvar,
}

/// Watches the live pairs of this process.
pub struct Live {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    /// Begins to watch live pairs, those that are made later too.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(
        catalog: Arc<Catalog>,
        presence: Arc<Presence>,
        clock: Arc<dyn Clock>,
        engine: Arc<Engine>,
        syncs: Arc<Syncs>,
    ) -> std::io::Result<Self> {
        let inner = Arc::new(Inner {
            catalog,
            presence,
            clock,
            engine,
            syncs,
            states: Mutex::default(),
            signal: Mutex::default(),
            told: Condvar::new(),
        });
        let thread = std::thread::Builder::new().name("jobs-live".to_owned()).spawn({
            let inner = Arc::clone(&inner);
            move || inner.run()
        })?;
        Ok(Self { inner, thread: Some(thread) })
    }

    /// Looks at the pairs at once: one was made, changed, or let go on.
    pub fn wake(&self) {
        self.inner.tell();
    }

    /// How a pair is watched by this process; nothing where it is not.
    #[must_use]
    pub fn state(&self, id: PairId) -> Option<LiveState> {
        self.inner.states.lock().get(&id).copied()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.inner.signal.lock().1 = true;
        self.inner.told.notify_all();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

fn lease(id: PairId) -> String {
    format!("live/{id}")
}

/// Held beside the other one by a process that only looks at the pair from time to time.
fn scanning_lease(id: PairId) -> String {
    format!("live/{id}/scanning")
}

/// How a pair is watched by whatever living process does; nothing where none does.
///
/// # Errors
/// The catalog refused.
pub fn state_anywhere(
    catalog: &Catalog,
    presence: &Presence,
    id: PairId,
) -> Result<Option<LiveState>, CatalogError> {
    let holder = |name: &str| catalog.lease(name).map(|found| found.map(|found| found.holder));
    let Some(watcher) = holder(&lease(id))?.filter(|holder| presence.is_alive(holder)) else {
        return Ok(None);
    };
    let is_scanning = holder(&scanning_lease(id))? == Some(watcher);
    Ok(Some(if is_scanning { LiveState::Scanning } else { LiveState::Watching }))
}

impl Inner {
    fn tell(&self) {
        self.signal.lock().0 = true;
        self.told.notify_all();
    }

    fn run(self: &Arc<Self>) {
        let mut watched: HashMap<PairId, Watched> = HashMap::new();
        let mut mounts = Mounts::now();
        let mut looked: Option<Instant> = None;
        let mut wait = Duration::ZERO;
        loop {
            {
                let mut signal = self.signal.lock();
                if !signal.0 && !signal.1 {
                    self.told.wait_for(&mut signal, wait);
                }
                if signal.1 {
                    break;
                }
                signal.0 = false;
            }
            // News of files come by the thousand; pairs do not.
            if looked.is_none_or(|looked| looked.elapsed() >= Duration::from_millis(500)) {
                if let Err(fault) = self.look_at_pairs(&mut watched) {
                    tracing::warn!(%fault, "the live pairs can not be looked at");
                }
                let now = Mounts::now();
                if now != mounts {
                    mounts = now;
                    for (id, pair) in &mut watched {
                        self.watch_again(*id, pair, |watch| watch.is_on(&mounts));
                    }
                }
                looked = Some(Instant::now());
            }
            wait = IDLE;
            for (id, pair) in &mut watched {
                wait = wait.min(self.serve(*id, pair));
            }
        }
        for id in watched.into_keys() {
            self.give_up(id);
        }
    }

    fn give_up(&self, id: PairId) {
        self.states.lock().remove(&id);
        for lease in [scanning_lease(id), lease(id)] {
            if let Err(error) = self.catalog.release_lease(&lease, &self.presence) {
                tracing::warn!(%error, lease, "a lease could not be given back; it ends with this process");
            }
        }
    }

    /// Says here and to other processes how a pair is watched, where that is another way than before.
    fn tell_state(&self, id: PairId, state: LiveState) {
        if self.states.lock().insert(id, state) == Some(state) {
            return;
        }
        let lease = scanning_lease(id);
        let told = match state {
            LiveState::Watching => self.catalog.release_lease(&lease, &self.presence),
            LiveState::Scanning => {
                self.catalog.take_lease(&lease, &self.presence, self.clock.now_ms()).map(drop)
            }
        };
        if let Err(error) = told {
            tracing::warn!(%error, pair = %id, "how a live pair is watched could not be told to other processes");
        }
    }

    /// Begins to watch pairs that are live now, and ends with those that are not any more.
    fn look_at_pairs(self: &Arc<Self>, watched: &mut HashMap<PairId, Watched>) -> Result<(), Fault> {
        let (mut wanted, mut told) = (HashMap::new(), HashSet::new());
        if !are_pairs_paused(&self.catalog)? {
            for record in self.catalog.pairs()?.into_iter().filter(|record| !record.paused) {
                if let Ok(definition) = PairDefinition::of(&record)
                    && definition.pair.live
                {
                    if definition.group.is_some() && record.hub.is_waiting() {
                        told.insert(record.id);
                    }
                    wanted.insert(record.id, definition);
                }
            }
        }
        let over: Vec<PairId> = watched
            .iter()
            .filter(|(id, pair)| wanted.get(*id) != Some(&pair.definition))
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            watched.remove(&id);
            self.give_up(id);
        }
        // Also of those whose last run ended after that.
        self.syncs.remember_only(|id| watched.contains_key(&id));
        for (id, definition) in wanted {
            if watched.contains_key(&id) {
                continue;
            }
            match self.catalog.take_lease(&lease(id), &self.presence, self.clock.now_ms())? {
                LeaseOutcome::Taken { .. } => {
                    let pair = self.watch(definition);
                    self.tell_state(id, pair.state);
                    watched.insert(id, pair);
                }
                LeaseOutcome::Held(_) => {}
            }
        }
        // While a run is under way nobody knows yet whether it takes that off.
        for (_, pair) in watched.iter_mut().filter(|(id, pair)| told.contains(id) && pair.job.is_none()) {
            if !pair.watches_hub() {
                pair.timing.look_at_everything_by(pair.timing.rests_until);
            }
        }
        Ok(())
    }

    /// Watches both sides as far as they can be.
    fn watch(self: &Arc<Self>, definition: PairDefinition) -> Watched {
        let mut sides = HashMap::new();
        for side in Side::BOTH {
            let dirty = Arc::new(Mutex::new(Dirty::default()));
            let watch = self.begin(Watched::place(&definition, side), &dirty);
            sides.insert(side, WatchedSide { dirty, watch });
        }
        let mut watched = Watched {
            definition,
            sides,
            state: LiveState::Watching,
            job: None,
            timing: Timing::beginning(Instant::now()),
        };
        watched.state = watched.state_now();
        watched
    }

    /// Watches anew the sides that are not as they were when watching began, and those on this machine that could not be
    /// watched then; everything is looked at afterwards.
    fn watch_again(
        self: &Arc<Self>,
        id: PairId,
        pair: &mut Watched,
        is_as_it_was: impl Fn(&SideWatch) -> bool,
    ) {
        let mut is_anew = false;
        for (side, watched) in &mut pair.sides {
            match &watched.watch {
                Ok(watch) if is_as_it_was(watch) => continue,
                Err(why) if why == TELLS_NOTHING || why == NO_WATCHES_LEFT => continue,
                _ => {}
            }
            let was_watched = watched.watch.is_ok();
            watched.watch = self.begin(Watched::place(&pair.definition, *side), &watched.dirty);
            is_anew |= was_watched || watched.watch.is_ok();
        }
        if is_anew {
            pair.timing.look_at_everything_by(Instant::now());
            pair.state = pair.state_now();
            self.tell_state(id, pair.state);
        }
    }

    fn begin(self: &Arc<Self>, place: &PlaceSpec, dirty: &Arc<Mutex<Dirty>>) -> Result<SideWatch, String> {
        let begun = || {
            // A server is not asked: that may take minutes, in which no other pair is served.
            if !Trees::is_local(&place.address) {
                return Err(TELLS_NOTHING.to_owned());
            }
            let tree = self.syncs.trees().open_place(place).map_err(|fault| fault.to_string())?;
            let root = tree.local_root().ok_or(TELLS_NOTHING)?;
            self.side_watch(root, dirty)
        };
        begun().inspect_err(|why| {
            let address = &place.address;
            tracing::info!(address, why, "this side of a live pair is looked at from time to time");
        })
    }

    fn side_watch(self: &Arc<Self>, root: PathBuf, dirty: &Arc<Mutex<Dirty>>) -> Result<SideWatch, String> {
        let tell = {
            let inner = Arc::downgrade(self);
            move || inner.upgrade().into_iter().for_each(|inner| inner.tell())
        };
        SideWatch::start(root, Arc::clone(dirty), tell).map_err(|error| match error.kind {
            notify::ErrorKind::MaxFilesWatch => NO_WATCHES_LEFT.to_owned(),
            _ => error.to_string(),
        })
    }

    /// Starts a run where one is due. How long to wait before looking again.
    fn serve(self: &Arc<Self>, id: PairId, pair: &mut Watched) -> Duration {
        let now = Instant::now();
        self.admit_what_is_missed(id, pair, now);
        if let Some(job) = pair.job {
            let Some(ended) = self.ended(id, job) else { return BUSY };
            pair.job = None;
            self.watch_again(id, pair, SideWatch::is_of_root);
            pair.timing.ended(ended, now);
        }
        if now < pair.timing.not_before {
            return pair.timing.not_before - now;
        }
        let is_lost = pair.sides.values().any(|side| is_lost(&side.dirty, pair.timing.rests_until, now));
        // Looking at everything may itself be more news than the system keeps: never one such look after the other.
        let left = pair.timing.no_loss_before.saturating_duration_since(now);
        if is_lost && !left.is_zero() && now < pair.timing.next_full {
            return left;
        }
        pair.timing.is_for_lost = is_lost;
        let is_full = now >= pair.timing.next_full || is_lost;
        if !is_full {
            // Of what the last run wrote there is news too: the end of that is not the end of a burst on the other side.
            match pair
                .sides
                .values()
                .filter_map(|side| due_in(&side.dirty, pair.timing.rests_until, now))
                .max()
            {
                Some(Duration::ZERO) => {}
                // More news may make it due sooner; they wake nobody.
                Some(left) => return left.min(BUSY),
                None => {
                    let waits = pair.sides.values().any(|side| !side.dirty.lock().open.is_empty());
                    let again = if waits {
                        pair.timing.next_full.min(pair.timing.rests_until + AFTER_OPEN)
                    } else {
                        pair.timing.next_full
                    };
                    if again > now {
                        return again - now;
                    }
                }
            }
        }
        let hints = take_hints(pair, is_full);
        let news =
            Arc::new(News::of(pair.sides.iter().map(|(side, watched)| (*side, Arc::clone(&watched.dirty)))));
        match self.syncs.start_live(&self.engine, id, hints, news) {
            Ok(Some(job)) => {
                pair.job = Some(job);
                pair.timing.began(now, is_full.then(|| full_every(pair)));
                BUSY
            }
            Ok(None) => {
                // A job of it is under way or waits for a person; then everything is looked at.
                pair.timing.not_begun(now, AFTER_OTHERS);
                AFTER_OTHERS
            }
            Err(fault) => {
                tracing::warn!(pair = %id, %fault, "a live pair could not be started");
                pair.timing.not_begun(now, AFTER_FAILURE);
                AFTER_FAILURE
            }
        }
    }

    /// Says so where the system's watches ran out after watching began, and looks more often from then on.
    fn admit_what_is_missed(&self, id: PairId, pair: &mut Watched, now: Instant) {
        let misses = |side: &WatchedSide| side.watch.as_ref().is_ok_and(SideWatch::misses_folders);
        if pair.state == LiveState::Watching && pair.sides.values().any(misses) {
            tracing::info!(pair = %id, why = NO_WATCHES_LEFT, "a live pair is looked at from time to time");
            pair.state = LiveState::Scanning;
            pair.timing.look_at_everything_by(now + FULL_UNWATCHED);
            self.tell_state(id, pair.state);
        }
    }

    /// How a run ended; nothing while it is under way.
    fn ended(&self, id: PairId, job: JobId) -> Option<Ended> {
        match self.engine.job(job) {
            Ok(view) => match view.record.state {
                JobState::Succeeded | JobState::SucceededWithProblems => {
                    let outcome = view.record.outcome.as_deref();
                    let outcome = outcome.and_then(|text| serde_json::from_str(text).ok());
                    let problems = view.record.problems_total;
                    Some(outcome.map_or(Ended::Well, |outcome| Ended::of(&outcome, problems)))
                }
                state if state.is_finished() => Some(Ended::Badly),
                // It waits for a person: nothing else is started meanwhile, see `Syncs::start`.
                JobState::Halted | JobState::WaitingForConfirmation => Some(Ended::Well),
                _ => None,
            },
            // It did nothing and left no trace, but in how the pair stands.
            Err(EngineError::Unknown(_)) => {
                Some(standing(&self.catalog, id).map_or(Ended::Badly, Ended::without_trace))
            }
            Err(_) => Some(Ended::Badly),
        }
    }
}

/// How long until news of a side are acted upon; nothing where there are none.
fn due_in(dirty: &Mutex<Dirty>, rests_until: Instant, now: Instant) -> Option<Duration> {
    let dirty = dirty.lock();
    let (first, last) = (dirty.first?, dirty.last?);
    let quiet = if dirty.is_whole { QUIET_WHOLE } else { QUIET };
    Some((last + quiet).min((first + PATIENCE).max(rests_until)).saturating_duration_since(now))
}

/// Whether something was lost, and the burst in which it was is over.
fn is_lost(dirty: &Mutex<Dirty>, rests_until: Instant, now: Instant) -> bool {
    let lost = dirty.lock().is_lost;
    lost && due_in(dirty, rests_until, now).is_none_or(|left| left.is_zero())
}

/// Takes what is known to have changed. A side that can not be watched is only looked at in full runs: in between it is
/// taken to be as it was, and every step looks again before it changes something.
fn take_hints(pair: &Watched, is_full: bool) -> Option<Hints> {
    let mut hints = Hints::default();
    for (side, watched) in &pair.sides {
        let taken = watched.dirty.lock().take();
        let folders: Option<BTreeSet<_>> = Some(taken.folders);
        match side {
            Side::Left => hints.left = folders,
            Side::Right => hints.right = folders,
        }
    }
    (!is_full).then_some(hints)
}

/// When everything is looked at next, give or take a fifth.
fn full_every(pair: &Watched) -> Duration {
    let usual = if pair.state == LiveState::Watching { FULL_EVERY } else { FULL_UNWATCHED };
    let chance = random_bytes::<1>().map_or(128, |[byte]| byte);
    usual.mul_f64(0.8 + 0.4 * f64::from(chance) / 255.0)
}
