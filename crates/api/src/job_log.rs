//! The log of one job: its lines, found again in the log files.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::dto::job::LogLine;
use crate::path_text::shown_lines;

/// Lines of one job that are read.
const LINES_LIMIT: usize = 20_000;
/// The longest line that is looked at.
const LINE_LIMIT_BYTES: usize = 64 * 1024;

/// The lines of a job, oldest first.
pub(crate) fn lines(logs: &Path, job_id: &str) -> Vec<LogLine> {
    let mut files: Vec<_> = std::fs::read_dir(logs)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == crate::logs::SUFFIX))
        .collect();
    // Named by their day, so by name is by time.
    files.sort();
    let mut lines = Vec::new();
    for path in files {
        let Ok(file) = File::open(&path) else { continue };
        for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            if lines.len() >= LINES_LIMIT {
                return lines;
            }
            let has_id = |line: &[u8]| line.windows(job_id.len()).any(|part| part == job_id.as_bytes());
            if line.len() <= LINE_LIMIT_BYTES && has_id(&line) {
                lines.extend(read(&line, job_id));
            }
        }
    }
    lines
}

fn read(line: &[u8], job_id: &str) -> Option<LogLine> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let fields = line.get("fields")?.as_object()?;
    let in_span = line.pointer("/span/id").and_then(Value::as_str) == Some(job_id);
    let in_field = fields.get("job").and_then(Value::as_str) == Some(job_id);
    if !in_span && !in_field {
        return None;
    }
    let mut text = fields.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "message" && *name != "job") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("; {name}: {value}"));
    }
    Some(LogLine {
        time: line.get("timestamp")?.as_str()?.to_owned(),
        level: line.get("level")?.as_str()?.to_owned(),
        text: shown_lines(&text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_the_job_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let line = |id: &str, text: &str| {
            format!(
                r#"{{"timestamp":"t","level":"INFO","fields":{{"message":"{text}","state":"x"}},"span":{{"id":"{id}"}}}}"#
            )
        };
        let content =
            [line("aa", "one"), line("bb", "names aa"), "rubbish aa".to_owned(), line("aa", "two\u{202e}")]
                .join("\n");
        std::fs::write(folder.path().join("keepwell.2026-01-01.log"), content).unwrap();
        let texts: Vec<String> = lines(folder.path(), "aa").into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["one; state: x", "two<U+202E>; state: x"]);
        assert!(lines(&folder.path().join("absent"), "aa").is_empty());
    }
}
