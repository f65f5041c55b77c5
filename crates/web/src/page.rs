//! The page: from the program itself, or from a folder (for those who work on the interface).

use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The largest file of a page from a folder.
const FILE_LIMIT_BYTES: u64 = 32 << 20;

/// Where the page comes from.
#[derive(Debug, Clone)]
pub enum Page {
    /// The program itself.
    Built,
    /// A folder.
    Folder(PathBuf),
}

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct PageFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it is.
    pub media_type: &'static str,
}

impl Page {
    /// Whether there is a page at all.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.file("index.html").is_some()
    }

    /// The file at a path of the address; names without a dot are places within the page.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<PageFile> {
        let path = path.trim_start_matches('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        let path = if last.contains('.') { path } else { "index.html" };
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains(['\\', ':', '\0']) {
            return None;
        }
        let bytes = match self {
            Self::Built => FILES.iter().find(|(name, _)| *name == path).map(|(_, bytes)| bytes.to_vec()),
            Self::Folder(folder) => read(folder, path),
        }?;
        Some(PageFile { bytes, media_type: media_type(path) })
    }
}

/// A file of the folder; a link that leads out of it is no file of it.
fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    let folder = folder.canonicalize().ok()?;
    let file = folder.join(path).canonicalize().ok()?;
    let found = std::fs::metadata(&file).ok()?;
    if !file.starts_with(&folder) || !found.is_file() || found.len() > FILE_LIMIT_BYTES {
        return None;
    }
    std::fs::read(file).ok()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_given() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("page");
        std::fs::create_dir_all(folder.join("assets")).unwrap();
        std::fs::write(folder.join("index.html"), "page").unwrap();
        std::fs::write(folder.join("assets/a.js"), "code").unwrap();
        std::fs::write(room.path().join("secret.txt"), "secret").unwrap();
        let page = Page::Folder(folder.clone());
        assert!(page.exists());
        assert_eq!(page.file("/assets/a.js").unwrap().media_type, "text/javascript; charset=utf-8");
        assert_eq!(page.file("/backup/plans").unwrap().bytes, b"page", "a place within the page");
        for wrong in [
            "/../secret.txt",
            "/assets/../../secret.txt",
            "/assets/b.js",
            "/..\\secret.txt",
            "//etc/passwd.x",
        ] {
            assert_eq!(page.file(wrong), None, "{wrong}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(room.path().join("secret.txt"), folder.join("link.txt")).unwrap();
            assert_eq!(page.file("/link.txt"), None, "a link that leads out");
        }
        assert!(!Page::Folder(room.path().join("absent")).exists());
    }
}
