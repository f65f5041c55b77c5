//! Windows: the drives that have a letter.

use std::path::PathBuf;

pub(super) fn mounts() -> Vec<PathBuf> {
    ('A'..='Z').map(|letter| PathBuf::from(format!("{letter}:\\"))).filter(|path| path.is_dir()).collect()
}
