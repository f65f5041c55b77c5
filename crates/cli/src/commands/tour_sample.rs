//! The sample folder of the tour: small, but with a bit of everything.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Text that looks like text, so that it compresses like text.
fn text(topic: &str, paragraphs: usize) -> String {
    let sentences = [
        "was written down so that it is not forgotten",
        "was moved to the shelf by the window",
        "was paid on the third of the month",
        "will be looked at again next year",
        "belongs to the papers of the house",
    ];
    (0..paragraphs)
        .map(|number| {
            let sentence = sentences.get(number % sentences.len()).copied().unwrap_or_default();
            format!("{topic}, note {number}: this {sentence}.\n")
        })
        .collect()
}

/// Bytes that do not compress, the same in every tour.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // The lowest byte of each step.
            (state & 0xff) as u8
        })
        .collect()
}

/// Makes the sample.
pub fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("letters"))?;
    fs::create_dir_all(folder.join("photos"))?;
    fs::create_dir_all(folder.join("empty folder"))?;
    for number in 1..=40 {
        fs::write(
            folder.join(format!("letters/letter {number:02}.txt")),
            text(&format!("Letter {number}"), 60),
        )?;
    }
    fs::write(folder.join("accounts.csv"), text("Accounts", 4_000))?;
    fs::write(folder.join("übersicht 100%.txt"), text("Overview", 10))?;
    fs::write(folder.join("photos/summer.raw"), noise(3 << 20))?;
    // The same picture twice: it is stored once.
    fs::copy(folder.join("photos/summer.raw"), folder.join("photos/summer copy.raw"))?;
    Ok(())
}

/// A day's work: a few changes.
pub fn change(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("letters/letter 07.txt"), text("A better letter", 70))?;
    fs::write(folder.join("letters/letter 41.txt"), text("A new letter", 20))?;
    fs::remove_file(folder.join("letters/letter 13.txt"))
}

/// An accident: one file is overwritten with rubbish, a folder is gone.
pub fn break_it(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("accounts.csv"), "oops")?;
    fs::remove_dir_all(folder.join("photos"))
}

/// Everything in a folder: paths below it with what they hold (folders hold nothing).
pub fn content(folder: &Path) -> io::Result<BTreeMap<String, Option<Vec<u8>>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inside) = open.pop() {
        for entry in fs::read_dir(inside)? {
            let path = entry?.path();
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(name, None);
                open.push(path);
            } else {
                found.insert(name, Some(fs::read(&path)?));
            }
        }
    }
    Ok(found)
}
