//! Extended attributes, and setting what surrounds the content, on Unix.
//!
//! Invariants:
//! 1. The order is owner, attributes with ACLs, mode, flags, times: each could be undone, or made impossible (attributes
//!    of a read-only file), by one that came before its turn. Who may not give a file away never makes it run as them:
//!    without the owner, the set-user-id and set-group-id bits are left away.
//! 2. What is right already is not set again: on 80,000 files each call counts.
//! 3. A part that can not be set never keeps the others from being set; it is handed back as data.
//! 4. Nothing is set through a symbolic link.
//!
//! Deliberately not here: which parts are wanted, and mapping of account names (`accounts`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use keepwell_model::{EntryKind, ExtendedAttribute, Metadata, Timestamp};
use rustix::fs::{Gid, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, Uid};
use rustix::io::Errno;

use super::item::{MetadataOptions, MetadataPart, MetadataTrouble, Stat};
use super::unix::{Folder, borrow, to_mode};
use super::unix_file::LocalFile;
use crate::error::EndpointError;

#[cfg(target_os = "linux")]
use super::linux as system;
#[cfg(target_os = "macos")]
use super::macos as system;

/// The largest value of one extended attribute that is taken along. Linux allows 64 KiB; macOS keeps resource forks.
pub const ATTRIBUTE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// The item whose metadata is meant.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// The open file or folder.
    Open(BorrowedFd<'a>),
    /// The item of a name in an open folder, itself where it is a symbolic link.
    Named(BorrowedFd<'a>, &'a [u8]),
}

/// What is known of the item before anything is set.
struct Current {
    user_id: u32,
    group_id: u32,
    mode: Option<u32>,
    bsd_flags: Option<u32>,
    may_have_attributes: bool,
}

impl LocalFile {
    /// All extended attributes, sorted by name.
    ///
    /// # Errors
    /// They can not be read, or one is larger than [`ATTRIBUTE_LIMIT_BYTES`].
    pub fn extended_attributes(&self) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        match read_attributes(Target::Open(self.file().as_fd())) {
            Err(Errno::TOOBIG) => Err(self.unexpected("one of its extended attributes is too large")),
            result => result.map_err(|errno| self.failed("read the attributes of", errno.into())),
        }
    }

    /// Sets what surrounds the content. To be called last, when all is written.
    ///
    /// Hands back the parts that could not be set.
    #[must_use]
    pub fn apply_metadata(&self, metadata: &Metadata, options: &MetadataOptions) -> Vec<MetadataTrouble> {
        let current = match self.birth() {
            Some(birth) => Ok(Current {
                user_id: birth.user_id,
                group_id: birth.group_id,
                mode: birth.mode,
                bsd_flags: None,
                may_have_attributes: birth.has_attributes,
            }),
            None => current(self.file()),
        };
        apply(Target::Open(self.file().as_fd()), EntryKind::File, current, metadata, options)
    }
}

impl Folder {
    /// All extended attributes of this folder, sorted by name.
    ///
    /// # Errors
    /// They can not be read, or one is larger than [`ATTRIBUTE_LIMIT_BYTES`].
    pub fn extended_attributes_self(&self) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        let handle = self.handle("read the attributes of")?;
        self.sorted_out(b"", read_attributes(Target::Open(borrow(&handle))))
    }

    /// All extended attributes of an item in it that is no file and no folder (those are asked when open).
    ///
    /// # Errors
    /// They can not be read, or one is larger than [`ATTRIBUTE_LIMIT_BYTES`].
    pub fn extended_attributes(&self, name: &[u8]) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        let handle = self.at("read the attributes of", name)?;
        self.sorted_out(name, read_attributes(Target::Named(borrow(&handle), name)))
    }

    fn sorted_out(
        &self,
        name: &[u8],
        result: Result<Vec<ExtendedAttribute>, Errno>,
    ) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        match result {
            Err(Errno::TOOBIG) => Err(self.unexpected(name, "one of its extended attributes is too large")),
            result => result.map_err(|errno| self.failed("read the attributes of", name, errno.into())),
        }
    }

    /// Sets what surrounds this folder. To be called when nothing in it will change any more.
    ///
    /// Hands back the parts that could not be set.
    #[must_use]
    pub fn apply_metadata_self(
        &self,
        metadata: &Metadata,
        options: &MetadataOptions,
    ) -> Vec<MetadataTrouble> {
        match self.handle("set the attributes of") {
            Ok(handle) => {
                apply(Target::Open(borrow(&handle)), EntryKind::Folder, current(&handle), metadata, options)
            }
            Err(error) => all_failed(io::Error::other(error)),
        }
    }

    /// Sets what surrounds an item in it that is no file and no folder: a link, a pipe, a device.
    ///
    /// Hands back the parts that could not be set.
    #[must_use]
    pub fn apply_metadata(
        &self,
        name: &[u8],
        kind: EntryKind,
        metadata: &Metadata,
        options: &MetadataOptions,
    ) -> Vec<MetadataTrouble> {
        let handle = match self.at("set the attributes of", name) {
            Ok(handle) => handle,
            Err(error) => return all_failed(io::Error::other(error)),
        };
        let current = system::stat(&handle, name).and_then(|stat| {
            if stat.kind != kind {
                return Err(Errno::STALE);
            }
            Ok(Current {
                user_id: stat.user_id,
                group_id: stat.group_id,
                mode: Some(stat.mode),
                bsd_flags: stat.bsd_flags,
                may_have_attributes: true,
            })
        });
        apply(Target::Named(borrow(&handle), name), kind, current, metadata, options)
    }
}

const OWNER_MAY_WRITE: u32 = 0o200;

fn current<Handle: AsFd>(handle: &Handle) -> Result<Current, Errno> {
    let stat = system::stat_handle(handle)?;
    Ok(Current {
        user_id: stat.user_id,
        group_id: stat.group_id,
        mode: Some(stat.mode),
        bsd_flags: stat.bsd_flags,
        may_have_attributes: true,
    })
}

fn all_failed(source: io::Error) -> Vec<MetadataTrouble> {
    vec![MetadataTrouble { part: MetadataPart::Times, source }]
}

fn apply(
    target: Target<'_>,
    kind: EntryKind,
    current: Result<Current, Errno>,
    metadata: &Metadata,
    options: &MetadataOptions,
) -> Vec<MetadataTrouble> {
    let mut current = match current {
        Ok(current) => current,
        Err(errno) => return all_failed(errno.into()),
    };
    let mut troubles = Vec::new();
    let mut note = |part, result: Result<(), Errno>| {
        if let Err(errno) = result {
            troubles.push(MetadataTrouble { part, source: errno.into() });
        }
    };
    let user = (current.user_id != metadata.user_id).then(|| Uid::from_raw(metadata.user_id));
    let group = (current.group_id != metadata.group_id).then(|| Gid::from_raw(metadata.group_id));
    let mut owner_is_right = user.is_none() && group.is_none();
    if options.owner && !owner_is_right {
        let result = set_owner(target, user, group);
        owner_is_right = result.is_ok();
        note(MetadataPart::Owner, result);
        // A change of owner takes the set-user-id and set-group-id bits away.
        current.mode = None;
    }
    if options.attributes && (current.may_have_attributes || !metadata.extended_attributes.is_empty()) {
        let is_read_only = current.mode.is_some_and(|mode| mode & OWNER_MAY_WRITE == 0);
        if is_read_only && kind != EntryKind::Symlink && !metadata.extended_attributes.is_empty() {
            // The system wants the right to write even from the owner. What fails here fails again below, and is told.
            let _ = system::set_mode(target, to_mode(metadata.mode & 0o777 | OWNER_MAY_WRITE));
            current.mode = None;
        }
        apply_attributes(target, current.may_have_attributes, &metadata.extended_attributes, &mut note);
        if !metadata.extended_attributes.is_empty() {
            // An ACL changes the permission bits.
            current.mode = None;
        }
    }
    let mode = if owner_is_right { metadata.mode & 0o7777 } else { metadata.mode & 0o1777 };
    // Permission bits of a symbolic link mean nothing.
    if options.mode && kind != EntryKind::Symlink && current.mode != Some(mode) {
        note(MetadataPart::Mode, system::set_mode(target, to_mode(mode)));
    }
    if options.flags
        && let Some(flags) = metadata.bsd_flags
        && current.bsd_flags.unwrap_or(0) != flags
    {
        note(MetadataPart::Flags, system::set_flags(target, flags));
    }
    if options.times {
        note(MetadataPart::Times, set_times(target, metadata.modified).map(drop));
    }
    troubles
}

/// Leaves exactly the wanted attributes, and those that are the system's own.
pub(super) fn apply_attributes(
    target: Target<'_>,
    may_have_attributes: bool,
    wanted: &[ExtendedAttribute],
    note: &mut impl FnMut(MetadataPart, Result<(), Errno>),
) {
    let present = if may_have_attributes { read_attributes(target) } else { Ok(Vec::new()) };
    let present = match present {
        Ok(present) => present,
        // A file system without attributes is trouble only where some are wanted; then each says so below.
        Err(Errno::NOTSUP) => Vec::new(),
        Err(errno) => {
            note(MetadataPart::Attribute(Vec::new()), Err(errno));
            Vec::new()
        }
    };
    for attribute in &present {
        let kept = wanted.iter().any(|wanted| wanted.name == attribute.name);
        if !kept && !system::attribute_belongs_to_system(&attribute.name) {
            let result = system::remove_attribute(target, &attribute.name);
            note(MetadataPart::Attribute(attribute.name.clone()), result);
        }
    }
    for attribute in acls_last(wanted) {
        if !present.contains(attribute) {
            let result = system::set_attribute(target, &attribute.name, &attribute.value);
            note(MetadataPart::Attribute(attribute.name.clone()), result);
        }
    }
}

/// An ACL may take the right away that the other attributes need to be set.
fn acls_last(wanted: &[ExtendedAttribute]) -> impl Iterator<Item = &ExtendedAttribute> {
    let is_acl = |attribute: &&ExtendedAttribute| attribute.name.starts_with(b"system.posix_acl_");
    wanted.iter().filter(move |one| !is_acl(one)).chain(wanted.iter().filter(is_acl))
}

fn set_owner(target: Target<'_>, user: Option<Uid>, group: Option<Gid>) -> Result<(), Errno> {
    match target {
        Target::Open(handle) => rustix::fs::fchown(handle, user, group),
        Target::Named(folder, name) => {
            rustix::fs::chownat(folder, name, user, group, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        }
    }
}

/// Sets the time of the last change and leaves that of the last access, unless the file system takes only both. What the
/// item shows then, where it can be asked.
pub(super) fn set_times(target: Target<'_>, modified: Timestamp) -> Result<Option<Stat>, Errno> {
    let shown = || match target {
        Target::Open(handle) => system::stat_handle(&handle).ok(),
        Target::Named(folder, name) => system::stat(&folder, name).ok(),
    };
    set_modified(target, modified, UTIME_OMIT)?;
    let found = shown();
    // Those that know only every second second show one less.
    let is_set = |found: &Stat| (0..=1).contains(&modified.seconds.saturating_sub(found.modified.seconds));
    if found.as_ref().is_none_or(is_set) {
        return Ok(found);
    }
    // Many file systems in FUSE (exFAT's is one) do nothing when they are asked to set one of the two, and say it was done.
    set_modified(target, modified, UTIME_NOW)?;
    Ok(shown())
}

fn set_modified(target: Target<'_>, modified: Timestamp, last_access: i64) -> Result<(), Errno> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: last_access },
        last_modification: Timespec {
            tv_sec: modified.seconds,
            tv_nsec: modified.nanoseconds.min(999_999_999).into(),
        },
    };
    match target {
        Target::Open(handle) => rustix::fs::futimens(handle, &times),
        Target::Named(folder, name) => {
            rustix::fs::utimensat(folder, name, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        }
    }
}

/// All attributes, sorted by name. What vanishes meanwhile is passed over; a file system without attributes has none.
pub(super) fn read_attributes(target: Target<'_>) -> Result<Vec<ExtendedAttribute>, Errno> {
    let names = match grow(1024, |buffer| system::list_attributes(target, buffer)) {
        Err(Errno::NOTSUP | Errno::NODATA) => return Ok(Vec::new()),
        result => result?,
    };
    let mut attributes = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match grow(256, |buffer| system::get_attribute(target, name, buffer)) {
            Ok(value) => attributes.push(ExtendedAttribute { name: name.to_vec(), value }),
            Err(errno) if errno == system::NO_SUCH_ATTRIBUTE => {}
            Err(errno) => return Err(errno),
        }
    }
    attributes.sort_unstable();
    Ok(attributes)
}

/// Calls with ever larger buffers until the answer fits.
fn grow(
    first_bytes: usize,
    mut call: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; first_bytes];
    loop {
        match call(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < ATTRIBUTE_LIMIT_BYTES => {
                let length = buffer.len() * 8;
                buffer = vec![0; length.min(ATTRIBUTE_LIMIT_BYTES)];
            }
            Err(Errno::RANGE) => return Err(Errno::TOOBIG),
            Err(errno) => return Err(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_acl_may_forbid_is_set_before_it() {
        let names = ["system.posix_acl_access", "security.mark", "system.posix_acl_default", "user.mark"];
        let of = |name: &str| ExtendedAttribute { name: name.into(), value: Vec::new() };
        let wanted: Vec<_> = names.map(of).into();
        let order: Vec<_> = acls_last(&wanted).map(|one| String::from_utf8_lossy(&one.name)).collect();
        assert_eq!(
            order,
            ["security.mark", "user.mark", "system.posix_acl_access", "system.posix_acl_default"]
        );
    }
}
