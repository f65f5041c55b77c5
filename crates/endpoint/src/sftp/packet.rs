//! The SFTP protocol, version 3, as bytes: requests are put together, replies are taken apart.
//!
//! Why our own: names are bytes here (a name on a server need not be UTF-8), every extension of OpenSSH that spares a
//! transfer is known, and a reply of a hostile server is read with limits. Pure: no input, no output. Invariants: no
//! length in a reply is believed before it is compared with what is there; nothing here panics on any bytes.
//! Deliberately not here: who sends them (`session`), what they are for (`client`).

use super::error::SftpError;

/// The version spoken; every server knows it.
pub(super) const VERSION: u32 = 3;

/// The largest packet taken from a server. OpenSSH sends at most 256 KiB.
pub(super) const PACKET_LIMIT_BYTES: usize = 1 << 20;

/// What every server takes at least in one write, and gives in one read (section 3 of the draft).
pub(super) const SAFE_TRANSFER_BYTES: usize = 32 * 1024;

/// Numbers of requests.
pub(super) mod request {
    pub(in crate::sftp) const INIT: u8 = 1;
    pub(in crate::sftp) const OPEN: u8 = 3;
    pub(in crate::sftp) const CLOSE: u8 = 4;
    pub(in crate::sftp) const READ: u8 = 5;
    pub(in crate::sftp) const WRITE: u8 = 6;
    pub(in crate::sftp) const LSTAT: u8 = 7;
    pub(in crate::sftp) const FSTAT: u8 = 8;
    pub(in crate::sftp) const SETSTAT: u8 = 9;
    pub(in crate::sftp) const FSETSTAT: u8 = 10;
    pub(in crate::sftp) const OPENDIR: u8 = 11;
    pub(in crate::sftp) const READDIR: u8 = 12;
    pub(in crate::sftp) const REMOVE: u8 = 13;
    pub(in crate::sftp) const MKDIR: u8 = 14;
    pub(in crate::sftp) const RMDIR: u8 = 15;
    pub(in crate::sftp) const REALPATH: u8 = 16;
    pub(in crate::sftp) const STAT: u8 = 17;
    pub(in crate::sftp) const RENAME: u8 = 18;
    pub(in crate::sftp) const READLINK: u8 = 19;
    pub(in crate::sftp) const SYMLINK: u8 = 20;
    pub(in crate::sftp) const EXTENDED: u8 = 200;
}

/// Numbers of replies.
pub(super) mod reply {
    pub(in crate::sftp) const VERSION: u8 = 2;
    pub(in crate::sftp) const STATUS: u8 = 101;
    pub(in crate::sftp) const HANDLE: u8 = 102;
    pub(in crate::sftp) const DATA: u8 = 103;
    pub(in crate::sftp) const NAME: u8 = 104;
    pub(in crate::sftp) const ATTRIBUTES: u8 = 105;
    pub(in crate::sftp) const EXTENDED: u8 = 201;
}

/// What a server says in a status.
pub(super) mod status {
    pub(in crate::sftp) const OK: u32 = 0;
    pub(in crate::sftp) const END_OF_FILE: u32 = 1;
    pub(in crate::sftp) const NO_SUCH_FILE: u32 = 2;
    pub(in crate::sftp) const PERMISSION_DENIED: u32 = 3;
    pub(in crate::sftp) const FAILURE: u32 = 4;
    pub(in crate::sftp) const UNSUPPORTED: u32 = 8;
}

/// How a file is opened.
pub(super) mod open {
    pub(in crate::sftp) const READ: u32 = 1;
    pub(in crate::sftp) const WRITE: u32 = 2;
    pub(in crate::sftp) const CREATE: u32 = 8;
    pub(in crate::sftp) const EXCLUSIVE: u32 = 32;
}

const WITH_SIZE: u32 = 1;
const WITH_OWNER: u32 = 2;
const WITH_MODE: u32 = 4;
const WITH_TIMES: u32 = 8;
const WITH_EXTENDED: u32 = 0x8000_0000;

/// What a server tells of an item, or is asked to set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size_bytes: Option<u64>,
    /// User and group.
    pub(super) owner: Option<(u32, u32)>,
    /// The whole mode with the kind of the item.
    pub(super) mode: Option<u32>,
    /// Last access and last change in seconds since the epoch; the protocol ends in 2106.
    pub(super) times: Option<(u32, u32)>,
}

/// One name in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: Vec<u8>,
    pub(super) attributes: Attributes,
}

/// The version of a server, and its extensions with what it says of each.
pub(super) type Greeting = (u32, Vec<(Vec<u8>, Vec<u8>)>);

/// A request being put together: the length is filled in last.
pub(super) struct Builder(Vec<u8>);

impl Builder {
    pub(super) fn new(kind: u8, id: u32) -> Self {
        Self::with_room(kind, id, 64)
    }

    /// With room for a text of this length, so that nothing is copied while it grows.
    pub(super) fn with_room(kind: u8, id: u32, room_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(9 + room_bytes);
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(kind);
        bytes.extend_from_slice(&id.to_be_bytes());
        Self(bytes)
    }

    pub(super) fn number(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn text(mut self, text: &[u8]) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text);
        self
    }

    pub(super) fn attributes(mut self, attributes: &Attributes) -> Self {
        let flag = |present: bool, flag: u32| if present { flag } else { 0 };
        let flags = flag(attributes.size_bytes.is_some(), WITH_SIZE)
            | flag(attributes.owner.is_some(), WITH_OWNER)
            | flag(attributes.mode.is_some(), WITH_MODE)
            | flag(attributes.times.is_some(), WITH_TIMES);
        self = self.number(flags);
        if let Some(size_bytes) = attributes.size_bytes {
            self = self.long(size_bytes);
        }
        if let Some((user, group)) = attributes.owner {
            self = self.number(user).number(group);
        }
        if let Some(mode) = attributes.mode {
            self = self.number(mode);
        }
        if let Some((accessed, modified)) = attributes.times {
            self = self.number(accessed).number(modified);
        }
        self
    }

    /// The packet as it goes over the wire.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// A reply, without its length: kind, id, body.
#[derive(Debug, Clone)]
pub(super) struct Packet(Vec<u8>);

impl Packet {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn kind(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The request it answers.
    pub(super) fn id(&self) -> Option<u32> {
        self.0.get(1..5).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
    }

    fn body(&self) -> Reader<'_> {
        Reader(self.0.get(5..).unwrap_or_default())
    }

    /// A status as a result: all is well, or what the server said.
    pub(super) fn into_done(self) -> Result<(), SftpError> {
        match self.kind() {
            Some(reply::STATUS) => {
                let mut body = self.body();
                let code = body.number()?;
                if code == status::OK {
                    return Ok(());
                }
                // Older servers send no text.
                let message = body.text().map(|text| String::from_utf8_lossy(text).into_owned());
                Err(SftpError::Status { code, message: message.unwrap_or_default() })
            }
            _ => Err(self.unfitting()),
        }
    }

    fn unfitting(self) -> SftpError {
        match self.kind() {
            Some(reply::STATUS) => match self.into_done() {
                Ok(()) => SftpError::protocol("the server said only that all is well"),
                Err(error) => error,
            },
            _ => SftpError::protocol("the server's answer does not fit the question"),
        }
    }

    pub(super) fn into_handle(self) -> Result<Vec<u8>, SftpError> {
        match self.kind() {
            Some(reply::HANDLE) => {
                let handle = self.body().text()?.to_vec();
                // The draft allows 256 bytes.
                if handle.len() > 256 {
                    Err(SftpError::protocol("the server's handle is too long"))
                } else {
                    Ok(handle)
                }
            }
            _ => Err(self.unfitting()),
        }
    }

    /// Bytes of a file; nothing at its end.
    pub(super) fn into_data(mut self) -> Result<Vec<u8>, SftpError> {
        match self.kind() {
            Some(reply::DATA) => {
                let length = self.body().text()?.len();
                // The packet becomes the data: its head is taken off, nothing else is moved.
                self.0.drain(..9);
                self.0.truncate(length);
                Ok(self.0)
            }
            Some(reply::STATUS) => match self.into_done() {
                Err(SftpError::Status { code: status::END_OF_FILE, .. }) => Ok(Vec::new()),
                Err(error) => Err(error),
                Ok(()) => Err(SftpError::protocol("the server sent no data")),
            },
            _ => Err(self.unfitting()),
        }
    }

    /// Names of a folder, or the one name a path was brought into.
    pub(super) fn into_names(self) -> Result<Vec<Listed>, SftpError> {
        if self.kind() != Some(reply::NAME) {
            return Err(self.unfitting());
        }
        let mut body = self.body();
        let count = body.number()? as usize;
        // Each takes twelve bytes at least, so the number is checked by what is there.
        if count > body.0.len() / 12 {
            return Err(SftpError::protocol("the server's listing is cut short"));
        }
        let mut names = Vec::with_capacity(count);
        for _ in 0..count {
            let name = body.text()?.to_vec();
            body.text()?;
            names.push(Listed { name, attributes: body.attributes()? });
        }
        Ok(names)
    }

    pub(super) fn into_attributes(self) -> Result<Attributes, SftpError> {
        match self.kind() {
            Some(reply::ATTRIBUTES) => self.body().attributes(),
            _ => Err(self.unfitting()),
        }
    }

    /// The body of an extended reply as numbers of 64 bits.
    pub(super) fn into_longs(self, count: usize) -> Result<Vec<u64>, SftpError> {
        match self.kind() {
            Some(reply::EXTENDED) => {
                let mut body = self.body();
                (0..count).map(|_| body.long()).collect()
            }
            _ => Err(self.unfitting()),
        }
    }

    /// The server's version and the names of its extensions with their texts.
    pub(super) fn into_version(self) -> Result<Greeting, SftpError> {
        if self.kind() != Some(reply::VERSION) {
            return Err(SftpError::protocol("the server does not speak SFTP"));
        }
        // Here the version stands where the id of other replies is.
        let version = self.id().ok_or_else(|| SftpError::protocol("the server does not tell its version"))?;
        let mut body = self.body();
        let mut extensions = Vec::new();
        while !body.0.is_empty() && extensions.len() < 256 {
            extensions.push((body.text()?.to_vec(), body.text()?.to_vec()));
        }
        Ok((version, extensions))
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], SftpError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| SftpError::protocol("the server's answer is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, SftpError> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn long(&mut self) -> Result<u64, SftpError> {
        Ok(u64::from(self.number()?) << 32 | u64::from(self.number()?))
    }

    fn text(&mut self) -> Result<&'a [u8], SftpError> {
        let length = self.number()? as usize;
        self.take(length)
    }

    fn attributes(&mut self) -> Result<Attributes, SftpError> {
        let flags = self.number()?;
        let mut attributes = Attributes::default();
        if flags & WITH_SIZE != 0 {
            attributes.size_bytes = Some(self.long()?);
        }
        if flags & WITH_OWNER != 0 {
            attributes.owner = Some((self.number()?, self.number()?));
        }
        if flags & WITH_MODE != 0 {
            attributes.mode = Some(self.number()?);
        }
        if flags & WITH_TIMES != 0 {
            attributes.times = Some((self.number()?, self.number()?));
        }
        if flags & WITH_EXTENDED != 0 {
            let count = self.number()? as usize;
            for _ in 0..count {
                self.text()?;
                self.text()?;
            }
        }
        Ok(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply_of(kind: u8, build: impl FnOnce(Builder) -> Builder) -> Packet {
        Packet::new(build(Builder::new(kind, 7)).finish()[4..].to_vec())
    }

    #[test]
    fn a_request_tells_its_length_kind_and_id() {
        let bytes =
            Builder::new(request::MKDIR, 258).text(b"/a\xff").attributes(&Attributes::default()).finish();
        assert_eq!(bytes, b"\0\0\0\x10\x0e\0\0\x01\x02\0\0\0\x03/a\xff\0\0\0\0");
    }

    #[test]
    fn attributes_come_back_as_they_were_sent() {
        let attributes = Attributes {
            size_bytes: Some(1 << 40),
            owner: Some((1000, 100)),
            mode: Some(0o100_644),
            times: Some((1, 4_000_000_000)),
        };
        for attributes in [attributes, Attributes { owner: None, times: None, ..attributes }] {
            let packet = reply_of(reply::ATTRIBUTES, |builder| builder.attributes(&attributes));
            assert_eq!(packet.into_attributes().unwrap(), attributes);
        }
    }

    #[test]
    fn a_listing_is_read_name_by_name() {
        let packet = reply_of(reply::NAME, |builder| {
            let attributes = Attributes { size_bytes: Some(5), ..Attributes::default() };
            builder
                .number(2)
                .text(b"a")
                .text(b"-rw a")
                .attributes(&attributes)
                .text(b"\xe9")
                .text(b"")
                .attributes(&attributes)
        });
        let names = packet.into_names().unwrap();
        assert_eq!(
            names.iter().map(|listed| listed.name.as_slice()).collect::<Vec<_>>(),
            [b"a", b"\xe9".as_slice()]
        );
        assert_eq!(names[1].attributes.size_bytes, Some(5));
    }

    #[test]
    fn data_is_given_without_its_head_and_the_end_of_a_file_is_no_error() {
        assert_eq!(reply_of(reply::DATA, |builder| builder.text(b"hello")).into_data().unwrap(), b"hello");
        let end = reply_of(reply::STATUS, |builder| builder.number(status::END_OF_FILE).text(b"").text(b""));
        assert!(end.into_data().unwrap().is_empty());
    }

    #[test]
    fn a_status_without_text_is_understood() {
        let packet = reply_of(reply::STATUS, |builder| builder.number(status::NO_SUCH_FILE));
        let error = packet.into_done().unwrap_err();
        assert!(matches!(error, SftpError::Status { code: status::NO_SUCH_FILE, .. }), "{error:?}");
    }

    #[test]
    fn no_bytes_of_a_hostile_server_are_believed() {
        // Every cut of a good reply, and lengths that promise more than there is.
        let good = reply_of(reply::NAME, |builder| {
            builder.number(1).text(b"name").text(b"long").attributes(&Attributes::default())
        });
        for end in 0..good.0.len() {
            assert!(Packet::new(good.0[..end].to_vec()).into_names().is_err(), "{end}");
        }
        assert!(reply_of(reply::NAME, |builder| builder.number(u32::MAX)).into_names().is_err());
        assert!(reply_of(reply::DATA, |builder| builder.number(u32::MAX)).into_data().is_err());
        assert!(reply_of(reply::HANDLE, |builder| builder.text(&[7; 257])).into_handle().is_err());
        assert!(reply_of(reply::EXTENDED, |builder| builder.long(1)).into_longs(2).is_err());
        assert!(
            reply_of(reply::ATTRIBUTES, |builder| builder.number(WITH_EXTENDED).number(u32::MAX))
                .into_attributes()
                .is_err()
        );
        assert!(Packet::new(Vec::new()).into_version().is_err());
        assert!(reply_of(reply::STATUS, |builder| builder.number(status::OK)).into_handle().is_err());
    }
}
