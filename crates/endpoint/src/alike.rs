//! What two names have in common that a place may take for one: case, and the forms of Unicode.
//!
//! Invariants: no file system that is known takes two names for one that have nothing in common here; the other way round
//! some tell names apart that are one here (`ı` and `i`), which costs a name or a question, never a file. Deliberately not
//! here: what a place does with names (`tree_probe`), what becomes of those that are one (`sync`).

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// What two names have in common where some place could take them for one.
#[must_use]
pub fn loose_key(name: &[u8]) -> Cow<'_, [u8]> {
    fold(name, false, true)
}

/// What names have in common that are one where case, or the form of what is composed in Unicode, does not matter.
#[must_use]
pub fn fold(name: &[u8], is_case_kept: bool, is_form_ignored: bool) -> Cow<'_, [u8]> {
    if name.is_ascii() {
        return match is_case_kept || !name.iter().any(u8::is_ascii_uppercase) {
            true => Cow::Borrowed(name),
            false => Cow::Owned(name.to_ascii_lowercase()),
        };
    }
    let Ok(text) = std::str::from_utf8(name) else { return Cow::Borrowed(name) };
    let composed: Cow<'_, str> =
        if is_form_ignored && !is_nfc(text) { Cow::Owned(text.nfc().collect()) } else { Cow::Borrowed(text) };
    if is_case_kept {
        return match composed {
            Cow::Borrowed(_) => Cow::Borrowed(name),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
    }
    let mut folded = String::with_capacity(composed.len());
    for character in composed.chars() {
        // Through capitals, so that letters with two small forms (σ, ς) are one; only one to one, as file systems do.
        let mut upper = character.to_uppercase();
        let capital = if upper.len() == 1 { upper.next().unwrap_or(character) } else { character };
        let mut lower = capital.to_lowercase();
        folded.push(if lower.len() == 1 { lower.next().unwrap_or(capital) } else { capital });
    }
    let folded = if is_form_ignored { folded.nfc().collect() } else { folded };
    Cow::Owned(folded.into_bytes())
}
