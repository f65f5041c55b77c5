//! One seed: the places, the runs and what goes wrong in them, and what has to hold in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use keepwell_endpoint::tree::{Capabilities, OWN_FOLDER, STEP_PREFIX, Tree};
use keepwell_model::{Control, EntryKind, JobId, RelativePath, Timestamp};
use keepwell_sync::bins::bring_back::BroughtBack;
use keepwell_sync::database::rows::BinItem;
use keepwell_sync::execute::bin::BIN_FOLDER;
use keepwell_sync::policy::{BrakeKind, BrakeLimits};
use keepwell_sync::{
    ConflictPolicy, Hints, Limits, Mode, PairSpec, Side, SyncError, SyncReport, Syncer, SyncerOptions,
};
use keepwell_testkit::SeededRandom;
use keepwell_testkit::memory_tree::{Killed, MemoryItem, MemoryState, MemoryTree, StepFault, Steps};
use parking_lot::Mutex;

use crate::hints::Watchers;
use crate::odd::Oddities;
use crate::people::People;
use crate::room::{Files, Kept, PAIR, Room};

/// Runs in peace until nothing is to do; more would be a circle.
const PEACEFUL_RUNS: usize = 8;

pub struct World<'a> {
    pub trees: [MemoryTree; 2],
    pub steps: Arc<Steps>,
    pub people: Arc<Mutex<People>>,
    pub pair: PairSpec,
    odd: Oddities,
    room: &'a Room,
    kept: Kept,
    runs: u16,
    /// The number the next run goes on under.
    goes_on_as: Option<u16>,
    /// Who watches the places, where runs look only where something changed.
    watchers: Option<Watchers>,
    log: Vec<String>,
}

/// Which places a story is told of.
#[derive(Clone, Copy)]
pub enum Places {
    Disks,
    /// The right one has no ids that survive moves.
    RightWithoutIds,
    /// Neither has.
    WithoutIds,
    /// The right one takes names that differ in case for one.
    RightIgnoresCase,
    /// The left one does.
    LeftIgnoresCase,
    /// The right one is a bucket.
    RightIsBucket,
    /// The left one is.
    LeftIsBucket,
}

/// What is on a side, without our own folder.
pub type Picture = BTreeMap<String, (EntryKind, Vec<u8>)>;

/// Runs a seed; what came of it, or what does not hold.
pub fn simulate(seed: u64, room: &Room, kept: Kept) -> Result<Vec<Picture>, String> {
    let odd = Oddities::draw(&mut draw(seed, 2));
    simulate_with(seed, odd, None, room, kept)
}

/// The same with a server as one of the places.
pub fn simulate_with_server(seed: u64, room: &Room, kept: Kept) -> Result<Vec<Picture>, String> {
    let odd = Oddities::draw(&mut draw(seed, 2)).with_server(&mut draw(seed, 3));
    simulate_with(seed, odd, None, room, kept)
}

/// The same with runs that look only where something changed; sometimes with a server too.
pub fn simulate_with_hints(seed: u64, room: &Room, kept: Kept) -> Result<Vec<Picture>, String> {
    let mut odd = Oddities::draw(&mut draw(seed, 2));
    let mut random = draw(seed, 4);
    if random.once_in(4) {
        odd = odd.with_server(&mut draw(seed, 3));
    }
    simulate_with(seed, odd, Some(random), room, kept)
}

fn simulate_with(
    seed: u64,
    odd: Oddities,
    hints: Option<SeededRandom>,
    room: &Room,
    kept: Kept,
) -> Result<Vec<Picture>, String> {
    let mut random = draw(seed, 0);
    let mut world = World::new(odd, seed, &mut random, room, kept);
    world.watchers = hints.map(|random| Watchers::new(random, world.odd.are_far, &world.trees));
    world.people.lock().work(&world.trees[0], random.below(14));
    world.people.lock().work(&world.trees[1], random.below(3));
    let rounds = 1 + random.below(4);
    for round in 0..rounds {
        let chaos = random.below(9);
        let steps = world.steps_of_a_run(chaos);
        let breaks = world.prepare_chaos(chaos, steps, &mut random, seed ^ round);
        if breaks && world.odd.loses_power && random.once_in(2) {
            world.run_and_lose_power(steps, &mut random).map_err(|why| world.told(&why))?;
        } else {
            world.run(true).map_err(|why| world.told(&why))?;
        }
        world.steps.restart();
        world.trees.iter().for_each(MemoryTree::recover);
        world.trees.iter().for_each(|tree| tree.with(|state| state.free_bytes = None));
        world.nothing_is_lost(false).map_err(|why| world.told(&why))?;
        for tree in &world.trees {
            let deeds = random.below(7);
            world.people.lock().work(tree, deeds);
        }
    }
    world.end().map_err(|why| world.told(&why))?;
    if world.watchers.is_some() {
        for tree in &world.trees {
            world.people.lock().work(tree, random.below(7));
        }
        world.hints_tell_all().map_err(|why| world.told(&why))?;
    }
    Ok(vec![world.picture(0), world.picture(1)])
}

fn job_id(number: u16) -> JobId {
    let [low, high] = number.to_le_bytes();
    JobId([low, high, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
}

/// Numbers of a seed that do not depend on what other parts of the run draw.
fn draw(seed: u64, what: u64) -> SeededRandom {
    // The source counts its state up by one constant: seeds that are not mixed first would be parts of one sequence.
    let mixed = SeededRandom::new(seed).number().rotate_left(17) ^ SeededRandom::new(!what).number();
    SeededRandom::new(mixed)
}

fn does_something(report: &SyncReport) -> bool {
    [report.left, report.right].iter().any(|totals| *totals != Default::default()) || report.agreed > 0
}

/// Where a run looks, for a person.
fn told_hints(hints: &Hints) -> String {
    let on = |side| {
        let folders = hints.on(side).into_iter().flatten();
        folders.map(|folder| format!("{folder}/")).collect::<Vec<_>>().join(" ")
    };
    format!("left {}, right {}", on(Side::Left), on(Side::Right))
}

fn holds_links(picture: &Picture) -> bool {
    picture.values().any(|(kind, _)| *kind == EntryKind::Symlink)
}

impl<'a> World<'a> {
    /// Two places in step both ways, and people who do nothing by themselves.
    pub fn of(places: Places, room: &'a Room) -> Self {
        let world = |seed| {
            let odd = Oddities::draw(&mut draw(seed, 2));
            World::new(odd, seed, &mut draw(seed, 0), room, Kept::InMemory)
        };
        let seeds = (0..).map(world);
        let mut worlds = seeds.filter(|world| {
            world.pair.mode == Mode::TwoWay
                && world.pair.conflicts == ConflictPolicy::KeepBoth
                && world.is_of(places)
        });
        let mut world = worlds.next().unwrap();
        let bucket = |name| MemoryTree::new(name, MemoryTree::bucket(), Arc::clone(&world.steps));
        match places {
            Places::RightIsBucket => world.trees[1] = bucket("right"),
            Places::LeftIsBucket => world.trees[0] = bucket("left"),
            _ => {}
        }
        world
    }

    fn is_of(&self, places: Places) -> bool {
        let disk = MemoryTree::disk();
        let ignoring_case = Capabilities { case_sensitive: false, ..disk };
        match places {
            Places::Disks | Places::RightIsBucket | Places::LeftIsBucket => {
                self.odd.is_plain() && self.has_lasting_ids() == [true, true]
            }
            Places::RightWithoutIds => self.odd.is_plain() && self.has_lasting_ids() == [true, false],
            Places::WithoutIds => self.odd.is_plain() && self.has_lasting_ids() == [false, false],
            Places::RightIgnoresCase => self.is_odd_only_by([disk, ignoring_case]),
            Places::LeftIgnoresCase => self.is_odd_only_by([ignoring_case, disk]),
        }
    }

    /// Whether places that can do this are all that is odd.
    fn is_odd_only_by(&self, places: [Capabilities; 2]) -> bool {
        self.odd.places == places
            && !(self.odd.loses_power || self.odd.goes_on)
            && self.has_lasting_ids() == [true, true]
    }

    fn has_lasting_ids(&self) -> [bool; 2] {
        [0, 1].map(|side: usize| self.trees[side].capabilities().stable_ids)
    }

    fn new(odd: Oddities, seed: u64, random: &mut SeededRandom, room: &'a Room, kept: Kept) -> Self {
        let steps = Arc::new(Steps::default());
        let mut place = |name, capabilities: Capabilities| {
            let has_lasting_ids = !random.once_in(5) && capabilities.stable_ids;
            let capabilities = Capabilities { stable_ids: has_lasting_ids, ..capabilities };
            MemoryTree::new(name, capabilities, Arc::clone(&steps))
        };
        let trees = [place("left", odd.places[0]), place("right", odd.places[1])];
        let text = format!(
            r#"{{"id":"{}","name":"a pair","left":{{"address":"l"}},"right":{{"address":"r"}}}}"#,
            PAIR
        );
        let pair: PairSpec = serde_json::from_str(&text).unwrap();
        let conflicts = match random.below(6) {
            0 => ConflictPolicy::Ask,
            1 => ConflictPolicy::Newest,
            2 => ConflictPolicy::Left,
            3 => ConflictPolicy::Right,
            _ => ConflictPolicy::KeepBoth,
        };
        let mode = match random.below(12) {
            0 => Mode::Mirror,
            1 => Mode::Update,
            _ => Mode::TwoWay,
        };
        let mode = odd.mode.unwrap_or(mode);
        let brakes = BrakeLimits {
            removed_items: u64::MAX,
            rewritten_files: u64::MAX,
            reserve_bytes: 0,
            ..BrakeLimits::default()
        };
        let pair = PairSpec { conflicts, mode, brakes, ..pair };
        // What the seed before left is of another pair of places.
        room.begin(kept);
        let people = People::new(draw(seed, 1), odd.names);
        let ids = [0, 1].map(|side: usize| trees[side].capabilities().stable_ids);
        let mut log = vec![format!("{mode:?} {conflicts:?}; lasting ids {ids:?}")];
        log.extend(odd.told());
        Self { trees, steps, people, pair, odd, room, kept, runs: 0, goes_on_as: None, watchers: None, log }
    }

    /// How many steps a run may take, to choose one of them: roughly as many as there are items.
    fn steps_of_a_run(&self, chaos: u64) -> u64 {
        let items: usize = self.trees.iter().map(|tree| tree.with(|state| state.items.len())).sum();
        if chaos == 0 { 0 } else { 10 + 6 * u64::try_from(items).unwrap() }
    }

    /// Whether the process will be killed, if it takes so many steps.
    fn prepare_chaos(&mut self, chaos: u64, steps: u64, random: &mut SeededRandom, seed: u64) -> bool {
        self.steps.restart();
        let step = random.below(steps.max(1));
        self.log.push(format!("chaos {chaos} at {step}"));
        match chaos {
            0 => {}
            1..=3 => self.steps.fault_at(step, StepFault::Kill),
            4 => self.steps.fault_at(step, StepFault::Die),
            // Until something is agreed on, any place will do.
            5 if !self.is_agreed() => self.steps.fault_at(step, StepFault::Die),
            5 => self.steps.fault_at(step, StepFault::Vanish),
            6 => self.steps.fail_once_in(5 + random.below(40), seed),
            7 => {
                let free_bytes = Some(random.below(80));
                self.trees[usize::from(random.once_in(2))].with(|state| state.free_bytes = free_bytes);
            }
            _ => {
                for _ in 0..1 + random.below(4) {
                    let tree = self.trees[usize::from(random.once_in(2))].clone();
                    let people = Arc::clone(&self.people);
                    let deeds = 1 + random.below(2);
                    self.steps.before(random.below(steps.max(1)), move |_| people.lock().work(&tree, deeds));
                }
            }
        }
        matches!(chaos, 1..=3)
    }

    /// Whether the pair knows its places.
    fn is_agreed(&self) -> bool {
        let database = self.room.open(self.kept);
        Side::BOTH.iter().all(|side| database.identity(*side).unwrap().is_some())
    }

    /// A run that is killed because the power goes: of what was done since the places last said that all is on the disk,
    /// only a part is there, and files may be empty; of the database, what was written before some step.
    fn run_and_lose_power(&mut self, steps: u64, random: &mut SeededRandom) -> Result<(), String> {
        if self.kept == Kept::InFile {
            return self.run_and_lose_power_of_file(steps, random);
        }
        self.room.memory_into_file();
        self.kept = Kept::InFile;
        let result = self.run_and_lose_power_of_file(steps, random);
        self.kept = Kept::InMemory;
        self.room.file_into_memory();
        result
    }

    fn run_and_lose_power_of_file(&mut self, steps: u64, random: &mut SeededRandom) -> Result<(), String> {
        let places = self.trees.iter().zip(self.odd.are_far);
        let disks: Vec<MemoryTree> =
            places.filter(|(_, is_far)| !is_far).map(|(tree, _)| tree.clone()).collect();
        disks.iter().for_each(|tree| tree.with(MemoryState::watch_power));
        let databases = self.room.databases();
        let kept = Arc::new(Mutex::new(None));
        let (into, from) = (Arc::clone(&kept), databases.clone());
        self.steps.before(random.below(steps.max(1)), move |_| *into.lock() = Some(Files::of(&from)));
        // Also where it was quicker: what it said is done is done for good.
        self.run(true)?;
        disks.iter().for_each(|tree| tree.with(|state| state.lose_power(random)));
        let Some(before) = kept.lock().take() else { return Ok(()) };
        // What goes to the bins is on the disk before it goes: the database is not older than that.
        let now = (Files::of(&databases), self.bin_rows()?);
        before.put_into(&databases);
        if self.bin_rows()? == now.1 {
            self.log.push("the database is an older one".into());
        } else {
            now.0.put_into(&databases);
        }
        Ok(())
    }

    /// What the index of the bins names, settled or not.
    fn bin_rows(&self) -> Result<BTreeSet<(i64, String)>, String> {
        let database = self.room.open(self.kept);
        let unsettled = database.unsettled_bin().map_err(|error| error.to_string())?;
        let settled = database.bin_items(0, 100_000).map_err(|error| error.to_string())?;
        Ok(unsettled.iter().chain(&settled).map(|item| (item.id, item.bin_path.to_string())).collect())
    }

    /// One run of the engine, as a process of its own would do it. With `troubled`, errors are what is expected.
    pub fn run(&mut self, troubled: bool) -> Result<Option<SyncReport>, String> {
        let watchers = self.watchers.as_mut().filter(|_| troubled);
        let hints = watchers.and_then(|watchers| watchers.hints(&self.trees, self.odd.names));
        self.run_with(hints.as_ref(), troubled)
    }

    fn run_with(&mut self, hints: Option<&Hints>, troubled: bool) -> Result<Option<SyncReport>, String> {
        self.runs += 1;
        let number = self.runs;
        let as_number = self.goes_on_as.take().unwrap_or(number);
        if let Some(hints) = hints {
            self.log.push(format!("run {number} looks at {}", told_hints(hints)));
        }
        let answer = catch_unwind(AssertUnwindSafe(|| self.process(number, as_number, hints)));
        if let Some(watchers) = &mut self.watchers {
            watchers.ended(answer.as_ref().ok().and_then(|answer| answer.as_ref().ok()));
        }
        if self.odd.goes_on && !matches!(answer, Ok(Ok(_))) {
            self.goes_on_as = Some(as_number);
        }
        match answer {
            Ok(Ok(report)) => Ok(Some(report)),
            Ok(Err(error)) if troubled => {
                self.log.push(format!("run {number}: {error}"));
                Ok(None)
            }
            Ok(Err(error)) => Err(format!("run {number} failed in peace: {error}")),
            Err(panic) if panic.is::<Killed>() => {
                self.log.push(format!("run {number}: killed"));
                Ok(None)
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    /// From now on somebody watches both places, and misses nothing.
    pub fn watch(&mut self) {
        self.watchers = Some(Watchers::of_both(&self.trees));
    }

    /// The run that was broken off last goes on under its number.
    pub fn go_on(&mut self) {
        self.goes_on_as = Some(self.runs);
    }

    /// The undoing of a run, as a process of its own would do it; nothing where that was killed.
    pub fn undo(&mut self, run: u16, control: &Control) -> Result<Option<BroughtBack>, SyncError> {
        self.runs += 1;
        let number = self.runs;
        let undone = catch_unwind(AssertUnwindSafe(|| {
            self.open(number)?.undo(job_id(run), job_id(number), control, &mut |_| {})
        }));
        match undone {
            Ok(answer) => answer.map(Some),
            Err(panic) if panic.is::<Killed>() => Ok(None),
            Err(panic) => resume_unwind(panic),
        }
    }

    fn open(&self, number: u16) -> Result<Syncer, SyncError> {
        let seconds = 1_790_000_000 + i64::from(number) * 60;
        let options = SyncerOptions {
            state_folder: self.room.folder().to_owned(),
            pair: self.pair.clone(),
            left: Arc::new(self.trees[0].clone()),
            right: Arc::new(self.trees[1].clone()),
            clock: Arc::new(move || Timestamp::new(seconds, 0)),
            utc_offset_seconds: 0,
        };
        match self.kept {
            Kept::InMemory => Syncer::open_with(options, self.room.open(self.kept)),
            Kept::InFile => Syncer::open(options),
        }
    }

    fn process(&self, number: u16, as_number: u16, hints: Option<&Hints>) -> Result<SyncReport, SyncError> {
        let mut syncer = self.open(number)?;
        let orphan = syncer.base().iter().find(|(id, _)| syncer.base().path_on(Side::Left, *id).is_none());
        assert!(orphan.is_none(), "the base is no tree: {orphan:?}");
        let control = Control::new();
        let prepared = syncer.prepare(hints, false, &control)?;
        let (waiting, listed) = (prepared.plan().conflicts.len(), syncer.database().conflicts()?.len());
        assert_eq!(waiting, listed, "what waits is in the list");
        // Everything was removed, or went back in time, because people did so: they say so.
        let released =
            [BrakeKind::RootEmptied, BrakeKind::OldCopy, BrakeKind::AllTimesChanged, BrakeKind::ManyRemoved];
        let prepared = syncer.release(&prepared, &released)?;
        if std::env::var_os("SYNC_SIM_TELL").is_some() {
            let plan = prepared.plan();
            eprintln!(
                "run {number}: {} steps so far; {:?} {:?}",
                self.steps.count(),
                plan.brakes,
                plan.agreements
            );
            for conflict in &plan.conflicts {
                let versions = [&conflict.left.path, &conflict.right.path];
                eprintln!("  waits: {} {:?} {versions:?} {:?}", conflict.path, conflict.kind, conflict.node);
            }
            for row in &plan.operations {
                eprintln!(
                    "  {} {:?} {:?} {:?} {:?} -> {:?}",
                    row.batch,
                    row.side,
                    row.action,
                    row.why,
                    row.from(),
                    row.path
                );
            }
            for side in 0..2 {
                let items = self.trees[side].with(|state| {
                    let shown = |(path, item): (&RelativePath, &MemoryItem)| {
                        let content = String::from_utf8_lossy(&item.content);
                        format!("{path}={} #{} {:o}", content.trim_end_matches('.'), item.id, item.mode)
                    };
                    state.items.iter().map(shown).collect::<Vec<_>>()
                });
                eprintln!("  {items:?}");
            }
        }
        syncer.apply(&prepared, job_id(as_number), &control, &Limits::default(), &mut |_| {})
    }

    /// What is on a side.
    pub fn picture(&self, side: usize) -> Picture {
        let own = RelativePath::root().join(OWN_FOLDER).unwrap();
        self.trees[side].with(|state| {
            let items = state.items.iter().filter(|(path, _)| !path.starts_with(&own));
            items.map(|(path, item)| (path.to_string(), (item.kind, item.content.to_vec()))).collect()
        })
    }

    /// 4, 5, 10: what people wrote and did not take away is somewhere; after two-way runs not only in a bin.
    fn nothing_is_lost(&self, is_visible: bool) -> Result<(), String> {
        let mut contents: BTreeSet<Vec<u8>> = BTreeSet::new();
        for (side, tree) in self.trees.iter().enumerate() {
            if is_visible {
                contents.extend(self.picture(side).into_values().map(|(_, content)| content));
            } else {
                tree.with(|state| contents.extend(state.items.values().map(|item| item.content.to_vec())));
            }
        }
        for (content, path) in &self.people.lock().works {
            if !contents.contains(content) {
                let text = String::from_utf8_lossy(content);
                return Err(format!("lost: {text:?}, written to {path:?} (visible only: {is_visible})"));
            }
        }
        Ok(())
    }

    /// 1, 3, 7, 8: in peace it ends, in one state on both sides, and does nothing more.
    pub fn end(&mut self) -> Result<(), String> {
        self.steps.restart();
        let last = self.come_to_rest(false)?;
        self.has_ended_well(&last)
    }

    /// After runs that looked only where something changed there is nothing left that was not told.
    pub fn hints_tell_all(&mut self) -> Result<(), String> {
        let told = self.come_to_rest(true)?;
        self.nothing_is_lost(false)?;
        // What changed under a run is looked for everywhere; and what one-way modes leave as it is, the next of such runs
        // does not see.
        let tells_all = told.changed_meanwhile == 0
            && self.pair.mode == Mode::TwoWay
            && self.watchers.as_ref().is_some_and(Watchers::watch_both);
        let all = match tells_all {
            true => self.run_with(None, false)?.ok_or("killed in peace")?,
            false => self.come_to_rest(false)?,
        };
        // What is only written down may come later.
        let all_done = SyncReport { agreed: 0, ..all.clone() };
        if tells_all && (does_something(&all_done) || all.conflicts != told.conflicts) {
            return Err(format!("hints did not tell all: {told:?}, but {all:?}"));
        }
        let all = if does_something(&all) { self.come_to_rest(false)? } else { all };
        self.has_ended_well(&all)
    }

    /// Runs in peace until one does nothing; that one, with all that changed under one of them. With `hinted`, they look
    /// only where something changed.
    fn come_to_rest(&mut self, hinted: bool) -> Result<SyncReport, String> {
        let (mut last, mut changed_meanwhile) = (SyncReport::default(), 0);
        for _ in 0..PEACEFUL_RUNS {
            let told = self.watchers.as_mut().map(|watchers| watchers.hints_in_peace(&self.trees));
            let hints = told.filter(|_| hinted);
            last = self.run_with(hints.as_ref(), false)?.ok_or("killed in peace")?;
            if last.failed > 0 {
                return Err(format!("rows failed in peace: {last:?}"));
            }
            changed_meanwhile += last.changed_meanwhile;
            if !does_something(&last) {
                return Ok(SyncReport { changed_meanwhile, ..last });
            }
        }
        Err(format!("it does not end: {last:?}"))
    }

    fn has_ended_well(&mut self, last: &SyncReport) -> Result<(), String> {
        let decides = matches!(self.pair.conflicts, ConflictPolicy::KeepBoth | ConflictPolicy::Ask);
        self.nothing_is_lost(decides && self.pair.mode == Mode::TwoWay)?;
        let is_one_way = matches!(self.pair.mode, Mode::Update | Mode::MoveIn);
        if last.conflicts == 0 && !is_one_way && !self.is_alike() {
            return Err("both sides differ, and nothing waits for a decision".into());
        }
        if last.conflicts == 0 && self.pair.mode == Mode::TwoWay && self.is_on_the_way() {
            return Err("something is left on its way".into());
        }
        self.bins_are_known()
    }

    /// Whether anything has a name that was only to be on its way.
    fn is_on_the_way(&self) -> bool {
        let is_step = |path: &String| path.split('/').any(|name| name.as_bytes().starts_with(STEP_PREFIX));
        [0, 1].iter().any(|side| self.picture(*side).keys().any(is_step))
    }

    /// Where names may differ, what is alike is what they name.
    fn is_alike(&self) -> bool {
        let [left, right] = [0, 1].map(|side| self.picture(side));
        if !self.odd.do_all_take_links() && [&left, &right].into_iter().any(holds_links) {
            // They stay where they are, also where the other side has something of that name, and the person is told.
            return true;
        }
        if self.odd.are_names_plain() {
            return left == right;
        }
        let [left, right] = [left, right].map(|picture| {
            let mut items: Vec<_> = picture.into_values().collect();
            items.sort();
            items
        });
        left == right
    }

    /// The index of the bins names every file that lies there, with what it holds, and nothing else.
    fn bins_are_known(&self) -> Result<(), String> {
        let database = self.room.open(self.kept);
        if let Some(item) = database.unsettled_bin().map_err(|error| error.to_string())?.first() {
            return Err(format!("left unsettled: {item:?}"));
        }
        let items = database.bin_items(0, 100_000).map_err(|error| error.to_string())?;
        let bin = RelativePath::root().join(OWN_FOLDER).unwrap().join(BIN_FOLDER).unwrap();
        for (side, tree) in Side::BOTH.into_iter().zip(&self.trees) {
            let mut known: BTreeMap<RelativePath, BinItem> = BTreeMap::new();
            for item in items.iter().filter(|item| item.side == side && item.kind != EntryKind::Folder) {
                // A folder of the bin has the name it was made with, in whatever form of it the place is asked.
                let there = tree.with(|state| state.there(&item.bin_path));
                let path = there.unwrap_or_else(|| item.bin_path.clone());
                if let Some(other) = known.insert(path, item.clone()) {
                    return Err(format!("two items at one place of the bin: {item:?} {other:?}"));
                }
            }
            tree.with(|state| {
                for (path, item) in state.items.iter().filter(|(path, _)| path.starts_with(&bin)) {
                    if item.kind == EntryKind::Folder {
                        continue;
                    }
                    let Some(known) = known.remove(path) else {
                        return Err(format!("{path} lies in a bin and nobody knows it"));
                    };
                    let hash = blake3::hash(&item.content);
                    if known.hash.is_some_and(|known| known.as_bytes() != hash.as_bytes()) {
                        return Err(format!("{path} in a bin is not what the index says"));
                    }
                }
                match known.into_values().next() {
                    Some(missing) => Err(format!("it is not in the bin: {missing:?}")),
                    None => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    pub fn told(&self, why: &str) -> String {
        let mut text = format!("{why}\n{}", self.log.join("; "));
        for side in 0..2 {
            text.push('\n');
            for (path, (kind, content)) in self.picture(side) {
                let shown = String::from_utf8_lossy(&content).trim_end_matches('.').to_owned();
                text.push_str(&format!("  {path} {kind:?} {shown};"));
            }
        }
        text
    }
}
