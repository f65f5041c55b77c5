//! The format of the database, step by step. A step that was released never changes.

/// The newest format known here (`PRAGMA user_version`).
pub const CURRENT: i64 = STEPS.len() as i64;

/// Marks the file as ours (`PRAGMA application_id`): "KPWL".
pub const APPLICATION_ID: i64 = 0x4b50_574c;

/// Step N leads from format N to format N + 1.
pub const STEPS: &[&str] = &[
    // 1: the first format.
    "
    CREATE TABLE settings (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE places (
        id TEXT PRIMARY KEY,
        label TEXT NOT NULL,
        path BLOB NOT NULL,
        repository_id TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        last_check TEXT
    ) STRICT;

    CREATE TABLE plans (
        id TEXT PRIMARY KEY,
        place_id TEXT NOT NULL REFERENCES places (id) ON DELETE RESTRICT,
        name TEXT NOT NULL,
        definition TEXT NOT NULL,
        enabled INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        schedule_from_ms INTEGER NOT NULL,
        retry_ms INTEGER
    ) STRICT;
    CREATE INDEX plans_by_place ON plans (place_id);

    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        state TEXT NOT NULL,
        destination TEXT NOT NULL,
        place_id TEXT,
        place_label TEXT NOT NULL,
        plan_id TEXT,
        owner TEXT NOT NULL,
        wish TEXT,
        waiting_for TEXT,
        request TEXT NOT NULL,
        progress TEXT,
        outcome TEXT,
        fault TEXT,
        halt TEXT,
        receipt TEXT,
        problems_total INTEGER NOT NULL DEFAULT 0,
        queued_ms INTEGER NOT NULL,
        started_ms INTEGER,
        finished_ms INTEGER
    ) STRICT;
    CREATE INDEX jobs_by_time ON jobs (queued_ms);
    CREATE INDEX jobs_by_plan ON jobs (plan_id, queued_ms);
    CREATE INDEX jobs_by_place ON jobs (place_id, queued_ms);
    CREATE INDEX jobs_by_state ON jobs (state);

    CREATE TABLE problems (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        path TEXT NOT NULL,
        what TEXT NOT NULL,
        why TEXT NOT NULL,
        next TEXT NOT NULL,
        PRIMARY KEY (job_id, number)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE leases (
        name TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        label TEXT NOT NULL,
        taken_ms INTEGER NOT NULL,
        heartbeat_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
    // 2: checkpoints, jobs that wait for a person's word on their plan, sync pairs.
    "
    CREATE TABLE checkpoints (
        work TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        job_id TEXT NOT NULL,
        saved_ms INTEGER NOT NULL,
        content BLOB NOT NULL
    ) STRICT;

    ALTER TABLE jobs ADD COLUMN proposal TEXT;
    ALTER TABLE jobs ADD COLUMN pair_id TEXT;
    CREATE INDEX jobs_by_pair ON jobs (pair_id, queued_ms);

    CREATE TABLE sync_pairs (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        left_address TEXT NOT NULL,
        right_address TEXT NOT NULL,
        definition TEXT NOT NULL,
        paused INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        schedule_from_ms INTEGER NOT NULL,
        retry_ms INTEGER
    ) STRICT;
    ",
    // 3: replicas of repositories.
    "
    CREATE TABLE replicas (
        id TEXT PRIMARY KEY,
        place_id TEXT NOT NULL REFERENCES places (id) ON DELETE CASCADE,
        address TEXT NOT NULL,
        definition TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        schedule_from_ms INTEGER NOT NULL,
        retry_ms INTEGER,
        last_run TEXT,
        UNIQUE (place_id, address)
    ) STRICT;
    ",
    // 4: what a pair knows of its changed hub, apart from its retries. In formats before, that its hub changed was told by
    // a retry: each is taken for that, and a pair without a hub makes nothing of it.
    "
    ALTER TABLE sync_pairs ADD COLUMN hub_changes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sync_pairs ADD COLUMN hub_carried INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sync_pairs ADD COLUMN hub_retry_ms INTEGER;
    UPDATE sync_pairs SET hub_changes = 1, hub_retry_ms = retry_ms WHERE retry_ms IS NOT NULL;
    ",
];
