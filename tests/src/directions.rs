//! Which crate may import which, as `docs/ARCHITECTURE.md` draws it, read from `cargo metadata`.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::sources::{assert_none, files, root, shown, text};

/// Each crate of the workspace with the crates of the workspace that it may import. A new crate needs a line here.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("endpoint", &["model"]),
    ("repository", &["model", "endpoint"]),
    ("backup", &["model", "endpoint", "repository"]),
    ("sync", &["model", "endpoint"]),
    ("catalog", &["model"]),
    ("jobs", &["model", "endpoint", "repository", "backup", "sync", "catalog"]),
    ("api", &["model", "endpoint", "repository", "backup", "sync", "catalog", "jobs"]),
    ("cli", &["api"]),
    ("web", &["api"]),
    ("desktop", &["api"]),
    ("testkit", &["model", "endpoint"]),
    ("tests", &["model", "endpoint", "repository", "backup", "catalog", "sync", "testkit"]),
];

/// The root package: the desktop shell.
const SHELL: &str = "desktop";

/// An import of one package of the workspace.
struct Import {
    /// The package's name without `keepwell-`; the root package is the [`SHELL`].
    package: String,
    dependency: String,
    for_tests_only: bool,
}

fn imports() -> Vec<Import> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let root_manifest = root().join("Cargo.toml");
    let mut imports = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = if package["manifest_path"] == *root_manifest.to_string_lossy() {
            SHELL.to_owned()
        } else {
            short(package["name"].as_str().expect("a name"))
        };
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        // A package without imports still has to be known.
        if dependencies.is_empty() {
            let dependency = String::new();
            imports.push(Import { package: name.clone(), dependency, for_tests_only: true });
        }
        for dependency in dependencies {
            imports.push(Import {
                package: name.clone(),
                dependency: dependency["name"].as_str().expect("a name").to_owned(),
                for_tests_only: dependency["kind"] == "dev",
            });
        }
    }
    imports
}

fn short(package: &str) -> String {
    package.strip_prefix("keepwell-").unwrap_or(package).to_owned()
}

#[test]
fn nothing_imports_upward_and_hosts_import_the_api_alone() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut violations = Vec::new();
    for import in imports() {
        let Some(may) = allowed.get(import.package.as_str()) else {
            violations.push(format!("{} is not in the table of directions", import.package));
            continue;
        };
        let Some(dependency) = import.dependency.strip_prefix("keepwell-") else { continue };
        let testing = import.for_tests_only && dependency == "testkit";
        if !may.contains(&dependency) && !testing {
            violations.push(format!("{} imports {dependency}", import.package));
        }
        if dependency == "testkit" && !import.for_tests_only {
            violations.push(format!("{} imports testkit outside its tests", import.package));
        }
    }
    assert_none("These imports go against the directions of docs/ARCHITECTURE.md:", &violations);
}

#[test]
fn the_directions_have_no_circle() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    for (position, (package, may)) in MAY_IMPORT.iter().enumerate() {
        for dependency in *may {
            let line = MAY_IMPORT.iter().position(|(name, _)| name == dependency);
            let before = line.is_some_and(|line| line < position)
                || (*package == "tests" && allowed.contains_key(dependency));
            assert!(before, "{package} may import {dependency}, which stands below it");
        }
    }
}

#[test]
fn only_the_shell_names_tauri() {
    let violations: Vec<_> = imports()
        .iter()
        .filter(|import| import.dependency.starts_with("tauri") && import.package != SHELL)
        .map(|import| format!("{} imports {}", import.package, import.dependency))
        .collect();
    assert_none("tauri is for the root package alone:", &violations);
}

#[test]
fn only_the_transport_names_tauri_in_the_user_interface() {
    let violations: Vec<_> = files(&["ui"], &[".ts", ".tsx"])
        .iter()
        .filter(|path| text(path).contains("@tauri-apps/"))
        .map(|path| shown(path))
        .filter(|path| !path.starts_with("ui/src/api/"))
        .collect();
    assert_none("@tauri-apps is for ui/src/api alone:", &violations);
}

#[test]
fn planners_are_pure() {
    const IMPURE: &[&str] = &[
        "std::fs",
        "std::env",
        "std::net",
        "std::thread",
        "std::process",
        "SystemTime",
        "Instant",
        "getrandom",
        "rand::",
        "tokio",
        "async ",
    ];
    let mut violations = Vec::new();
    let mut planners = 0;
    for path in
        files(&["crates/backup/src", "crates/sync/src", "crates/archive/src", "crates/migrate/src"], &[".rs"])
    {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_part_of_planning = matches!(&*name, "names" | "planner") || shown(&path).contains("/planner/");
        if !(name == "plan" || name.ends_with("_plan") || is_part_of_planning) {
            continue;
        }
        planners += 1;
        let whole = text(&path);
        let code = whole.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in
            code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                violations.push(format!("{}:{}: {word}", shown(&path), number + 1));
            }
        }
    }
    assert_none("A planner takes data and gives a plan, nothing else:", &violations);
    assert!(planners > 0, "no planner was found: has plan.rs moved?");
}

/// The rooms of `crates/sync/src` in the order of its `lib.rs`; those of one line do not know each other. What is not here
/// is the vocabulary, which knows no room.
const SYNC_ROOMS: &[&[&str]] = &[
    &["database", "planner", "scan"],
    &["place"],
    &["execute"],
    &["run"],
    &["bins", "shared_rules"],
    &["conflict_text"],
];

#[test]
fn a_room_of_sync_imports_only_what_comes_before_it() {
    let floor = |room: &str| SYNC_ROOMS.iter().position(|rooms| rooms.contains(&room));
    let mut violations = Vec::new();
    let mut seen = 0;
    for path in files(&["crates/sync/src"], &[".rs"]) {
        let name = shown(&path);
        let inside = name.strip_prefix("crates/sync/src/").expect("a file of sync");
        let room = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if room == "lib" || inside.ends_with("tests.rs") {
            continue;
        }
        let whole = text(&path);
        let code = whole.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>();
        for import in code.join("\n").split("crate::").skip(1) {
            let end = import.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let other = &import[..end.unwrap_or(import.len())];
            seen += 1;
            if other.is_empty() || other.starts_with(char::is_uppercase) {
                violations.push(format!("{name}: crate::{other} does not say which room it comes from"));
            } else if other != room && floor(other) >= floor(room) && floor(other).is_some() {
                violations.push(format!("{name} imports {other}"));
            }
        }
    }
    assert_none("These imports go against the order in crates/sync/src/lib.rs:", &violations);
    assert!(seen > 100, "only {seen} imports were found: has the source moved?");
}
