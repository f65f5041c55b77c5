//! The single questions of SFTP, each with its answer in our words.
//!
//! `ask_…` sends and gives the answer to wait for, so that a caller can have several on their way; the others wait.
//! Deliberately not here: order, retries, what a failure means for a path.

use std::sync::Arc;

use bytes::Bytes;

use super::error::SftpError;
use super::packet::{Attributes, Builder, Listed, open, request, status};
use super::session::{Answer, Session, extension};

/// An open file on the server. Dropped, it is closed there without waiting for the answer.
pub(super) struct RemoteFile {
    pub(super) session: Arc<Session>,
    handle: Vec<u8>,
    closed: bool,
}

/// What a file system has left, in bytes, and what tells it from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileSystem {
    pub(super) free_bytes: u64,
    pub(super) id: u64,
    pub(super) name_limit_bytes: u64,
}

/// How many requests for names are on their way at once.
const LISTING_AHEAD: usize = 3;

/// The most names of one folder: a listing that is longer does not end.
const LISTING_LIMIT: usize = 20_000_000;

impl Session {
    pub(super) async fn ask_lstat(&self, path: &[u8]) -> Result<Answer, SftpError> {
        self.ask_path(request::LSTAT, path).await
    }

    /// The item at a path; nothing where it is absent.
    pub(super) async fn lstat(&self, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
        found(self.ask_lstat(path).await?.wait().await?.into_attributes())
    }

    /// The item a path leads to through links.
    pub(super) async fn stat(&self, path: &[u8]) -> Result<Attributes, SftpError> {
        self.ask_path(request::STAT, path).await?.wait().await?.into_attributes()
    }

    pub(super) async fn ask_real_path(&self, path: &[u8]) -> Result<Answer, SftpError> {
        self.ask_path(request::REALPATH, path).await
    }

    /// The path without links, dots and doubled slashes.
    pub(super) async fn real_path(&self, path: &[u8]) -> Result<Vec<u8>, SftpError> {
        one_name(self.ask_real_path(path).await?.wait().await?.into_names()?)
    }

    pub(super) async fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, SftpError> {
        one_name(self.ask_path(request::READLINK, path).await?.wait().await?.into_names()?)
    }

    pub(super) async fn remove(&self, path: &[u8]) -> Result<(), SftpError> {
        self.ask_path(request::REMOVE, path).await?.wait().await?.into_done()
    }

    pub(super) async fn remove_folder(&self, path: &[u8]) -> Result<(), SftpError> {
        self.ask_path(request::RMDIR, path).await?.wait().await?.into_done()
    }

    pub(super) async fn make_folder(&self, path: &[u8], mode: Option<u32>) -> Result<(), SftpError> {
        let id = self.next_id();
        let attributes = Attributes { mode, ..Attributes::default() };
        let packet = Builder::new(request::MKDIR, id).text(path).attributes(&attributes).finish();
        self.ask(id, packet, 0).await?.wait().await?.into_done()
    }

    /// Renames to a name that is free (what a server does otherwise is its own affair: look before).
    pub(super) async fn ask_rename(&self, from: &[u8], to: &[u8]) -> Result<Answer, SftpError> {
        let id = self.next_id();
        self.ask(id, Builder::new(request::RENAME, id).text(from).text(to).finish(), 0).await
    }

    async fn ask_extended(&self, name: &str, texts: &[&[u8]]) -> Result<Answer, SftpError> {
        let id = self.next_id();
        let builder = Builder::new(request::EXTENDED, id).text(name.as_bytes());
        let builder = texts.iter().fold(builder, |builder, text| builder.text(text));
        self.ask(id, builder.finish(), 0).await
    }

    /// Renames over what is there, at once.
    pub(super) async fn ask_replace(&self, from: &[u8], to: &[u8]) -> Result<Answer, SftpError> {
        self.ask_extended(extension::POSIX_RENAME, &[from, to]).await
    }

    /// Gives a file a second name, which must be free.
    pub(super) async fn ask_hard_link(&self, from: &[u8], to: &[u8]) -> Result<Answer, SftpError> {
        self.ask_extended(extension::HARD_LINK, &[from, to]).await
    }

    /// Makes a symbolic link at `path`. OpenSSH takes the two the other way round than the draft says, and everybody
    /// followed it.
    pub(super) async fn make_link(&self, target: &[u8], path: &[u8]) -> Result<(), SftpError> {
        let id = self.next_id();
        let packet = Builder::new(request::SYMLINK, id).text(target).text(path).finish();
        self.ask(id, packet, 0).await?.wait().await?.into_done()
    }

    pub(super) async fn ask_set(&self, path: &[u8], attributes: &Attributes) -> Result<Answer, SftpError> {
        let id = self.next_id();
        self.ask(id, Builder::new(request::SETSTAT, id).text(path).attributes(attributes).finish(), 0).await
    }

    /// Sets what surrounds a link itself, where the server can.
    pub(super) async fn set_of_link(&self, path: &[u8], attributes: &Attributes) -> Result<(), SftpError> {
        let id = self.next_id();
        let builder =
            Builder::new(request::EXTENDED, id).text(extension::SET_LINK_STAT.as_bytes()).text(path);
        self.ask(id, builder.attributes(attributes).finish(), 0).await?.wait().await?.into_done()
    }

    /// The file system below a path; nothing where the server does not tell.
    pub(super) async fn file_system(&self, path: &[u8]) -> Result<Option<FileSystem>, SftpError> {
        if !self.offers(extension::STATVFS) {
            return Ok(None);
        }
        let answer = self.ask_extended(extension::STATVFS, &[path]).await?.wait().await?;
        let numbers = match answer.into_longs(11) {
            Ok(numbers) => numbers,
            // Some servers offer what the program behind them can not do.
            Err(error) if error.is_status(status::UNSUPPORTED) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Block size, fragment size, blocks, free, available, files, free, available, id, flags, longest name.
        let [_, fragment, _, _, available, _, _, _, id, _, name_limit_bytes] = numbers[..] else {
            return Ok(None);
        };
        Ok(Some(FileSystem { free_bytes: available.saturating_mul(fragment), id, name_limit_bytes }))
    }

    /// All names of a folder but its own and that of the one above.
    pub(super) async fn list(&self, path: &[u8]) -> Result<Vec<Listed>, SftpError> {
        let handle = self.ask_path(request::OPENDIR, path).await?.wait().await?.into_handle()?;
        let result = self.list_open(&handle).await;
        let id = self.next_id();
        self.tell(Builder::new(request::CLOSE, id).text(&handle).finish());
        result
    }

    async fn list_open(&self, handle: &[u8]) -> Result<Vec<Listed>, SftpError> {
        let mut found = Vec::new();
        let mut ahead = std::collections::VecDeque::new();
        loop {
            while ahead.len() < LISTING_AHEAD {
                ahead.push_back(self.ask_path(request::READDIR, handle).await?);
            }
            let Some(answer) = ahead.pop_front() else { return Ok(found) };
            match answer.wait().await?.into_names() {
                // Some servers say so that there are no more; asked again they would for ever.
                Ok(names) if names.is_empty() => return Ok(found),
                Ok(_) if found.len() > LISTING_LIMIT => {
                    return Err(SftpError::protocol("the folder holds more names than can be looked at"));
                }
                Ok(names) => {
                    found
                        .extend(names.into_iter().filter(|listed| !matches!(&listed.name[..], b"." | b"..")));
                }
                Err(error) if error.is_status(status::END_OF_FILE) => return Ok(found),
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens a file.
    pub(super) async fn open(
        self: &Arc<Self>,
        path: &[u8],
        flags: u32,
        attributes: &Attributes,
    ) -> Result<RemoteFile, SftpError> {
        let id = self.next_id();
        let packet = Builder::new(request::OPEN, id).text(path).number(flags).attributes(attributes).finish();
        let handle = self.ask(id, packet, 0).await?.wait().await?.into_handle()?;
        Ok(RemoteFile { session: Arc::clone(self), handle, closed: false })
    }

    /// Makes the names in a folder durable, where the server can: OpenSSH opens folders as files for that.
    pub(super) async fn sync_folder(self: &Arc<Self>, path: &[u8]) -> Result<(), SftpError> {
        if !self.offers(extension::FSYNC) {
            return Ok(());
        }
        match self.open(path, open::READ, &Attributes::default()).await {
            Ok(folder) => match folder.sync().await {
                // Some file systems can not sync folders; their names are durable by themselves or never.
                Err(SftpError::Status { .. }) | Ok(()) => Ok(()),
                Err(error) => Err(error),
            },
            // A server may open no folders.
            Err(SftpError::Status { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl RemoteFile {
    /// Asks for bytes; fewer may come, none only at the end.
    pub(super) async fn ask_read(&self, offset_bytes: u64, length_bytes: usize) -> Result<Answer, SftpError> {
        let id = self.session.next_id();
        let length = u32::try_from(length_bytes).unwrap_or(u32::MAX);
        let packet =
            Builder::new(request::READ, id).text(&self.handle).long(offset_bytes).number(length).finish();
        self.session.ask(id, packet, length_bytes).await
    }

    /// Sends bytes.
    pub(super) async fn ask_write(&self, offset_bytes: u64, bytes: &[u8]) -> Result<Answer, SftpError> {
        let id = self.session.next_id();
        let room_bytes = self.handle.len() + 16 + bytes.len();
        let builder =
            Builder::with_room(request::WRITE, id, room_bytes).text(&self.handle).long(offset_bytes);
        self.session.ask(id, Bytes::from(builder.text(bytes).finish()), 0).await
    }

    pub(super) async fn ask_attributes(&self) -> Result<Answer, SftpError> {
        self.session.ask_path(request::FSTAT, &self.handle).await
    }

    pub(super) async fn attributes(&self) -> Result<Attributes, SftpError> {
        self.ask_attributes().await?.wait().await?.into_attributes()
    }

    pub(super) async fn ask_set(&self, attributes: &Attributes) -> Result<Answer, SftpError> {
        let id = self.session.next_id();
        let builder = Builder::new(request::FSETSTAT, id).text(&self.handle);
        self.session.ask(id, builder.attributes(attributes).finish(), 0).await
    }

    /// Asks for what was written to be on the disk; nothing where the server can not.
    pub(super) async fn ask_sync(&self) -> Result<Option<Answer>, SftpError> {
        if !self.session.offers(extension::FSYNC) {
            return Ok(None);
        }
        self.session.ask_extended(extension::FSYNC, &[&self.handle]).await.map(Some)
    }

    pub(super) async fn sync(&self) -> Result<(), SftpError> {
        match self.ask_sync().await? {
            Some(answer) => answer.wait().await?.into_done(),
            None => Ok(()),
        }
    }

    /// Copies bytes into another file of the same session, at the same place, inside the server.
    pub(super) async fn copy_to(
        &self,
        other: &Self,
        offset_bytes: u64,
        length_bytes: u64,
    ) -> Result<(), SftpError> {
        let id = self.session.next_id();
        let packet = Builder::new(request::EXTENDED, id)
            .text(extension::COPY_DATA.as_bytes())
            .text(&self.handle)
            .long(offset_bytes)
            .long(length_bytes)
            .text(&other.handle)
            .long(offset_bytes)
            .finish();
        self.session.ask(id, packet, 0).await?.wait().await?.into_done()
    }

    /// Closes it; what could not be written until now may be told only here.
    pub(super) async fn ask_close(mut self) -> Result<Answer, SftpError> {
        self.closed = true;
        self.session.ask_path(request::CLOSE, &self.handle).await
    }

    pub(super) async fn close(self) -> Result<(), SftpError> {
        self.ask_close().await?.wait().await?.into_done()
    }
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        if !self.closed {
            let id = self.session.next_id();
            self.session.tell(Builder::new(request::CLOSE, id).text(&self.handle).finish());
        }
    }
}

/// An answer about something that may be absent.
pub(super) fn found<T>(result: Result<T, SftpError>) -> Result<Option<T>, SftpError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_status(status::NO_SUCH_FILE) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn one_name(names: Vec<Listed>) -> Result<Vec<u8>, SftpError> {
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.name),
        _ => Err(SftpError::protocol("the server gave not exactly one name")),
    }
}
