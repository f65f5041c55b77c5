//! What the catalog keeps of a replica, beside its two places.
//!
//! Invariants: a definition of a newer Keepwell is told, never overwritten; "proven" is said only of a run that read
//! everything in both places and found the replica to hold all that the repository holds. Deliberately not here: how a
//! repository is replicated (`repository`), and the run (`replicate_work`).

use keepwell_catalog::ReplicaRecord;
use serde::{Deserialize, Serialize};

use crate::outcome::{Fault, FaultKind};
use crate::path_text;
use crate::schedule::Schedule;

/// A replica that runs by itself is read whole again when the last proof is older than this.
pub const PROVE_EVERY_MS: i64 = 30 * 24 * 3_600_000;

/// Everything about a replica that a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaDefinition {
    /// When it runs by itself.
    pub schedule: Schedule,
}

impl ReplicaDefinition {
    /// The definition in a row.
    ///
    /// # Errors
    /// It is from a newer Keepwell.
    pub fn of(record: &ReplicaRecord) -> Result<Self, Fault> {
        serde_json::from_str(&record.definition).map_err(|_| {
            Fault::new(
                FaultKind::Newer,
                format!(
                    "The second copy at {} can not be read. It may be from a newer Keepwell.",
                    record.address
                ),
                "Update this Keepwell, then try again.",
            )
        })
    }
}

/// Where a replica is, as an address is written.
#[must_use]
pub fn place_of(record: &ReplicaRecord) -> String {
    // What is not in the escaped form is no server of ours.
    path_text::decode(&record.address)
        .map_or_else(|_| record.address.clone(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// What the finished runs of a replica said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastReplication {
    /// The newest run that came to its end.
    pub job_id: String,
    /// When that was.
    pub finished_ms: i64,
    /// When a run last read everything in both places and found it to be the same.
    pub proven_ms: Option<i64>,
    /// Whether the newest run found nothing wrong.
    pub is_same: bool,
    /// Snapshots that only the replica has, of which the person was told.
    pub lost_snapshots: u64,
}

impl LastReplication {
    /// What is kept in a row, if a run was ever finished.
    #[must_use]
    pub fn of(record: &ReplicaRecord) -> Option<Self> {
        serde_json::from_str(record.last_run.as_deref()?).ok()
    }

    /// Whether a run that nobody watches should read everything again.
    #[must_use]
    pub fn is_proof_due(&self, now_ms: i64) -> bool {
        self.proven_ms.is_none_or(|proven_ms| now_ms.saturating_sub(proven_ms) >= PROVE_EVERY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_due_once_a_month_and_where_there_is_none() {
        let day_ms = 24 * 3_600_000;
        assert!(LastReplication::default().is_proof_due(1));
        let proven = LastReplication { proven_ms: Some(10 * day_ms), ..LastReplication::default() };
        assert!(!proven.is_proof_due(39 * day_ms));
        assert!(proven.is_proof_due(40 * day_ms));
        assert!(!proven.is_proof_due(day_ms), "a clock that was set back is no reason");
    }
}
