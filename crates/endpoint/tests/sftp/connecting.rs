//! Who is trusted, who is let in, and what is said where one of both fails.

use std::process::{Child, Command, Stdio};

use keepwell_endpoint::sftp::{KnownHosts, Secret, SftpOptions, SftpStore, SignIn};
use keepwell_endpoint::{EndpointError, Store};
use keepwell_testkit::ssh_server::make_key;
use keepwell_testkit::{SshServer, SshSetup};

use crate::harness::Bench;

fn try_open(bench: &Bench, options: SftpOptions) -> Result<SftpStore, EndpointError> {
    SftpStore::create(options, bench.root().to_str().unwrap())
}

#[test]
fn an_unknown_server_is_a_question_with_its_fingerprint_and_the_answer_is_kept() {
    let bench = Bench::new();
    let own = bench.folder.path().join("state/known_hosts");
    let known = KnownHosts::default().and_own(&own);
    let options = || SftpOptions { known_hosts: known.clone(), ..bench.options() };
    let Err(EndpointError::UnknownServer { key, path }) = try_open(&bench, options()).map(drop) else {
        panic!("an unknown server was trusted")
    };
    assert!(!bench.root().exists(), "something was sent to a server nobody accepted");
    assert!(path.contains("127.0.0.1"));
    assert_eq!(
        key.public_key.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
        bench.server.host_key()
    );
    let told = Command::new("ssh-keygen").arg("-lf").arg(bench.server.folder().join("host_key.pub")).output();
    assert!(String::from_utf8(told.unwrap().stdout).unwrap().contains(&key.fingerprint), "{key:?}");
    known.accept(&key).unwrap();
    try_open(&bench, options()).unwrap().put("x", b"1").unwrap();
}

#[test]
fn a_server_with_another_key_is_refused_before_anything_is_sent() {
    let mut bench = Bench::new();
    let options = bench.options();
    let store = try_open(&bench, options.clone()).unwrap();
    store.put("before", b"1").unwrap();
    bench.server.kill();
    bench.server.change_key();
    bench.server.restart();
    for result in [store.put("after", b"1"), try_open(&bench, options).map(drop)] {
        let Err(EndpointError::ServerChanged { known, key, .. }) = result else { panic!("{result:?}") };
        assert!(
            known.contains("SHA256:") && known.contains("known_hosts") && !known.contains(&key.fingerprint)
        );
    }
    assert!(!bench.root().join("after").exists());
    assert!(bench.server.log().lines().all(|line| !line.contains("Accepted")), "{}", bench.server.log());
}

/// The server has several keys; the one that is known is asked for.
#[test]
fn the_kind_of_key_that_is_known_is_asked_for() {
    let bench = Bench::with(&SshSetup::default());
    let more = bench.server.folder().join("more_key");
    make_key(&more, "ecdsa", "");
    drop(bench);
    let folder = tempfile::tempdir().unwrap();
    let more = folder.path().join("more_key");
    make_key(&more, "ecdsa", "");
    let setup = SshSetup { lines: vec![format!("HostKey {}", more.display())], ..SshSetup::default() };
    let bench = Bench::with(&setup);
    let text = std::fs::read_to_string(more.with_extension("pub")).unwrap();
    let list = folder.path().join("known");
    std::fs::write(&list, format!("[127.0.0.1]:{} {text}", bench.server.port())).unwrap();
    let options = SftpOptions { known_hosts: KnownHosts::default().and_file(list), ..bench.options() };
    try_open(&bench, options).unwrap();
}

#[test]
fn a_wrong_password_is_told_without_the_password() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.sign_in = vec![SignIn::Password(Secret::new("hunter2"))];
    let Err(error) = try_open(&bench, options).map(drop) else { panic!("any password is taken") };
    assert!(matches!(error, EndpointError::SignIn { .. }), "{error}");
    assert!(error.to_string().contains("refused the password") && !format!("{error:?}").contains("hunter2"));
}

#[test]
fn keys_of_every_kind_and_locked_ones_open() {
    let bench = Bench::new();
    for (kind, passphrase) in [("rsa", ""), ("ecdsa", ""), ("ed25519", "open sesame")] {
        let path = bench.folder.path().join(kind);
        make_key(&path, kind, passphrase);
        bench.server.let_in(&path.with_extension("pub"));
        let with = |given: Option<&str>| {
            let mut options = bench.options();
            let passphrase = given.map(Secret::new);
            options.sign_in = vec![SignIn::KeyFile { path: path.clone(), passphrase }];
            try_open(&bench, options).map(drop)
        };
        if passphrase.is_empty() {
            with(None).unwrap();
            continue;
        }
        with(Some(passphrase)).unwrap();
        let error = with(None).unwrap_err().to_string();
        assert!(error.contains("locked"), "{error}");
        let error = with(Some("wrong guess")).unwrap_err().to_string();
        assert!(error.contains("does not open") && !error.contains("guess"), "{error}");
    }
}

#[test]
fn a_key_the_server_does_not_know_is_refused_and_the_next_way_is_tried() {
    let bench = Bench::new();
    let stranger = bench.folder.path().join("stranger");
    make_key(&stranger, "ed25519", "");
    let mut options = bench.options();
    options.sign_in = vec![SignIn::KeyFile { path: stranger, passphrase: None }];
    let error = try_open(&bench, options.clone()).map(drop).unwrap_err();
    assert!(matches!(&error, EndpointError::SignIn { why, .. } if why.contains("stranger")), "{error}");
    options.sign_in.insert(0, SignIn::KeyFile { path: "/nowhere/key".into(), passphrase: None });
    options.sign_in.push(SignIn::KeyFile { path: bench.server.user_key(), passphrase: None });
    try_open(&bench, options).unwrap();
    let mut nothing = bench.options();
    nothing.sign_in.clear();
    assert!(matches!(try_open(&bench, nothing).map(drop), Err(EndpointError::SignIn { .. })));
}

/// An agent that is ended with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_agent_signs_in() {
    let bench = Bench::new();
    let socket = bench.folder.path().join("agent");
    let mut options = bench.options();
    options.sign_in = vec![SignIn::AgentAt(socket.clone())];
    let error = try_open(&bench, options.clone()).map(drop).unwrap_err().to_string();
    assert!(error.contains("no key agent"), "{error}");
    let agent =
        Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let _agent = Agent(agent);
    while !socket.exists() {
        std::thread::yield_now();
    }
    let error = try_open(&bench, options.clone()).map(drop).unwrap_err().to_string();
    assert!(error.contains("holds no keys"), "{error}");
    let added =
        Command::new("ssh-add").arg("-q").arg(bench.server.user_key()).env("SSH_AUTH_SOCK", &socket).status();
    assert!(added.unwrap().success());
    try_open(&bench, options).unwrap();
}

#[test]
fn nobody_at_the_port_and_something_else_at_the_port_are_told_apart() {
    let mut bench = Bench::new();
    let options = bench.options();
    bench.server.kill();
    let error = try_open(&bench, options).map(drop).unwrap_err();
    assert!(matches!(error, EndpointError::Unreachable { .. }), "{error}");
    bench.server.restart();
    let mut no_sftp = bench.options();
    no_sftp.user = "nobody-of-this-name".to_owned();
    assert!(matches!(try_open(&bench, no_sftp).map(drop), Err(EndpointError::SignIn { .. })));
}

/// An account that may only run one command has no SFTP; a banner before it is no SFTP either.
#[test]
fn an_account_without_sftp_is_told() {
    let setup = SshSetup { lines: vec!["ForceCommand echo hello".to_owned()], ..SshSetup::default() };
    let bench = Bench::with(&setup);
    let error = try_open(&bench, bench.options()).map(drop).unwrap_err();
    assert!(matches!(error, EndpointError::Unexpected { .. }), "{error}");
    assert!(!SshServer::user().is_empty());
}
