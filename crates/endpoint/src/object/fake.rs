//! A bucket of S3 in the memory of a test, behind real HTTP: it does what a service does, and what it is told to do wrong.
//!
//! Invariant: one request is answered at a time, so that a test can do something between any two. Deliberately not here:
//! signatures, uploads in parts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use md5::{Digest, Md5};

use super::service::Service;
use super::tree::ObjectTree;
use crate::address::Address;
use crate::credentials::Credentials;
use crate::retry::{Patience, Stop};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    /// The key, not encoded.
    pub(super) key: String,
    pub(super) query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(super) fn is_copy(&self) -> bool {
        self.headers.contains_key("x-amz-copy-source")
    }
}

/// What comes back.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Told {
    pub(super) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

/// What goes wrong with a request.
pub(super) enum Wrong {
    /// Nothing.
    Nothing,
    /// This is answered, and nothing is done.
    Instead(Told),
    /// It is done, and this is answered.
    Lost(Told),
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    fields: Vec<(String, String)>,
    number: u64,
}

type Choose = dyn FnMut(&Asked, &mut Objects) -> Wrong + Send;

/// The objects by key.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) by_key: BTreeMap<String, Object>,
    /// What is stored is not what was sent.
    pub(super) spoils: bool,
    pub(super) has_conditions: bool,
    made: u64,
}

impl Objects {
    pub(super) fn put(&mut self, key: &str, bytes: &[u8]) {
        self.keep(key, bytes.to_vec(), Vec::new());
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    fn keep(&mut self, key: &str, mut bytes: Vec<u8>, fields: Vec<(String, String)>) {
        self.made += 1;
        if self.spoils {
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
        }
        self.by_key.insert(key.to_owned(), Object { bytes, fields, number: self.made });
    }

    fn etag(object: &Object) -> String {
        format!("\"{}\"", keepwell_model::id::to_hex(&<[u8; 16]>::from(Md5::digest(&object.bytes))))
    }

    fn answer(&mut self, asked: &Asked) -> Told {
        if asked.query.contains("list-type=2") {
            return self.list(asked);
        }
        let there = self.by_key.get(&asked.key).cloned();
        let is_refused = match (asked.header("if-none-match"), asked.header("if-match"), &there) {
            _ if !self.has_conditions => false,
            (Some(_), _, there) => there.is_some(),
            (_, Some(etag), Some(there)) => etag != Self::etag(there),
            (_, Some(_), None) => true,
            _ => false,
        };
        match asked.method.as_str() {
            "PUT" if is_refused => Told::status(412),
            "PUT" if asked.is_copy() => self.copy(asked),
            "PUT" => {
                let fields = asked.headers.iter().filter(|(name, _)| name.starts_with("x-amz-meta-"));
                let fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
                self.keep(&asked.key, asked.body.clone(), fields);
                let etag = Self::etag(&self.by_key[&asked.key]);
                Told { status: 200, headers: vec![("etag".to_owned(), etag)], body: Vec::new() }
            }
            "DELETE" if is_refused => Told::status(if there.is_some() { 412 } else { 404 }),
            "DELETE" => {
                self.by_key.remove(&asked.key);
                Told::status(204)
            }
            _ => there.map_or_else(|| Told::status(404), |object| Self::read(asked, &object)),
        }
    }

    fn read(asked: &Asked, object: &Object) -> Told {
        let mut headers = object.fields.clone();
        headers.push(("etag".to_owned(), Self::etag(object)));
        headers.push(("last-modified".to_owned(), date(object.number)));
        let range = asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let Some((from, to)) = range else {
            return Told { status: 200, headers, body: object.bytes.clone() };
        };
        let last = object.bytes.len() - 1;
        let (from, to) = (from.parse().unwrap_or(0), to.parse().unwrap_or(last).min(last));
        headers.push(("content-range".to_owned(), format!("bytes {from}-{to}/{}", object.bytes.len())));
        Told { status: 206, headers, body: object.bytes[from..=to].to_vec() }
    }

    fn copy(&mut self, asked: &Asked) -> Told {
        let source = decode(asked.header("x-amz-copy-source").unwrap_or_default());
        let source = source.trim_start_matches('/').split_once('/').unwrap().1.to_owned();
        let Some(object) = self.by_key.get(&source).cloned() else { return Told::status(404) };
        self.keep(&asked.key, object.bytes, object.fields);
        let etag = Self::etag(&self.by_key[&asked.key]);
        let body = format!("<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>").into_bytes();
        Told { status: 200, headers: Vec::new(), body }
    }

    fn list(&self, asked: &Asked) -> Told {
        let parameter = |name: &str| {
            let found = asked.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            decode(found.unwrap_or_default())
        };
        let (prefix, delimiter) = (parameter("prefix"), parameter("delimiter"));
        let (mut lines, mut folders) = (String::new(), std::collections::BTreeSet::new());
        for (key, object) in self.by_key.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            match key[prefix.len()..].find('/').filter(|_| !delimiter.is_empty()) {
                Some(end) => drop(folders.insert(key[..=prefix.len() + end].to_owned())),
                None => {
                    let time = jiff::Timestamp::from_second(time(object.number)).unwrap();
                    lines.push_str(&format!(
                        "<Contents><Key>{key}</Key><Size>{}</Size><ETag>{}</ETag><LastModified>{time}</LastModified></Contents>",
                        object.bytes.len(),
                        Self::etag(object)
                    ));
                }
            }
        }
        for folder in folders {
            lines.push_str(&format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"));
        }
        let body = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{lines}</ListBucketResult>")
            .into_bytes();
        Told { status: 200, headers: Vec::new(), body }
    }
}

/// Each object is made a second after the one before.
fn time(number: u64) -> i64 {
    1_700_000_000 + i64::try_from(number).unwrap()
}

fn date(number: u64) -> String {
    let time = jiff::Timestamp::from_second(time(number)).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The bucket.
#[derive(Clone)]
pub(super) struct Fake {
    objects: Arc<Mutex<Objects>>,
    choose: Arc<Mutex<Box<Choose>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    port: u16,
}

impl Fake {
    /// Empty, with conditions.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self {
            objects: Arc::new(Mutex::new(Objects { has_conditions: true, ..Objects::default() })),
            choose: Arc::new(Mutex::new(Box::new(|_, _| Wrong::Nothing))),
            asked: Arc::default(),
            port: listener.local_addr().unwrap().port(),
        };
        let served = fake.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                served.serve(client);
            }
        });
        fake
    }

    /// From now on this goes wrong; what it does to the objects others did, before the request is answered.
    pub(super) fn when(&self, choose: impl FnMut(&Asked, &mut Objects) -> Wrong + Send + 'static) {
        *self.choose.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(choose);
    }

    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Objects) -> R) -> R {
        work(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn address(&self) -> Address {
        format!("s3://bucket?endpoint=http://127.0.0.1:{}", self.port).parse().unwrap()
    }

    pub(super) fn service(&self) -> Service {
        Service::open(&self.address(), &Credentials::none(), &quick()).unwrap()
    }

    pub(super) fn tree(&self) -> ObjectTree {
        ObjectTree::open(&self.address(), &Credentials::none(), &quick(), true).unwrap()
    }

    fn serve(&self, client: TcpStream) {
        let mut reader = BufReader::new(client.try_clone().unwrap());
        let Some(asked) = read(&mut reader) else { return };
        let told = {
            let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
            let wrong = self.choose.lock().unwrap_or_else(PoisonError::into_inner)(&asked, &mut objects);
            match wrong {
                Wrong::Nothing => objects.answer(&asked),
                Wrong::Instead(told) => told,
                Wrong::Lost(told) => {
                    objects.answer(&asked);
                    told
                }
            }
        };
        let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", told.status);
        for (name, value) in &told.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", told.body.len()));
        let mut client = client;
        let body: &[u8] = if asked.method == "HEAD" { &[] } else { &told.body };
        // Whoever does not wait for the answer is what some tests are about.
        let _ = client.write_all(&[head.as_bytes(), body].concat());
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let key = decode(path).trim_start_matches('/').split_once('/').map_or("", |(_, key)| key).to_owned();
    let mut asked = Asked { method, key, query: query.to_owned(), ..Asked::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn quick() -> Patience {
    Patience {
        attempts: 4,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(2),
        stop: Stop::default(),
    }
}
