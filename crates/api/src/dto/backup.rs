//! A backup: what is left out, and one run without a plan.

use super::repository::RepositoryAddress;
use super::{dto, request};
use crate::Count;

dto! {
    /// What a backup leaves out.
    pub struct BackupRules {
        /// Lines in gitignore syntax, matched below each source.
        pub exclude: Vec<String>,
        /// Whether folders with a CACHEDIR.TAG are left out.
        pub exclude_caches: bool,
        /// Files larger than this are left out.
        pub max_file_bytes: Option<Count>,
        /// Whether to stay on the file system each source is on.
        pub one_file_system: bool,
    }
}

impl Default for BackupRules {
    fn default() -> Self {
        Self { exclude: Vec::new(), exclude_caches: true, max_file_bytes: None, one_file_system: false }
    }
}

request! {
    /// One backup without a plan.
    pub struct BackupRun {
        /// Where to.
        pub repository: RepositoryAddress,
        /// What.
        pub sources: Vec<String>,
        /// What is left out; nothing means the usual.
        pub rules: Option<BackupRules>,
        /// Words to find the snapshot by.
        pub tags: Option<Vec<String>>,
        /// Whether to go on where a source that held files is empty now.
        pub even_if_empty: Option<bool>,
    }
}
