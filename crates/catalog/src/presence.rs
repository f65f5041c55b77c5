//! Whether a process of Keepwell is alive: each holds a lock on a file of its own, which the system lets go of when the
//! process ends, however it ends. No process ids are compared, so none can be mistaken for another.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::CatalogError;
use crate::ids::random_bytes;

/// This process, for as long as the value lives.
#[derive(Debug)]
pub struct Presence {
    id: String,
    label: String,
    folder: PathBuf,
    path: PathBuf,
    // Held for its lock alone.
    _lock: File,
}

impl Presence {
    /// Says that this process is here. `label` is what another process tells its person about this one.
    ///
    /// # Errors
    /// The state folder can not be written.
    pub fn announce(state_folder: &Path, label: &str) -> Result<Self, CatalogError> {
        let folder = state_folder.join("run");
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| CatalogError::Io { action, path, source }
        };
        crate::private_file::create_private_folder(&folder).map_err(io("make", &folder))?;
        let id = random_bytes::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let path = folder.join(&id);
        // One process announces itself (and sweeps) at a time: nobody sees a file between its making and its lock.
        let gate_path = state_folder.join("run.lock");
        let gate = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&gate_path)
            .map_err(io("open", &gate_path))?;
        gate.lock().map_err(io("lock", &gate_path))?;
        let lock = File::create_new(&path).map_err(io("make", &path))?;
        lock.lock().map_err(io("lock", &path))?;
        let presence = Self { id, label: label.to_owned(), folder, path, _lock: lock };
        presence.sweep();
        Ok(presence)
    }

    /// The name of this process among all that share the state.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What to call it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether a process is alive.
    #[must_use]
    pub fn is_alive(&self, id: &str) -> bool {
        if id == self.id {
            return true;
        }
        if id.len() != 16 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        is_locked(&self.folder.join(id))
    }

    /// Removes what dead processes left.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path != self.path && !is_locked(&path) {
                // Best effort: a file that stays is swept the next time.
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Best effort: the lock goes by itself, the file is swept by the next process.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_locked(path: &Path) -> bool {
    match File::options().write(true).open(path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            // When in doubt it lives: nothing is taken away from the living.
            Err(TryLockError::Error(_)) => true,
        },
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends() {
        let home = tempfile::tempdir().unwrap();
        let one = Presence::announce(home.path(), "the app").unwrap();
        let two = Presence::announce(home.path(), "the command line").unwrap();
        assert!(one.is_alive(one.id()) && one.is_alive(two.id()) && two.is_alive(one.id()));
        let gone = two.id().to_owned();
        drop(two);
        assert!(!one.is_alive(&gone));
        assert!(!one.is_alive("../../etc/passwd") && !one.is_alive(""));
    }

    #[test]
    fn many_that_start_at_once_are_all_alive() {
        let home = tempfile::tempdir().unwrap();
        let started: Vec<Presence> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| Presence::announce(home.path(), "one of many").unwrap()))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(started.iter().all(|one| started.iter().all(|other| one.is_alive(other.id()))));
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let home = tempfile::tempdir().unwrap();
        let left = home.path().join("run").join("0123456789abcdef");
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, "").unwrap();
        let me = Presence::announce(home.path(), "the app").unwrap();
        assert!(!me.is_alive("0123456789abcdef"));
        assert!(!left.exists());
    }
}
