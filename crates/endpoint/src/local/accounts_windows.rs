//! Names of users and groups on Windows: there are no numbers to name, so nothing is known.
//!
//! Why it exists: the same questions can be asked on every system. Deliberately not here: security identifiers.

/// The accounts of this machine.
#[derive(Debug, Default)]
pub struct Accounts;

impl Accounts {
    /// Nothing asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// The name of a user: never known here.
    #[must_use]
    pub fn user_name(&self, _id: u32) -> Option<String> {
        None
    }

    /// The name of a group: never known here.
    #[must_use]
    pub fn group_name(&self, _id: u32) -> Option<String> {
        None
    }

    /// The number of the user of this name: never known here.
    #[must_use]
    pub fn user_id(&self, _name: &str) -> Option<u32> {
        None
    }

    /// The number of the group of this name: never known here.
    #[must_use]
    pub fn group_id(&self, _name: &str) -> Option<u32> {
        None
    }

    /// The user this process acts as, as a number: there is none here.
    #[must_use]
    pub fn own_user_id(&self) -> Option<u32> {
        None
    }
}
