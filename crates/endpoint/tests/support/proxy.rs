//! A proxy that lies: between a client and a real server it fails every third call, each time in another way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nothing.
    Honest,
    /// "Service unavailable"; the server is never asked.
    Unavailable,
    /// "Forbidden"; the server is never asked.
    Forbidden,
    /// The connection ends before the server is asked.
    HangUp,
    /// The server does the work, and the answer is lost.
    LoseAnswer,
    /// The answer ends in its middle.
    CutAnswer,
    /// The answer comes late.
    Slow,
}

type Choose = dyn Fn(u64, &str) -> Lie + Send + Sync;

/// A proxy that runs until it is dropped.
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    calls: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of a server. For each call (its number from 0, its first line) it is chosen what goes wrong.
    pub fn start(server: u16, choose: impl Fn(u64, &str) -> Lie + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (calls, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let choose: Arc<Choose> = Arc::new(choose);
        let (counted, ended) = (Arc::clone(&calls), Arc::clone(&over));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let (counted, choose) = (Arc::clone(&counted), Arc::clone(&choose));
                // A call that breaks is what this is for.
                std::thread::spawn(move || drop(pass_on(client, server, &counted, &*choose)));
            }
        });
        Self { port, calls, over }
    }

    /// Every third call fails, in turn in every way there is.
    pub fn every_third(server: u16) -> Self {
        const LIES: [Lie; 4] = [Lie::Unavailable, Lie::LoseAnswer, Lie::HangUp, Lie::CutAnswer];
        Self::start(server, |number, _| match number % 3 {
            2 => LIES[usize::try_from(number / 3).unwrap() % LIES.len()],
            _ => Lie::Honest,
        })
    }

    /// How many calls came so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One call on one connection.
fn pass_on(mut client: TcpStream, server: u16, calls: &AtomicU64, choose: &Choose) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (head, length) = read_head(&mut reader)?;
    let lie = choose(calls.fetch_add(1, Ordering::Relaxed), head.lines().next().unwrap_or_default());
    if lie == Lie::HangUp {
        return client.shutdown(Shutdown::Both);
    }
    let mut body = vec![0; length];
    if head.to_ascii_lowercase().contains("expect: 100-continue") {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    reader.read_exact(&mut body)?;
    if lie == Lie::Unavailable {
        client.write_all(b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        return client.shutdown(Shutdown::Both);
    }
    if lie == Lie::Forbidden {
        client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        return client.shutdown(Shutdown::Both);
    }
    let mut upstream = TcpStream::connect(("127.0.0.1", server))?;
    upstream.write_all(head.trim_end().as_bytes())?;
    upstream.write_all(b"\r\nconnection: close\r\n\r\n")?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    match lie {
        Lie::LoseAnswer => return client.shutdown(Shutdown::Both),
        Lie::CutAnswer => answer.truncate(cut_at(&answer)),
        Lie::Slow => std::thread::sleep(Duration::from_millis(300)),
        _ => {}
    }
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

/// The middle of the body, or of the head where there is no body.
fn cut_at(answer: &[u8]) -> usize {
    let body = answer.windows(4).position(|part| part == b"\r\n\r\n").map_or(0, |at| at + 4);
    if body < answer.len() { body + (answer.len() - body) / 2 } else { answer.len() / 2 }
}

/// The head of a request without the headers that belong to the connection, and the length of what follows.
fn read_head(reader: &mut impl BufRead) -> io::Result<(String, usize)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            return Ok((head, length));
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        assert!(!lower.starts_with("transfer-encoding:"), "requests of ours have a length");
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
}
