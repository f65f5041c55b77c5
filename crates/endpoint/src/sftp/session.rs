//! One SFTP session over one channel: many requests in flight, each matched with its answer.
//!
//! Why: throughput over a distance is what is in flight, not how fast one answer comes. A task writes what is asked, in
//! order and whole; another reads answers and hands each to whoever waits. Invariants:
//! 1. A packet goes out whole or the session is over: a caller that goes away leaves no half of one behind.
//! 2. At most [`WINDOW_BYTES`] of requests and of answers are in flight; who asks for more waits.
//! 3. A server that says nothing at all for the time limit while something is asked of it ends the session; so do
//!    answers that make no sense. Everyone who waits is told.
//!
//! Deliberately not here: connecting, reconnecting, what the requests mean.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::error::SftpError;
use super::packet::{Builder, PACKET_LIMIT_BYTES, Packet, SAFE_TRANSFER_BYTES, VERSION, request};
use crate::retry::{LOOK_EVERY, STOP_GRACE, Stop};

/// What is in flight of one session: enough for 300 MB/s over 50 ms.
pub(super) const WINDOW_BYTES: usize = 16 << 20;

/// How many requests wait for being written.
const QUEUE_LENGTH: usize = 256;

/// What a request takes of the window beside its bytes.
const REQUEST_COST_BYTES: usize = 256;

/// Small requests are put together up to this before they go out.
const GATHER_BYTES: usize = 64 * 1024;

/// The extensions of OpenSSH that are used where they are offered.
pub(super) mod extension {
    pub(in crate::sftp) const POSIX_RENAME: &str = "posix-rename@openssh.com";
    pub(in crate::sftp) const HARD_LINK: &str = "hardlink@openssh.com";
    pub(in crate::sftp) const FSYNC: &str = "fsync@openssh.com";
    pub(in crate::sftp) const STATVFS: &str = "statvfs@openssh.com";
    pub(in crate::sftp) const LIMITS: &str = "limits@openssh.com";
    pub(in crate::sftp) const COPY_DATA: &str = "copy-data";
    pub(in crate::sftp) const SET_LINK_STAT: &str = "lsetstat@openssh.com";
}

/// A session. Dropped, it closes its channel.
pub(super) struct Session {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Bytes>,
    extensions: HashSet<String>,
    /// The most in one write and in one read.
    pub(super) write_bytes: usize,
    pub(super) read_bytes: usize,
    pub(super) handles_limit: usize,
}

struct Shared {
    waiting: Mutex<Waiting>,
    next_id: AtomicU32,
    window: Arc<Semaphore>,
    busy: AtomicUsize,
    closed: AtomicBool,
    /// Wakes those who wait for the end.
    ended: Notify,
    begun: Instant,
    /// When anything was last heard, in milliseconds after `begun`.
    heard_ms: AtomicU64,
    silence_limit: Duration,
    /// Asks whether the work is to stop: then nobody waits for a silent server.
    stop: Stop,
}

#[derive(Default)]
struct Waiting {
    /// Who waits, and the share of the window that is free again when the answer came.
    answers: HashMap<u32, (oneshot::Sender<Packet>, Option<OwnedSemaphorePermit>)>,
    /// Why there will be no more answers.
    over: Option<String>,
}

/// An answer that is on its way. Dropped, the answer is passed over when it comes.
pub(super) struct Answer {
    shared: Arc<Shared>,
    receiver: oneshot::Receiver<Packet>,
}

impl Session {
    /// Begins SFTP on a channel that was just opened.
    pub(super) async fn begin(
        channel: Channel<Msg>,
        begin_limit: Duration,
        silence_limit: Duration,
        stop: Stop,
    ) -> Result<Self, SftpError> {
        channel
            .request_subsystem(true, "sftp")
            .await
            .map_err(|error| SftpError::Lost(format!("the connection broke: {error}")))?;
        let (mut read, write) = channel.split();
        let mut assembly = Assembly::default();
        let version = tokio::time::timeout(begin_limit, hello(&mut read, &write, &mut assembly))
            .await
            .map_err(|_| SftpError::Lost("the server did not begin SFTP in time".to_owned()))??;
        let (number, extensions) = version.into_version()?;
        if number < VERSION {
            return Err(SftpError::protocol("the server speaks an SFTP older than version 3"));
        }
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            next_id: AtomicU32::new(1),
            window: Arc::new(Semaphore::new(WINDOW_BYTES)),
            busy: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            ended: Notify::new(),
            begun: Instant::now(),
            heard_ms: AtomicU64::new(0),
            silence_limit,
            stop,
        });
        let (requests, queue) = mpsc::channel(QUEUE_LENGTH);
        tokio::spawn(write_requests(write, queue, Arc::clone(&shared)));
        tokio::spawn(read_answers(read, assembly, Arc::clone(&shared)));
        let names = extensions.into_iter().filter_map(|(name, _)| String::from_utf8(name).ok());
        let mut session = Self {
            shared,
            requests,
            extensions: names.collect(),
            write_bytes: SAFE_TRANSFER_BYTES,
            read_bytes: SAFE_TRANSFER_BYTES,
            handles_limit: 64,
        };
        session.ask_limits().await?;
        Ok(session)
    }

    /// Learns how much goes into one request, where the server tells.
    async fn ask_limits(&mut self) -> Result<(), SftpError> {
        if !self.offers(extension::LIMITS) {
            return Ok(());
        }
        let id = self.next_id();
        let packet = Builder::new(request::EXTENDED, id).text(extension::LIMITS.as_bytes()).finish();
        let limits = self.ask(id, packet, 0).await?.wait().await?.into_longs(4)?;
        let [_, read, write, handles] = limits[..] else { return Ok(()) };
        // Nothing means "not told"; more than fits into a packet of ours is of no use.
        let sensible = |limit: u64, safe: usize| match usize::try_from(limit) {
            Ok(0) | Err(_) => safe,
            Ok(limit) => limit.clamp(1024, PACKET_LIMIT_BYTES / 2),
        };
        self.read_bytes = sensible(read, SAFE_TRANSFER_BYTES);
        self.write_bytes = sensible(write, SAFE_TRANSFER_BYTES);
        self.handles_limit = usize::try_from(handles).unwrap_or(0).clamp(32, 256);
        Ok(())
    }

    /// Whether it serves plain files as OpenSSH does: what is asked of one file is done in that order, and it can be read
    /// while it is written. Servers over stores of another kind do neither, and have no disk to write to.
    pub(super) fn serves_plain_files(&self) -> bool {
        self.offers(extension::FSYNC)
    }

    pub(super) fn offers(&self, extension: &str) -> bool {
        self.extensions.contains(extension)
    }

    pub(super) fn is_over(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// How much is asked of it right now.
    pub(super) fn busy(&self) -> usize {
        self.shared.busy.load(Ordering::Relaxed)
    }

    pub(super) fn next_id(&self) -> u32 {
        self.shared.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Ends it: everyone who waits is told why.
    pub(super) fn end(&self, why: &str) {
        self.shared.end(why);
    }

    /// Sends a request that was put together with this id, and gives the answer to wait for. `answer_bytes` is what is
    /// expected back.
    pub(super) async fn ask(
        &self,
        id: u32,
        packet: impl Into<Bytes>,
        answer_bytes: usize,
    ) -> Result<Answer, SftpError> {
        let packet = packet.into();
        let (sender, receiver) = oneshot::channel();
        if self.shared.busy.fetch_add(1, Ordering::Relaxed) == 0 {
            // The silence before the first question is nobody's fault.
            self.shared.heard();
        }
        // From here on it counts itself off when it is dropped.
        let answer = Answer { shared: Arc::clone(&self.shared), receiver };
        let cost = (packet.len() + answer_bytes + REQUEST_COST_BYTES).min(WINDOW_BYTES / 2);
        let window = Arc::clone(&self.shared.window);
        let share = window.acquire_many_owned(u32::try_from(cost).unwrap_or(u32::MAX));
        let share = self.shared.unless_silent(share).await?.ok();
        {
            let mut waiting = self.shared.waiting();
            if let Some(why) = &waiting.over {
                return Err(SftpError::Lost(why.clone()));
            }
            waiting.answers.insert(id, (sender, share));
        }
        if self.shared.unless_silent(self.requests.send(packet)).await?.is_err() {
            return Err(self.shared.lost());
        }
        Ok(answer)
    }

    /// A request that is only a text, and the answer to it.
    pub(super) async fn ask_path(&self, kind: u8, path: &[u8]) -> Result<Answer, SftpError> {
        let id = self.next_id();
        self.ask(id, Builder::with_room(kind, id, path.len() + 16).text(path).finish(), 0).await
    }

    /// Sends a request whose answer nobody waits for (closing a handle). Nothing happens where the queue is full.
    pub(super) fn tell(&self, packet: Vec<u8>) {
        // A session that is over has forgotten its handles anyway.
        let _ = self.requests.try_send(packet.into());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.end("it was closed");
    }
}

impl Answer {
    pub(super) async fn wait(mut self) -> Result<Packet, SftpError> {
        let shared = Arc::clone(&self.shared);
        match shared.unless_silent(&mut self.receiver).await? {
            Ok(packet) => Ok(packet),
            Err(_) => Err(shared.lost()),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.shared.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // The table is valid between any two steps, so a panic elsewhere does not spoil it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) {
        let now_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_ms.store(now_ms, Ordering::Relaxed);
    }

    fn lost(&self) -> SftpError {
        let why = self.waiting().over.clone();
        SftpError::Lost(why.unwrap_or_else(|| "the connection broke".to_owned()))
    }

    fn end(&self, why: &str) {
        self.closed.store(true, Ordering::Release);
        let mut waiting = self.waiting();
        if waiting.over.is_none() {
            waiting.over = Some(why.to_owned());
        }
        waiting.answers.clear();
        drop(waiting);
        self.window.close();
        self.ended.notify_waiters();
    }

    /// Returns when the session is over.
    async fn until_over(&self) {
        let ended = self.ended.notified();
        tokio::pin!(ended);
        // Listening before looking, so that an end in between is not missed.
        ended.as_mut().enable();
        if !self.closed.load(Ordering::Acquire) {
            ended.await;
        }
    }

    /// Waits for something as long as the server says anything at all.
    async fn unless_silent<T>(&self, work: impl Future<Output = T>) -> Result<T, SftpError> {
        tokio::pin!(work);
        let begun = self.begun.elapsed();
        loop {
            let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
            let left = (heard + self.silence_limit).saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                let why = format!("the server has been silent for {} seconds", self.silence_limit.as_secs());
                self.end(&why);
                return Err(SftpError::Lost(why));
            }
            let silent = self.begun.elapsed().saturating_sub(heard.max(begun));
            if silent >= STOP_GRACE && self.stop.is_asked() {
                let why = "the server was silent, and it was not waited for any longer";
                self.end(why);
                return Err(SftpError::Lost(why.to_owned()));
            }
            if let Ok(done) = tokio::time::timeout(left.min(LOOK_EVERY), &mut work).await {
                return Ok(done);
            }
        }
    }
}

/// Packets out of a stream of pieces.
#[derive(Default)]
struct Assembly {
    /// The length of the packet in the making, byte by byte.
    head: Vec<u8>,
    body: Vec<u8>,
    expected: usize,
}

impl Assembly {
    /// Takes a piece and gives the packets it completes.
    fn add(&mut self, mut piece: &[u8], complete: &mut Vec<Packet>) -> Result<(), SftpError> {
        while !piece.is_empty() {
            if self.head.len() < 4 {
                let (taken, rest) = piece.split_at(piece.len().min(4 - self.head.len()));
                self.head.extend_from_slice(taken);
                piece = rest;
                if self.head.len() < 4 {
                    return Ok(());
                }
                self.expected = self.head.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
                if !(5..=PACKET_LIMIT_BYTES).contains(&self.expected) {
                    return Err(SftpError::protocol(
                        "the server's answer is no SFTP (its start-up files may print something)",
                    ));
                }
                self.body = Vec::with_capacity(self.expected);
            }
            let (taken, rest) = piece.split_at(piece.len().min(self.expected - self.body.len()));
            self.body.extend_from_slice(taken);
            piece = rest;
            if self.body.len() == self.expected {
                complete.push(Packet::new(std::mem::take(&mut self.body)));
                self.head.clear();
            }
        }
        Ok(())
    }
}

/// Says which version we speak and waits for the server's.
async fn hello(
    read: &mut ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
    assembly: &mut Assembly,
) -> Result<Packet, SftpError> {
    // In this one request the version stands where the id of others is.
    let sending = write.data_bytes(Builder::new(request::INIT, VERSION).finish());
    tokio::pin!(sending);
    let mut sent = false;
    let mut complete = Vec::new();
    loop {
        // Sending waits for room that a broken connection never gives, so it is never waited for alone.
        let message = tokio::select! {
            result = &mut sending, if !sent => {
                result.map_err(|error| SftpError::Lost(format!("the connection broke: {error}")))?;
                sent = true;
                continue;
            }
            message = read.wait() => message,
        };
        match message {
            Some(ChannelMsg::Data { data }) => assembly.add(&data, &mut complete)?,
            Some(ChannelMsg::Failure) => {
                return Err(SftpError::protocol("the server offers no SFTP to this account"));
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                return Err(SftpError::Lost("the server closed the session before SFTP began".to_owned()));
            }
            Some(_) => {}
        }
        if !complete.is_empty() {
            return Ok(complete.remove(0));
        }
    }
}

async fn write_requests(write: ChannelWriteHalf<Msg>, mut queue: mpsc::Receiver<Bytes>, shared: Arc<Shared>) {
    loop {
        let next = tokio::select! {
            next = queue.recv() => next,
            () = shared.until_over() => None,
        };
        let Some(packet) = next else { break };
        let packet = gathered(packet, &mut queue);
        tokio::select! {
            sent = write.data_bytes(packet) => {
                if let Err(error) = sent {
                    shared.end(&format!("the connection broke: {error}"));
                }
            }
            // Sending waits for room that a broken connection never gives.
            () = shared.until_over() => break,
        }
    }
    let _ = write.close().await;
}

/// The packet with those that wait behind it, as long as all are small.
fn gathered(first: Bytes, queue: &mut mpsc::Receiver<Bytes>) -> Bytes {
    if first.len() >= GATHER_BYTES || queue.is_empty() {
        return first;
    }
    let mut gathered = Vec::from(first);
    while gathered.len() < GATHER_BYTES {
        match queue.try_recv() {
            Ok(next) => gathered.extend_from_slice(&next),
            Err(_) => break,
        }
    }
    gathered.into()
}

async fn read_answers(mut read: ChannelReadHalf, mut assembly: Assembly, shared: Arc<Shared>) {
    let mut complete = Vec::new();
    let why = loop {
        match read.wait().await {
            Some(ChannelMsg::Data { data }) => {
                shared.heard();
                if let Err(error) = assembly.add(&data, &mut complete) {
                    break error.to_string();
                }
            }
            Some(ChannelMsg::WindowAdjusted { .. }) => shared.heard(),
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => break "the connection broke".to_owned(),
            Some(_) => {}
        }
        let mut waiting = shared.waiting();
        for packet in complete.drain(..) {
            let sender = packet.id().and_then(|id| waiting.answers.remove(&id));
            if let Some((sender, _share)) = sender {
                // Who asked may have gone away.
                let _ = sender.send(packet);
            }
        }
    };
    shared.end(&why);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_put_together_from_pieces_of_any_size() {
        let bytes: Vec<u8> = (0..5_u32)
            .flat_map(|id| Builder::new(103, id).text(&vec![7; id as usize * 40]).finish())
            .collect();
        for size in [1, 2, 3, 5, 7, 64, bytes.len()] {
            let mut assembly = Assembly::default();
            let mut complete = Vec::new();
            for piece in bytes.chunks(size) {
                assembly.add(piece, &mut complete).unwrap();
            }
            let lengths: Vec<usize> =
                complete.into_iter().map(|packet| packet.into_data().unwrap().len()).collect();
            assert_eq!(lengths, [0, 40, 80, 120, 160], "{size}");
        }
    }

    #[test]
    fn what_a_shell_prints_is_no_packet() {
        let mut complete = Vec::new();
        for text in [&b"Welcome to this server"[..], b"\0\0\0\x04abcd", b"\xff\xff\xff\xff"] {
            assert!(Assembly::default().add(text, &mut complete).is_err());
        }
        assert!(complete.is_empty());
    }
}
