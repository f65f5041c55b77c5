//! A server with its folder, and options that lead to it.

use std::path::PathBuf;
use std::time::Duration;

use keepwell_endpoint::retry::Patience;
use keepwell_endpoint::sftp::{KnownHosts, SftpOptions, SftpStore, SftpTree, SignIn};
use keepwell_testkit::{Proxy, SshServer, SshSetup};

/// A server and a folder on it.
pub struct Bench {
    pub server: SshServer,
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(&SshSetup::default())
    }

    pub fn with(setup: &SshSetup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = SshServer::start(&folder.path().join("ssh"), setup);
        Self { server, folder }
    }

    /// A folder on the server's side that need not exist.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("place")
    }

    /// Options for a port that leads to the server.
    pub fn options_at(&self, port: u16) -> SftpOptions {
        let mut options = SftpOptions::new("127.0.0.1", port, SshServer::user());
        options.known_hosts = KnownHosts::default().and_file(self.server.known_hosts(port));
        options.sign_in = vec![SignIn::KeyFile { path: self.server.user_key(), passphrase: None }];
        options.patience = quick();
        options
    }

    pub fn options(&self) -> SftpOptions {
        self.options_at(self.server.port())
    }

    pub fn store(&self) -> SftpStore {
        self.store_at(self.server.port())
    }

    pub fn store_at(&self, port: u16) -> SftpStore {
        SftpStore::create(self.options_at(port), self.root().to_str().unwrap()).unwrap()
    }

    pub fn tree(&self) -> SftpTree {
        self.tree_at(self.server.port())
    }

    pub fn tree_at(&self, port: u16) -> SftpTree {
        SftpTree::create(self.options_at(port), self.root().to_str().unwrap()).unwrap()
    }

    pub fn proxy(&self) -> Proxy {
        Proxy::to(self.server.port())
    }
}

/// Goes on long enough for a server that is started again, without making a test slow.
pub fn quick() -> Patience {
    Patience {
        attempts: 60,
        first_wait: Duration::from_millis(20),
        longest_wait: Duration::from_millis(250),
        ..Patience::default()
    }
}
