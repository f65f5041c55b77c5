//! A line between a client and a server that breaks, stalls or slows down as a test says.
//!
//! Invariants: bytes that pass are passed unchanged and in order; what is cut is cut in both directions at once; all
//! threads end when it is dropped. Deliberately not here: protocols.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A line to one server.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: u16,
    ended: AtomicBool,
    stalled: AtomicBool,
    /// Cut a connection after this many bytes towards the server; 0: never.
    cut_after_bytes: AtomicU64,
    /// How many connections more are cut that way.
    cuts_left: AtomicUsize,
    /// Every piece waits this long.
    delay_ms: AtomicU64,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Begins a line to a port of this machine.
    ///
    /// # Panics
    /// The system gives no port.
    #[must_use]
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(|error| panic!("{error}"));
        let port = listener.local_addr().unwrap_or_else(|error| panic!("{error}")).port();
        let shared = Arc::new(Shared {
            target,
            ended: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            cut_after_bytes: AtomicU64::new(0),
            cuts_left: AtomicUsize::new(0),
            delay_ms: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Self { port, shared }
    }

    /// Where to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Cuts each of the next connections, and the one that is open, after so many more bytes towards the server.
    pub fn cut_after(&self, bytes: u64, times: usize) {
        self.shared.cut_after_bytes.store(bytes, Ordering::SeqCst);
        self.shared.cuts_left.store(times, Ordering::SeqCst);
    }

    /// Whether all cuts that were ordered were made.
    #[must_use]
    pub fn cuts_left(&self) -> usize {
        self.shared.cuts_left.load(Ordering::SeqCst)
    }

    /// Cuts everything that is open now.
    pub fn cut_now(&self) {
        let mut open = self.shared.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for stream in open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing pass any more, without closing anything.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.store(stalled, Ordering::SeqCst);
    }

    /// Every piece waits this long.
    pub fn slow_down(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.shared.delay_ms.store(delay_ms, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut_now();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let Ok(server) = TcpStream::connect(("127.0.0.1", shared.target)) else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { continue };
        let mut open = shared.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        open.extend([client.try_clone(), server.try_clone()].into_iter().flatten());
        drop(open);
        let (there, back) = (Arc::clone(shared), Arc::clone(shared));
        std::thread::spawn(move || pass(client, server, &there, true));
        std::thread::spawn(move || pass(server_too, client_too, &back, false));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, shared: &Shared, to_server: bool) {
    let mut piece = vec![0; 64 * 1024];
    let mut passed: u64 = 0;
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 {
            break;
        }
        while shared.stalled.load(Ordering::SeqCst) && !shared.ended.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let delay_ms = shared.delay_ms.load(Ordering::SeqCst);
        if delay_ms > 0 {
            std::thread::sleep(Duration::from_millis(delay_ms));
        }
        passed += length as u64;
        let limit = shared.cut_after_bytes.load(Ordering::SeqCst);
        if to_server && limit > 0 && passed > limit {
            let taken =
                shared.cuts_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if taken.is_ok() {
                break;
            }
        }
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
