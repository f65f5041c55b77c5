//! What is printed: aligned tables, sizes and times for people, JSON for programs.
//!
//! Invariants: data on standard output, the rest on the error stream; a reader that went away ends the output without a
//! panic; of what is printed for people every sign can be seen, whatever a name holds; JSON is exact.

use std::fmt::Write as _;
use std::io::Write as _;

use keepwell_api::path_text::shown_lines;
use keepwell_api::{ApiError, Count, ErrorCode, Moment};
use serde::Serialize;

/// Prints a line of data. A closed pipe is no failure: whoever read has seen enough.
pub fn line(text: impl AsRef<str>) {
    exact(&shown_lines(text.as_ref()));
}

/// Prints a line of data for programs: as it is.
fn exact(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a part of a line of data for programs.
pub fn part(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// Prints a line beside the data.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "{}", shown_lines(text.as_ref()));
}

/// Prints data as JSON.
///
/// # Errors
/// It holds a number JSON readers would round.
pub fn json(data: &impl Serialize) -> Result<(), ApiError> {
    let text = serde_json::to_string_pretty(data).map_err(unwritable)?;
    exact(&text);
    Ok(())
}

/// Data can not be JSON: JavaScript would round a number in it.
pub fn unwritable(error: serde_json::Error) -> ApiError {
    ApiError::new(ErrorCode::Failed, format!("This can not be written as JSON: {error}."))
}

/// Prints an error: what, where, what next.
pub fn error(error: &ApiError) {
    note(format!("Error: {}", error.message));
    if let Some(path) = error.path.as_ref().filter(|path| !error.message.contains(path.as_str())) {
        note(format!("  Path: {path}"));
    }
    if let Some(hint) = &error.hint {
        note(format!("  Next: {hint}"));
    }
    crate::trust::explain(error);
}

/// Rows under a head, in aligned columns. Columns whose head begins with `>` are aligned to the right.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let right: Vec<bool> = head.iter().map(|name| name.starts_with('>')).collect();
    let head: Vec<String> = head.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in all {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            let cell = row.get(column).map(String::as_str).unwrap_or_default();
            let space = " ".repeat(width.saturating_sub(cell.chars().count()));
            let is_right = right.get(column).copied().unwrap_or(false);
            // Writing into a text does not fail.
            let _ = if is_right { write!(line, "{space}{cell}  ") } else { write!(line, "{cell}{space}  ") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// Names and values, one a line, aligned.
pub fn facts(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("  {name}{}  {value}", " ".repeat(width - name.chars().count())))
        .collect();
    lines.join("\n")
}

/// A size in KiB, MiB, …
pub fn size(count: Count) -> String {
    let bytes = count.0;
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 9.995 { format!("{value:.2} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A count with commas.
pub fn number(count: Count) -> String {
    let digits = count.0.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with what is counted.
pub fn counted(count: Count, one: &str, several: &str) -> String {
    format!("{} {}", number(count), if count == Count(1) { one } else { several })
}

/// A moment in local time.
pub fn time(moment: Moment) -> String {
    match jiff::Timestamp::from_millisecond(moment.0) {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "out of range".to_owned(),
    }
}

/// A duration in words.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_read_well() {
        let texts: Vec<String> =
            [0, 1023, 1024, 1536, 10 << 20, (1 << 30) - 1].map(|bytes| size(Count(bytes))).into();
        assert_eq!(texts, ["0 B", "1023 B", "1.00 KiB", "1.50 KiB", "10.0 MiB", "1.00 GiB"]);
        assert_eq!(number(Count(1_234_567)), "1,234,567");
        assert_eq!(number(Count(123)), "123");
    }

    #[test]
    fn tables_are_aligned() {
        let rows = vec![vec!["ä".to_owned(), "10".to_owned()], vec!["long".to_owned(), "5".to_owned()]];
        assert_eq!(table(&["NAME", ">SIZE"], &rows), "NAME  SIZE\nä       10\nlong     5");
    }

    #[test]
    fn durations_are_in_words() {
        let texts: Vec<String> = [5, 1_500, 61_000, 3_700_000].map(duration).into();
        assert_eq!(texts, ["5 ms", "1.5 s", "1 min 1 s", "1 h 1 min"]);
    }
}
