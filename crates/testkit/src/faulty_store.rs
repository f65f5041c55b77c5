//! A store that fails as told: at the Nth call, on one key, when space runs out, by lying, or for good from a step on.
//!
//! Invariants: without rules it changes nothing; every call is noted before a rule is applied, so a test can count the
//! steps of a run and then let it die at each of them. Deliberately not here: failing by chance.

use std::io;
use std::sync::Arc;

use keepwell_endpoint::{EndpointError, Store, StoredObject, Upload};
use parking_lot::{Condvar, Mutex};

/// What was asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `list`, `names` and `unfinished`.
    List,
    /// `size_bytes`.
    Size,
    /// `read_range`.
    Read,
    /// `create`.
    Create,
    /// `write` of an upload.
    Write,
    /// `finish` of an upload.
    Finish,
    /// `delete`.
    Delete,
    /// `create_folders`.
    CreateFolders,
    /// `free_bytes`.
    FreeBytes,
}

/// One call as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// On which key or folder.
    pub key: String,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The call fails with an error of this kind and does nothing.
    Fail(io::ErrorKind),
    /// The call does its work and then says it failed: the answer was lost.
    LoseAnswer,
    /// The call waits until the gate opens.
    Stall(Arc<Gate>),
    /// A read comes back with so many bytes only.
    ShortRead(usize),
    /// A read comes back with this bit turned (counted from the start of the answer, modulo its length).
    FlipBit(u64),
    /// The object is not there any more: reads say so, lists leave it out.
    Vanish,
    /// From here on every call fails: the place is gone.
    Die,
}

/// When something goes wrong.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Only on this operation; nothing means any.
    pub operation: Option<Operation>,
    /// Only on keys that begin so.
    pub key_prefix: String,
    /// How many calls that fit are let through first.
    pub skip: u64,
    /// On how many calls it then acts.
    pub times: u64,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// A rule that acts on every fitting call from the first on.
    #[must_use]
    pub fn always(operation: Operation, key_prefix: &str, fault: Fault) -> Self {
        Self { operation: Some(operation), key_prefix: key_prefix.into(), skip: 0, times: u64::MAX, fault }
    }

    /// A rule that acts once, on the fitting call with this number (from 0).
    #[must_use]
    pub fn once(operation: Operation, key_prefix: &str, number: u64, fault: Fault) -> Self {
        Self { operation: Some(operation), key_prefix: key_prefix.into(), skip: number, times: 1, fault }
    }

    /// The place is gone from the step with this number (from 0) on, whatever the step is.
    #[must_use]
    pub fn die_at_step(step: u64) -> Self {
        Self { operation: None, key_prefix: String::new(), skip: step, times: 1, fault: Fault::Die }
    }

    /// Whether it acts on this call; counts the calls it has seen.
    fn acts(&mut self, operation: Operation, key: &str) -> bool {
        if self.operation.is_some_and(|only| only != operation) || !key.starts_with(&self.key_prefix) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times == 0 {
            return false;
        }
        self.times -= 1;
        true
    }
}

/// Holds stalled calls until it is opened.
#[derive(Debug, Default)]
pub struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Lets everyone through from now on.
    pub fn open(&self) {
        *self.open.lock() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let mut open = self.open.lock();
        while !*open {
            self.opened.wait(&mut open);
        }
    }
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    dead: bool,
    space_bytes: Option<u64>,
}

/// A store around another that fails as its rules say. Clones share rules and notes.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
}

impl FaultyStore {
    /// Around a store, without rules yet.
    pub fn new(inner: impl Store + 'static) -> Self {
        Self { inner: Arc::new(inner), state: Arc::default() }
    }

    /// Adds a rule. The first rule that acts on a call decides.
    pub fn add(&self, rule: Rule) {
        self.state.lock().rules.push(rule);
    }

    /// So many more bytes can be written, then the place is full.
    pub fn limit_space(&self, bytes: u64) {
        self.state.lock().space_bytes = Some(bytes);
    }

    /// Forgets rules, death and notes: the place works again.
    pub fn heal(&self) {
        *self.state.lock() = State::default();
    }

    /// Every call so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.clone()
    }

    /// The keys that uploads finished under, in order.
    #[must_use]
    pub fn finished(&self) -> Vec<String> {
        let state = self.state.lock();
        state
            .calls
            .iter()
            .filter(|call| call.operation == Operation::Finish)
            .map(|call| call.key.clone())
            .collect()
    }

    fn path(&self, key: &str) -> String {
        format!("{}/{key}", self.inner.describe())
    }

    fn error(&self, operation: Operation, key: &str, kind: io::ErrorKind) -> EndpointError {
        let action = match operation {
            Operation::List => "list",
            Operation::Size | Operation::Read | Operation::FreeBytes => "read",
            Operation::Create | Operation::Write | Operation::Finish | Operation::CreateFolders => "write",
            Operation::Delete => "delete",
        };
        EndpointError::from_io(action, self.path(key), kind.into())
    }

    /// Notes the call and finds what goes wrong with it, if anything.
    fn fault(&self, operation: Operation, key: &str) -> Result<Option<Fault>, EndpointError> {
        let fault = {
            let mut state = self.state.lock();
            state.calls.push(Call { operation, key: key.into() });
            if state.dead {
                return Err(self.error(operation, key, io::ErrorKind::NotConnected));
            }
            let fault =
                state.rules.iter_mut().find_map(|rule| rule.acts(operation, key).then(|| rule.fault.clone()));
            state.dead = matches!(fault, Some(Fault::Die));
            fault
        };
        match fault {
            Some(Fault::Fail(kind)) => Err(self.error(operation, key, kind)),
            Some(Fault::Die) => Err(self.error(operation, key, io::ErrorKind::NotConnected)),
            // A list leaves the object out instead, object by object.
            Some(Fault::Vanish) if operation != Operation::List => {
                Err(self.error(operation, key, io::ErrorKind::NotFound))
            }
            Some(Fault::Stall(gate)) => {
                gate.wait();
                Ok(None)
            }
            other => Ok(other),
        }
    }

    /// Runs a call that writes: an answer may be lost after it.
    fn with_answer<T>(
        &self,
        operation: Operation,
        key: &str,
        call: impl FnOnce() -> Result<T, EndpointError>,
    ) -> Result<T, EndpointError> {
        let fault = self.fault(operation, key)?;
        let result = call()?;
        match fault {
            Some(Fault::LoseAnswer) => Err(self.error(operation, key, io::ErrorKind::ConnectionReset)),
            _ => Ok(result),
        }
    }

    fn take_space(&self, key: &str, wanted_bytes: u64) -> Result<(), EndpointError> {
        let mut state = self.state.lock();
        match &mut state.space_bytes {
            Some(left) if *left < wanted_bytes => {
                *left = 0;
                drop(state);
                Err(self.error(Operation::Write, key, io::ErrorKind::StorageFull))
            }
            Some(left) => {
                *left -= wanted_bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether a rule makes this object vanish from lists.
    fn hidden(&self, key: &str) -> bool {
        self.state.lock().rules.iter().any(|rule| {
            matches!(rule.fault, Fault::Vanish)
                && rule.times > 0
                && rule.operation.is_none_or(|only| only == Operation::List)
                && key.starts_with(&rule.key_prefix)
        })
    }
}

impl Store for FaultyStore {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError> {
        self.fault(Operation::List, folder)?;
        let mut found = self.inner.list(folder)?;
        found.retain(|object| !self.hidden(&object.key));
        Ok(found)
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        self.fault(Operation::List, "")?;
        self.inner.names()
    }

    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError> {
        self.with_answer(Operation::Size, key, || self.inner.size_bytes(key))
    }

    fn read_range(
        &self,
        key: &str,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Result<Vec<u8>, EndpointError> {
        let fault = self.fault(Operation::Read, key)?;
        let mut bytes = self.inner.read_range(key, offset_bytes, length_bytes)?;
        match fault {
            Some(Fault::ShortRead(length)) => bytes.truncate(length),
            Some(Fault::FlipBit(bit)) if !bytes.is_empty() => {
                let bit = bit % (bytes.len() as u64 * 8);
                let index = usize::try_from(bit / 8).unwrap_or(0);
                bytes[index] ^= 1 << (bit % 8);
            }
            Some(Fault::LoseAnswer) => {
                return Err(self.error(Operation::Read, key, io::ErrorKind::ConnectionReset));
            }
            _ => {}
        }
        Ok(bytes)
    }

    fn create(&self, key: &str) -> Result<Box<dyn Upload>, EndpointError> {
        let upload = self.with_answer(Operation::Create, key, || self.inner.create(key))?;
        Ok(Box::new(FaultyUpload { store: self.clone(), key: key.into(), upload }))
    }

    fn delete(&self, key: &str) -> Result<(), EndpointError> {
        self.with_answer(Operation::Delete, key, || self.inner.delete(key))
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        self.with_answer(Operation::CreateFolders, "", || self.inner.create_folders(folders))
    }

    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError> {
        self.fault(Operation::List, "")?;
        self.inner.unfinished()
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.fault(Operation::FreeBytes, "")?;
        let left = self.state.lock().space_bytes;
        Ok(left.or(self.inner.free_bytes()?))
    }
}

struct FaultyUpload {
    store: FaultyStore,
    key: String,
    upload: Box<dyn Upload>,
}

impl Upload for FaultyUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        let Self { store, key, upload } = self;
        store.with_answer(Operation::Write, key, || {
            store.take_space(key, bytes.len() as u64)?;
            upload.write(bytes)
        })
    }

    fn finish(self: Box<Self>) -> Result<(), EndpointError> {
        let Self { store, key, upload } = *self;
        store.with_answer(Operation::Finish, &key, || upload.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_store::MemoryStore;

    fn store() -> (MemoryStore, FaultyStore) {
        let memory = MemoryStore::new();
        memory.insert("packs/a", b"0123456789".to_vec());
        memory.insert("packs/b", b"b".to_vec());
        (memory.clone(), FaultyStore::new(memory))
    }

    #[test]
    fn without_rules_it_changes_nothing() {
        let (memory, store) = store();
        store.put("packs/c", b"new").unwrap();
        assert_eq!(memory.get("packs/c").unwrap(), b"new");
        assert_eq!(store.read("packs/a", 100).unwrap(), b"0123456789");
        assert_eq!(store.list("packs").unwrap().len(), 3);
        assert_eq!(store.finished(), ["packs/c"]);
    }

    #[test]
    fn the_call_that_was_named_fails_and_no_other() {
        let (_, store) = store();
        store.add(Rule::once(Operation::Read, "packs/a", 1, Fault::Fail(io::ErrorKind::PermissionDenied)));
        assert!(store.read_range("packs/a", 0, 1).is_ok());
        assert!(store.read_range("packs/b", 0, 1).is_ok());
        assert!(matches!(store.read_range("packs/a", 0, 1), Err(EndpointError::PermissionDenied { .. })));
        assert!(store.read_range("packs/a", 0, 1).is_ok());
    }

    #[test]
    fn space_runs_out_after_so_many_bytes() {
        let (memory, store) = store();
        store.limit_space(5);
        store.put("packs/c", b"four").unwrap();
        assert!(matches!(store.put("packs/d", b"more"), Err(EndpointError::NoSpace { .. })));
        assert!(memory.get("packs/d").is_none());
        assert_eq!(store.free_bytes().unwrap(), Some(0));
    }

    #[test]
    fn lies_are_told() {
        let (_, store) = store();
        store.add(Rule::once(Operation::Read, "packs/a", 0, Fault::FlipBit(9)));
        store.add(Rule::once(Operation::Read, "packs/a", 0, Fault::ShortRead(3)));
        assert_eq!(store.read_range("packs/a", 0, 10).unwrap(), b"0323456789");
        assert_eq!(store.read_range("packs/a", 0, 10).unwrap(), b"012");
        store.add(Rule {
            operation: None,
            key_prefix: "packs/a".into(),
            skip: 0,
            times: u64::MAX,
            fault: Fault::Vanish,
        });
        assert!(matches!(store.read_range("packs/a", 0, 1), Err(EndpointError::NotFound { .. })));
        assert_eq!(store.list("packs").unwrap().len(), 1);
    }

    #[test]
    fn a_lost_answer_has_done_its_work() {
        let (memory, store) = store();
        store.add(Rule::once(Operation::Finish, "packs/c", 0, Fault::LoseAnswer));
        assert!(store.put("packs/c", b"there").is_err());
        assert_eq!(memory.get("packs/c").unwrap(), b"there");
    }

    #[test]
    fn once_dead_it_stays_dead_until_healed() {
        let (memory, store) = store();
        store.add(Rule::die_at_step(2));
        // Steps 0 and 1 create and write; the finish is step 2.
        assert!(store.put("packs/c", b"never whole").is_err());
        assert!(memory.get("packs/c").is_none());
        assert!(store.list("packs").is_err());
        store.heal();
        assert!(store.list("packs").is_ok());
    }

    #[test]
    fn a_stalled_call_goes_on_when_the_gate_opens() {
        let (_, store) = store();
        let gate = Gate::closed();
        store.add(Rule::once(Operation::Read, "", 0, Fault::Stall(Arc::clone(&gate))));
        let reader = std::thread::spawn({
            let store = store.clone();
            move || store.read_range("packs/b", 0, 1)
        });
        gate.open();
        assert_eq!(reader.join().unwrap().unwrap(), b"b");
    }
}
