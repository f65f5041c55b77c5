//! What a bucket does wrong at the worst moment, told with a bucket in memory: nothing is lost, nothing is left behind.

use keepwell_model::{ContentHash, RelativePath};
use opendal::options::WriteOptions;

use super::fake::{Asked, Fake, Told, Wrong};
use super::root::Root;
use super::tree::ObjectTree;
use super::upload::Upload;
use crate::error::EndpointError;
use crate::tree::{Expected, Fingerprint, ItemMetadata, Tree};

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

fn seen(tree: &ObjectTree, at: &str) -> Fingerprint {
    tree.stat(&path(at)).unwrap().unwrap().fingerprint
}

/// A bucket that holds one file `old`, as somebody else's program wrote it, and its tree.
fn with_one() -> (Fake, ObjectTree, Expected) {
    let fake = Fake::start();
    fake.with(|objects| objects.put("old", b"precious"));
    let tree = fake.tree();
    let old = Expected::Item(seen(&tree, "old"));
    (fake, tree, old)
}

fn renamed(tree: &ObjectTree, old: &Expected) -> Result<(), EndpointError> {
    tree.rename(&path("old"), &path("new"), old, &Expected::Absent).map(drop)
}

fn publish(tree: &ObjectTree, at: &str, content: &[u8]) -> Result<(), EndpointError> {
    let mut staged = tree.stage(&path(at), content.len() as u64, None)?;
    staged.write_at(content, 0)?;
    let proof = ContentHash(*blake3::hash(content).as_bytes());
    staged.publish(&path(at), &Expected::Absent, &ItemMetadata::default(), &proof).map(drop)
}

fn content_of(fake: &Fake, key: &str) -> Option<Vec<u8>> {
    fake.with(|objects| objects.by_key.get(key).map(|object| object.bytes.clone()))
}

fn is_deletion(asked: &Asked, key: &str) -> bool {
    asked.method == "DELETE" && asked.key == key
}

#[test]
fn a_file_moves_and_leaves_nothing() {
    let (fake, tree, old) = with_one();
    renamed(&tree, &old).unwrap();
    assert_eq!(
        (content_of(&fake, "old"), content_of(&fake, "new").as_deref()),
        (None, Some(&b"precious"[..]))
    );
}

#[test]
fn a_copy_whose_original_was_written_meanwhile_is_taken_back() {
    let (fake, tree, old) = with_one();
    let mut was_copied = false;
    fake.when(move |asked, objects| {
        if was_copied && asked.key == "old" {
            objects.put("old", b"written meanwhile");
        }
        was_copied |= asked.is_copy();
        Wrong::Nothing
    });
    assert!(matches!(renamed(&tree, &old), Err(EndpointError::Changed { .. })));
    assert_eq!(content_of(&fake, "old").as_deref(), Some(&b"written meanwhile"[..]));
    assert_eq!(content_of(&fake, "new"), None, "a copy is left that nobody knows of");
}

#[test]
fn an_original_stays_until_its_copy_is_whole() {
    // Accepted, and only to come; or told as done and cut short.
    for is_told_pending in [true, false] {
        let (fake, tree, old) = with_one();
        fake.when(move |asked, objects| {
            if !asked.is_copy() {
                return Wrong::Nothing;
            }
            objects.put("new", if is_told_pending { b"not-yet." } else { b"" });
            let body = b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>".to_vec();
            let status = if is_told_pending { "pending" } else { "success" };
            let headers = vec![("x-ms-copy-status".to_owned(), status.to_owned())];
            Wrong::Instead(Told { status: 200, headers, body })
        });
        renamed(&tree, &old).unwrap_err();
        assert_eq!(content_of(&fake, "old").as_deref(), Some(&b"precious"[..]), "pending {is_told_pending}");
    }
}

#[test]
fn a_copy_whose_answer_was_lost_is_known_for_ours() {
    let (fake, tree, old) = with_one();
    let mut is_lost = false;
    fake.when(move |asked, _| match asked.is_copy() && !std::mem::replace(&mut is_lost, true) {
        true => Wrong::Lost(Told::status(503)),
        false => Wrong::Nothing,
    });
    renamed(&tree, &old).unwrap();
    assert_eq!(
        (content_of(&fake, "old"), content_of(&fake, "new").as_deref()),
        (None, Some(&b"precious"[..]))
    );
}

#[test]
fn what_somebody_else_put_at_the_new_name_is_not_ours() {
    let (fake, tree, old) = with_one();
    fake.when(|asked, objects| {
        if asked.is_copy() {
            objects.put("new", b"of-others");
        }
        Wrong::Nothing
    });
    assert!(matches!(renamed(&tree, &old), Err(EndpointError::Changed { .. })));
    assert_eq!(content_of(&fake, "old").as_deref(), Some(&b"precious"[..]));
    assert_eq!(content_of(&fake, "new").as_deref(), Some(&b"of-others"[..]));
}

#[test]
fn a_removal_whose_answer_was_lost_takes_nothing_that_came_since() {
    for has_conditions in [true, false] {
        let (fake, tree, old) = with_one();
        fake.with(|objects| objects.has_conditions = has_conditions);
        let Expected::Item(print) = old else { panic!("it is there") };
        let mut deletions = 0;
        fake.when(move |asked, objects| {
            deletions += u32::from(is_deletion(asked, "old"));
            match is_deletion(asked, "old") && deletions == 1 {
                true => Wrong::Lost(Told::status(503)),
                false => {
                    if deletions == 1 && !objects.has("old") {
                        objects.put("old", b"new work");
                    }
                    Wrong::Nothing
                }
            }
        });
        tree.remove(&path("old"), &print).unwrap();
        assert_eq!(
            content_of(&fake, "old").as_deref(),
            Some(&b"new work"[..]),
            "conditions {has_conditions}"
        );
    }
}

#[test]
fn a_removal_that_was_not_done_is_tried_again() {
    let (fake, tree, old) = with_one();
    let Expected::Item(print) = old else { panic!("it is there") };
    let mut failures = 2;
    fake.when(move |asked, _| {
        if is_deletion(asked, "old") && failures > 0 {
            failures -= 1;
            return Wrong::Instead(Told::status(503));
        }
        Wrong::Nothing
    });
    tree.remove(&path("old"), &print).unwrap();
    assert_eq!(content_of(&fake, "old"), None);
}

#[test]
fn a_service_that_knows_no_conditional_removals_removes_without() {
    let (fake, tree, old) = with_one();
    let Expected::Item(print) = old else { panic!("it is there") };
    fake.when(|asked, _| match asked.method == "DELETE" && asked.header("if-match").is_some() {
        true => Wrong::Instead(Told::status(501)),
        false => Wrong::Nothing,
    });
    tree.remove(&path("old"), &print).unwrap();
    assert_eq!(content_of(&fake, "old"), None);
}

#[test]
fn two_programs_that_try_conditions_at_once_both_find_them() {
    let fake = Fake::start();
    fake.tree();
    let root = Root::new(fake.service());
    let other = Root::new(fake.service());
    let own_name = |asked: &Asked| asked.method == "PUT" && asked.header("if-none-match").is_some();
    let others_turn = fake.clone();
    let mut is_first = true;
    fake.when(move |asked, objects| {
        // The other program is through with its own attempt right before ours is answered: whatever has the name that
        // the two share is gone.
        if own_name(asked) && std::mem::replace(&mut is_first, false) {
            let shared: Vec<String> =
                objects.by_key.keys().filter(|key| **key == ".Keepwell-probe").cloned().collect();
            shared.iter().for_each(|key| drop(objects.by_key.remove(key)));
        }
        Wrong::Nothing
    });
    assert!(root.has_conditions().unwrap());
    assert!(other.has_conditions().unwrap());
    let names = others_turn.asked();
    let names: std::collections::BTreeSet<_> =
        names.iter().filter(|asked| own_name(asked)).map(|a| &a.key).collect();
    assert_eq!(names.len(), 2, "they share a name: {names:?}");
    // None of them is left or shown.
    assert_eq!(fake.with(|objects| objects.by_key.keys().cloned().collect::<Vec<_>>()), [".Keepwell-place"]);
}

#[test]
fn a_probe_that_was_left_is_hidden_and_cleared_when_it_is_old() {
    let fake = Fake::start();
    fake.with(|objects| objects.put(".keepwell-staged-probe-00", b"left"));
    let tree = fake.tree();
    assert_eq!(tree.list(&RelativePath::root()).unwrap(), []);
    publish(&tree, "file", b"new").unwrap();
    assert!(!fake.with(|objects| objects.has(".keepwell-staged-probe-00")));
}

#[test]
fn what_came_while_a_large_file_was_sent_is_not_replaced_where_there_are_no_conditions() {
    let fake = Fake::start();
    fake.with(|objects| objects.has_conditions = false);
    let tree = fake.tree();
    publish(&tree, "small", b"so that it is known what the service can do").unwrap();
    fake.when(|asked, objects| {
        if asked.method == "POST" && asked.query.starts_with("uploads") {
            objects.put("large", b"of somebody else");
            let body =
                b"<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>";
            return Wrong::Instead(Told { status: 200, headers: Vec::new(), body: body.to_vec() });
        }
        if asked.method == "POST" && asked.query.contains("uploadId=7") {
            objects.put("large", b"ours");
            let body = b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>";
            return Wrong::Instead(Told { status: 200, headers: Vec::new(), body: body.to_vec() });
        }
        if asked.query.contains("uploadId=7") {
            let headers = vec![("etag".to_owned(), "\"part\"".to_owned())];
            return Wrong::Instead(Told {
                status: if asked.method == "PUT" { 200 } else { 204 },
                headers,
                body: Vec::new(),
            });
        }
        Wrong::Nothing
    });
    let error = publish(&tree, "large", &vec![7; 17 << 20]).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error:?}");
    assert_eq!(content_of(&fake, "large").as_deref(), Some(&b"of somebody else"[..]));
}

#[test]
fn what_was_stored_damaged_is_not_left_for_anybody_to_find() {
    let fake = Fake::start();
    let tree = fake.tree();
    publish(&tree, "whole", b"whole").unwrap();
    fake.with(|objects| objects.spoils = true);
    let error = publish(&tree, "spoiled", b"what was sent").unwrap_err();
    assert!(matches!(error, EndpointError::Unexpected { .. }), "{error:?}");
    assert_eq!(content_of(&fake, "spoiled"), None);
    // Of somebody else is what came in the moment before it was looked at.
    let service = fake.service();
    fake.when(|asked, objects| {
        if asked.method == "HEAD" && asked.key == "spoiled" {
            objects.put("spoiled", b"of somebody else");
        }
        Wrong::Nothing
    });
    let mut upload = Upload::begin(&service, "spoiled", 4, WriteOptions::default()).unwrap();
    upload.write(b"sent").unwrap();
    assert!(upload.finish().is_err());
    assert!(content_of(&fake, "spoiled").is_some());
}

#[test]
fn a_page_that_is_no_listing_never_ends_one() {
    let (fake, tree, _) = with_one();
    tree.list(&RelativePath::root()).unwrap();
    for page in [
        "<html>please sign in</html>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
    ] {
        let mut pages = 0;
        fake.when(move |asked, _| {
            if !asked.query.contains("list-type=2") {
                return Wrong::Nothing;
            }
            pages += 1;
            // The first page is one, and says that more follows.
            let body = match pages {
                1 => "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>\
                      <Contents><Key>old</Key><Size>8</Size><LastModified>2026-01-02T03:04:05Z</LastModified></Contents>\
                      </ListBucketResult>",
                2 => page,
                // Whoever asks on is told that it is over, so that the test ends.
                _ => "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
            };
            Wrong::Instead(Told { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() })
        });
        let error = tree.list(&RelativePath::root()).unwrap_err();
        assert!(matches!(error, EndpointError::Unreachable { .. }), "{page}: {error:?}");
    }
}
