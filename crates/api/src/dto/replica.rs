//! Replicas: the second places repositories are kept in, when they run and when they were last proven.

use super::job::JobState;
use super::place::CheckLevel;
use super::plan::Schedule;
use super::repository::RepositoryAddress;
use super::sync::SyncAccess;
use super::{dto, request};
use crate::{ApiError, Count, Moment, PathText};

dto! {
    /// The newest run of a replica that is over.
    pub struct ReplicaLastRun {
        /// The job.
        pub job_id: String,
        /// How it ended.
        pub state: JobState,
        /// When.
        pub finished_ms: Moment,
        /// Problems it met.
        pub problems: Count,
        /// Why it failed.
        pub error: Option<ApiError>,
    }

    /// A second place a repository is kept in.
    pub struct Replica {
        /// Its id.
        pub id: String,
        /// The place whose repository it is.
        pub place_id: String,
        /// Where it is.
        pub path: PathText,
        /// What that is called.
        pub label: String,
        /// When it runs by itself.
        pub schedule: Schedule,
        /// When that is next.
        pub next_run_ms: Option<Moment>,
        /// When everything was last read in both places and was the same.
        pub proven_ms: Option<Moment>,
        /// When a run last came to its end.
        pub copied_ms: Option<Moment>,
        /// The newest run that is over.
        pub last_run: Option<ReplicaLastRun>,
        /// The run that waits or works now.
        pub active_job_id: Option<String>,
    }

    /// The replicas of a place, or all.
    pub struct ReplicaList {
        /// In the order they were made.
        pub replicas: Vec<Replica>,
    }
}

request! {
    /// Lists replicas.
    pub struct ReplicaListGet {
        /// Only those of this place.
        pub place_id: Option<String>,
    }

    /// Names one replica.
    pub struct ReplicaGet {
        /// Its id.
        pub replica_id: String,
    }

    /// Makes or changes a replica; nothing is copied yet.
    pub struct ReplicaSave {
        /// Which; nothing makes a new one.
        pub id: Option<String>,
        /// The place whose repository it is.
        pub place_id: String,
        /// Where it is: a folder, or the address of a server.
        pub path: String,
        /// What opens that server, where this machine does not keep it yet.
        pub access: Option<SyncAccess>,
        /// When it runs by itself; nothing keeps what was, at first by hand.
        pub schedule: Option<Schedule>,
    }

    /// Runs a replica now.
    pub struct ReplicaRun {
        /// Which.
        pub replica_id: String,
        /// `quick` copies what is new; `full` also reads everything in both places and compares it.
        pub level: CheckLevel,
    }

    /// Keeps a repository a second time somewhere. Of a place of the catalog it is remembered.
    pub struct RepositoryReplicate {
        /// Which repository. The password is needed only to tell which of two differing files is right.
        pub repository: RepositoryAddress,
        /// Where to: a folder, or the address of a server.
        pub to: String,
        /// `quick` copies what is new; `full` also reads everything in both places and compares it.
        pub level: CheckLevel,
    }
}
