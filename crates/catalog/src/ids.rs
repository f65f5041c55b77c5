//! Random identities.

use keepwell_model::{JobId, PairId, PlaceId, PlanId, ReplicaId};

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random numbers; try again")]
pub struct IdError;

/// Random bytes from the system.
///
/// # Errors
/// The system gave none.
pub fn random_bytes<const LENGTH: usize>() -> Result<[u8; LENGTH], IdError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|_| IdError)?;
    Ok(bytes)
}

impl crate::Catalog {
    /// A new id for a place.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn new_place_id() -> Result<PlaceId, IdError> {
        random_bytes().map(PlaceId)
    }

    /// A new id for a plan.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn new_plan_id() -> Result<PlanId, IdError> {
        random_bytes().map(PlanId)
    }

    /// A new id for a sync pair.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn new_pair_id() -> Result<PairId, IdError> {
        random_bytes().map(PairId)
    }

    /// A new id for a replica.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn new_replica_id() -> Result<ReplicaId, IdError> {
        random_bytes().map(ReplicaId)
    }

    /// A new id for a job.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn new_job_id() -> Result<JobId, IdError> {
        random_bytes().map(JobId)
    }
}

impl From<IdError> for crate::CatalogError {
    fn from(_: IdError) -> Self {
        Self::Random
    }
}
