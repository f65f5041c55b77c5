//! Addresses read back as they were printed, and never hold a secret.

use super::*;

fn parse(text: &str) -> Address {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_kind_is_read_and_printed_the_same() {
    for text in [
        "/media/usb/backup",
        "s3://bucket",
        "s3://bucket/a/b?endpoint=https://s3.example.com:9000&region=eu-central-1",
        "s3://bucket/a?bucket-in=host",
        "webdav://nas.local:8080/remote.php/dav/files/ada",
        "webdavs://cloud.example.com",
        "azure://container/a/b?account=keepwell",
        "azure://container?account=devstore&endpoint=http://127.0.0.1:10000/devstore",
        "gcs://bucket/backups",
        "sftp://ada@host:2222/srv/backup",
        "sftp://host/~/backup",
        "sftp://[::1]:22/a",
        "sftp://host/",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn what_is_odd_is_encoded_and_comes_back() {
    for prefix in ["100% sure", "what?", "a#b", "café/données", "a&b=c", "x@y"] {
        let address = Address::S3 {
            bucket: "b".into(),
            prefix: prefix.into(),
            endpoint: Some("http://localhost:1/x".into()),
            region: None,
            bucket_in_host: false,
        };
        assert_eq!(parse(&address.to_string()), address, "{address}");
    }
    assert_eq!(parse("s3://b/a%20b/"), parse("s3://b/a b"));
    assert_eq!(parse("S3://b//a/"), parse("s3://b/a"));
    assert_eq!(parse("s3://b?endpoint=minio.local"), parse("s3://b?endpoint=https://minio.local/"));
}

#[test]
fn a_secret_in_an_address_is_refused() {
    for text in [
        "sftp://ada:hunter2@host/x",
        "webdavs://ada:hunter2@host/x",
        "s3://b?secret_access_key=x",
        "s3://AKIA:secret@b",
        "azure://c?account=a&sas=sv",
        "s3://b?endpoint=https://user:pw@host",
        "s3://b?session-token=x",
    ] {
        assert_eq!(text.parse::<Address>(), Err(AddressError::HoldsSecret), "{text}");
    }
}

#[test]
fn what_can_not_be_understood_is_an_error() {
    for text in [
        "",
        "ftp://host/x",
        "s3://",
        "s3:///x",
        "s3://b/a/../c",
        "s3://b/a//c",
        "s3://b?colour=blue",
        "s3://b/%zz",
        "s3://b/%f",
        "s3://b/%ff",
        "s3://b/a#b",
        "azure://container",
        "sftp://host:port/x",
        "sftp://:22/x",
        "gcs://b?endpoint=gopher://x",
        "s3://bu cket",
        "webdav://ada@host/x",
        "s3://b/a%0Ab",
    ] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
    assert!("x".repeat(ADDRESS_LIMIT_BYTES + 1).parse::<Address>().is_err());
}

#[test]
fn paths_of_this_machine_are_paths() {
    for text in ["/a:b", "C:\\data", "relative/path", "./s3:", "~"] {
        assert_eq!(parse(text), Address::Local(text.into()));
    }
}

#[test]
fn a_folder_below_is_below() {
    assert_eq!(parse("s3://b").below("x"), parse("s3://b/x"));
    assert_eq!(parse("sftp://h/").below("x"), parse("sftp://h/x"));
    assert_eq!(parse("webdav://h/a").below("x"), parse("webdav://h/a/x"));
}
