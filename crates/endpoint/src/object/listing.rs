//! Whether an answer to "list" is a listing at all, and one that ends.
//!
//! Why: the reader below takes any document for a listing and whatever it misses for "nothing": a page that a proxy made
//! would end a listing as if it were whole, and a page that only claims that more follows would be asked for forever.
//! Invariant: what is passed is of the kind the service documents, and says how it goes on. Deliberately not here: what
//! is listed.

use bytes::Bytes;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// What is wrong with a page of a listing; nothing where it is one.
pub(super) fn trouble(page: &Bytes) -> Option<&'static str> {
    const NONE: &str = "the answer is no listing";
    let Ok(text) = std::str::from_utf8(page) else { return Some(NONE) };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('{') {
        let kind = serde_json::from_str::<Kind>(text).ok().and_then(|page| page.kind);
        return (kind.as_deref() != Some("storage#objects")).then_some(NONE);
    }
    match Page::read(text) {
        Some(page) if page.begins_again() => Some("the answer says that more follows, but not from where"),
        Some(_) => None,
        None => Some(NONE),
    }
}

/// What Google says of its answers.
#[derive(serde::Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// What an answer in XML says of itself.
#[derive(Default)]
struct Page {
    root: String,
    /// What it says about more to come.
    is_truncated: Option<bool>,
    /// From where more comes, if it says anything about that; empty for "no more".
    next: Option<String>,
    is_empty: bool,
}

impl Page {
    /// Reads it; nothing where it is no listing, or ends early.
    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut page = Self { is_empty: true, ..Self::default() };
        let (mut path, mut value) = (Vec::<String>::new(), String::new());
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    if path.is_empty() {
                        if !page.root.is_empty() {
                            return None;
                        }
                        page.root.clone_from(&name);
                    }
                    path.push(name);
                    value.clear();
                }
                Event::Text(text) => value.push_str(&text.xml10_content()),
                // Of these only that there are some counts.
                Event::GeneralRef(_) | Event::CData(_) => value.push('&'),
                Event::End(_) => {
                    let name = path.pop()?;
                    if path.len() == 1 {
                        page.tells(&name, value.trim());
                    }
                    value.clear();
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let is_listing = ["ListBucketResult", "EnumerationResults"].contains(&page.root.as_str());
        (is_listing && path.is_empty()).then_some(page)
    }

    fn tells(&mut self, name: &str, value: &str) {
        match name {
            "IsTruncated" => self.is_truncated = Some(value == "true"),
            "NextContinuationToken" | "NextMarker" => self.next = Some(value.to_owned()),
            "Contents" | "CommonPrefixes" => self.is_empty = false,
            _ => {}
        }
    }

    /// Whether whoever follows it would begin again from the start.
    fn begins_again(&self) -> bool {
        let is_told = self.next.as_ref().is_some_and(|next| !next.is_empty());
        match self.is_truncated {
            _ if self.root == "EnumerationResults" => self.next.is_none(),
            Some(is_truncated) => is_truncated && !is_told,
            None => self.next.is_none() && !self.is_empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_whole(page: &'static str) -> bool {
        trouble(&Bytes::from_static(page.as_bytes())).is_none()
    }

    #[test]
    fn pages_of_all_services_are_listings() {
        assert!(is_whole(
            "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><IsTruncated>false</IsTruncated></ListBucketResult>"
        ));
        assert!(is_whole(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>\
             <Contents><Key>NextMarker</Key></Contents></ListBucketResult>"
        ));
        assert!(is_whole("\u{feff}<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"));
        assert!(is_whole("<EnumerationResults><Blobs/><NextMarker>2</NextMarker></EnumerationResults>"));
        assert!(is_whole(r#"{"kind": "storage#objects", "items": []}"#));
    }

    #[test]
    fn what_is_no_listing_or_never_ends_is_told() {
        for page in [
            "",
            "please sign in",
            "<html><body>please sign in</body></html>",
            "<Error><Code>SlowDown</Code></Error>",
            "{}",
            r#"{"kind": "storage#buckets"}"#,
            "<ListBucketResult><IsTruncated>false</IsTruncated>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
            "<EnumerationResults><Blobs/></EnumerationResults>",
        ] {
            assert!(!is_whole(page), "{page}");
        }
    }
}
