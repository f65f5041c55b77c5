//! What is left out of a backup: patterns in gitignore syntax, caches, large files, other file systems.
//!
//! Patterns are matched against paths relative to each source, so `/build` means the folder in the source's root and
//! `*.tmp` a name anywhere. A name that is not text is matched with its odd bytes replaced.
//! Invariant: pure; what the rules need to know of a file is handed in.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The file that marks a folder as a cache (<https://bford.info/cachedir/>).
pub const CACHE_TAG_NAME: &[u8] = b"CACHEDIR.TAG";
/// What that file begins with.
pub const CACHE_TAG_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// How many patterns a plan may have.
pub const PATTERNS_LIMIT: usize = 10_000;

/// What the person chose to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleOptions {
    /// Patterns in gitignore syntax; later ones win, `!` takes back.
    pub exclude: Vec<String>,
    /// Leave out what lies in folders marked by a `CACHEDIR.TAG`.
    pub exclude_caches: bool,
    /// Leave out files larger than this.
    pub maximum_size_bytes: Option<u64>,
    /// Stay on the file system of each source.
    pub one_file_system: bool,
}

/// A pattern can not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the exclude pattern \"{pattern}\" can not be understood: {why}")]
pub struct RuleError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

/// The rules, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    patterns: Option<Gitignore>,
    /// See [`RuleOptions`].
    pub exclude_caches: bool,
    maximum_size_bytes: Option<u64>,
    /// See [`RuleOptions`].
    pub one_file_system: bool,
}

impl Rules {
    /// Reads the patterns.
    ///
    /// # Errors
    /// One can not be understood, or there are too many.
    pub fn new(options: &RuleOptions) -> Result<Self, RuleError> {
        let error = |pattern: &str, why: String| RuleError { pattern: pattern.to_owned(), why };
        if let Some(pattern) = options.exclude.get(PATTERNS_LIMIT) {
            return Err(error(pattern, format!("there are more than {PATTERNS_LIMIT} patterns")));
        }
        let mut builder = GitignoreBuilder::new("");
        for pattern in &options.exclude {
            builder.add_line(None, pattern).map_err(|why| error(pattern, why.to_string()))?;
        }
        let patterns = builder.build().map_err(|why| error("", why.to_string()))?;
        Ok(Self {
            patterns: (!patterns.is_empty()).then_some(patterns),
            exclude_caches: options.exclude_caches,
            maximum_size_bytes: options.maximum_size_bytes,
            one_file_system: options.one_file_system,
        })
    }

    /// Whether a pattern leaves this path out. What lies in a folder that is left out is never asked for.
    #[must_use]
    pub fn excludes(&self, path: &[u8], is_folder: bool) -> bool {
        let Some(patterns) = &self.patterns else { return false };
        let text = String::from_utf8_lossy(path);
        patterns.matched(&*text, is_folder).is_ignore()
    }

    /// Whether any pattern could leave anything out: spares making paths where not.
    #[must_use]
    pub fn has_patterns(&self) -> bool {
        self.patterns.is_some()
    }

    /// Whether a file is too large.
    #[must_use]
    pub fn excludes_size(&self, size_bytes: u64) -> bool {
        self.maximum_size_bytes.is_some_and(|maximum| size_bytes > maximum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str]) -> Rules {
        let exclude = patterns.iter().map(ToString::to_string).collect();
        Rules::new(&RuleOptions { exclude, ..Default::default() }).unwrap()
    }

    fn excludes(rules: &Rules, path: &str, is_folder: bool) -> bool {
        rules.excludes(path.as_bytes(), is_folder)
    }

    #[test]
    fn patterns_mean_what_they_mean_in_a_gitignore_file() {
        let rules = rules(&["*.tmp", "!keep.tmp", "/build", "cache/", "# a remark", "docs/*.pdf"]);
        assert!(excludes(&rules, "a/b/x.tmp", false));
        assert!(!excludes(&rules, "a/keep.tmp", false));
        assert!(excludes(&rules, "build", true));
        assert!(!excludes(&rules, "src/build", true));
        assert!(excludes(&rules, "deep/cache", true));
        assert!(!excludes(&rules, "deep/cache", false), "a slash at the end means folders only");
        assert!(excludes(&rules, "docs/a.pdf", false));
        assert!(!excludes(&rules, "docs/a/b.pdf", false));
    }

    #[test]
    fn a_pattern_that_can_not_be_read_is_told() {
        let options = RuleOptions { exclude: vec!["[z-a]".into()], ..Default::default() };
        assert_eq!(Rules::new(&options).unwrap_err().pattern, "[z-a]");
    }

    #[test]
    fn names_that_are_not_text_match_by_their_text_part() {
        assert!(rules(&["*.tmp"]).excludes(b"caf\xe9.tmp", false));
    }
}
