//! A pair at work: look at both sides, plan, let a person see and change it, apply that very plan.
//!
//! Invariants: one [`Syncer`] a pair at a time over all processes (a lock file); a plan with brakes is never applied;
//! choosing, releasing and bringing back plan again over the same trees, without looking again. Deliberately not here:
//! queueing, schedules, receipts (`jobs`), how places are opened (`endpoint`).

mod choose;
mod hash;
mod look;
mod mounts;
mod prepare;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use keepwell_endpoint::tree::Tree;
use keepwell_model::{Control, JobId, PairId};

pub use self::choose::MeantRows;
use crate::database::PairDatabase;
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::pair::PairSpec;
use crate::place::follow::Followed;
use crate::policy::{BrakeKind, BringBack, Choice, Links, Owed, Policy};
use crate::run_types::{
    Clock, Done, Hints, Limits, Prepared, RunState, Said, Say, SyncReport, SyncerOptions,
};
use crate::trees::BaseTree;

/// A pair, opened and held: no other process syncs it meanwhile.
pub struct Syncer {
    pair: PairSpec,
    left: Arc<dyn Tree>,
    right: Arc<dyn Tree>,
    clock: Clock,
    utc_offset_seconds: i32,
    database: Arc<PairDatabase>,
    /// Nothing while a run has it, and after one that ended early: it is read again then.
    base: Option<BaseTree>,
    /// Which state of the database that is.
    base_generation: u64,
    /// What [`Syncer::base`] answers without one.
    nothing: BaseTree,
    notices: Vec<String>,
    /// The run before this one was killed: it may have left unfinished files.
    died: bool,
    /// It ended because a place could not be reached: a drive that was pulled out still has what was unfinished there.
    was_broken_off: bool,
    /// See [`Syncer::only_looks`].
    only_looks: bool,
    /// Held for as long as this lives.
    _lock: File,
}

/// What a pair agreed on, kept in memory until it is opened again: with many items, reading it is most of a small run.
pub struct Remembered {
    pair: PairId,
    base: BaseTree,
    generation: u64,
}

impl Remembered {
    /// Of which pair.
    #[must_use]
    pub fn pair(&self) -> PairId {
        self.pair
    }

    /// How many items that are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.base.len()
    }
}

impl Syncer {
    /// Opens a pair: takes its lock, reads what was agreed on. A damaged database is moved aside and told in
    /// [`Syncer::notices`]; both sides are then compared by content.
    ///
    /// # Errors
    /// [`SyncError::Busy`] where another run holds the pair; the database can not be used.
    pub fn open(options: SyncerOptions) -> Result<Self, SyncError> {
        Self::open_again(options, None)
    }

    /// As [`Syncer::open`], without reading what is remembered, where the database has not changed since.
    ///
    /// # Errors
    /// As [`Syncer::open`].
    pub fn open_again(options: SyncerOptions, remembered: Option<Remembered>) -> Result<Self, SyncError> {
        let lock = lock(&options.state_folder, options.pair.id)?;
        let now_ms = (options.clock)().to_milliseconds();
        let (database, _) = PairDatabase::open(&options.state_folder, options.pair.id, now_ms)?;
        Self::of(options, lock, Arc::new(database), remembered)
    }

    /// As [`Syncer::open`], with a database of the pair that is open already.
    ///
    /// # Errors
    /// As [`Syncer::open`].
    pub fn open_with(options: SyncerOptions, database: Arc<PairDatabase>) -> Result<Self, SyncError> {
        let lock = lock(&options.state_folder, options.pair.id)?;
        Self::of(options, lock, database, None)
    }

    fn of(
        options: SyncerOptions,
        lock: File,
        database: Arc<PairDatabase>,
        remembered: Option<Remembered>,
    ) -> Result<Self, SyncError> {
        let SyncerOptions { state_folder: _, pair, left, right, clock, utc_offset_seconds } = options;
        let [left, right] = [left, right].map(|tree| -> Arc<dyn Tree> {
            match pair.links {
                Links::Follow if tree.capabilities().symlinks => Arc::new(Followed::new(tree)),
                _ => tree,
            }
        });
        let now_ms = clock().to_milliseconds();
        // One that is damaged says nothing.
        let is_as_it_was = |remembered: &Remembered| {
            remembered.pair == pair.id
                && database.generation().is_ok_and(|found| found == remembered.generation)
        };
        let remembered = remembered.filter(is_as_it_was);
        let known = match remembered {
            Some(remembered) => Some(remembered.base),
            None => database.load_base()?,
        };
        // The first that is read beside it.
        let died = match database.close_dead_runs(now_ms) {
            Err(error) if error.is_damage() => None,
            died => Some(died?),
        };
        let (base, died) = match known.zip(died) {
            Some(sound) => sound,
            None => {
                database.start_anew(now_ms)?;
                (BaseTree::default(), database.close_dead_runs(now_ms)?)
            }
        };
        let notices = database.lost()?.into_iter().collect();
        let base_generation = database.generation()?;
        let was_broken_off = database.runs(0, 1)?.iter().any(|run| run.state == RunState::Failed);
        Ok(Self {
            died,
            was_broken_off,
            only_looks: false,
            pair,
            left,
            right,
            clock,
            utc_offset_seconds,
            database,
            base: Some(base),
            base_generation,
            nothing: BaseTree::default(),
            notices,
            _lock: lock,
        })
    }

    /// Closes the pair, so that others can have it, and keeps what was agreed on in memory; nothing after a run that ended
    /// early.
    #[must_use]
    pub fn close(self) -> Option<Remembered> {
        Some(Remembered { pair: self.pair.id, base: self.base?, generation: self.base_generation })
    }

    /// The pair.
    #[must_use]
    pub fn pair(&self) -> &PairSpec {
        &self.pair
    }

    /// Sentences to show, for instance that a damaged database was moved aside.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// From now on nothing but a look: the pair works otherwise than it is kept, so what waits for a decision stays as it
    /// was, and no decision goes into the plan.
    pub fn only_looks(&mut self) {
        self.only_looks = true;
    }

    /// The pair's database: conflicts, runs, bins, the rows of the preview.
    #[must_use]
    pub fn database(&self) -> &PairDatabase {
        &self.database
    }

    /// What both sides agreed on.
    #[must_use]
    pub fn base(&self) -> &BaseTree {
        self.base.as_ref().unwrap_or(&self.nothing)
    }

    /// Reads the base again where a run that ended early left none, or something else changed it.
    fn ensure_base(&mut self) -> Result<(), SyncError> {
        let generation = self.database.generation()?;
        if self.base.is_none() || self.base_generation != generation {
            let now_ms = self.now().to_milliseconds();
            self.base = Some(match self.database.load_base()? {
                Some(base) => base,
                None => {
                    self.notices.push(self.database.start_anew(now_ms)?);
                    BaseTree::default()
                }
            });
            self.base_generation = self.database.generation()?;
        }
        Ok(())
    }

    /// Reads the base again after something else than a run changed it.
    pub(crate) fn reload_base(&mut self) -> Result<(), SyncError> {
        self.base = None;
        self.ensure_base()
    }

    /// Takes the base out for a run; it is read anew unless it is given back.
    fn take_base(&mut self) -> BaseTree {
        self.base.take().unwrap_or_default()
    }

    /// Gives it back as the run left it.
    ///
    /// # Errors
    /// The database can not be read.
    fn give_base(&mut self, base: BaseTree) -> Result<(), SyncError> {
        self.base_generation = self.database.generation()?;
        self.base = Some(base);
        Ok(())
    }

    /// Whether unfinished files of a run that came to no end may lie about on a side; asked once.
    fn take_unfinished(&mut self) -> [bool; 2] {
        let (died, was_broken_off) =
            (std::mem::take(&mut self.died), std::mem::take(&mut self.was_broken_off));
        // A server would have to be asked for each folder: there only what died is worth it.
        Side::BOTH.map(|side| died || was_broken_off && self.tree(side).local_root().is_some())
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> keepwell_model::Timestamp {
        (self.clock)()
    }

    /// One of the two places.
    #[must_use]
    pub fn tree(&self, side: Side) -> &Arc<dyn Tree> {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// Looks at both sides (only where the hints point, where there are some), reads what has to be compared by content,
    /// and plans. Conflicts are written down; choices made for them before are in the plan. With `preview` the rows
    /// are put into the database, where [`PairDatabase::plan_page`] reads them.
    ///
    /// # Errors
    /// A place can not be looked at; the person stopped it.
    pub fn prepare(
        &mut self,
        hints: Option<&Hints>,
        preview: bool,
        control: &Control,
    ) -> Result<Prepared, SyncError> {
        let prepared = prepare::prepare(self, hints, preview, control);
        self.sound(prepared)
    }

    /// Where the database turns out to be damaged, elsewhere than in what was agreed on, which is read first: this run ends
    /// so, and the next one finds a new database, and tells it.
    fn sound<T>(&mut self, result: Result<T, SyncError>) -> Result<T, SyncError> {
        if result.as_ref().is_err_and(SyncError::is_damage) {
            self.database.start_anew(self.now().to_milliseconds())?;
            self.base = None;
        }
        result
    }

    /// Plans again with what a person said to single rows, by the node the row (or conflict) is about.
    ///
    /// # Errors
    /// The database refused.
    pub fn choose(
        &self,
        prepared: &Prepared,
        choices: BTreeMap<NodeId, Choice>,
    ) -> Result<Prepared, SyncError> {
        let mut policy = prepared.policy.clone();
        policy.choices = choices;
        prepare::again(self, prepared, policy)
    }

    /// Plans again with a person's word on many rows of the plan whose rows are in the database: those that are meant, and
    /// what lies below the folders among them.
    ///
    /// # Errors
    /// The database refused.
    pub fn choose_rows(
        &self,
        prepared: &Prepared,
        rows: &MeantRows,
        say: Say,
    ) -> Result<(Prepared, Said), SyncError> {
        choose::choose_rows(self, prepared, rows, say)
    }

    /// Plans again without brakes that a person has seen and wants to go on despite.
    ///
    /// # Errors
    /// The database refused.
    pub fn release(&self, prepared: &Prepared, brakes: &[BrakeKind]) -> Result<Prepared, SyncError> {
        let mut policy = prepared.policy.clone();
        policy.released.extend(brakes.iter().filter(|brake| !prepared.policy.released.contains(brake)));
        prepare::again(self, prepared, policy)
    }

    /// Plans again so that what the other side has not any more comes back from this one, or where more than that pulled a
    /// brake, that it becomes like this one wherever they differ: the other answer to a brake.
    ///
    /// # Errors
    /// The database refused.
    pub fn bring_back_from(&self, prepared: &Prepared, side: Side) -> Result<Prepared, SyncError> {
        let mut policy = prepared.policy.clone();
        let brakes = prepared.plan().brakes.iter().filter(|brake| brake.side != side);
        let kinds: Vec<BrakeKind> = brakes.map(|brake| brake.kind).collect();
        policy.bring_back = Some(BringBack::from(side, &kinds, policy.mode));
        prepare::again(self, prepared, policy)
    }

    /// Writes down what the answer in this plan promises, and plans again without it: so it holds for this run and later
    /// ones, also where something else holds this one up.
    ///
    /// # Errors
    /// The database refused.
    pub fn owe(&self, prepared: &Prepared) -> Result<Prepared, SyncError> {
        self.database.owe(&prepared.plan.owed, &prepared.plan.owed_new)?;
        let owed = prepared.policy.owed.iter().chain(&prepared.plan.owed);
        let owed = Arc::new(Owed::of(owed.copied().collect(), prepared.plan.owed_new.clone()));
        prepare::again(self, prepared, Policy { owed, bring_back: None, ..prepared.policy.clone() })
    }

    /// Does what was prepared. Every deed that is proven is handed to `done`, in the order the base learns of them.
    ///
    /// # Errors
    /// [`SyncError::Braked`] with brakes in the plan; [`SyncError::Outdated`] where another run came between; a place or
    /// the database can not be used any more. What was done until then is known and stays.
    pub fn apply(
        &mut self,
        prepared: &Prepared,
        run: JobId,
        control: &Control,
        limits: &Limits,
        done: &mut (dyn FnMut(Done) + Send),
    ) -> Result<SyncReport, SyncError> {
        if !prepared.plan.brakes.is_empty() {
            return Err(SyncError::Braked);
        }
        if prepared.generation != self.database.generation()? {
            return Err(SyncError::Outdated);
        }
        let report = prepare::apply(self, prepared, run, control, limits, done);
        self.sound(report)
    }

    /// The day now where the person is, as `2026-11-22`.
    fn today(&self) -> String {
        let seconds = (self.clock)().seconds.saturating_add(i64::from(self.utc_offset_seconds));
        day(seconds.div_euclid(86_400))
    }
}

/// The date of a day since 1970-01-01, by the proleptic Gregorian calendar.
fn day(since_1970: i64) -> String {
    let days = since_1970.clamp(-700_000, 2_900_000) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that the leap day is the last.
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Takes the pair's lock for as long as the file is open.
fn lock(state_folder: &Path, pair: PairId) -> Result<File, SyncError> {
    let folder = state_folder.join("sync");
    let io = |action, path: &Path| {
        let path = path.to_owned();
        move |source| SyncError::Io { action, path, source }
    };
    std::fs::create_dir_all(&folder).map_err(io("make", &folder))?;
    let path = folder.join(format!("{pair}.lock"));
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(SyncError::Busy),
        Err(std::fs::TryLockError::Error(source)) => Err(SyncError::Io { action: "lock", path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (since, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_779, "2026-11-22"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(day(since), date);
        }
    }
}
