//! What every source file looks like.

use crate::sources::{assert_none, files, shown, text};

const RUST: &[&str] = &["crates", "tests", "src-tauri"];
/// Above this a file has more than one subject.
const LONGEST_FILE_LINES: usize = 600;
/// Tests are a list, and a list may be longer.
const LONGEST_TESTS_LINES: usize = 800;
/// Binding files are exempt: they are generated.
const GENERATED: &str = "ui/src/api/generated/";

#[test]
fn every_module_opens_by_saying_what_it_is() {
    let violations: Vec<_> = files(RUST, &[".rs"])
        .iter()
        .filter(|path| {
            let text = text(path);
            // A comment for the compiler or an attribute may stand first; the words must come before any code.
            let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#!["));
            !first.is_some_and(|line| line.starts_with("//! ") && line.len() > 12)
        })
        .map(|path| shown(path))
        .collect();
    assert_none("Every Rust module opens with //! and says what it is:", &violations);
}

#[test]
fn no_file_has_grown_too_long() {
    let violations: Vec<_> = files(
        &["crates", "tests", "src-tauri", "ui/src", "bench", "scripts"],
        &[".rs", ".ts", ".tsx", ".mjs", ".py", ".css"],
    )
    .iter()
    .map(|path| (shown(path), text(path).lines().count()))
    .filter(|(path, lines)| {
        let limit = if path.contains("test") { LONGEST_TESTS_LINES } else { LONGEST_FILE_LINES };
        *lines > limit && !path.starts_with(GENERATED)
    })
    .map(|(path, lines)| format!("{path}: {lines} lines"))
    .collect();
    assert_none("A file of more than 600 lines has more than one subject; split it:", &violations);
}

#[test]
fn modules_have_names_of_their_own() {
    let violations: Vec<_> = files(RUST, &[".rs"])
        .iter()
        .filter(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            ["mod", "utils", "util", "helpers", "helper", "common", "misc"].contains(&name.as_str())
        })
        .map(|path| shown(path))
        .collect();
    assert_none("foo.rs, not foo/mod.rs; and no file named after nothing in particular:", &violations);
}
