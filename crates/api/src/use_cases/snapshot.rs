//! Snapshots: listing, browsing, comparing, searching, looking into files.

use std::sync::Arc;

use keepwell_model::{Entry, EntryKind, RelativePath, Snapshot, SnapshotId};
use keepwell_repository::{Repository, RepositoryError, SnapshotListing};

use super::repository;
use crate::convert::{self, cut, page};
use crate::dto::job::ProblemRow;
use crate::dto::snapshot::{
    ChangeKind, DiffCounts, DiffPage, DiffRow, EntryPage, EntryRow, FilePreview, FilePreviewGet, FileVersion,
    FileVersions, FileVersionsGet, FindPage, FindRow, SnapshotDiff, SnapshotFiles, SnapshotFind,
    SnapshotList, SnapshotPage,
};
use crate::error::{ApiError, ErrorCode};
use crate::numbers::Count;
use crate::open::Api;
use crate::path_text::{self, PathText};
use crate::{diff, find, preview};

/// Snapshots that are searched, or asked for versions: the newest.
const SNAPSHOTS_LIMIT: usize = 5_000;

type Listed = (SnapshotId, Arc<Snapshot>);

/// The readable snapshots (of a plan), newest first.
fn newest_first(listing: SnapshotListing, plan_id: Option<&str>) -> Result<Vec<Listed>, ApiError> {
    let plan = plan_id.map(convert::plan_id).transpose()?;
    let mut snapshots = listing.snapshots;
    snapshots.retain(|(_, snapshot)| plan.is_none() || snapshot.plan == plan);
    snapshots.reverse();
    Ok(snapshots)
}

pub(crate) fn snapshot_list(api: &Api, request: SnapshotList) -> Result<SnapshotPage, ApiError> {
    let page = page(request.offset, request.limit)?;
    let mut listing = repository::open(api, request.repository)?.snapshots()?;
    let problems = std::mem::take(&mut listing.troubles).into_iter().map(trouble).collect();
    let snapshots = newest_first(listing, request.plan_id.as_deref())?;
    Ok(SnapshotPage {
        total: Count::from(snapshots.len()),
        snapshots: cut(snapshots, page)
            .iter()
            .map(|(id, snapshot)| convert::snapshot(*id, snapshot))
            .collect(),
        problems,
    })
}

fn trouble(error: RepositoryError) -> ProblemRow {
    let next = error.next_step().to_owned();
    let fault = keepwell_jobs::Fault::from(error);
    ProblemRow {
        path: fault.path.unwrap_or_default(),
        what: "A snapshot can not be read. The others are not affected.".to_owned(),
        why: fault.message,
        next,
    }
}

/// The entry at a path, with what to do where it is not there.
fn entry_at(repository: &Repository, snapshot: &Snapshot, path: &RelativePath) -> Result<Entry, ApiError> {
    repository.entry_at(snapshot, path).map_err(|error| match error {
        RepositoryError::NoSuch { .. } => {
            let shown = path_text::display(path.as_bytes());
            ApiError::not_found(format!("{shown} is not in this snapshot."))
                .hint("Look at what the snapshot holds, or search all snapshots for it.")
                .about(shown)
        }
        other => other.into(),
    })
}

pub(crate) fn snapshot_files(api: &Api, request: SnapshotFiles) -> Result<EntryPage, ApiError> {
    let page = page(request.offset, request.limit)?;
    let path = convert::relative_path(request.path.as_deref().unwrap_or_default())?;
    let repository = repository::open(api, request.repository)?;
    let (_, snapshot) = repository.find_snapshot(&request.snapshot_id)?;
    let folder = entry_at(&repository, &snapshot, &path)?;
    if folder.kind != EntryKind::Folder {
        let shown = path_text::display(path.as_bytes());
        return Err(ApiError::bad_request(format!("{shown} is not a folder.")).about(shown));
    }
    let filter = request.name_filter.map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
    let mut entries = repository.read_folder(&folder.pages)?;
    if let Some(filter) = &filter {
        entries.retain(|entry| String::from_utf8_lossy(&entry.name).to_lowercase().contains(filter));
    }
    entries.sort_by_cached_key(|entry| {
        (
            entry.kind != EntryKind::Folder,
            String::from_utf8_lossy(&entry.name).to_lowercase(),
            entry.name.clone(),
        )
    });
    let total = Count::from(entries.len());
    let rows: Result<Vec<_>, ApiError> =
        cut(entries, page).iter().map(|entry| entry_row(&path, entry)).collect();
    let mut parents = Vec::new();
    let mut above = path.parent();
    while let Some(parent) = above {
        parents.push(PathText::new(parent.as_bytes()));
        above = parent.parent();
    }
    parents.reverse();
    Ok(EntryPage { path: PathText::new(path.as_bytes()), parents, entries: rows?, total })
}

fn entry_row(folder: &RelativePath, entry: &Entry) -> Result<EntryRow, ApiError> {
    Ok(EntryRow {
        name: path_text::display(&entry.name),
        path: PathText::new(folder.join(&entry.name)?.as_bytes()),
        entry_type: convert::entry_type(entry.kind),
        size_bytes: convert::file_size(entry),
        modified_ms: entry.metadata.modified.into(),
        mode: entry.metadata.mode,
        link_target: entry.target.as_deref().map(path_text::display),
    })
}

pub(crate) fn snapshot_diff(api: &Api, request: SnapshotDiff) -> Result<DiffPage, ApiError> {
    let page = page(request.offset, request.limit)?;
    let path = convert::relative_path(request.path.as_deref().unwrap_or_default())?;
    let repository = repository::open(api, request.repository)?;
    let (_, older) = repository.find_snapshot(&request.older_id)?;
    let (_, newer) = repository.find_snapshot(&request.newer_id)?;
    // Below a folder that one of them does not have, everything of the other is new or gone.
    let pages = |snapshot: &Snapshot| match entry_at(&repository, snapshot, &path) {
        Ok(entry) => Ok(Some(entry.pages)),
        Err(error) if error.code == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let (old_pages, new_pages) = (pages(&older)?, pages(&newer)?);
    if old_pages.is_none() && new_pages.is_none() {
        entry_at(&repository, &newer, &path)?;
    }
    let (found, truncated) = diff::differences(
        &repository,
        &path,
        &old_pages.unwrap_or_default(),
        &new_pages.unwrap_or_default(),
    )?;
    let count = |kind: ChangeKind| Count::from(found.iter().filter(|row| row.change == kind).count());
    Ok(DiffPage {
        total: Count::from(found.len()),
        counts: DiffCounts {
            added: count(ChangeKind::Added),
            removed: count(ChangeKind::Removed),
            changed: count(ChangeKind::Changed),
            metadata: count(ChangeKind::Metadata),
            kind: count(ChangeKind::Kind),
        },
        changes: cut(found, page).into_iter().map(diff_row).collect(),
        truncated,
    })
}

fn diff_row(row: diff::Difference) -> DiffRow {
    let (older, newer) = (row.older.as_ref(), row.newer.as_ref());
    DiffRow {
        change: row.change,
        path: PathText::new(row.path.as_bytes()),
        entry_type: newer
            .or(older)
            .map_or(crate::dto::snapshot::EntryType::Other, |entry| convert::entry_type(entry.kind)),
        older_bytes: older.and_then(convert::file_size),
        newer_bytes: newer.and_then(convert::file_size),
        older_modified_ms: older.map(|entry| entry.metadata.modified.into()),
        newer_modified_ms: newer.map(|entry| entry.metadata.modified.into()),
    }
}

pub(crate) fn snapshot_find(api: &Api, request: SnapshotFind) -> Result<FindPage, ApiError> {
    let page = page(request.offset, request.limit)?;
    let pattern = find::Pattern::new(&request.pattern)?;
    let repository = repository::open(api, request.repository)?;
    let mut snapshots = match &request.snapshot_id {
        Some(id) => vec![repository.find_snapshot(id)?],
        None => newest_first(repository.snapshots()?, request.plan_id.as_deref())?,
    };
    let too_many = snapshots.len() > SNAPSHOTS_LIMIT;
    snapshots.truncate(SNAPSHOTS_LIMIT);
    let findings = find::find(&repository, &snapshots, &pattern)?;
    let total = Count::from(findings.paths.len());
    let rows: Vec<_> = findings.paths.into_iter().collect();
    let rows = cut(rows, page).into_iter().filter_map(|(path, found)| {
        let (id, snapshot) = snapshots.get(found.newest)?;
        Some(FindRow {
            path: PathText::new(path.as_bytes()),
            entry_type: convert::entry_type(found.entry.kind),
            size_bytes: convert::file_size(&found.entry),
            modified_ms: found.entry.metadata.modified.into(),
            snapshot_id: id.to_string(),
            snapshot_ms: snapshot.started.into(),
            snapshots: Count(found.snapshots),
            in_latest: found.newest == 0,
        })
    });
    Ok(FindPage {
        rows: rows.collect(),
        total,
        snapshots_searched: Count::from(snapshots.len()),
        truncated: findings.truncated || too_many,
    })
}

pub(crate) fn file_versions(api: &Api, request: FileVersionsGet) -> Result<FileVersions, ApiError> {
    let path = convert::relative_path(&request.path)?;
    let repository = repository::open(api, request.repository)?;
    let mut snapshots = newest_first(repository.snapshots()?, None)?;
    snapshots.truncate(SNAPSHOTS_LIMIT);
    let mut versions: Vec<(FileVersion, Entry)> = Vec::new();
    let mut missing_in = Vec::new();
    let mut missing_since_last = Vec::new();
    // Oldest first, so that "changed" can be told; a source that a snapshot does not have says nothing about the file.
    for (id, snapshot) in snapshots.iter().rev() {
        let has_source = snapshot.sources.iter().any(|source| {
            RelativePath::parse(&source.root)
                .is_ok_and(|root| path.starts_with(&root) || root.starts_with(&path))
        });
        let entry = match entry_at(&repository, snapshot, &path) {
            Ok(entry) => entry,
            Err(error) if error.code == ErrorCode::NotFound => {
                if has_source && !versions.is_empty() {
                    missing_since_last.push(id.to_string());
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        missing_in.append(&mut missing_since_last);
        match versions.last_mut() {
            Some((version, last)) if is_same_version(last, &entry) => {
                version.snapshot_ids.insert(0, id.to_string());
                version.last_ms = snapshot.started.into();
            }
            last => {
                let changed = last.is_none_or(|(_, last)| {
                    !matches!(diff::compare(Some(last), Some(&entry)), None | Some(ChangeKind::Metadata))
                });
                let version = FileVersion {
                    snapshot_ids: vec![id.to_string()],
                    first_ms: snapshot.started.into(),
                    last_ms: snapshot.started.into(),
                    entry_type: convert::entry_type(entry.kind),
                    size_bytes: convert::file_size(&entry),
                    modified_ms: entry.metadata.modified.into(),
                    content_hash: entry.content.as_ref().map(|content| content.hash.to_string()),
                    changed,
                };
                versions.push((version, entry));
            }
        }
    }
    missing_in.append(&mut missing_since_last);
    missing_in.reverse();
    Ok(FileVersions {
        path: PathText::new(path.as_bytes()),
        versions: versions.into_iter().rev().map(|(version, _)| version).collect(),
        missing_in,
    })
}

/// Whether two entries are one version: the same content and the same time of change.
fn is_same_version(one: &Entry, other: &Entry) -> bool {
    matches!(diff::compare(Some(one), Some(other)), None | Some(ChangeKind::Metadata))
        && (one.kind == EntryKind::Folder || one.metadata.modified == other.metadata.modified)
}

pub(crate) fn file_preview(api: &Api, request: FilePreviewGet) -> Result<FilePreview, ApiError> {
    let limit = request.limit_bytes.map_or(preview::TEXT_USUAL_BYTES, |limit| limit as usize);
    if limit == 0 || limit > preview::TEXT_LIMIT_BYTES {
        return Err(ApiError::bad_request("A preview has 1 byte to 1 MiB of text."));
    }
    let path = convert::relative_path(&request.path)?;
    let repository = repository::open(api, request.repository)?;
    let (_, snapshot) = repository.find_snapshot(&request.snapshot_id)?;
    let entry = entry_at(&repository, &snapshot, &path)?;
    if entry.kind != EntryKind::File {
        let shown = path_text::display(path.as_bytes());
        return Err(ApiError::bad_request(format!("{shown} is not a file.")).about(shown));
    }
    let start = repository.read_file_range(&entry, 0, limit)?;
    preview::preview(&start, entry.size_bytes, || {
        let whole = usize::try_from(entry.size_bytes).unwrap_or(usize::MAX);
        repository.read_file_range(&entry, 0, whole).map_err(ApiError::from)
    })
}
