//! Files and folders that only the person may read: the state folder, the database, the file of secrets.
//!
//! Invariants: rights are set when the thing is made, not afterwards; a whole file is replaced at once (written beside,
//! made durable, renamed). On Windows the profile folder's own rights protect them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Makes a folder (and those above it) that only the person may enter; one that exists is left alone.
///
/// # Errors
/// The system refused.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file that only the person may read; one that exists is left alone.
///
/// # Errors
/// The system refused.
pub fn create_private_file(path: &Path) -> io::Result<()> {
    match private_options().open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// Replaces a file at once with one that only the person may read.
///
/// # Errors
/// The system refused; the old file is whole then.
pub fn replace_private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let random = crate::ids::random_bytes::<8>().map_err(io::Error::other)?;
    let suffix: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    let beside = Path::new(&name);
    let write = || {
        let mut file: File = private_options().open(beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(beside, path)
    };
    write().inspect_err(|_| {
        // Best effort: what could not be written must not lie about.
        let _ = fs::remove_file(beside);
    })?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
