//! A place that holds a tree of files: what sync, archive and migrate need of a folder, a bucket, an SFTP or a
//! WebDAV server.
//!
//! Invariants every implementation keeps:
//! 1. A listing is whole or an error. What can not be reached is never an empty list, and never "absent".
//! 2. A file becomes visible under its name only when it is whole, and what it replaces is replaced at once.
//! 3. Nothing is replaced, renamed or removed unless it is still what the caller expects ([`Expected`]), checked as
//!    late as the place allows: by the rename itself, by a condition on the request, or by asking right before.
//! 4. No path leads out of the root, also not through a symbolic link that appears meanwhile.
//! 5. Names beginning with [`STAGED_PREFIX`] are the place's own unfinished files: never listed as items.
//!
//! Deliberately not here: which files to take, what changed, bins (`sync`); whole named objects (`store`).

use std::ops::Range;
use std::path::PathBuf;

use keepwell_model::{ContentHash, EntryKind, ExtendedAttribute, RelativePath, Timestamp};

use crate::error::EndpointError;

/// How the names of unfinished files begin.
pub const STAGED_PREFIX: &[u8] = b".keepwell-staged-";
/// How the names begin that items have on the way to another one, such as two that swap theirs. Items like any other: what
/// a crash leaves under such a name is found there by the next look, which puts it right.
pub const STEP_PREFIX: &[u8] = b".keepwell-step-";
/// The folder in a root that holds what sync keeps there: the bin, the shared rules.
pub const OWN_FOLDER: &[u8] = b".keepwell";

/// Changes whenever the item may have changed, as far as the place can tell: an etag, or the time of the last change
/// of the inode. Made of whatever the place has, cut or hashed to 16 bytes; all zeros where it has nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub [u8; 16]);

impl Version {
    /// From an etag or another text or token of any length.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(token).as_bytes()[..16]);
        Self(bytes)
    }

    /// From the time of the last change of an inode.
    #[must_use]
    pub fn changed_at(time: Timestamp) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&time.seconds.to_le_bytes());
        bytes[8..12].copy_from_slice(&time.nanoseconds.to_le_bytes());
        // Told apart from "nothing known" also for the first second of 1970.
        bytes[15] = 1;
        Self(bytes)
    }

    /// Whether the place tells nothing.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0 == [0; 16]
    }
}

/// What tells an unchanged item without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// What it is.
    pub kind: EntryKind,
    /// Length of the content, or of a link's target; 0 for folders.
    pub size_bytes: u64,
    /// When the content last changed, where the place tells.
    pub modified: Option<Timestamp>,
    /// See [`Version`].
    pub version: Version,
    /// What stays the same when it is renamed: the inode number, the file id; 0 where the place has none.
    pub id: u64,
}

impl Fingerprint {
    /// Whether this is the item that was seen before and nothing about its content can have changed since. For
    /// folders only the kind counts; a rename alone may change `version` on local disks, so `renamed_from` of a move is
    /// told by the id.
    #[must_use]
    pub fn is_unchanged_since(&self, before: &Self) -> bool {
        self.kind == before.kind
            && (self.kind == EntryKind::Folder
                || (self.size_bytes == before.size_bytes
                    && self.modified == before.modified
                    && self.version == before.version
                    && self.id == before.id))
    }
}

/// One item of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeItem {
    /// The name as the place has it: one component.
    pub name: Vec<u8>,
    /// What tells it unchanged.
    pub fingerprint: Fingerprint,
    /// The lower 12 permission bits, where the place has them; of a file of somebody else without set-user-id and
    /// set-group-id, as far as the place knows owners.
    pub mode: Option<u32>,
    /// How many names the file has (1 where the place has no hard links).
    pub link_count: u32,
}

/// What surrounds the content; nothing means "leave it as the place makes it".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemMetadata {
    /// When the content last changed.
    pub modified: Option<Timestamp>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Extended attributes, sorted by name: exactly these.
    pub extended_attributes: Option<Vec<ExtendedAttribute>>,
}

/// What must be at a path right before something is put there, moved or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing may be there.
    Absent,
    /// Exactly this, unchanged (for folders: a folder).
    Item(Fingerprint),
}

/// Which names a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRules {
    /// Any bytes but `/` and NUL.
    Bytes,
    /// Any UTF-8 text.
    Text,
    /// The rules of Windows: no `<>:"|?*\` or control characters, no reserved names (CON, NUL, COM1 …), no dot or
    /// space at the end.
    Windows,
}

/// What a place does with Unicode in names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnicodeNames {
    /// Kept and told apart byte by byte.
    Kept,
    /// Kept, but composed and decomposed forms are the same name.
    Insensitive,
    /// Composed (NFC) when stored.
    Composed,
    /// Decomposed (NFD) when stored.
    Decomposed,
}

/// What a place can do. Probed when it is opened; never assumed from the system's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Items have an id that survives a rename.
    pub stable_ids: bool,
    /// The version changes with every change of the content (etag, ctime), so it may be trusted without reading.
    pub strong_versions: bool,
    /// Folders exist of their own, also empty ones.
    pub folders: bool,
    /// Symbolic links.
    pub symlinks: bool,
    /// Permission bits are kept.
    pub modes: bool,
    /// Extended attributes are kept.
    pub extended_attributes: bool,
    /// The time of the last change can be set.
    pub times: bool,
    /// How fine that time is, in nanoseconds (FAT: 2 s, many servers: 1 s).
    pub time_grain_ns: u64,
    /// `A` and `a` are two names.
    pub case_sensitive: bool,
    /// Names are shown in the case they were given; else `A` may be shown as `a`.
    pub keeps_case: bool,
    /// What happens to Unicode in names.
    pub unicode: UnicodeNames,
    /// Which names it takes.
    pub names: NameRules,
    /// The longest name, in bytes.
    pub name_limit_bytes: u32,
    /// The longest path below the root, in bytes.
    pub path_limit_bytes: u32,
    /// A folder with all below it is renamed in one step. Every place renames files, be it by a copy and a removal there.
    pub renames_folders: bool,
    /// A staged file can begin as a copy of a file that is there, so that only changed blocks travel.
    pub stages_from_existing: bool,
    /// How many requests at once do it good.
    pub parallel: u32,
}

/// What tells this very place from another that sits at the same path: sync never deletes on a stranger's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceIdentity {
    /// The volume, bucket, or server: a UUID or serial number, or what else is lasting. Empty where nothing is.
    pub volume: String,
    /// The root folder's own id on it; 0 where there is none.
    pub root: u64,
}

/// A file opened for reading.
pub trait Content: Send {
    /// The item as it was when it was opened.
    fn item(&self) -> &TreeItem;

    /// Fills as much of `bytes` as there is from `offset_bytes` on; less only at the end of the file.
    ///
    /// # Errors
    /// It can not be read.
    fn read_at(&mut self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError>;

    /// The next range that holds data at or after `from_bytes`, for keeping holes; nothing where only a hole follows.
    ///
    /// # Errors
    /// It can not be asked.
    fn next_data(&mut self, from_bytes: u64) -> Result<Option<Range<u64>>, EndpointError> {
        let size_bytes = self.item().fingerprint.size_bytes;
        Ok((from_bytes < size_bytes).then_some(from_bytes..size_bytes))
    }

    /// Whether the file is still what was opened: to be asked after the last byte was read.
    ///
    /// # Errors
    /// It can not be asked.
    fn is_unchanged(&mut self) -> Result<bool, EndpointError>;

    /// Its extended attributes, sorted by name, where they come cheaper with the open file than with
    /// [`Tree::extended_attributes`]; nothing where they do not.
    ///
    /// # Errors
    /// They can not be read.
    fn extended_attributes(&mut self) -> Result<Option<Vec<ExtendedAttribute>>, EndpointError> {
        Ok(None)
    }

    /// What the file has that [`Content::item`] does not show, because a copy must not have it; in words.
    fn not_shown(&self) -> Option<String> {
        None
    }

    /// The file of the system where it lies on this machine: for a place here that can share its blocks.
    fn local_file(&self) -> Option<&std::fs::File> {
        None
    }
}

/// A file being made, invisible until it is published. Dropped, it leaves nothing behind.
pub trait Staged: Send {
    /// Writes bytes at a place. Places that only take a file from front to back answer
    /// [`EndpointError::Unexpected`] to anything else; then [`Capabilities::stages_from_existing`] is false.
    ///
    /// # Errors
    /// The place refused.
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError>;

    /// Writes the whole content of a file that has none yet. A place that can compare what it stored with these bytes
    /// for less than the hash that [`Staged::publish`] asks for proves it so, here.
    ///
    /// # Errors
    /// The place refused; [`EndpointError::Unexpected`] where what was stored is not what was sent.
    fn write_whole(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        if bytes.is_empty() { Ok(()) } else { self.write_at(bytes, 0) }
    }

    /// Cuts or (with a hole) extends it to this length.
    ///
    /// # Errors
    /// The place refused.
    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError>;

    /// Takes over the whole content of a file by sharing its blocks, where both lie on one file system that can. Answers
    /// false, having done nothing, where not.
    ///
    /// # Errors
    /// The place refused.
    fn clone_content(&mut self, _from: &dyn Content) -> Result<bool, EndpointError> {
        Ok(false)
    }

    /// Proves the content and makes it visible at `path`, whole, at once, with its metadata. `proof` is the plain BLAKE3
    /// of what was meant to be written: what is stored was read back and has it, or the place itself checked a
    /// checksum over the bytes that were sent. What can not be kept of the metadata is told in the answer.
    ///
    /// # Errors
    /// [`EndpointError::Changed`] where something else is at the path than expected; [`EndpointError::Unexpected`]
    /// where what was stored is not what was sent; other trouble. Nothing is visible then.
    fn publish(
        self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError>;
}

/// A new folder that nobody sees before it is published with all that was put into it. Dropped, it leaves nothing behind.
pub trait StagedFolder: Send {
    /// Begins a file in it. [`Staged::publish`] gives it the last name of its path, at once and for little: nobody sees it
    /// before the folder is published.
    ///
    /// # Errors
    /// The place refused.
    fn stage(&self, path: &RelativePath, size_bytes: u64) -> Result<Box<dyn Staged>, EndpointError>;

    /// Makes it visible where it was meant to be, with all that was published in it.
    ///
    /// # Errors
    /// [`EndpointError::Changed`] where something is there by now; other trouble. Nothing is visible then.
    fn publish(self: Box<Self>) -> Result<Published, EndpointError>;
}

/// What came of publishing or of setting metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The item as the place shows it now.
    pub item: TreeItem,
    /// What could not be kept, in words: `the permissions: Operation not permitted`.
    pub not_kept: Vec<String>,
}

/// [`Tree::extended_attributes_in`] by asking for each.
pub(crate) fn attributes_one_by_one<T: Tree + ?Sized>(
    tree: &T,
    folder: &RelativePath,
    names: &[&[u8]],
) -> Vec<Result<Vec<ExtendedAttribute>, EndpointError>> {
    let of = |name: &&[u8]| match folder.join(name) {
        Ok(path) => tree.extended_attributes(&path),
        Err(error) => Err(EndpointError::Unexpected { path: folder.to_string(), why: error.why.to_owned() }),
    };
    names.iter().map(of).collect()
}

/// A place that holds a tree of files.
pub trait Tree: Send + Sync {
    /// What the person calls this place: a path or an address without secrets.
    fn describe(&self) -> String;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Which place this is right now: asked before and after a scan, and before anything is removed.
    ///
    /// # Errors
    /// The root can not be reached.
    fn identity(&self) -> Result<PlaceIdentity, EndpointError>;

    /// What [`Tree::identity`] said of any place here before it learned to say that it can not tell: whoever remembers that
    /// takes this place for the one it was, once, and marks it.
    ///
    /// # Errors
    /// The root can not be reached.
    fn former_identity(&self) -> Result<Option<PlaceIdentity>, EndpointError> {
        Ok(None)
    }

    /// All items directly in a folder, in no particular order.
    ///
    /// # Errors
    /// [`EndpointError::NotFound`] where the folder is surely absent; any other trouble, also in the middle.
    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError>;

    /// Visits every item below a folder in one go, where that is much cheaper than folder by folder (a bucket).
    /// Answers false, having visited nothing, where it is not. Folders come before what is in them.
    ///
    /// # Errors
    /// As [`Tree::list`]; what was visited then is not the whole.
    fn visit_all(
        &self,
        _folder: &RelativePath,
        _visit: &mut dyn FnMut(RelativePath, TreeItem),
    ) -> Result<bool, EndpointError> {
        Ok(false)
    }

    /// The item at a path; nothing only where it is surely absent.
    ///
    /// # Errors
    /// It can not be known.
    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError>;

    /// Whether anybody has a file open for writing at this moment; nothing where the place can not tell.
    fn is_being_written(&self, _path: &RelativePath) -> Option<bool> {
        None
    }

    /// Opens a file.
    ///
    /// # Errors
    /// It is absent, not a file, or can not be read.
    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError>;

    /// Where a symbolic link points.
    ///
    /// # Errors
    /// It is not a link, or can not be read.
    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError>;

    /// The extended attributes of an item, sorted by name; none where the place has none.
    ///
    /// # Errors
    /// They can not be read.
    fn extended_attributes(&self, path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError>;

    /// [`Tree::extended_attributes`] of items of one folder, in the order of their names: for a place where the way to the
    /// folder costs more than the answer.
    fn extended_attributes_in(
        &self,
        folder: &RelativePath,
        names: &[&[u8]],
    ) -> Vec<Result<Vec<ExtendedAttribute>, EndpointError>> {
        attributes_one_by_one(self, folder, names)
    }

    /// Where new content of an item is put: the path itself, but where a place follows links the path of what a link
    /// points to.
    ///
    /// # Errors
    /// It can not be known.
    fn place_of(&self, path: &RelativePath) -> Result<RelativePath, EndpointError> {
        Ok(path.clone())
    }

    /// Begins a file that will be published at `path` (or near it). With `from`, it begins as a copy of that file,
    /// made inside the place (a reflink, a server-side copy).
    ///
    /// # Errors
    /// The place can not be written to, or can not begin from an existing file.
    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError>;

    /// Makes one folder. Its parent must be there. Where no attributes are given it is at no moment more open than it is to
    /// be, as far as the place can: so whoever is killed meanwhile leaves none that is.
    ///
    /// # Errors
    /// [`EndpointError::AlreadyExists`]; other trouble.
    fn create_folder(&self, path: &RelativePath, metadata: &ItemMetadata)
    -> Result<Published, EndpointError>;

    /// Begins a folder that will be published at `path`, with files in it: for a place where that costs less than to publish
    /// each of them. Nothing, having done nothing, where it does not, or where the folder could not have its metadata then.
    ///
    /// # Errors
    /// The place can not be written to.
    fn stage_folder(
        &self,
        _path: &RelativePath,
        _metadata: &ItemMetadata,
    ) -> Result<Option<Box<dyn StagedFolder>>, EndpointError> {
        Ok(None)
    }

    /// Makes a symbolic link, in place of what is expected there.
    ///
    /// # Errors
    /// [`EndpointError::Changed`]; other trouble.
    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError>;

    /// Renames a file, a link, or a folder with all below it. Renaming `a` to `A` works on every file system. A place that
    /// renames nothing itself copies a file inside and removes the original once the copy is whole: whoever is killed
    /// meanwhile may leave both.
    ///
    /// # Errors
    /// [`EndpointError::Changed`] where either end is not as expected; other trouble, also for a folder where the place
    /// renames none ([`Capabilities::renames_folders`]).
    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError>;

    /// Removes a file, a link or an empty folder for good.
    ///
    /// # Errors
    /// [`EndpointError::Changed`] where it is not as expected, or a folder that is not empty; other trouble.
    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError>;

    /// Sets what surrounds the content.
    ///
    /// # Errors
    /// It is absent or not as expected. A part that can not be set is told in the answer.
    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError>;

    /// Waits until all that was published is on the disk.
    ///
    /// # Errors
    /// The place says that something could not be written.
    fn sync(&self) -> Result<(), EndpointError>;

    /// Free space in bytes, where the place tells.
    ///
    /// # Errors
    /// The place can not be asked.
    fn free_bytes(&self) -> Result<Option<u64>, EndpointError>;

    /// Removes unfinished files that no run holds any more, in the folders below the root that the caller saw.
    ///
    /// # Errors
    /// The place can not be asked.
    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError>;

    /// The folder to watch for changes, where the place is on this machine.
    fn local_root(&self) -> Option<PathBuf> {
        None
    }
}
