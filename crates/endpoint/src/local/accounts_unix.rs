//! Names of users and groups on Unix.
//!
//! Invariant: each number or name is asked of the system once in a run; what the system does not know is remembered
//! too. Deliberately not here: creating accounts.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use nix::unistd::{Gid, Group, Uid, User};

/// How many answers of one kind are remembered; past it the memory begins anew.
const CACHE_LIMIT: usize = 10_000;

/// The accounts of this machine, asked and remembered.
#[derive(Debug, Default)]
pub struct Accounts {
    user_names: Cache<u32, String>,
    group_names: Cache<u32, String>,
    user_ids: Cache<String, u32>,
    group_ids: Cache<String, u32>,
}

impl Accounts {
    /// Nothing asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of a user.
    #[must_use]
    pub fn user_name(&self, id: u32) -> Option<String> {
        self.user_names.get(&id, || Some(User::from_uid(Uid::from_raw(id)).ok()??.name))
    }

    /// The name of a group.
    #[must_use]
    pub fn group_name(&self, id: u32) -> Option<String> {
        self.group_names.get(&id, || Some(Group::from_gid(Gid::from_raw(id)).ok()??.name))
    }

    /// The number of the user of this name.
    #[must_use]
    pub fn user_id(&self, name: &str) -> Option<u32> {
        self.user_ids.get(&name.to_owned(), || Some(User::from_name(name).ok()??.uid.as_raw()))
    }

    /// The number of the group of this name.
    #[must_use]
    pub fn group_id(&self, name: &str) -> Option<u32> {
        self.group_ids.get(&name.to_owned(), || Some(Group::from_name(name).ok()??.gid.as_raw()))
    }

    /// The user this process acts as; 0 is the administrator.
    #[must_use]
    pub fn own_user_id(&self) -> Option<u32> {
        Some(nix::unistd::geteuid().as_raw())
    }
}

#[derive(Debug)]
struct Cache<Key, Value>(Mutex<HashMap<Key, Option<Value>>>);

impl<Key, Value> Default for Cache<Key, Value> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Key: Hash + Eq + Clone, Value: Clone> Cache<Key, Value> {
    fn get(&self, key: &Key, ask: impl FnOnce() -> Option<Value>) -> Option<Value> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(key) {
            return answer.clone();
        }
        let answer = ask();
        if answers.len() >= CACHE_LIMIT {
            answers.clear();
        }
        answers.insert(key.clone(), answer.clone());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrator_has_a_name_both_ways_and_strangers_have_none() {
        let accounts = Accounts::new();
        for _ in 0..2 {
            assert_eq!(accounts.user_name(0).as_deref(), Some("root"));
            assert_eq!(accounts.user_id("root"), Some(0));
            let group = accounts.group_name(0).unwrap();
            assert_eq!(accounts.group_id(&group), Some(0));
            assert_eq!(accounts.user_name(3_999_999_999), None);
            assert_eq!(accounts.user_id("no such user here"), None);
        }
    }
}
