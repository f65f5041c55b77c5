//! Trees with everything in them that a backup must bring back.
//!
//! Invariant: what [`make_tree`] makes follows from its options alone, except owners, inodes and change times. What
//! a system does not have (pipes on Windows, say) is left out there, never imitated. Deliberately not here: comparing.

#[cfg(unix)]
#[path = "tree/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "tree/windows.rs"]
mod system;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::random::SeededRandom;

pub(crate) use system::visit;
pub use system::{make_deep_tree, remove_tree};

/// The longest name Linux, macOS and most file systems take, in bytes.
pub const LONGEST_NAME_BYTES: usize = 255;

/// What a tree is to hold.
#[derive(Clone, Debug)]
pub struct TreeOptions {
    /// Everything random follows from it.
    pub seed: u64,
    /// How many folders of ordinary files.
    pub folders: usize,
    /// How many ordinary files in each, 0 to 20 kB.
    pub files_per_folder: usize,
    /// The size of the two large files (one shrinks, one does not); 0 for none.
    pub large_file_bytes: usize,
    /// Links, holes, attributes, odd names, odd modes and times: one of each.
    pub oddities: bool,
}

impl Default for TreeOptions {
    /// A few hundred kilobytes: a debug build backs it up in a moment.
    fn default() -> Self {
        Self { seed: 1, folders: 6, files_per_folder: 8, large_file_bytes: 3_000_000, oddities: true }
    }
}

impl TreeOptions {
    /// The default tree from another seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Ordinary files only, as many as asked for.
    #[must_use]
    pub fn plain(seed: u64, folders: usize, files_per_folder: usize) -> Self {
        Self { seed, folders, files_per_folder, large_file_bytes: 0, oddities: false }
    }
}

/// Makes a tree in a folder, which is created where it is absent.
///
/// # Errors
/// The system's, as it came.
pub fn make_tree(root: &Path, options: &TreeOptions) -> io::Result<()> {
    let mut random = SeededRandom::new(options.seed);
    fs::create_dir_all(root)?;
    let mut folders = vec![root.to_path_buf()];
    for number in 0..options.folders {
        let parent = &folders[usize::try_from(random.below(folders.len() as u64)).unwrap_or(0)];
        let folder = parent.join(format!("folder-{number:03}"));
        fs::create_dir(&folder)?;
        for file in 0..options.files_per_folder {
            let length = usize::try_from(random.below(20_000)).unwrap_or(0);
            let content = if random.once_in(4) { random.bytes(length) } else { random.text(length) };
            let path = folder.join(format!("file-{file:03}.txt"));
            fs::write(&path, content)?;
            set_modified(&path, &mut random)?;
        }
        folders.push(folder);
    }
    if options.large_file_bytes > 0 {
        fs::write(root.join("large-random.bin"), random.bytes(options.large_file_bytes))?;
        fs::write(root.join("large-text.txt"), random.text(options.large_file_bytes))?;
    }
    if options.oddities {
        make_oddities(root, &mut random)?;
    }
    Ok(())
}

/// One of each of what every system has, and then what this one has beyond.
fn make_oddities(root: &Path, random: &mut SeededRandom) -> io::Result<()> {
    let folder = root.join("oddities");
    fs::create_dir(&folder)?;
    fs::create_dir(folder.join("empty folder"))?;
    fs::write(folder.join("empty file"), b"")?;
    fs::write(folder.join("one byte"), b"1")?;
    fs::write(folder.join("zeros"), vec![0; 300_000])?;
    let twice = random.bytes(150_000);
    fs::write(folder.join("twice a"), &twice)?;
    fs::write(folder.join("twice b"), &twice)?;
    make_sparse(&folder.join("sparse"))?;
    fs::hard_link(folder.join("one byte"), folder.join("one byte, second name"))?;
    fs::hard_link(folder.join("twice a"), root.join("a link from outside"))?;

    let old = File::options().write(true).open(folder.join("empty file"))?;
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1, 999_999_900))?;

    let mut deep = folder.clone();
    for level in 0..40 {
        deep.push(format!("level {level}"));
    }
    if cfg!(windows) {
        deep = folder.join("deep");
    }
    fs::create_dir_all(&deep)?;
    fs::write(deep.join("at the bottom"), b"far down")?;

    for name in
        ["name with spaces", "ünïcödé 日本語 🗝", "-dash", "~tilde", "#hash", "100%", "[bracket]", ".hidden"]
    {
        fs::write(folder.join(name), name)?;
    }
    // The same letters to the eye, composed and decomposed: two files on Linux and Windows, one on macOS.
    for name in ["caf\u{e9}", "cafe\u{301}"] {
        fs::write(folder.join(name), name)?;
    }
    system::make_oddities(&folder, random)
}

/// A file of 5 MB with content at its start, in its middle and nothing but holes elsewhere, its end included.
fn make_sparse(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(b"start")?;
    file.seek(SeekFrom::Start(2_500_000))?;
    file.write_all(&[7; 5000])?;
    file.set_len(5_000_000)
}

/// Sets a time in the past, exact to 100 nanoseconds (what NTFS holds).
fn set_modified(path: &PathBuf, random: &mut SeededRandom) -> io::Result<()> {
    let seconds = 946_684_800 + random.below(800_000_000);
    let nanoseconds = u32::try_from(random.below(10_000_000)).unwrap_or(0) * 100;
    let file = File::options().write(true).open(path)?;
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(seconds, nanoseconds))
}
