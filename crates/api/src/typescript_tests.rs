//! Holds `ui/src/api/generated/` in step with the table: run with `KEEPWELL_EXPORT_TYPES=1` to write it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ts_rs::{Config, TS};

use super::{NAMES, Visitor, visit};
use crate::error::ApiError;

const HEAD: &str = "// Made from crates/api by `KEEPWELL_EXPORT_TYPES=1 cargo test -p keepwell-api typescript`. Not to be edited.\n";

struct Collector {
    config: Config,
    rows: String,
    imports: BTreeMap<String, ()>,
}

impl Visitor for Collector {
    fn command<Request: TS + 'static, Answer: TS + 'static>(&mut self, name: &str, comment: &str) {
        Request::export_all(&self.config).unwrap();
        Answer::export_all(&self.config).unwrap();
        let (request, answer) = (Request::name(&self.config), Answer::name(&self.config));
        writeln!(self.rows, "  /** {comment} */\n  \"{name}\": {{ request: {request}; answer: {answer} }};")
            .unwrap();
        self.imports.insert(request, ());
        self.imports.insert(answer, ());
    }
}

/// Writes all TypeScript into a folder.
fn export(folder: &Path) {
    let config = Config::default().with_large_int("number").with_out_dir(folder);
    let mut collector = Collector { config, rows: String::new(), imports: BTreeMap::new() };
    visit(&mut collector);
    ApiError::export_all(&collector.config).unwrap();
    let mut text = HEAD.to_owned();
    for name in collector.imports.keys() {
        writeln!(text, "import type {{ {name} }} from \"./{name}\";").unwrap();
    }
    writeln!(
        text,
        "\n/** Every command: what it takes and what it answers. */\nexport interface Commands {{"
    )
    .unwrap();
    write!(text, "{}}}\n\n", collector.rows).unwrap();
    text.push_str("/** The name of a command. */\nexport type CommandName = keyof Commands;\n\n");
    text.push_str("/** All names, in the order of the table. */\nexport const commandNames: readonly CommandName[] = [\n");
    for name in NAMES {
        writeln!(text, "  \"{name}\",").unwrap();
    }
    text.push_str(
        "];\n\n/** The escaped form of a path a person typed (paths from answers are escaped already). */\n",
    );
    text.push_str("export const pathFromText = (text: string): string => text.replaceAll(\"%\", \"%25\");\n");
    std::fs::write(folder.join("commands.ts"), text).unwrap();

    let mut index = HEAD.to_owned();
    for name in files(folder).into_keys().filter(|name| name != "index.ts") {
        writeln!(index, "export * from \"./{}\";", name.trim_end_matches(".ts")).unwrap();
    }
    std::fs::write(folder.join("index.ts"), index).unwrap();
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_generated_typescript_is_in_step() {
    let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/api/generated");
    if std::env::var_os("KEEPWELL_EXPORT_TYPES").is_some() {
        std::fs::create_dir_all(&committed).unwrap();
        for name in files(&committed).into_keys() {
            std::fs::remove_file(committed.join(name)).unwrap();
        }
        export(&committed);
    }
    let fresh = tempfile::tempdir().unwrap();
    export(fresh.path());
    let (fresh, committed) = (files(fresh.path()), files(&committed));
    assert_eq!(fresh.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, text) in &fresh {
        assert_eq!(text, &committed[name], "{name} is out of step");
    }
}

#[test]
fn names_are_unique() {
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), NAMES.len());
}
