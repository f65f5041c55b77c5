//! What was typed after `sync run`, to be told again: with the options of that run, which the pair does not have.
//!
//! Invariant: what is told does what the person asked for before and nothing else; so nothing of how a brake was answered,
//! and no plan, is taken over.

use std::ffi::OsString;

use clap::ValueEnum;
use keepwell_api::dto::sync::SyncPair;

use super::sync_list;
use crate::arguments_sync::SyncRun;
use crate::context::Context;

/// Flags that are about one run, with whether a value follows.
const OF_ONE_RUN: [(&str, bool); 6] = [
    ("--preview", false),
    ("--json", false),
    ("--verbose", false),
    ("--plan", true),
    ("--release-brake", true),
    ("--bring-back-from", true),
];

/// The command that asks for the same run again: of a pair that is known by its name, or its id where others are called so.
pub fn command(context: &Context, arguments: &SyncRun, known: Option<&SyncPair>) -> String {
    let places = match known {
        Some(pair) => sync_list::word(context, pair),
        None => [Some(&arguments.left), arguments.right.as_ref()]
            .into_iter()
            .flatten()
            .map(|place| quoted(&place.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let typed: Vec<OsString> = std::env::args_os().collect();
    format!("keepwell sync run {places}{}", options(typed.iter().map(|word| word.to_string_lossy())))
}

/// The answers to safety brakes that were typed, all of them.
pub fn answers(arguments: &SyncRun) -> String {
    let back = arguments.bring_back_from.iter().map(|side| (" --bring-back-from ", side.to_possible_value()));
    let released =
        arguments.release_brake.iter().map(|brake| (" --release-brake ", brake.to_possible_value()));
    back.chain(released).filter_map(|(flag, value)| Some(format!("{flag}{}", value?.get_name()))).collect()
}

/// The options among the words of a command line. All of them have a value, in a word of its own or after `=`.
fn options(typed: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut words = typed.into_iter();
    let mut text = String::new();
    while let Some(word) = words.next() {
        let word = word.as_ref();
        if word == "--" {
            break;
        }
        let Some((flag, value)) = word
            .split_once('=')
            .map(|(flag, value)| (flag, Some(value)))
            .or(Some((word, None)))
            .filter(|(flag, _)| flag.starts_with("--"))
        else {
            continue;
        };
        let of_one_run = OF_ONE_RUN.iter().find(|(known, _)| *known == flag);
        if of_one_run.is_some_and(|(_, has_value)| !has_value) {
            continue;
        }
        let value = match value {
            Some(value) => value.to_owned(),
            None => words.next().map(|word| word.as_ref().to_owned()).unwrap_or_default(),
        };
        if of_one_run.is_none() {
            text.push_str(&format!(" {flag} {}", if is_plain(&value) { value } else { quoted(&value) }));
        }
    }
    text
}

fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|letter| letter.is_alphanumeric() || "-_./:,+@%".contains(letter))
}

/// As a shell takes it for one word: where it would put something else in place of a sign, in quotes that keep it from that.
pub fn quoted(word: &str) -> String {
    if cfg!(windows) || !word.contains(['"', '$', '`', '\\', '!']) {
        return format!("\"{word}\"");
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_shell_takes_what_is_told_for_the_very_words_that_were_typed() {
        for word in ["a b", "~$*", "it's $HOME", "say \"hi\"", "`id`", r"a\ b", "wow!"] {
            let shell = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(word))])
                .output();
            assert_eq!(String::from_utf8(shell.unwrap().stdout).unwrap(), word);
        }
    }

    #[test]
    fn the_options_of_a_run_are_told_again_and_nothing_of_that_run_alone() {
        let typed = [
            "keepwell",
            "--json",
            "sync",
            "run",
            "a b",
            "c",
            "--mode",
            "mirror",
            "--preview",
            "--exclude=*.tmp",
            "--release-brake",
            "many-removed",
            "--bring-back-from=left",
            "--plan",
            "0123",
            "--max-size",
            "2G",
        ];
        assert_eq!(options(typed), " --mode mirror --exclude \"*.tmp\" --max-size 2G");
        assert_eq!(options(["sync", "run", "--exclude", "", "a", "--", "--mode"]), " --exclude \"\"");
    }
}
