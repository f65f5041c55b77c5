//! What is odd about half of the seeds: places that ignore case, show lower case or take few names, moving in, power that is lost, runs
//! that go on under their number.

use keepwell_endpoint::tree::{Capabilities, NameRules};
use keepwell_sync::Mode;
use keepwell_testkit::SeededRandom;
use keepwell_testkit::memory_tree::MemoryTree;

/// Names everybody uses.
const PLAIN: &[&str] = &["a", "b", "c", "d", "e"];
/// Some of them are one where case is ignored, and one is none on Windows.
const ODD: &[&str] = &["a", "b", "c", "A", "B", "x?"];

/// What is odd about a seed.
pub struct Oddities {
    /// What the places can do.
    pub places: [Capabilities; 2],
    /// Servers, which keep what they said they have, whatever happens here.
    pub are_far: [bool; 2],
    pub names: &'static [&'static str],
    pub mode: Option<Mode>,
    /// A process that is killed takes the power with it.
    pub loses_power: bool,
    /// A run that was broken off goes on under its number.
    pub goes_on: bool,
}

impl Oddities {
    pub fn draw(random: &mut SeededRandom) -> Self {
        let disk = MemoryTree::disk();
        if random.once_in(2) {
            return Self {
                places: [disk, disk],
                are_far: [false; 2],
                names: PLAIN,
                mode: None,
                loses_power: false,
                goes_on: false,
            };
        }
        let mut place = || match random.below(5) {
            0 => Capabilities { case_sensitive: false, ..disk },
            1 => Capabilities { case_sensitive: false, names: NameRules::Windows, ..disk },
            2 => Capabilities { case_sensitive: false, keeps_case: false, ..disk },
            _ => disk,
        };
        let places = [place(), place()];
        let names = if places == [disk, disk] { PLAIN } else { ODD };
        let mode = random.once_in(6).then_some(Mode::MoveIn);
        Self {
            places,
            are_far: [false; 2],
            names,
            mode,
            loses_power: random.once_in(2),
            goes_on: random.once_in(3),
        }
    }

    /// The same with a server as one of the places, sometimes as both.
    pub fn with_server(mut self, random: &mut SeededRandom) -> Self {
        let mut server = || match random.below(4) {
            0 => MemoryTree::sftp(),
            1 => MemoryTree::webdav(),
            _ => MemoryTree::bucket(),
        };
        let servers = [server(), server()];
        let first = usize::from(random.once_in(2));
        self.are_far[first] = true;
        self.are_far[1 - first] = random.once_in(4);
        for side in (0..2).filter(|side| self.are_far[*side]) {
            self.places[side] = servers[side];
        }
        self
    }

    /// What is, for a person.
    pub fn told(&self) -> Option<String> {
        let place = |place: &Capabilities| {
            let Capabilities { case_sensitive, keeps_case, names, times, renames_folders, .. } = place;
            format!(
                "case {case_sensitive} and kept {keeps_case}, {names:?}, keeps times {times}, renames folders \
                 {renames_folders}"
            )
        };
        let [left, right] = [0, 1].map(|side: usize| place(&self.places[side]));
        let Self { loses_power, goes_on, .. } = self;
        let told = || format!("left: {left}; right: {right}; loses power {loses_power}; goes on {goes_on}");
        (!self.is_plain()).then(told)
    }

    /// Whether nothing is.
    pub fn is_plain(&self) -> bool {
        self.are_names_plain()
            && self.are_far == [false; 2]
            && self.mode.is_none()
            && !self.loses_power
            && !self.goes_on
    }

    /// Whether both places hold links.
    pub fn do_all_take_links(&self) -> bool {
        self.places.iter().all(|place| place.symlinks)
    }

    /// Whether both places tell the same names apart.
    pub fn are_names_plain(&self) -> bool {
        self.names == PLAIN
    }
}
