//! Text: what two versions differ in, and both changes merged into one where they do not touch the same lines.
//!
//! Used only when a person asks, in a conflict. Invariants: pure; what can not be merged without guessing is not merged,
//! so no marks ever land in somebody's file; what is not text (not UTF-8, holding NUL) or too large is told so.
//! The comparison itself is the `diffy` crate's. Deliberately not here: where the base comes from (`database::texts`).

use std::collections::HashSet;

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

/// One line of a merged text, or one that a side took out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedLine {
    /// Its number in the merged text, from 1; nothing where it is not in it.
    pub number: Option<usize>,
    /// Whether the left brought it in, or took it out.
    pub by_left: bool,
    /// Whether the right did. Neither did: both had it all along.
    pub by_right: bool,
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

/// The numbers of the lines that go from one text, and of those that come in the other.
fn changed_lines(from: &str, to: &str) -> (HashSet<usize>, HashSet<usize>) {
    let (mut gone, mut new) = (HashSet::new(), HashSet::new());
    let patch = DiffOptions::new().set_context_len(0).create_patch(from, to);
    for hunk in patch.hunks() {
        let (mut old_number, mut new_number) = (hunk.old_range().start(), hunk.new_range().start());
        for line in hunk.lines() {
            match line {
                Line::Context(_) => (old_number, new_number) = (old_number + 1, new_number + 1),
                Line::Delete(_) => {
                    gone.insert(old_number);
                    old_number += 1;
                }
                Line::Insert(_) => {
                    new.insert(new_number);
                    new_number += 1;
                }
            }
        }
    }
    (gone, new)
}

/// What merging did to the base, line by line, with a few lines around, and by whom. At most `limit` lines, and whether
/// that is all.
#[must_use]
pub fn explain_merge([base, left, right, merged]: [&str; 4], limit: usize) -> (Vec<MergedLine>, bool) {
    let ((gone_left, _), (gone_right, _)) = (changed_lines(base, left), changed_lines(base, right));
    // What one side does not have came from the other.
    let ((_, not_left), (_, not_right)) = (changed_lines(left, merged), changed_lines(right, merged));
    let patch = DiffOptions::new().set_context_len(CONTEXT_LINES).create_patch(base, merged);
    let mut lines = Vec::new();
    for hunk in patch.hunks() {
        let (mut base_number, mut number) = (hunk.old_range().start(), hunk.new_range().start());
        for line in hunk.lines() {
            if lines.len() == limit {
                return (lines, false);
            }
            let (text, at, by_left, by_right) = match line {
                Line::Context(text) => (text, Some(number), false, false),
                Line::Delete(text) => {
                    (text, None, gone_left.contains(&base_number), gone_right.contains(&base_number))
                }
                Line::Insert(text) => {
                    (text, Some(number), !not_left.contains(&number), !not_right.contains(&number))
                }
            };
            base_number += usize::from(!matches!(line, Line::Insert(_)));
            number += usize::from(at.is_some());
            let text = text.trim_end_matches(['\n', '\r']).to_owned();
            lines.push(MergedLine { number: at, by_left, by_right, text });
        }
    }
    (lines, true)
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
    fn a_merge_says_which_side_brought_or_took_each_line() {
        let base = "one\ntwo\nthree\nfour\nfive\nsix\n";
        let left = "ONE\ntwo\nthree\nfour\nfive\nsix\n";
        let right = "one\ntwo\nthree\nfour\nsix\nseven\n";
        let Merged::Text(merged) = merge_texts(base.as_bytes(), left.as_bytes(), right.as_bytes()) else {
            panic!("they touch different lines");
        };
        let (lines, is_all) = explain_merge([base, left, right, &merged], 100);
        let told: Vec<String> = lines
            .iter()
            .map(|line| {
                let by = match (line.by_left, line.by_right) {
                    (true, true) => "both",
                    (true, false) => "left",
                    (false, true) => "right",
                    (false, false) => "",
                };
                let number = line.number.map_or("-".to_owned(), |number| number.to_string());
                format!("{number} {by} {}", line.text)
            })
            .collect();
        let expected = [
            "- left one",
            "1 left ONE",
            "2  two",
            "3  three",
            "4  four",
            "- right five",
            "5  six",
            "6 right seven",
        ];
        assert_eq!(told, expected);
        assert!(is_all);
        assert!(!explain_merge([base, left, right, &merged], 3).1);
        let (both, _) = explain_merge(["a\n", "b\n", "b\n", "b\n"], 100);
        assert!(both.iter().all(|line| line.by_left && line.by_right));
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
