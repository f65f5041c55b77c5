//! Sync pairs at hand: what they are, how they are opened, and how their runs are put in the queue.
//!
//! Invariants:
//! 1. A plan that is held is applied as it is, or not at all: another run of the pair lets go of it first.
//! 2. At most [`HELD_LIMIT`] plans are held, the newest; one that was let go of is planned again, and shown again if it
//!    came out differently.
//! 3. A pair is what its row says; what a person wants of it for one run is written there when that run changes something,
//!    and never by a preview. Of a pair that was only looked at nothing stays.
//! 4. What live pairs agreed on stays in memory between their runs, up to [`REMEMBERED_LIMIT`] items of all of them, and
//!    counts only while their databases say the same. The pairs themselves are closed meanwhile, for other processes too.
//!
//! 5. Nothing starts by itself of a pair that a person holds, and what was to start is owed until they let it go on.
//!
//! Deliberately not here: looking at held plans (`held`), what is asked and answered (`sync_work`), and when pairs run
//! (`scheduler`, `live`).

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use keepwell_catalog::{Catalog, CatalogError, JobFilter, JobState, PairRecord};
use keepwell_model::{Control, JobId, PairId, Timestamp};
use keepwell_sync::bins::found::Whose;
use keepwell_sync::pair::PlaceSpec;
use keepwell_sync::{
    BinWish, Hints, PairDatabase, PairSpec, Remembered, Side, SyncError, Syncer, SyncerOptions,
};
use parking_lot::Mutex;

use crate::base_lost;
use crate::clock::Clock;
use crate::engine::{Engine, NewJob};
pub use crate::held::{HELD_LIMIT, Held};
use crate::hub;
use crate::news::News;
use crate::outcome::{Fault, FaultKind};
use crate::pairs::{self, PairDefinition, PairWish};
use crate::request::{After, BinRemoval, JobRequest, Origin, SyncJob};
use crate::run::Attachment;
use crate::scheduler::are_pairs_paused;
use crate::standing::{self, standing};
use crate::sync_bin_work::goes_again;
use crate::sync_words::minute_words;
use crate::trees::Trees;

/// So many items stay in memory at most; of more pairs the ones that ran last.
pub const REMEMBERED_LIMIT: usize = 2_000_000;
/// How often a pair that another process holds is tried, and how long at most.
const BUSY_RETRY: Duration = Duration::from_millis(200);
const BUSY_TRIES: u32 = 100;

/// How much of what a pair was told of its hub was there before a run looked at the whole hub; nothing where it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) Option<i64>);

/// The pairs of this machine.
pub struct Syncs {
    pub(crate) catalog: Arc<Catalog>,
    trees: Arc<Trees>,
    pub(crate) clock: Arc<dyn Clock>,
    zone: TimeZone,
    state_folder: PathBuf,
    pub(crate) held: Mutex<Vec<Held>>,
    /// The one that ran last comes last.
    remembered: Mutex<Vec<Remembered>>,
}

impl Syncs {
    /// The pairs of this catalog.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, trees: Arc<Trees>, clock: Arc<dyn Clock>, zone: TimeZone) -> Self {
        let state_folder = catalog.state_folder().to_owned();
        Self {
            catalog,
            trees,
            clock,
            zone,
            state_folder,
            held: Mutex::default(),
            remembered: Mutex::default(),
        }
    }

    /// Opens places.
    #[must_use]
    pub fn trees(&self) -> &Trees {
        &self.trees
    }

    /// The zone of schedules and limits.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A pair of the catalog.
    ///
    /// # Errors
    /// There is none, or it is from a newer Keepwell.
    pub fn definition(&self, id: PairId) -> Result<(PairRecord, PairDefinition), Fault> {
        let record = self.catalog.pair(id)?.ok_or_else(pairs::unknown)?;
        let definition = PairDefinition::of(&record)?;
        Ok((record, definition))
    }

    /// The pair a job is about, as it is to work in this run; without a row where it is new.
    pub(crate) fn meant(&self, job: &SyncJob) -> Result<(Option<PairRecord>, PairDefinition), Fault> {
        let record = self.catalog.pair(job.pair_id)?;
        let Some(wish) = &job.wish else {
            let record = record.ok_or_else(pairs::unknown)?;
            let definition = PairDefinition::of(&record)?;
            return Ok((Some(record), definition));
        };
        match (record, &wish.before) {
            (None, None) => Ok((None, wish.definition.clone())),
            (None, Some(_)) => Err(pairs::unknown()),
            (Some(record), before) => {
                let known = PairDefinition::of(&record)?;
                let wanted = wish.definition.options();
                // One that was new is kept since this run halted, and a person may have changed it then.
                let Some(before) = before else { return Ok((Some(record), known)) };
                if known.options() != *before && known.options() != wanted {
                    return Err(pairs::changed_meanwhile());
                }
                Ok((Some(record), known.with_options(wanted)))
            }
        }
    }

    /// Makes the pair what it is in this run, before the run changes anything.
    pub(crate) fn adopt(
        &self,
        record: Option<&PairRecord>,
        definition: &PairDefinition,
    ) -> Result<(), Fault> {
        let unwritable = |error: serde_json::Error| {
            Fault::new(FaultKind::Failed, format!("The pair can not be kept: {error}."), "")
        };
        let Some(record) = record else {
            let real = |text: &str| Trees::address(text).map(|address| pairs::real_place(&address));
            let (left, right) = (real(&definition.pair.left.address)?, real(&definition.pair.right.address)?);
            if let Some(other) =
                self.catalog.pairs()?.iter().find(|other| pairs::is_of(other, &left, &right).is_some())
            {
                return Err(Fault::new(
                    FaultKind::AlreadyExists,
                    format!("The pair \"{}\" of these two places was made meanwhile.", other.name),
                    "Nothing was changed. Run that one.",
                ));
            }
            return Ok(self
                .catalog
                .save_pair(&definition.record(self.clock.now_ms()).map_err(unwritable)?)?);
        };
        if PairDefinition::of(record)? == *definition {
            return Ok(());
        }
        let text = definition.text_over(record).map_err(unwritable)?;
        if self.catalog.replace_pair_definition(record, &text)? {
            Ok(())
        } else {
            Err(pairs::changed_meanwhile())
        }
    }

    /// Removes a pair with all that was kept of it. Its two places stay as they are, with what is in their bins.
    ///
    /// # Errors
    /// There is no such pair, or the catalog refused.
    pub fn remove(&self, id: PairId) -> Result<(), CatalogError> {
        self.catalog.remove_pair(id)?;
        PairDatabase::remove(&self.state_folder, id);
        base_lost::forget(&self.catalog, id)?;
        standing::forget(&self.catalog, id)
    }

    /// Removes what a look at a pair that was not made left in the state folder.
    pub(crate) fn forget_unmade(&self, id: PairId) {
        match self.catalog.pair(id) {
            Ok(None) => PairDatabase::remove(&self.state_folder, id),
            Ok(Some(_)) => {}
            Err(error) => tracing::warn!(%error, "what is left of a preview stays for now"),
        }
    }

    /// The database of a pair, to be read while a run may hold the pair. Where it has none any more although it ran, or one
    /// that knows less than the catalog, there is a new one, which says so until a run has told it.
    ///
    /// # Errors
    /// The catalog can not be read; the database can not be used.
    pub fn database(&self, id: PairId) -> Result<PairDatabase, Fault> {
        let now_ms = self.clock.now_ms();
        let was_there = PairDatabase::path_of(&self.state_folder, id).exists();
        let (database, _) = PairDatabase::open(&self.state_folder, id, now_ms)?;
        base_lost::look(&self.catalog, id, &database, was_there, now_ms)?;
        Ok(database)
    }

    /// Says whose the runs are that filled the bins of a pair's places: other pairs may have places in common with it.
    pub(crate) fn whose_runs(&self, id: PairId) -> Result<impl Fn(JobId) -> Whose, Fault> {
        let mut of_others = HashSet::new();
        for other in self.catalog.pairs()? {
            let is_there = PairDatabase::path_of(&self.state_folder, other.id).exists();
            if other.id == id || !is_there {
                continue;
            }
            let runs = self.database(other.id).and_then(|database| Ok(database.bin_runs()?));
            match runs {
                Ok(runs) => of_others.extend(runs),
                // What is found of it then stays until a person removes it.
                Err(fault) => {
                    tracing::warn!(%fault, pair = %other.id, "the bin of another pair is not known")
                }
            }
        }
        let catalog = Arc::clone(&self.catalog);
        Ok(move |run: JobId| match catalog.job(run) {
            _ if of_others.contains(&run) => Whose::Another,
            Ok(Some(job)) if job.pair_id == Some(id) => Whose::This,
            _ => Whose::Unknown,
        })
    }

    /// Whether the second place of a known pair is still to be made: it was not there when the pair was made, and nothing was
    /// ever agreed on. One that was there is a drive that is not connected.
    pub(crate) fn is_to_begin(&self, definition: &PairDefinition) -> Result<bool, Fault> {
        let pair = &definition.pair;
        let is_noted = [&pair.left, &pair.right].iter().any(|place| place.volume.is_some());
        let has_run = standing(&self.catalog, pair.id)?.is_some_and(|standing| standing.has_run);
        if !definition.makes_right || is_noted || has_run {
            return Ok(false);
        }
        if !PairDatabase::path_of(&self.state_folder, pair.id).exists() {
            return Ok(true);
        }
        let database = self.database(pair.id)?;
        Ok(database.identity(Side::Left)?.is_none() && database.identity(Side::Right)?.is_none())
    }

    /// Opens a pair; no other process can meanwhile.
    ///
    /// # Errors
    /// There is no such pair, a place can not be opened, or it is busy.
    pub fn open(&self, id: PairId) -> Result<Syncer, Fault> {
        self.open_as(self.definition(id)?.1.pair)
    }

    /// As [`open`](Self::open), of a pair as it is to work now.
    fn open_as(&self, pair: PairSpec) -> Result<Syncer, Fault> {
        let id = pair.id;
        let is_there = PairDatabase::path_of(&self.state_folder, id).exists();
        let is_new = !is_there && !standing(&self.catalog, id)?.is_some_and(|standing| standing.has_run);
        if !is_new {
            // One that is in place of what is gone has to say so.
            drop(self.database(id)?);
        }
        let tree = |place: &PlaceSpec| {
            if is_new { self.trees.begin_place(place) } else { self.trees.open_place(place) }
        };
        let (left, right) = (tree(&pair.left)?, tree(&pair.right)?);
        let clock = {
            let clock = Arc::clone(&self.clock);
            Arc::new(move || timestamp(clock.now_ms()))
        };
        let now =
            jiff::Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let options = SyncerOptions {
            state_folder: self.state_folder.clone(),
            pair,
            left,
            right,
            clock,
            utc_offset_seconds: self.zone.to_offset(now).seconds(),
        };
        Ok(Syncer::open_again(options, self.recall(id))?)
    }

    /// Closes a live pair until its next run, with what it agreed on kept in memory.
    pub(crate) fn close(&self, syncer: Syncer) {
        let Some(closed) = syncer.close() else { return };
        let mut all = self.remembered.lock();
        all.retain(|other| other.pair() != closed.pair());
        all.push(closed);
        while all.iter().map(Remembered::items).sum::<usize>() > REMEMBERED_LIMIT {
            all.remove(0);
        }
    }

    /// Forgets what the other pairs agreed on.
    pub(crate) fn remember_only(&self, is_live: impl Fn(PairId) -> bool) {
        self.remembered.lock().retain(|remembered| is_live(remembered.pair()));
    }

    /// What is remembered of a pair, and is not any more from now on.
    fn recall(&self, id: PairId) -> Option<Remembered> {
        let mut all = self.remembered.lock();
        let at = all.iter().position(|remembered| remembered.pair() == id)?;
        Some(all.remove(at))
    }

    /// As [`open`](Self::open), but waits a while for a process that holds the pair.
    pub(crate) fn open_patiently(&self, pair: &PairSpec, control: &Control) -> Result<Syncer, Fault> {
        for _ in 0..BUSY_TRIES {
            match self.open_as(pair.clone()) {
                Err(fault) if fault.kind == FaultKind::Busy && control.checkpoint().is_ok() => {
                    std::thread::sleep(BUSY_RETRY);
                }
                result => return result,
            }
        }
        self.open_as(pair.clone())
    }

    /// Does something with a pair: with the one that is held for a person, else opened for it.
    ///
    /// # Errors
    /// As [`open`](Self::open), or what the work says.
    pub fn with_pair<T>(
        &self,
        id: PairId,
        work: impl FnOnce(&mut Syncer) -> Result<T, SyncError>,
    ) -> Result<T, Fault> {
        let mut all = self.held.lock();
        if let Some(held) = all.iter_mut().find(|held| held.syncer.pair().id == id) {
            return Ok(work(&mut held.syncer)?);
        }
        drop(all);
        Ok(work(&mut self.open(id)?)?)
    }

    /// Puts a run of a pair in the queue. What starts by itself does not where a job of the pair is under way or waits
    /// for a person, or where a person holds the pair: then there is none.
    ///
    /// # Errors
    /// There is no such pair, or too much is waiting.
    pub fn start(
        &self,
        engine: &Engine,
        id: PairId,
        preview: bool,
        origin: Origin,
        hints: Option<Hints>,
    ) -> Result<Option<JobId>, Fault> {
        self.start_with(engine, id, preview, origin, Attachment { hints, ..Attachment::default() })
    }

    /// As [`start`](Self::start), of a live pair, with the news that come while it is planned.
    pub(crate) fn start_live(
        &self,
        engine: &Engine,
        id: PairId,
        hints: Option<Hints>,
        news: Arc<News>,
    ) -> Result<Option<JobId>, Fault> {
        let attachment = Attachment { hints, news: Some(news), ..Attachment::default() };
        self.start_with(engine, id, false, Origin::Live, attachment)
    }

    fn start_with(
        &self,
        engine: &Engine,
        id: PairId,
        preview: bool,
        origin: Origin,
        attachment: Attachment,
    ) -> Result<Option<JobId>, Fault> {
        if origin != Origin::Person && self.is_taken(id)? {
            return Ok(None);
        }
        let (record, _) = self.definition(id)?;
        if origin != Origin::Person && self.is_paused(&record)? {
            self.owe(id, origin)?;
            return Ok(None);
        }
        let job = SyncJob::of(&record, preview, origin);
        let title = format!("Sync {}", record.name);
        Ok(Some(engine.enqueue(new_job(title, record, job, attachment))?))
    }

    /// Puts a run that a person asks for in the queue, of a pair as they want it for this run; where they name a plan by
    /// its digest, for that plan alone; where something is to be brought back, only for that.
    ///
    /// # Errors
    /// Too much is waiting.
    pub fn start_as(
        &self,
        engine: &Engine,
        record: PairRecord,
        wish: Option<PairWish>,
        preview: bool,
        only_plan: Option<String>,
        only_brings_back: bool,
    ) -> Result<JobId, Fault> {
        let job = SyncJob {
            wish: wish.map(Box::new),
            only_plan,
            only_brings_back,
            ..SyncJob::of(&record, preview, Origin::Person)
        };
        let title = format!("Sync {}", record.name);
        Ok(engine.enqueue(new_job(title, record, job, Attachment::default()))?)
    }

    /// Puts the run in the queue that carries out what a person did: it carries over all else there is to do, too.
    ///
    /// # Errors
    /// There is no such pair, or too much is waiting.
    pub fn start_after(&self, engine: &Engine, id: PairId, after: After) -> Result<JobId, Fault> {
        let (record, _) = self.definition(id)?;
        let title = match after {
            After::Decision => format!("Sync {} after a decision", record.name),
            After::Merging => format!("Sync {} after merging", record.name),
        };
        let job = SyncJob { after: Some(after), ..SyncJob::of(&record, false, Origin::Person) };
        Ok(engine.enqueue(new_job(title, record, job, Attachment::default()))?)
    }

    /// Puts the undoing of runs in the queue, in the order in which they are given, and holds the pair: the next run has to
    /// be looked at first.
    ///
    /// # Errors
    /// There is no such pair, or too much is waiting.
    pub fn start_undo(&self, engine: &Engine, id: PairId, runs: &[JobId]) -> Result<JobId, Fault> {
        self.catalog.set_pair_paused(id, true)?;
        let (record, _) = self.definition(id)?;
        let database = self.database(id)?;
        let began_ms = |run: &JobId| -> Result<Option<i64>, SyncError> {
            Ok(database.run(*run)?.map(|run| run.started.to_milliseconds()))
        };
        let undo_began_ms =
            runs.iter().map(began_ms).collect::<Result<Option<Vec<_>>, _>>()?.unwrap_or_default();
        let title = match (runs, undo_began_ms.as_slice()) {
            ([_], [began]) => {
                format!("Undo the run of {} of {}", minute_words(*began, &self.zone), record.name)
            }
            ([_], _) => format!("Undo a run of {}", record.name),
            (runs, _) => format!("Undo {} runs of {}", runs.len(), record.name),
        };
        let job = SyncJob {
            undo: runs.first().copied(),
            undo_before: runs.iter().skip(1).copied().collect(),
            undo_began_ms,
            ..SyncJob::of(&record, false, Origin::Person)
        };
        Ok(engine.enqueue(new_job(title, record, job, Attachment::default()))?)
    }

    /// Puts removing items from the bins of a pair for good in the queue.
    ///
    /// # Errors
    /// There is no such pair, or too much is waiting.
    pub fn start_removal(&self, engine: &Engine, id: PairId, removal: BinRemoval) -> Result<JobId, Fault> {
        let (record, _) = self.definition(id)?;
        let job = SyncJob { remove: Some(removal), ..SyncJob::of(&record, false, Origin::Person) };
        let title = format!("Remove from the bin of {}", record.name);
        Ok(engine.enqueue(new_job(title, record, job, Attachment::default()))?)
    }

    /// Puts bringing items back from the bins of a pair in the queue, and holds the pair where its next run would put one of
    /// them into the bin again.
    ///
    /// # Errors
    /// There is no such pair, or too much is waiting.
    pub fn start_bring_back(&self, engine: &Engine, id: PairId, items: Vec<BinWish>) -> Result<JobId, Fault> {
        let (record, definition) = self.definition(id)?;
        let database = self.database(id)?;
        for item in &items {
            if database.bin_item(item.id)?.is_some_and(|item| goes_again(definition.pair.mode, item.side)) {
                self.catalog.set_pair_paused(id, true)?;
                break;
            }
        }
        let job = SyncJob { bring_back: items, ..SyncJob::of(&record, false, Origin::Person) };
        let title = format!("Bring back from the bin of {}", record.name);
        Ok(engine.enqueue(new_job(title, record, job, Attachment::default()))?)
    }

    /// Makes the other pairs of a pair's hub due, after a run that changed the hub.
    pub fn tell_hub(&self, teller: PairId, definition: &PairDefinition) {
        let Some(group) = &definition.group else { return };
        if let Err(error) = hub::tell_others(&self.catalog, group, teller) {
            tracing::warn!(%error, group = %group.name, "the other pairs of the hub could not be told");
        }
    }

    /// Takes off what a pair was told of its hub what a run that is done saw.
    pub(crate) fn carried(&self, id: PairId, definition: &PairDefinition, seen: Seen) {
        let (Some(_), Seen(Some(changes))) = (&definition.group, seen) else { return };
        if let Err(error) = self.catalog.note_hub_carried(id, changes) {
            tracing::warn!(%error, "that a pair is in step with its hub could not be noted; it runs once more");
        }
    }

    /// Moves on, where it writes, what an older database of a pair is known by, and notes it: what is no run does so before it
    /// begins, and in its end.
    pub(crate) fn move_on(&self, syncer: &Syncer, writes: bool) {
        if let Err(fault) = base_lost::move_on(&self.catalog, syncer.pair().id, syncer.database(), writes) {
            tracing::warn!(%fault, "the state of a pair could not be noted");
        }
    }

    /// Whether a person holds a pair, by itself or with all others.
    pub(crate) fn is_paused(&self, record: &PairRecord) -> Result<bool, CatalogError> {
        Ok(record.paused || are_pairs_paused(&self.catalog)?)
    }

    /// Notes that a run by the clock was due of a pair that is held: it comes when the pair goes on.
    pub(crate) fn owe(&self, id: PairId, origin: Origin) -> Result<(), CatalogError> {
        if origin == Origin::Schedule {
            self.catalog.set_pair_retry(id, Some(self.clock.now_ms()))?;
        }
        Ok(())
    }

    /// Whether a pair looks for other changes now than a run did that worked as this says.
    pub(crate) fn works_otherwise(&self, used: &PairSpec) -> bool {
        self.definition(used.id).is_ok_and(|(_, now)| !pairs::looks_alike(used, &now.pair))
    }

    /// Whether a job of the pair is under way or waits for a person: nothing else is started by itself then.
    ///
    /// # Errors
    /// The catalog refused.
    pub fn is_taken(&self, id: PairId) -> Result<bool, CatalogError> {
        let states = JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
        let filter = JobFilter { states, pair_id: Some(id), ..JobFilter::default() };
        Ok(self.catalog.jobs(&filter, 0, 1)?.1 > 0)
    }

    /// Notes on which volumes the places of a pair are: after a run, when they are known to be the right ones.
    pub(crate) fn remember_volumes(&self, syncer: &Syncer) -> Result<(), Fault> {
        let (record, mut definition) = self.definition(syncer.pair().id)?;
        let before = definition.clone();
        for (side, place) in
            [(Side::Left, &mut definition.pair.left), (Side::Right, &mut definition.pair.right)]
        {
            let tree = syncer.tree(side);
            let volume = tree.local_root().and_then(|_| tree.identity().ok()).map(|found| found.volume);
            place.volume = volume.filter(|volume| !volume.is_empty());
        }
        if definition != before {
            let text = definition.text_over(&record).unwrap_or_else(|_| record.definition.clone());
            // One that somebody changed meanwhile is noted after its next run.
            self.catalog.replace_pair_definition(&record, &text)?;
        }
        Ok(())
    }
}

fn new_job(title: String, record: PairRecord, job: SyncJob, attachment: Attachment) -> NewJob {
    NewJob {
        title,
        place_label: record.name,
        destination: job.destination(),
        request: JobRequest::Sync(job),
        attachment,
    }
}

fn timestamp(now_ms: i64) -> Timestamp {
    let nanoseconds = u32::try_from(now_ms.rem_euclid(1000)).unwrap_or(0) * 1_000_000;
    Timestamp::new(now_ms.div_euclid(1000), nanoseconds)
}
