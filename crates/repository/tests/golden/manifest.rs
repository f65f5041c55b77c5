//! The manifest beside a golden repository: what a reader has to find in it, as JSON. Shared by the program that makes
//! the fixture and the test that reads it, so that both mean the same by every field.

use keepwell_model::id::to_hex;
use keepwell_model::{Entry, EntryKind, Piece, Snapshot, SnapshotId, Timestamp};
use serde_json::{Map, Value, json};

fn time(time: Timestamp) -> Value {
    json!([time.seconds, time.nanoseconds])
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Folder => "folder",
        EntryKind::Symlink => "symbolic link",
        EntryKind::Pipe => "pipe",
        EntryKind::Socket => "socket",
        EntryKind::CharacterDevice => "character device",
        EntryKind::BlockDevice => "block device",
    }
}

/// Where the holes of a file are: offset and length of each run, neighbours joined.
fn holes(pieces: &[Piece]) -> Vec<(u64, u64)> {
    let mut holes: Vec<(u64, u64)> = Vec::new();
    let mut offset = 0;
    for piece in pieces {
        let length = match piece {
            Piece::Chunk { length_bytes, .. } => u64::from(*length_bytes),
            Piece::Hole { length_bytes } => {
                match holes.last_mut() {
                    Some((start, length)) if *start + *length == offset => *length += length_bytes,
                    _ => holes.push((offset, *length_bytes)),
                }
                *length_bytes
            }
        };
        offset += length;
    }
    holes
}

/// An entry at a path. Bytes that need not be text are hexadecimal; what is absent in the entry is absent here.
pub fn entry(path: &[u8], entry: &Entry) -> Value {
    let metadata = &entry.metadata;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.into(), value);
    put("path", json!(String::from_utf8_lossy(path)));
    put("path_hex", json!(to_hex(path)));
    put("kind", json!(kind(entry.kind)));
    put("size_bytes", json!(entry.size_bytes));
    put("mode", json!(metadata.mode));
    put("user_id", json!(metadata.user_id));
    put("group_id", json!(metadata.group_id));
    put("modified", time(metadata.modified));
    put("changed", time(entry.identity.changed));
    put("inode", json!(entry.identity.inode));
    if let Some(name) = &metadata.user_name {
        put("user_name", json!(name));
    }
    if let Some(name) = &metadata.group_name {
        put("group_name", json!(name));
    }
    if let Some(created) = metadata.created {
        put("created", time(created));
    }
    if let Some(group) = entry.link_group {
        put("link_group", json!(group));
    }
    if let Some(content) = &entry.content {
        put("blake3", json!(content.hash.to_string()));
        put("pieces", json!(content.pieces.len()));
        let holes = holes(&content.pieces);
        // Beyond that the hash says enough.
        if holes.len() <= 16 {
            put("holes", json!(holes));
        }
    }
    if let Some(target) = &entry.target {
        put("target_hex", json!(to_hex(target)));
    }
    if let Some(device) = entry.device {
        put("device", json!(device));
    }
    if !metadata.extended_attributes.is_empty() {
        let attributes = metadata.extended_attributes.iter();
        let attributes = attributes.map(|each| json!([to_hex(&each.name), to_hex(&each.value)]));
        put("extended_attributes_hex", attributes.collect());
    }
    if let Some(attributes) = metadata.windows_attributes {
        put("windows_attributes", json!(attributes));
    }
    if let Some(descriptor) = &metadata.windows_security_descriptor {
        put("windows_security_descriptor_hex", json!(to_hex(descriptor)));
    }
    if let Some(flags) = metadata.bsd_flags {
        put("bsd_flags", json!(flags));
    }
    Value::Object(fields)
}

/// A snapshot with its entries, which are in the order of a walk: a folder, then what is in it, by name.
pub fn snapshot(id: SnapshotId, snapshot: &Snapshot, entries: Vec<Value>) -> Value {
    let s = &snapshot.statistics;
    let sources = snapshot.sources.iter().map(|source| json!([to_hex(&source.path), to_hex(&source.root)]));
    json!({
        "id": id.to_string(),
        "started": time(snapshot.started),
        "finished": time(snapshot.finished),
        "host": snapshot.host,
        "user": snapshot.user,
        "system": snapshot.system,
        "program": snapshot.program,
        "sources_hex": sources.collect::<Vec<_>>(),
        "parent": snapshot.parent.map(|id| id.to_string()),
        "plan": snapshot.plan.map(|id| id.to_string()),
        "tags": snapshot.tags,
        "statistics": [
            s.files, s.folders, s.others, s.size_bytes, s.files_new, s.files_changed, s.files_unchanged,
            s.added_bytes, s.stored_bytes, s.problems,
        ],
        "entries": entries,
    })
}
