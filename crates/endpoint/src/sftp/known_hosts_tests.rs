//! Who is trusted, and who is not.

use super::*;

const FIRST: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const SECOND: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";
const OF_ANOTHER_KIND: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBIsj1SoonIxLChmiyov5ntb9n7wd7DVjj8SKdjkxXCysU2s2OXGVx0WqdQ9OMUZ4JgE3lvLl9QypPFOFaX4+mpA=";

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn known(text: &str) -> (tempfile::TempDir, KnownHosts) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("theirs"), text).unwrap();
    let known =
        KnownHosts::default().and_file(folder.path().join("theirs")).and_own(folder.path().join("sub/ours"));
    (folder, known)
}

fn judge(text: &str, host: &str, port: u16, shown: &str) -> Verdict {
    known(text).1.judge(host, port, &key(shown)).unwrap()
}

#[test]
fn a_server_is_known_by_name_port_and_key() {
    let list = format!("# mine\n\nnas.local,10.0.0.2 {FIRST} a comment\n[nas.local]:2222\t{SECOND}\n");
    assert_eq!(judge(&list, "nas.local", 22, FIRST), Verdict::Known);
    assert_eq!(judge(&list, "NAS.local", 22, FIRST), Verdict::Known);
    assert_eq!(judge(&list, "10.0.0.2", 22, FIRST), Verdict::Known);
    assert_eq!(judge(&list, "nas.local", 2222, SECOND), Verdict::Known);
    assert_eq!(judge(&list, "other", 22, FIRST), Verdict::Unknown);
    let Verdict::Changed(told) = judge(&list, "nas.local", 22, SECOND) else { panic!("it is another key") };
    assert!(told.contains("SHA256:") && told.contains("line 3"), "{told}");
}

/// As OpenSSH does it: a name without a port vouches for the same key on any port, and accuses on none but its own.
#[test]
fn a_name_without_a_port_only_vouches_on_other_ports() {
    let list = format!("nas.local {FIRST}\n");
    assert_eq!(judge(&list, "nas.local", 2222, FIRST), Verdict::Known);
    assert_eq!(judge(&list, "nas.local", 2222, SECOND), Verdict::Unknown);
}

/// Made by `ssh-keygen -H`; the name is `example.com`.
#[test]
fn hashed_names_are_understood() {
    let list = format!("|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak= {SECOND}\n");
    assert_eq!(judge(&list, "example.com", 22, SECOND), Verdict::Known);
    assert_eq!(judge(&list, "example.org", 22, SECOND), Verdict::Unknown);
}

#[test]
fn patterns_and_exceptions_are_understood() {
    let list = format!("*.lan,!bad.lan,host? {FIRST}\n");
    assert_eq!(judge(&list, "a.b.lan", 22, FIRST), Verdict::Known);
    assert_eq!(judge(&list, "host7", 22, FIRST), Verdict::Known);
    assert_eq!(judge(&list, "bad.lan", 22, FIRST), Verdict::Unknown);
    assert_eq!(judge(&list, "host77", 22, FIRST), Verdict::Unknown);
}

#[test]
fn another_kind_of_key_than_the_known_one_is_a_changed_server() {
    let list = format!("nas {FIRST}\n");
    assert!(matches!(judge(&list, "nas", 22, OF_ANOTHER_KIND), Verdict::Changed(_)));
}

#[test]
fn the_server_is_asked_for_a_key_of_the_kind_that_is_known() {
    let (_folder, known) = known(&format!("nas {FIRST}\n@revoked nas {OF_ANOTHER_KIND}\n"));
    assert_eq!(known.kinds("nas", 22).unwrap(), [Algorithm::Ed25519]);
    assert!(known.kinds("other", 22).unwrap().is_empty());
}

#[test]
fn a_revoked_key_is_refused_even_if_it_is_listed_elsewhere() {
    let list = format!("nas {FIRST}\n@revoked * {FIRST}\n");
    assert!(matches!(judge(&list, "nas", 22, FIRST), Verdict::Changed(told) if told.starts_with("revoked")));
}

#[test]
fn lines_that_make_no_sense_are_passed_over() {
    let list =
        format!("nas\nnas ssh-ed25519 !!!\n|1|x|y {FIRST}\n@cert-authority nas {FIRST}\nnas {SECOND}\n");
    assert_eq!(judge(&list, "nas", 22, SECOND), Verdict::Known);
    assert!(matches!(judge(&list, "nas", 22, FIRST), Verdict::Changed(_)));
}

#[test]
fn an_accepted_server_is_written_down_once_and_replaced_by_a_newly_accepted_key() {
    let (folder, known) = known("");
    let accept = |public_key: &str| {
        let server = ServerKey {
            host: "Nas.local".to_owned(),
            port: 2222,
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: String::new(),
            public_key: public_key.to_owned(),
        };
        known.accept(&server)
    };
    assert_eq!(known.judge("nas.local", 2222, &key(FIRST)).unwrap(), Verdict::Unknown);
    accept(FIRST).unwrap();
    assert_eq!(known.judge("nas.local", 2222, &key(FIRST)).unwrap(), Verdict::Known);
    accept(&format!("{SECOND} a comment\n* {FIRST}")).unwrap();
    assert_eq!(known.judge("nas.local", 2222, &key(SECOND)).unwrap(), Verdict::Known);
    assert!(matches!(known.judge("nas.local", 2222, &key(FIRST)).unwrap(), Verdict::Changed(_)));
    assert_eq!(
        fs::read_to_string(folder.path().join("sub/ours")).unwrap(),
        format!("[nas.local]:2222 {SECOND}\n")
    );
    assert_eq!(fs::read_to_string(folder.path().join("theirs")).unwrap(), "");
}

#[test]
fn a_host_that_would_spoil_the_file_is_refused() {
    let (_folder, known) = known("");
    for host in ["a b", "a\nb", "*,b", "!a", "#a"] {
        let server = ServerKey {
            host: host.to_owned(),
            port: 22,
            algorithm: String::new(),
            fingerprint: String::new(),
            public_key: FIRST.to_owned(),
        };
        assert!(known.accept(&server).is_err(), "{host}");
    }
}

fn shown(text: &str) -> ServerKey {
    server_key("nas", 2222, text).unwrap()
}

#[test]
fn a_yes_accepts_a_new_server_and_never_another_key_of_a_known_one() {
    let (_folder, list) = known("");
    let first = shown(FIRST);
    assert!(first.fingerprint.starts_with("SHA256:") && first.algorithm == "ssh-ed25519");
    list.accept_unknown(&first).unwrap();
    list.accept_unknown(&first).unwrap();
    assert_eq!(list.judge("nas", 2222, &key(FIRST)).unwrap(), Verdict::Known);
    let refused = list.accept_unknown(&shown(SECOND)).unwrap_err();
    assert!(matches!(refused, EndpointError::ServerChanged { .. }), "{refused}");
    assert_eq!(list.judge("nas", 2222, &key(FIRST)).unwrap(), Verdict::Known);
    assert!(server_key("nas", 22, "no key at all").is_err());
}

#[test]
fn what_was_accepted_is_taken_back_and_the_person_s_own_files_stay() {
    let (folder, list) = known(&format!("[nas]:2222 {FIRST}\nother {FIRST}\n"));
    list.accept(&shown(SECOND)).unwrap();
    list.accept(&server_key("other", 22, FIRST).unwrap()).unwrap();
    let theirs = folder.path().join("theirs");
    assert_eq!(list.forget("nas", 2222).unwrap(), (true, vec![theirs.clone()]));
    assert_eq!(list.forget("nas", 2222).unwrap(), (false, vec![theirs.clone()]));
    assert!(fs::read_to_string(theirs).unwrap().contains("nas"));
    assert!(fs::read_to_string(folder.path().join("sub/ours")).unwrap().contains("other"));
    assert_eq!(list.forget("nobody", 22).unwrap(), (false, Vec::new()));
}
