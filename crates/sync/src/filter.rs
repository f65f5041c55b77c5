//! What a pair leaves out: patterns in gitignore syntax, folders that were not chosen, files too large, too young, too old.
//!
//! The patterns are those of the pair and those of the shared file `.keepwell/rules` in the roots; while the two roots
//! have different ones, both count. Invariants: pure, what has to be known of an item is handed in; both sides are asked
//! with the same rules; what is left out is never "gone", only unknown (`scan` sees to that).
//! Deliberately not here: reading the shared file and the clock (`scan`).

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use keepwell_model::{EntryKind, RelativePath, Timestamp};
use serde::{Deserialize, Serialize};

use crate::pair::FilterSpec;
use crate::trees::LeftOut;

/// How many patterns one source of them may have.
pub const PATTERNS_LIMIT: usize = 10_000;

/// A rule can not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule \"{rule}\" can not be understood: {why}")]
pub struct FilterError {
    /// The rule as it was written.
    pub rule: String,
    /// What is wrong with it.
    pub why: String,
}

/// What a rule may ask of an item.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// What it is.
    pub kind: EntryKind,
    /// Its length.
    pub size_bytes: u64,
    /// When it last changed.
    pub modified: Option<Timestamp>,
}

/// The rules as they are written: those of the pair, and the shared files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    own: FilterSpec,
    shared: Vec<Vec<u8>>,
}

/// The rules of a pair, ready to be asked.
#[derive(Debug)]
pub struct Filter {
    written: Written,
    patterns: Vec<Gitignore>,
    folders: Vec<RelativePath>,
    max_size_bytes: Option<u64>,
    changed_before: Option<i64>,
    changed_after: Option<i64>,
    digest: [u8; 16],
}

impl Filter {
    /// Reads the rules of the pair, and the shared files of both roots as far as there are any.
    ///
    /// # Errors
    /// One can not be understood, or there are too many.
    pub fn new(spec: &FilterSpec, shared: &[Vec<u8>], now: Timestamp) -> Result<Self, FilterError> {
        let mut patterns = Vec::new();
        if !spec.patterns.is_empty() {
            patterns.push(gitignore(spec.patterns.iter().map(String::as_str))?);
        }
        let mut texts: Vec<&Vec<u8>> = shared.iter().collect();
        texts.sort();
        texts.dedup();
        for text in &texts {
            patterns.push(gitignore(String::from_utf8_lossy(text).lines())?);
        }
        let mut folders = Vec::new();
        for folder in &spec.folders {
            folders.push(
                RelativePath::parse(folder.as_bytes())
                    .map_err(|error| FilterError { rule: folder.clone(), why: error.why.to_owned() })?,
            );
        }
        let before = |age: u64| now.seconds.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX));
        Ok(Self {
            written: Written { own: spec.clone(), shared: shared.to_vec() },
            patterns,
            folders,
            max_size_bytes: spec.max_size_bytes,
            changed_before: spec.min_age_seconds.map(before),
            changed_after: spec.max_age_seconds.map(before),
            digest: digest(spec, &texts),
        })
    }

    /// Changes whenever what is left out does, also by a shared file; the same as that of the pair's own rules where
    /// there is no shared file. While one root has a line more than the other it is that of the longer file: the run
    /// that brings the line across changes nothing.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }

    /// The rules as they are written, to be kept until the next run.
    pub(crate) fn to_kept(&self) -> Vec<u8> {
        // Plain lists and numbers: there is nothing that could not be written so.
        serde_json::to_vec(&self.written).unwrap_or_default()
    }

    /// Rules that were kept; nothing where these are not the ones of the digest, or can not be read any more.
    pub(crate) fn of_kept(kept: &[u8], digest: [u8; 16], now: Timestamp) -> Option<Self> {
        let Written { own, shared } = serde_json::from_slice(kept).ok()?;
        Self::new(&own, &shared, now).ok().filter(|filter| filter.digest == digest)
    }

    /// Whether there is no rule at all, so that nothing has to be asked.
    #[must_use]
    pub fn takes_everything(&self) -> bool {
        self.patterns.is_empty()
            && self.folders.is_empty()
            && self.max_size_bytes.is_none()
            && self.changed_before.is_none()
            && self.changed_after.is_none()
    }

    /// Whether an item is left out. What lies in a folder that is left out is never asked for.
    #[must_use]
    pub fn excludes(&self, path: &RelativePath, facts: &Facts) -> bool {
        (facts.kind == EntryKind::File && self.excludes_file(facts))
            || self.excludes_path(path, facts.kind == EntryKind::Folder)
    }

    /// Whether what is at a path is left out, whatever it holds.
    fn excludes_path(&self, path: &RelativePath, is_folder: bool) -> bool {
        if !self.is_chosen(path, is_folder) {
            return true;
        }
        if self.patterns.is_empty() {
            return false;
        }
        let text = String::from_utf8_lossy(path.as_bytes());
        self.patterns.iter().any(|patterns| patterns.matched(&*text, is_folder).is_ignore())
    }

    /// Whether whatever is at a path is left out, be it a file or a folder.
    #[must_use]
    pub(crate) fn excludes_name(&self, path: &RelativePath) -> bool {
        self.excludes_path(path, false) && self.excludes_path(path, true)
    }

    /// Whether an item is left out, by itself or with a folder above it.
    #[must_use]
    pub fn leaves_out(&self, path: &RelativePath, facts: &Facts) -> bool {
        let folder = Facts { kind: EntryKind::Folder, size_bytes: 0, modified: None };
        let above = std::iter::successors(path.parent(), RelativePath::parent).filter(|path| !path.is_root());
        self.excludes(path, facts) || above.into_iter().any(|path| self.excludes(&path, &folder))
    }

    fn excludes_file(&self, facts: &Facts) -> bool {
        let seconds = facts.modified.map(|modified| modified.seconds);
        self.max_size_bytes.is_some_and(|limit| facts.size_bytes > limit)
            || seconds.zip(self.changed_after).is_some_and(|(seconds, limit)| seconds < limit)
            || self.is_too_young(facts)
    }

    /// Whether a file changed so lately that it is left out until it is older.
    fn is_too_young(&self, facts: &Facts) -> bool {
        facts.modified.zip(self.changed_before).is_some_and(|(modified, limit)| modified.seconds > limit)
    }

    /// How a file is left out by its size or age alone; nothing where it is not.
    pub(crate) fn leaves_out_file(
        &self,
        path: &RelativePath,
        facts: &Facts,
        is_gone: bool,
    ) -> Option<LeftOut> {
        let is_left_out =
            facts.kind == EntryKind::File && self.excludes_file(facts) && !self.excludes_path(path, false);
        is_left_out.then(|| LeftOut { is_for_now: self.is_too_young(facts), is_gone })
    }

    /// The folders that were chosen; none where everything is synced.
    pub(crate) fn folders(&self) -> &[RelativePath] {
        &self.folders
    }

    /// Whether it lies in one of the chosen folders, is one, or is on the way to one.
    fn is_chosen(&self, path: &RelativePath, is_folder: bool) -> bool {
        self.folders.is_empty()
            || self
                .folders
                .iter()
                .any(|folder| path.starts_with(folder) || (is_folder && folder.starts_with(path)))
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Filter {}

/// Refuses patterns that a person can not have meant. Asked where they are typed: a pair that has such already runs as it did.
///
/// # Errors
/// The first that says nothing, or what [`Filter::new`] can not understand.
pub fn check_patterns(patterns: &[String]) -> Result<(), FilterError> {
    let error = |rule: &str, why: &str| FilterError { rule: rule.to_owned(), why: why.to_owned() };
    for pattern in patterns {
        let name = pattern.trim().trim_start_matches('!').trim_matches('/');
        if name.is_empty() && !pattern.trim().is_empty() {
            return Err(error(pattern, "it names nothing"));
        }
        let mut builder = GitignoreBuilder::new("");
        builder.allow_unclosed_class(false);
        builder.add_line(None, pattern).map_err(|why| error(pattern, &why.to_string()))?;
    }
    Ok(())
}

fn gitignore<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Gitignore, FilterError> {
    let error = |rule: &str, why: String| FilterError { rule: rule.to_owned(), why };
    let mut builder = GitignoreBuilder::new("");
    for (number, line) in lines.enumerate() {
        if number >= PATTERNS_LIMIT {
            return Err(error(line, format!("there are more than {PATTERNS_LIMIT} rules")));
        }
        builder.add_line(None, line).map_err(|why| error(line, why.to_string()))?;
    }
    builder.build().map_err(|why| error("", why.to_string()))
}

fn digest(spec: &FilterSpec, shared: &[&Vec<u8>]) -> [u8; 16] {
    let own = spec.digest();
    let rules: Vec<Vec<&[u8]>> = shared.iter().map(|text| lines(text)).collect();
    let counts = |number: usize| {
        let is_within = |other: usize| {
            other != number && is_part(&rules[number], &rules[other])
                // Of two that say the same the first counts.
                && (rules[number].len() < rules[other].len() || other < number)
        };
        !rules[number].is_empty() && !(0..rules.len()).any(is_within)
    };
    let rules: Vec<_> =
        (0..rules.len()).filter(|number| counts(*number)).map(|number| &rules[number]).collect();
    if rules.is_empty() {
        return own;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&own);
    for lines in rules {
        hasher.update(&(lines.len() as u64).to_le_bytes());
        for line in lines {
            hasher.update(&(line.len() as u64).to_le_bytes()).update(line);
        }
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    digest
}

/// The lines of a text that say something.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).collect()
}

/// Whether what these lines leave out the others leave out too: they have all of them in the same order, and none takes
/// anything back.
fn is_part(lines: &[&[u8]], of: &[&[u8]]) -> bool {
    let mut rest = of.iter();
    lines.iter().all(|line| rest.any(|other| other == line)) && !of.iter().any(|line| line.starts_with(b"!"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::parse(text.as_bytes()).unwrap()
    }

    fn excludes(filter: &Filter, text: &str, kind: EntryKind) -> bool {
        let facts = Facts { kind, size_bytes: 10, modified: Some(Timestamp::new(1_000, 0)) };
        filter.excludes(&path(text), &facts)
    }

    fn filter(spec: &FilterSpec, shared: &[Vec<u8>]) -> Filter {
        Filter::new(spec, shared, Timestamp::new(2_000, 0)).unwrap()
    }

    #[test]
    fn patterns_mean_what_they_mean_in_a_gitignore_file_and_both_sources_count() {
        let spec = FilterSpec { patterns: vec!["*.tmp".into(), "!keep.tmp".into()], ..Default::default() };
        let shared = [b"# ours\r\n/build/\n\nnotes".to_vec(), b"other".to_vec()];
        let filter = filter(&spec, &shared);
        assert!(excludes(&filter, "a/x.tmp", EntryKind::File));
        assert!(!excludes(&filter, "a/keep.tmp", EntryKind::File));
        assert!(excludes(&filter, "build", EntryKind::Folder));
        assert!(!excludes(&filter, "build", EntryKind::File));
        assert!(!excludes(&filter, "a/build", EntryKind::Folder));
        assert!(excludes(&filter, "a/notes", EntryKind::File) && excludes(&filter, "other", EntryKind::File));
    }

    #[test]
    fn only_chosen_folders_and_the_way_to_them_are_in() {
        let spec = FilterSpec { folders: vec!["a/b".into(), "c".into()], ..Default::default() };
        let filter = filter(&spec, &[]);
        for inside in ["a", "a/b", "a/b/deep", "c"] {
            assert!(!excludes(&filter, inside, EntryKind::Folder), "{inside}");
        }
        assert!(!excludes(&filter, "a/b/file", EntryKind::File));
        assert!(excludes(&filter, "a", EntryKind::File) && excludes(&filter, "a/file", EntryKind::File));
        assert!(excludes(&filter, "d", EntryKind::Folder) && excludes(&filter, "a/bc", EntryKind::Folder));
    }

    #[test]
    fn sizes_and_ages_are_those_of_files() {
        let rule = |change: fn(&mut FilterSpec)| {
            let mut spec = FilterSpec::default();
            change(&mut spec);
            excludes(&filter(&spec, &[]), "x", EntryKind::File)
        };
        assert!(rule(|spec| spec.max_size_bytes = Some(9)) && !rule(|spec| spec.max_size_bytes = Some(10)));
        assert!(
            rule(|spec| spec.min_age_seconds = Some(1_001)) && !rule(|spec| spec.min_age_seconds = Some(999))
        );
        assert!(
            rule(|spec| spec.max_age_seconds = Some(999)) && !rule(|spec| spec.max_age_seconds = Some(1_001))
        );
        let small = FilterSpec { max_size_bytes: Some(1), ..Default::default() };
        assert!(!excludes(&filter(&small, &[]), "x", EntryKind::Folder));
    }

    #[test]
    fn the_digest_tells_of_shared_rules_too() {
        let spec = FilterSpec::default();
        assert_eq!(filter(&spec, &[]).digest(), spec.digest());
        let one = filter(&spec, &[b"a".to_vec()]).digest();
        assert_ne!(one, spec.digest());
        assert_eq!(one, filter(&spec, &[b"a".to_vec(), b"a".to_vec()]).digest(), "both roots have the same");
        assert_ne!(one, filter(&spec, &[b"b".to_vec()]).digest());
    }

    #[test]
    fn a_line_that_is_on_its_way_to_the_other_root_is_a_change_only_once() {
        let spec = FilterSpec::default();
        let digest = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            filter(&spec, &texts).digest()
        };
        let (before, after) = ("# ours\na\n", "a\r\nb\n");
        assert_eq!(digest(&[after, before]), digest(&[after]));
        assert_ne!(digest(&[before]), digest(&[after]));
        assert_eq!(digest(&["# nothing but words\n"]), spec.digest());
        // A line that takes something back may change what any other means.
        assert_ne!(digest(&["a\n!ab\n", "a\n"]), digest(&["a\n!ab\n"]));
        assert_eq!(digest(&["a\n!ab\n", "a\n!ab\n"]), digest(&["a\n!ab\n"]));
    }

    #[test]
    fn patterns_that_nobody_can_have_meant_are_refused_where_they_are_typed() {
        let check = |pattern: &str| check_patterns(&[pattern.to_owned()]);
        for sound in ["*.tmp", "!keep", "/build/", "[a-z]*", "\\[", "# a comment", ""] {
            assert_eq!(check(sound), Ok(()), "{sound}");
        }
        for senseless in ["[", "a[b", "!", "/", "!/", "[z-a]"] {
            assert_eq!(check(senseless).unwrap_err().rule, senseless);
        }
        // A pair that has one runs as it did.
        let spec = FilterSpec { patterns: vec!["[".into()], ..Default::default() };
        assert!(excludes(&filter(&spec, &[]), "[", EntryKind::File));
    }

    #[test]
    fn a_rule_that_can_not_be_read_is_told() {
        let spec = FilterSpec { patterns: vec!["[z-a]".into()], ..Default::default() };
        assert_eq!(Filter::new(&spec, &[], Timestamp::default()).unwrap_err().rule, "[z-a]");
        let spec = FilterSpec { folders: vec!["../up".into()], ..Default::default() };
        assert_eq!(Filter::new(&spec, &[], Timestamp::default()).unwrap_err().rule, "../up");
    }
}
