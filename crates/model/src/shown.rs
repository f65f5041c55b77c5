//! Text that came from elsewhere, as people are shown it: every sign of it can be seen.
//!
//! Why: names of files, places and servers are whatever somebody made them. A sign that turns the direction of what follows
//! lets a program pose as a picture (`exe.jpg` for `gpj.exe`), one that takes no room makes two names look the same, and
//! control characters steer a terminal. Each of them is shown as `<U+202E>`: no name of Windows holds `<`, and a backslash
//! would be taken for the border of two folders. Invariants: what is shown twice is shown the same; letters, marks and
//! pictures of all languages stay as they are. Deliberately not here: the exact form for programs (`jobs::path_text`).

use std::fmt::Write as _;

/// Whether a sign can not be seen, or changes how others are seen.
fn is_hidden(sign: char) -> bool {
    sign.is_control()
        || matches!(
            sign,
            '\u{ad}' // a hyphen only where a line ends
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}' // no width, joiners, marks of direction
                | '\u{2028}'..='\u{202e}' // ends of lines, and directions that overrule
                | '\u{2060}'..='\u{206f}' // no width, and directions set apart
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// What joins letters or pictures, or keeps letters apart: many languages write so, and pictures of families.
fn joins(sign: char, before: Option<char>, after: Option<char>) -> bool {
    let is_joined = |other: Option<char>| other.is_some_and(|other| !other.is_ascii() && !is_hidden(other));
    matches!(sign, '\u{200c}' | '\u{200d}') && is_joined(before) && is_joined(after)
}

fn spelled_out(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if is_hidden(sign) && !is_kept(sign) && !joins(sign, before, signs.peek().copied()) {
            // Writing into a text does not fail.
            let _ = write!(shown, "<U+{:04X}>", u32::from(sign));
        } else {
            shown.push(sign);
        }
        before = Some(sign);
    }
    shown
}

/// A name or a path: what is not UTF-8 is replaced, what can not be seen is spelled out. For people, not for finding the
/// file again.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    spelled_out(&String::from_utf8_lossy(bytes), |_| false)
}

/// A sentence with such names in it, as they came: the same, but its lines stay lines.
#[must_use]
pub fn shown_lines(text: &str) -> String {
    spelled_out(text, |sign| sign == '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_the_direction_or_can_not_be_seen_is_spelled_out() {
        assert_eq!(shown("a\u{202e}gpj.exe".as_bytes()), "a<U+202E>gpj.exe");
        let hidden = ('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .chain('\u{200b}'..='\u{200f}')
            .chain(['\u{feff}', '\u{0}', '\n', '\u{1b}', '\u{7f}', '\u{9b}']);
        for sign in hidden {
            assert_eq!(shown(sign.to_string().as_bytes()), format!("<U+{:04X}>", u32::from(sign)));
        }
    }

    #[test]
    fn names_of_all_languages_stay_as_they_are() {
        let (family, persian) = ("👨\u{200d}👩\u{200d}👧", "نامه\u{200c}ها");
        for name in
            ["Bücher/100% \\ <b>", "u\u{308}ber", "שלום", "日本語", "👍🏽", "a b\u{a0}c", family, persian]
        {
            assert_eq!(shown(name.as_bytes()), name);
            assert_eq!(shown_lines(name), name);
        }
        assert_eq!(shown(b"half \xc3"), "half \u{fffd}");
    }

    #[test]
    fn what_is_shown_twice_is_shown_the_same_and_lines_of_a_sentence_stay() {
        let once = shown_lines("one\u{202e}\nt\u{1b}wo");
        assert_eq!(once, "one<U+202E>\nt<U+001B>wo");
        assert_eq!(shown_lines(&once), once);
    }
}
