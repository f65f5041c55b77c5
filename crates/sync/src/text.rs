//! Text: what two versions differ in, and both changes merged into one where they do not touch the same lines.
//!
//! Used only when a person asks, in a conflict. Invariants: pure; what can not be merged without guessing is not merged,
//! so no marks ever land in somebody's file; what is not text (not UTF-8, holding NUL) or too large is told so.
//! The comparison itself is the `diffy` crate's. Deliberately not here: where the base comes from (`base_text`).

use diffy::{DiffOptions, Line, merge};

/// Larger files are not taken for text.
pub const TEXT_LIMIT_BYTES: usize = 1 << 20;
/// Texts with more lines are not compared: the time goes with their product.
pub const TEXT_LIMIT_LINES: usize = 20_000;
/// How many lines around a difference are shown.
const CONTEXT_LINES: usize = 3;

/// What became of merging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Both changes are in it.
    Text(String),
    /// Both changed the same lines: a person has to decide.
    SameLines,
    /// One of the three is not text, or too long.
    NotText,
}

/// One line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedLine {
    /// Its number on the left, from 1; nothing where only the right has it.
    pub left: Option<usize>,
    /// Its number on the right, from 1; nothing where only the left has it.
    pub right: Option<usize>,
    /// Without its line end.
    pub text: String,
}

/// The bytes as text, where they are that.
#[must_use]
pub fn as_text(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > TEXT_LIMIT_BYTES || bytes.contains(&0) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    (text.lines().take(TEXT_LIMIT_LINES + 1).count() <= TEXT_LIMIT_LINES).then_some(text)
}

/// Both changes of a base in one text.
#[must_use]
pub fn merge_texts(base: &[u8], left: &[u8], right: &[u8]) -> Merged {
    match (as_text(base), as_text(left), as_text(right)) {
        (Some(base), Some(left), Some(right)) => {
            merge(base, left, right).map_or(Merged::SameLines, Merged::Text)
        }
        _ => Merged::NotText,
    }
}

/// The lines in which two texts differ, each with a few lines around; nothing where one is not text. At most `limit`
/// lines, and whether that is all.
#[must_use]
pub fn compare_texts(left: &[u8], right: &[u8], limit: usize) -> Option<(Vec<ComparedLine>, bool)> {
    let (left, right) = (as_text(left)?, as_text(right)?);
    let patch = DiffOptions::new().set_context_len(CONTEXT_LINES).create_patch(left, right);
    let mut lines = Vec::new();
    for hunk in patch.hunks() {
        let (mut left_number, mut right_number) = (hunk.old_range().start(), hunk.new_range().start());
        for line in hunk.lines() {
            if lines.len() == limit {
                return Some((lines, false));
            }
            let (text, is_left, is_right) = match line {
                Line::Context(text) => (text, true, true),
                Line::Delete(text) => (text, true, false),
                Line::Insert(text) => (text, false, true),
            };
            lines.push(ComparedLine {
                left: is_left.then_some(left_number),
                right: is_right.then_some(right_number),
                text: text.trim_end_matches(['\n', '\r']).to_owned(),
            });
            left_number += usize::from(is_left);
            right_number += usize::from(is_right);
        }
    }
    Some((lines, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[u8] = b"one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

    #[test]
    fn changes_of_different_lines_are_both_kept() {
        let left = b"ONE\ntwo\nthree\nfour\nfive\nsix\nseven\n";
        let right = b"one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n";
        let both = Merged::Text("ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n".to_owned());
        assert_eq!(merge_texts(BASE, left, right), both);
        assert_eq!(merge_texts(BASE, right, left), both);
    }

    #[test]
    fn changes_of_the_same_line_are_left_to_a_person() {
        assert_eq!(merge_texts(b"a\n", b"b\n", b"c\n"), Merged::SameLines);
    }

    #[test]
    fn the_same_change_on_both_sides_is_one_change() {
        assert_eq!(merge_texts(b"a\n", b"b\n", b"b\n"), Merged::Text("b\n".to_owned()));
    }

    #[test]
    fn line_ends_of_windows_stay() {
        let merged = merge_texts(b"a\r\nb\r\nc\r\nd\r\n", b"A\r\nb\r\nc\r\nd\r\n", b"a\r\nb\r\nc\r\nD\r\n");
        assert_eq!(merged, Merged::Text("A\r\nb\r\nc\r\nD\r\n".to_owned()));
    }

    #[test]
    fn what_is_no_text_is_never_merged() {
        assert_eq!(merge_texts(b"a\n", b"a\0\n", b"b\n"), Merged::NotText);
        assert_eq!(merge_texts(b"a\n", b"\xff\n", b"b\n"), Merged::NotText);
        assert_eq!(merge_texts(&vec![b'a'; TEXT_LIMIT_BYTES + 1], b"a", b"b"), Merged::NotText);
        assert_eq!(merge_texts(&vec![b'\n'; TEXT_LIMIT_LINES + 1], b"a", b"b"), Merged::NotText);
    }

    #[test]
    fn a_comparison_numbers_the_lines_of_both_sides() {
        let (lines, is_all) = compare_texts(b"same\nold\nend\n", b"same\nnew\nmore\nend\n", 100).unwrap();
        let shown: Vec<_> = lines.iter().map(|line| (line.left, line.right, line.text.as_str())).collect();
        let expected = [
            (Some(1), Some(1), "same"),
            (Some(2), None, "old"),
            (None, Some(2), "new"),
            (None, Some(3), "more"),
            (Some(3), Some(4), "end"),
        ];
        assert_eq!(shown, expected);
        assert!(is_all);
        assert_eq!(compare_texts(b"a\nb\n", b"c\nd\n", 2).unwrap().0.len(), 2);
        assert!(compare_texts(b"\0", b"a", 10).is_none());
    }
}
