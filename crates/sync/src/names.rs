//! Names that two places see differently: when two names are the same one, what a name is called where it can not be
//! as it is, and what conflict copies are called.
//!
//! Invariants: a name that a place takes is never changed; a mapped name follows from the name alone, so that the same
//! pair is found again when the base is lost; what the pair calls an item is kept in the base beside the mapped name.
//! Deliberately not here: who has to give way where names collide (`planner::names`).

use std::borrow::Cow;

use keepwell_endpoint::alike::fold;
pub use keepwell_endpoint::alike::loose_key;
use keepwell_endpoint::tree::{Capabilities, NameRules, UnicodeNames};
use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfd};

/// How long an ending such as `.markdown` may be to be kept as one, with its dot.
const ENDING_LIMIT_BYTES: usize = 16;
/// A name shorter than this is no use to anybody; no real place has a lower limit.
const NAME_LIMIT_MIN_BYTES: usize = 64;
/// Stands before the hexadecimal digits of a byte that is no text.
const BYTE_MARK: char = '\u{201b}';

/// Stands before what sets a name apart from another one, or tells of what it was shortened from.
const MARK: u8 = b'~';
/// So many digits follow it in a name that was set apart.
const APART_DIGITS: usize = 6;
/// So many of the names are looked for that an item may have got: where somebody changed what had the first one, that is
/// another item from then on, and the first one has the next.
const APART_TIMES: usize = 8;

/// What two names on a place have in common exactly where they are one name there.
#[must_use]
pub fn key<'a>(name: &'a [u8], capabilities: &Capabilities) -> Cow<'a, [u8]> {
    fold(name, capabilities.case_sensitive, capabilities.unicode != UnicodeNames::Kept)
}

/// What a name is on a place: itself where the place takes it.
#[must_use]
pub fn mapped<'a>(name: &'a [u8], capabilities: &Capabilities) -> Cow<'a, [u8]> {
    let limit = (capabilities.name_limit_bytes as usize).max(NAME_LIMIT_MIN_BYTES);
    if capabilities.names == NameRules::Bytes
        && !matches!(capabilities.unicode, UnicodeNames::Composed | UnicodeNames::Decomposed)
        && name.len() <= limit
    {
        return Cow::Borrowed(name);
    }
    let changed = match std::str::from_utf8(name) {
        Err(_) if capabilities.names == NameRules::Bytes => name.to_vec(),
        text => {
            let mut text = text.map_or_else(|_| spelled(name), str::to_owned);
            if capabilities.names == NameRules::Windows {
                text = for_windows(&text);
            }
            match capabilities.unicode {
                UnicodeNames::Composed if !is_nfc(&text) => text.nfc().collect::<String>(),
                UnicodeNames::Decomposed if !is_nfd(&text) => text.nfd().collect(),
                _ => text,
            }
            .into_bytes()
        }
    };
    let fitting = if changed.len() > limit { shortened(&changed, &mark(name, 8), limit) } else { changed };
    if fitting == name { Cow::Borrowed(name) } else { Cow::Owned(fitting) }
}

/// Another name for an item whose own name another item has on a place that does not tell them apart.
#[must_use]
pub fn apart(name: &[u8], capabilities: &Capabilities) -> Vec<u8> {
    let limit = (capabilities.name_limit_bytes as usize).max(NAME_LIMIT_MIN_BYTES);
    shortened(&mapped(name, capabilities), &mark(name, APART_DIGITS), limit)
}

/// The names such an item gets one after the other, until one is free: each is apart from the one before.
pub fn all_apart<'c>(name: &[u8], capabilities: &'c Capabilities) -> impl Iterator<Item = Vec<u8>> + use<'c> {
    std::iter::successors(Some(apart(name, capabilities)), |before| Some(apart(before, capabilities)))
}

/// The first of them: what an item is looked for by that may have got one.
pub fn likely_apart<'c>(
    name: &[u8],
    capabilities: &'c Capabilities,
) -> impl Iterator<Item = Vec<u8>> + use<'c> {
    all_apart(name, capabilities).take(APART_TIMES)
}

/// Whether a name may be one of those, by its look.
#[must_use]
pub fn may_be_apart(name: &[u8]) -> bool {
    let is_mark = |part: &[u8]| part[0] == MARK && part[1..].iter().all(u8::is_ascii_hexdigit);
    name.windows(1 + APART_DIGITS).any(is_mark)
}

/// What a name is found by on a place that may show it in another case.
#[must_use]
pub fn shown_key<'a>(name: &'a [u8], capabilities: &Capabilities) -> Cow<'a, [u8]> {
    if capabilities.keeps_case { Cow::Borrowed(name) } else { key(name, capabilities) }
}

/// Whether a name is one that an item of another name may have got on a place.
#[must_use]
pub fn is_apart(name: &[u8], of: &[u8], capabilities: &Capabilities) -> bool {
    may_be_apart(name)
        && likely_apart(of, capabilities)
            .any(|made| shown_key(&made, capabilities) == shown_key(name, capabilities))
}

/// The name of a conflict copy: `report (conflict from Laptop, 2026-11-22).txt`; with a number above 1 where that is
/// taken. Fits both places.
#[must_use]
pub fn conflict_copy(
    name: &[u8],
    side_name: &str,
    today: &str,
    number: u32,
    places: [&Capabilities; 2],
) -> Vec<u8> {
    let limit = places.iter().map(|place| place.name_limit_bytes as usize).min().unwrap_or(0);
    let side_name: String = side_name
        .chars()
        .filter(|letter| !letter.is_control() && !"/<>:\"|?*\\".contains(*letter))
        .take(40)
        .collect();
    let number = if number > 1 { format!(" {number}") } else { String::new() };
    let day = if today.is_empty() { String::new() } else { format!(", {today}") };
    let insert = match side_name.trim() {
        "" => format!(" (conflict{day}{number})"),
        side_name => format!(" (conflict from {side_name}{day}{number})"),
    };
    shortened(name, insert.as_bytes(), limit.max(NAME_LIMIT_MIN_BYTES))
}

/// A name with something before its ending, cut so that all fits.
fn shortened(name: &[u8], insert: &[u8], limit_bytes: usize) -> Vec<u8> {
    let (stem, ending) = split_ending(name);
    let room = limit_bytes.saturating_sub(insert.len() + ending.len());
    let mut cut = stem.len().min(room);
    // Never in the middle of a character.
    while cut > 0 && stem.get(cut).is_some_and(|byte| byte & 0xc0 == 0x80) {
        cut -= 1;
    }
    let mut whole = stem[..cut].to_vec();
    whole.extend_from_slice(insert);
    whole.extend_from_slice(ending);
    whole
}

fn split_ending(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|byte| *byte == b'.') {
        Some(dot) if dot > 0 && name.len() - dot <= ENDING_LIMIT_BYTES => name.split_at(dot),
        _ => (name, b""),
    }
}

fn mark(name: &[u8], digits: usize) -> Vec<u8> {
    let hash = blake3::hash(name).to_hex();
    let mut mark = vec![MARK];
    mark.extend_from_slice(&hash.as_bytes()[..digits]);
    mark
}

/// Bytes that are no text, spelled so that they are.
fn spelled(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push(BYTE_MARK);
            text.push_str(&format!("{byte:02X}"));
        }
    }
    text
}

/// Forbidden characters become their look-alikes of full width, as other tools do it too.
fn for_windows(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|letter| match letter {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\' => wide(letter),
            '\u{1}'..='\u{1f}' => char::from_u32(letter as u32 + 0x2400).unwrap_or('\u{2426}'),
            _ => letter,
        })
        .collect();
    if let Some(last) = text.chars().next_back() {
        let instead = match last {
            '.' => Some('\u{ff0e}'),
            ' ' => Some('\u{2420}'),
            _ => None,
        };
        if let Some(instead) = instead {
            text.pop();
            text.push(instead);
        }
    }
    if is_reserved(&text) {
        let mut letters = text.chars();
        let first = letters.next().map(wide);
        text = first.into_iter().chain(letters).collect();
    }
    text
}

fn wide(letter: char) -> char {
    char::from_u32(letter as u32 + 0xfee0).unwrap_or(letter)
}

/// The names of devices, with whatever ending.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").trim_end().to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).unwrap_or("");
    let mut digits = number.chars();
    matches!((digits.next(), digits.next()), (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None))
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
