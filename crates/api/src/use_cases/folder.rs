//! Folders of this machine: suggestions and browsing.

use std::path::{Path, PathBuf};

use crate::convert;
use crate::dto::Nothing;
use crate::dto::folder::{
    FolderKind, FolderList, FolderListing, FolderRow, FolderSuggestion, FolderSuggestions, VolumeSuggestion,
};
use crate::error::{ApiError, ErrorCode};
use crate::numbers::Count;
use crate::open::Api;
use crate::path_text::{self, PathText};
use crate::volumes;

/// Folders in one listing.
const FOLDERS_LIMIT: usize = 2_000;
/// The folder proposed for a repository on a drive.
const PROPOSED: &str = "Keepwell backup";

pub(crate) fn folder_suggestions(api: &Api, _: Nothing) -> Result<FolderSuggestions, ApiError> {
    let home = api.options.user_folder.clone();
    // The platform's own folders belong to the account, so they only count where the home folder is the account's.
    let is_own_home = home == dirs::home_dir();
    let known = |found: Option<PathBuf>, name: &str| {
        found.filter(|_| is_own_home).or_else(|| home.as_deref().map(|home| home.join(name)))
    };
    let candidates = [
        (FolderKind::Documents, known(dirs::document_dir(), "Documents"), true),
        (FolderKind::Pictures, known(dirs::picture_dir(), "Pictures"), true),
        (FolderKind::Desktop, known(dirs::desktop_dir(), "Desktop"), true),
        (FolderKind::Music, known(dirs::audio_dir(), "Music"), false),
        (FolderKind::Videos, known(dirs::video_dir(), "Videos"), false),
        (FolderKind::Downloads, known(dirs::download_dir(), "Downloads"), false),
        (FolderKind::Home, home.clone(), false),
    ];
    let sources = candidates
        .into_iter()
        .filter_map(|(kind, path, recommended)| {
            let path = path?;
            let exists = path.is_dir();
            Some(FolderSuggestion {
                kind,
                path: PathText::of(&path),
                exists,
                recommended: recommended && exists,
            })
        })
        .collect();
    Ok(FolderSuggestions { sources, volumes: suggest_volumes(home.as_deref()) })
}

fn suggest_volumes(home: Option<&Path>) -> Vec<VolumeSuggestion> {
    let mut suggested: Vec<VolumeSuggestion> = volumes::removable()
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_os_string();
            let other = home.is_none_or(|home| volumes::is_other_device(home, &path));
            suggestion(path_text::display(name.as_encoded_bytes()), &path, other)
        })
        .collect();
    // Another device first: only there a copy survives the disk.
    suggested.sort_by_key(|volume| !volume.other_device);
    if let Some(home) = home {
        suggested.push(suggestion("This computer".to_owned(), home, false));
    }
    suggested
}

fn suggestion(name: String, path: &Path, other_device: bool) -> VolumeSuggestion {
    let space = volumes::space(path);
    VolumeSuggestion {
        name,
        path: PathText::of(path),
        proposed: PathText::of(&path.join(PROPOSED)),
        other_device,
        free_bytes: space.free_bytes.map(Count),
        total_bytes: space.total_bytes.map(Count),
    }
}

pub(crate) fn folder_list(api: &Api, request: FolderList) -> Result<FolderListing, ApiError> {
    let path = match request.path {
        Some(path) => convert::local_path(&path)?,
        None => api.options.user_folder.clone().unwrap_or_else(|| PathBuf::from("/")),
    };
    let shown = || path.display().to_string();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            ApiError::not_found(format!("{} is not a folder.", shown())).about(shown())
        }
        std::io::ErrorKind::PermissionDenied => {
            ApiError::new(ErrorCode::Permission, format!("No permission to look into {}.", shown()))
                .about(shown())
        }
        _ => ApiError::new(ErrorCode::Unreachable, format!("{} can not be read: {error}.", shown()))
            .about(shown()),
    };
    let mut folders = Vec::new();
    let mut truncated = false;
    for entry in std::fs::read_dir(&path).map_err(failed)?.flatten() {
        // Links are followed here: people reach their folders through them.
        if !entry.path().is_dir() {
            continue;
        }
        if folders.len() == FOLDERS_LIMIT {
            truncated = true;
            break;
        }
        let name = path_text::display(entry.file_name().as_encoded_bytes());
        folders.push(FolderRow { hidden: name.starts_with('.'), name, path: PathText::of(&entry.path()) });
    }
    folders.sort_by_cached_key(|row| (row.name.to_lowercase(), row.path.path.clone()));
    let writable = std::fs::metadata(&path).is_ok_and(|found| !found.permissions().readonly());
    Ok(FolderListing {
        parent: path.parent().map(PathText::of),
        folders,
        truncated,
        writable,
        free_bytes: volumes::space(&path).free_bytes.map(Count),
        path: PathText::of(&path),
    })
}
