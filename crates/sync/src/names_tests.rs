//! Names as people have them, on places that do not take them.

use keepwell_endpoint::tree::{Capabilities, NameRules, UnicodeNames};

use super::*;

fn unix() -> Capabilities {
    Capabilities {
        stable_ids: true,
        strong_versions: true,
        folders: true,
        symlinks: true,
        modes: true,
        extended_attributes: true,
        times: true,
        time_grain_ns: 1,
        case_sensitive: true,
        keeps_case: true,
        unicode: UnicodeNames::Kept,
        names: NameRules::Bytes,
        name_limit_bytes: 255,
        path_limit_bytes: 4096,
        renames_folders: true,
        stages_from_existing: true,
        parallel: 4,
    }
}

fn windows() -> Capabilities {
    Capabilities { case_sensitive: false, names: NameRules::Windows, ..unix() }
}

fn mac() -> Capabilities {
    Capabilities {
        case_sensitive: false,
        unicode: UnicodeNames::Decomposed,
        names: NameRules::Text,
        ..unix()
    }
}

#[test]
fn a_name_that_fits_stays() {
    for name in ["a", "Ünïcode.txt", ".hidden", "a (1).txt", "con-tract", "COM10"] {
        assert_eq!(mapped(name.as_bytes(), &unix()), name.as_bytes());
        assert_eq!(mapped(name.as_bytes(), &windows()), name.as_bytes());
    }
    assert_eq!(mapped(b"\xff\xfe", &unix()), &b"\xff\xfe"[..]);
}

#[test]
fn what_windows_forbids_gets_a_look_alike() {
    for (name, instead) in [
        ("what?", "what？"),
        ("a:b", "a：b"),
        ("CON", "ＣON"),
        ("nul.txt", "ｎul.txt"),
        ("com1", "ｃom1"),
        ("end.", "end．"),
        ("end ", "end␠"),
        ("a\u{7}b", "a␇b"),
    ] {
        assert_eq!(String::from_utf8(mapped(name.as_bytes(), &windows()).into_owned()).unwrap(), instead);
    }
    assert_eq!(mapped(b"a\xffb", &windows()), "a\u{201b}FFb".as_bytes());
}

#[test]
fn forms_of_unicode_are_those_of_the_place() {
    let composed = "\u{e9}";
    let decomposed = "e\u{301}";
    assert_eq!(mapped(composed.as_bytes(), &mac()), decomposed.as_bytes());
    assert_eq!(mapped(decomposed.as_bytes(), &mac()), decomposed.as_bytes());
    assert_eq!(key(composed.as_bytes(), &mac()), key(decomposed.as_bytes(), &mac()));
    assert_ne!(key(composed.as_bytes(), &unix()), key(decomposed.as_bytes(), &unix()));
}

#[test]
fn case_counts_where_the_place_says_so() {
    assert_eq!(key(b"README", &windows()), key(b"readme", &windows()));
    assert_ne!(key(b"README", &unix()), key(b"readme", &unix()));
    assert_eq!(key("ΣΑΣ".as_bytes(), &windows()), key("σας".as_bytes(), &windows()));
}

#[test]
fn long_names_are_cut_between_characters_and_keep_their_ending() {
    let name = format!("{}.jpeg", "ü".repeat(200));
    let short = mapped(name.as_bytes(), &unix()).into_owned();
    assert!(short.len() <= 255 && short.ends_with(b".jpeg"));
    assert!(String::from_utf8(short.clone()).is_ok());
    let other = format!("{}x.jpeg", "ü".repeat(200));
    assert_ne!(mapped(other.as_bytes(), &unix()), short, "two long names stay two");
}

#[test]
fn conflict_copies_say_from_where_and_when() {
    let name = conflict_copy(b"report.txt", "Anna's Laptop", "2026-11-22", 1, [&unix(), &windows()]);
    assert_eq!(String::from_utf8(name).unwrap(), "report (conflict from Anna's Laptop, 2026-11-22).txt");
    let name = conflict_copy(b".profile", "a/b:c", "2026-11-22", 3, [&unix(), &windows()]);
    assert_eq!(String::from_utf8(name).unwrap(), ".profile (conflict from abc, 2026-11-22 3)");
    let long = vec![b'x'; 255];
    assert!(conflict_copy(&long, "Laptop", "2026-11-22", 1, [&unix(), &unix()]).len() <= 255);
}

#[test]
fn names_that_only_differ_in_case_get_apart() {
    let one = apart(b"README.md", &windows());
    assert_ne!(key(&one, &windows()), key(b"readme.md", &windows()));
    assert_ne!(one, apart(b"Readme.md", &windows()));
    // It is known by its look and by the name it was made from, also where it was made from one that was.
    let twice = apart(&one, &windows());
    for made in [&one, &twice] {
        assert!(may_be_apart(made) && is_apart(made, b"README.md", &windows()));
        assert!(!is_apart(made, b"Readme.md", &windows()));
    }
    assert!(!may_be_apart(b"notes~") && !may_be_apart(b"a~notes.md"));
    assert!(one.ends_with(b".md"));
}
