//! The format of a pair's database, step by step. A step that was released never changes.

/// The newest format known here (`PRAGMA user_version`).
pub(super) const CURRENT: i64 = STEPS.len() as i64;

/// Marks the file as ours (`PRAGMA application_id`): "KPSY".
pub(super) const APPLICATION_ID: i64 = 0x4b50_5359;

/// Step N leads from format N to format N + 1.
pub(super) const STEPS: &[&str] = &[
    // 1: the first format. `nodes` 0 is the root; a node can not be without its folder.
    "
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE nodes (
        id INTEGER PRIMARY KEY,
        parent INTEGER REFERENCES nodes (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        name BLOB NOT NULL,
        left_name BLOB,
        right_name BLOB,
        facts BLOB NOT NULL
    ) STRICT;
    CREATE INDEX nodes_by_parent ON nodes (parent);
    INSERT INTO nodes (id, parent, name, facts) VALUES (0, NULL, x'', x'');

    CREATE TABLE blocks (
        node INTEGER PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        content BLOB NOT NULL,
        hashes BLOB NOT NULL
    ) STRICT;

    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        started_ms INTEGER NOT NULL,
        finished_ms INTEGER,
        state TEXT NOT NULL,
        report TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_time ON runs (started_ms);

    CREATE TABLE journal (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        side TEXT NOT NULL,
        action TEXT NOT NULL,
        why TEXT NOT NULL,
        node INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        path BLOB NOT NULL,
        other_path BLOB,
        size_bytes INTEGER NOT NULL,
        hash BLOB,
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE bin (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        side TEXT NOT NULL,
        node INTEGER NOT NULL,
        path BLOB NOT NULL,
        bin_path BLOB NOT NULL,
        kind INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        modified_ms INTEGER,
        hash BLOB,
        why TEXT NOT NULL,
        replaced INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        settled INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX bin_by_time ON bin (at_ms);
    CREATE INDEX bin_by_run ON bin (run);
    CREATE INDEX bin_by_path ON bin (path);
    CREATE INDEX bin_unsettled ON bin (id) WHERE settled = 0;

    CREATE TABLE conflicts (
        id INTEGER PRIMARY KEY,
        node INTEGER NOT NULL,
        path BLOB NOT NULL,
        kind TEXT NOT NULL,
        left_path BLOB,
        left_state BLOB,
        right_path BLOB,
        right_state BLOB,
        base_modified_s INTEGER,
        base_modified_ns INTEGER,
        choice TEXT
    ) STRICT;
    CREATE UNIQUE INDEX conflicts_by_path ON conflicts (path, kind);

    CREATE TABLE plan_rows (
        number INTEGER PRIMARY KEY,
        side TEXT NOT NULL,
        node INTEGER NOT NULL,
        action TEXT NOT NULL,
        kind INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        from_path BLOB,
        path BLOB NOT NULL,
        why TEXT NOT NULL,
        choice TEXT
    ) STRICT;
    ",
    // 2: small texts both sides had, for merging a conflict.
    "
    CREATE TABLE texts (
        hash BLOB PRIMARY KEY,
        kept_ms INTEGER NOT NULL,
        content BLOB NOT NULL
    ) STRICT;
    CREATE INDEX texts_by_time ON texts (kept_ms);
    ",
    // 3: which version has the name where both of a conflict are kept.
    "
    ALTER TABLE conflicts ADD COLUMN keeps_name TEXT;
    ",
    // 4: what is on its way from one place of a side to another, in more than one step.
    "
    CREATE TABLE moving (
        id INTEGER PRIMARY KEY,
        side TEXT NOT NULL,
        from_path BLOB NOT NULL,
        to_path BLOB NOT NULL
    ) STRICT;
    ",
    // 5: several conflicts of one kind may have one path: of what was there and moved, and of what is new there.
    "
    DROP INDEX conflicts_by_path;
    CREATE INDEX conflicts_by_path ON conflicts (path, kind);
    ",
    // 6: what somebody had open for writing when it was looked last, and since when.
    "
    CREATE TABLE open_files (
        side TEXT NOT NULL,
        path BLOB NOT NULL,
        since_ms INTEGER NOT NULL,
        PRIMARY KEY (side, path)
    ) STRICT, WITHOUT ROWID;
    ",
    // 7: times, permissions and attributes as they were before a run set them, and what it made of them;
    // and where a volume was mounted inside a place.
    "
    CREATE TABLE metadata_before (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        was_s INTEGER,
        was_ns INTEGER,
        was_mode INTEGER,
        was_attributes BLOB,
        became_s INTEGER,
        became_ns INTEGER,
        became_mode INTEGER,
        became_attributes BLOB,
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE attributes (
        digest BLOB PRIMARY KEY,
        kept_ms INTEGER NOT NULL,
        content BLOB NOT NULL
    ) STRICT;
    CREATE TABLE mounts (
        side TEXT NOT NULL,
        path BLOB NOT NULL,
        volume TEXT NOT NULL,
        PRIMARY KEY (side, path)
    ) STRICT, WITHOUT ROWID;
    ",
    // 8: texts have a database of their own.
    "
    DROP TABLE texts;
    ",
    // 9: what answers to brakes promised to bring back, until it is back.
    "
    CREATE TABLE owed (
        node INTEGER PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        side TEXT NOT NULL,
        what TEXT NOT NULL
    ) STRICT;
    ",
    // 10: and what the side had of it to which it comes back; what of it the base does not know.
    "
    ALTER TABLE owed ADD COLUMN was BLOB;
    CREATE TABLE owed_new (path BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    ",
];
