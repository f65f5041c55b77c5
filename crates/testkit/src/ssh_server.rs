//! A real OpenSSH server, started by a test: its own port, keys, accounts file and configuration in a folder of the test.
//!
//! It runs as whoever runs the tests, and lets that account in. Invariants: nothing of the machine's own SSH is read or
//! changed; whatever was started is ended when it is dropped; where OpenSSH is missing the test fails and says what to
//! install. Deliberately not here: what is tested.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to answer.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How a server is set up beside the usual.
#[derive(Debug, Clone, Default)]
pub struct SshSetup {
    /// Requests its SFTP does not know (`hardlink`, `fsync`, `posix-rename`, `copy-data`, `limits`, `statvfs`, …).
    pub denied: Vec<&'static str>,
    /// More lines of its configuration.
    pub lines: Vec<String>,
    /// The kind of its key: `ed25519` where nothing is said.
    pub key_kind: Option<&'static str>,
    /// Runs around the server: a program with its arguments.
    pub through: Vec<String>,
    /// Each request is written down, see [`SshServer::requests`].
    pub traces: bool,
}

/// A running server.
#[derive(Debug)]
pub struct SshServer {
    folder: PathBuf,
    port: u16,
    through: Vec<String>,
    process: Option<Child>,
}

impl SshServer {
    /// Starts a server whose files lie in this folder.
    ///
    /// # Panics
    /// OpenSSH is not installed, or does not start.
    #[must_use]
    pub fn start(folder: &Path, setup: &SshSetup) -> Self {
        let folder = folder.to_path_buf();
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        make_key(&folder.join("host_key"), setup.key_kind.unwrap_or("ed25519"), "");
        make_key(&folder.join("user_key"), "ed25519", "");
        let key = fs::read(folder.join("user_key.pub")).unwrap_or_default();
        fs::write(folder.join("authorized_keys"), key).unwrap_or_else(|error| panic!("{error}"));
        let port = free_port();
        let mut server = Self { folder, port, through: setup.through.clone(), process: None };
        server.configure(setup);
        server.restart();
        server
    }

    /// Writes its configuration anew; it holds from the next [`SshServer::restart`] on.
    pub fn configure(&self, setup: &SshSetup) {
        let denied = match setup.denied.as_slice() {
            [] => String::new(),
            denied => format!(" -P {}", denied.join(",")),
        };
        let folder = self.folder.display();
        let (sftp, traced) = match setup.traces {
            true => (sftp_program(), format!(" -e -l DEBUG1 2>>{folder}/requests")),
            false => ("internal-sftp".to_owned(), String::new()),
        };
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n\
             AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication yes\nKbdInteractiveAuthentication no\nMaxStartups 100\nMaxSessions 10\n\
             UseDNS no\nPrintMotd no\nLogLevel VERBOSE\n{}\nSubsystem sftp {sftp}{denied}{traced}\n",
            self.port,
            setup.lines.join("\n"),
        );
        fs::write(self.folder.join("config"), text).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts it again on the same port, after [`SshServer::kill`].
    ///
    /// # Panics
    /// It does not start.
    pub fn restart(&mut self) {
        self.kill();
        // As root it insists on this folder, which the system's own service would make.
        let _ = fs::create_dir_all("/run/sshd");
        let log = fs::File::create(self.folder.join("log")).unwrap_or_else(|error| panic!("{error}"));
        let mut words = self.through.clone();
        words.extend([program(), "-D".into(), "-e".into(), "-f".into()]);
        words.push(self.folder.join("config").display().to_string());
        let process = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("OpenSSH's server does not start ({error}): install openssh-server")
            });
        self.process = Some(process);
        let begun = Instant::now();
        while !self.answers() {
            let ended =
                self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(Some(_))));
            assert!(
                !ended && begun.elapsed() < START_LIMIT,
                "OpenSSH's server does not answer: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut banner = [0; 4];
        stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-"
    }

    /// Kills it with everything it started: all connections break at once.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let all = descendants(process.id());
        let _ = process.kill();
        let _ = process.wait();
        for id in all {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).stderr(Stdio::null()).status();
        }
    }

    /// Breaks all connections; the server goes on.
    pub fn break_connections(&self) {
        let Some(process) = &self.process else { return };
        for id in descendants(process.id()) {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).stderr(Stdio::null()).status();
        }
    }

    /// Gives the server another key, from the next start on.
    pub fn change_key(&self) {
        for name in ["host_key", "host_key.pub"] {
            let _ = fs::remove_file(self.folder.join(name));
        }
        make_key(&self.folder.join("host_key"), "ed25519", "");
    }

    /// Its port on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A private key it lets in.
    #[must_use]
    pub fn user_key(&self) -> PathBuf {
        self.folder.join("user_key")
    }

    /// Lets another key in.
    pub fn let_in(&self, public_key: &Path) {
        let mut text = fs::read(self.folder.join("authorized_keys")).unwrap_or_default();
        text.extend(fs::read(public_key).unwrap_or_else(|error| panic!("{error}")));
        fs::write(self.folder.join("authorized_keys"), text).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Its public key: kind and text.
    #[must_use]
    pub fn host_key(&self) -> String {
        let text = fs::read_to_string(self.folder.join("host_key.pub")).unwrap_or_default();
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// A list of known servers that holds it, for this port of 127.0.0.1.
    #[must_use]
    pub fn known_hosts(&self, port: u16) -> PathBuf {
        let path = self.folder.join(format!("known_hosts-{port}"));
        fs::write(&path, format!("[127.0.0.1]:{port} {}\n", self.host_key()))
            .unwrap_or_else(|error| panic!("{error}"));
        path
    }

    /// The account it lets in: the one that runs the tests.
    #[must_use]
    pub fn user() -> String {
        let output = Command::new("id").arg("-un").output().unwrap_or_else(|error| panic!("{error}"));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The requests of SFTP so far, a line each, where it traces them.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("requests")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What it wrote down.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// The program beside the server that speaks SFTP, wherever the system keeps it.
fn sftp_program() -> String {
    let known =
        ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"];
    let found = known.iter().chain(&["/usr/libexec/sftp-server"]).find(|path| Path::new(path).exists());
    found.map_or_else(
        || panic!("OpenSSH has no sftp-server here: install openssh-sftp-server"),
        |path| (*path).to_owned(),
    )
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes a pair of keys; the public one has `.pub` added.
///
/// # Panics
/// OpenSSH's tools are not installed.
pub fn make_key(path: &Path, kind: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]).arg(path).stdin(Stdio::null());
    if kind == "rsa" {
        command.args(["-b", "2048"]);
    }
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "ssh-keygen: {status:?}; install openssh-client"
    );
}

/// The server's program; it insists on being started by its whole path.
fn program() -> String {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
    let found = places.iter().find(|path| Path::new(path).exists());
    (*found.unwrap_or_else(|| panic!("there is no sshd: install openssh-server"))).to_owned()
}

/// A port nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(|error| panic!("{error}"));
    listener.local_addr().unwrap_or_else(|error| panic!("{error}")).port()
}

/// Everything a process started, and what that started.
fn descendants(id: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let pairs: Vec<(u32, u32)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        })
        .collect();
    let mut found = vec![id];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    found.remove(0);
    found
}
