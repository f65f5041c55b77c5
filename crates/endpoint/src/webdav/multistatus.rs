//! The XML of WebDAV: what is asked of a server, and what it answers about its resources.
//!
//! Invariants: namespaces decide, not prefixes; a document that ends early is an error, as is a resource the server could
//! not tell about; what is not understood is passed over. Deliberately not here: HTTP.

use keepwell_model::Timestamp;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

/// The namespace of our own properties.
const OURS: &str = "urn:keepwell:place:1";

/// Asks for all we want to know.
pub(crate) const PROPFIND: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:" xmlns:K="urn:keepwell:place:1"><D:prop>"#,
    "<D:resourcetype/><D:getcontentlength/><D:getetag/><D:getlastmodified/><D:quota-available-bytes/>",
    "<K:modified/><K:identity/></D:prop></D:propfind>"
);

/// Sets one of our own properties (its value holds nothing that XML would take for its own).
pub(crate) fn proppatch(name: &str, value: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:" xmlns:K="{OURS}"><D:set><D:prop><K:{name}>{value}</K:{name}></D:prop></D:set></D:propertyupdate>"#
    )
}

/// What a server tells about one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    /// As the server writes it: a path or a whole address, percent-encoded.
    pub(crate) href: String,
    /// It holds others.
    pub(crate) is_folder: bool,
    /// The length of its content; 0 for what holds others.
    pub(crate) size_bytes: u64,
    /// What changes with the content.
    pub(crate) etag: Option<String>,
    /// When it was last written, by the server's clock.
    pub(crate) written: Option<Timestamp>,
    /// What we noted about its time.
    pub(crate) noted: Option<String>,
    /// The name we gave a place.
    pub(crate) identity: Option<String>,
    /// Free space.
    pub(crate) free_bytes: Option<u64>,
}

/// Reads an answer.
pub(crate) fn parse(document: &[u8]) -> Result<Vec<Resource>, String> {
    let text = std::str::from_utf8(document).map_err(|_| "the answer is no UTF-8 text".to_owned())?;
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut state = State::default();
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) => {
                let name = local_name(&namespace, start.local_name().as_ref());
                state.begin(name)?;
            }
            Event::End(_) => state.end()?,
            Event::Text(text) => {
                state.text.push_str(&text.xml10_content());
            }
            Event::CData(text) => {
                state.text.push_str(&text.xml10_content());
            }
            Event::GeneralRef(reference) => {
                match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(letter) => state.text.push(letter),
                    None => state.text.push_str(resolve_predefined_entity(&reference).unwrap_or_default()),
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !state.path.is_empty() || !state.whole {
        return Err("the answer ends early".to_owned());
    }
    Ok(state.found)
}

/// How deep an answer may be.
const DEPTH_LIMIT: usize = 64;

/// `D:name`, `K:name`, or nothing that is known.
fn local_name(namespace: &ResolveResult<'_>, name: &str) -> String {
    let prefix = match namespace {
        ResolveResult::Bound(Namespace("DAV:")) => "D:",
        ResolveResult::Bound(Namespace(bound)) if *bound == OURS => "K:",
        _ => "?:",
    };
    format!("{prefix}{name}")
}

/// Which properties were told without which nothing is known of a resource.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    kind: bool,
    length: bool,
    /// Any but the free space, which many servers keep for themselves.
    needed: bool,
}

#[derive(Default)]
struct State {
    path: Vec<String>,
    text: String,
    found: Vec<Resource>,
    resource: Resource,
    /// Of the propstat being read: it counts only if its status says so, which may come last.
    properties: Resource,
    told: Told,
    /// Of the resource being read.
    told_in_all: Told,
    status: Option<u16>,
    whole: bool,
}

impl State {
    fn begin(&mut self, name: String) -> Result<(), String> {
        if self.path.len() >= DEPTH_LIMIT {
            return Err("the answer is nested too deeply".to_owned());
        }
        match name.as_str() {
            "D:response" => (self.resource, self.told_in_all) = Default::default(),
            "D:propstat" => (self.properties, self.told, self.status) = Default::default(),
            _ => {}
        }
        if name == "D:collection" && self.path.last().is_some_and(|parent| parent == "D:resourcetype") {
            self.properties.is_folder = true;
        }
        self.text.clear();
        self.path.push(name);
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let name = self.path.pop().unwrap_or_default();
        let parent = self.path.last().map_or("", String::as_str).to_owned();
        let text = std::mem::take(&mut self.text);
        let value = text.trim();
        match (parent.as_str(), name.as_str()) {
            ("D:response", "D:href") => value.clone_into(&mut self.resource.href),
            ("D:response", "D:status") => {
                // The server could not tell about this one: what is left is not the whole.
                let status = status_of(value).unwrap_or(0);
                if !(200..300).contains(&status) {
                    return Err(format!("the server tells {value} about {}", self.resource.href));
                }
            }
            ("D:propstat", "D:status") => self.status = status_of(value),
            ("D:response", "D:propstat") => match self.status {
                Some(200) => self.take_properties(),
                // What the server has not is no failure; what it could not tell would look like what it has not.
                Some(404) => {}
                status if self.told.needed => {
                    let status = status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
                    return Err(format!(
                        "the server tells {status} about properties of {}",
                        self.resource.href
                    ));
                }
                _ => {}
            },
            ("D:multistatus", "D:response") => {
                if self.resource.href.is_empty() {
                    return Err("the server tells about a resource without a name".to_owned());
                }
                if !self.told_in_all.kind {
                    return Err(format!("the server does not tell what {} is", self.resource.href));
                }
                if !self.resource.is_folder && !self.told_in_all.length {
                    return Err(format!("the server does not tell the length of {}", self.resource.href));
                }
                self.found.push(std::mem::take(&mut self.resource));
            }
            ("", "D:multistatus") => self.whole = true,
            ("D:prop", property) => self.property(property, value)?,
            _ => {}
        }
        Ok(())
    }

    fn property(&mut self, name: &str, value: &str) -> Result<(), String> {
        let properties = &mut self.properties;
        let kept = (!value.is_empty()).then(|| value.to_owned());
        self.told.needed |= name != "D:quota-available-bytes";
        match name {
            "D:resourcetype" => self.told.kind = true,
            "D:getcontentlength" if !value.is_empty() => {
                properties.size_bytes = value.parse().map_err(|_| format!("{value} is no length"))?;
                self.told.length = true;
            }
            "D:getetag" => properties.etag = kept,
            "D:getlastmodified" => properties.written = time(value),
            // Some servers answer -1 or -3 where they do not know.
            "D:quota-available-bytes" => properties.free_bytes = value.parse().ok(),
            "K:modified" => properties.noted = kept,
            "K:identity" => properties.identity = kept,
            _ => {}
        }
        Ok(())
    }

    fn take_properties(&mut self) {
        let (to, from) = (&mut self.resource, std::mem::take(&mut self.properties));
        self.told_in_all.kind |= self.told.kind;
        self.told_in_all.length |= self.told.length;
        to.is_folder |= from.is_folder;
        to.size_bytes = to.size_bytes.max(from.size_bytes);
        to.etag = to.etag.take().or(from.etag);
        to.written = to.written.or(from.written);
        to.noted = to.noted.take().or(from.noted);
        to.identity = to.identity.take().or(from.identity);
        to.free_bytes = to.free_bytes.or(from.free_bytes);
    }
}

/// The number in `HTTP/1.1 200 OK`.
fn status_of(text: &str) -> Option<u16> {
    text.split_whitespace().nth(1)?.parse().ok()
}

/// A time as HTTP writes it, or as some servers do: RFC 3339.
fn time(text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let parsed = parsed.or_else(|| text.parse::<jiff::Timestamp>().ok())?;
    Some(Timestamp::new(parsed.as_second(), u32::try_from(parsed.subsec_nanosecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APACHE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns1="urn:keepwell:place:1" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:" xmlns:lp2="http://apache.org/dav/props/">
<D:href>/dav/a%20b/</D:href>
<D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype>
<lp1:getetag>"1000-64"</lp1:getetag><lp1:getlastmodified>Sun, 22 Nov 2026 20:00:01 GMT</lp1:getlastmodified>
</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength/><D:quota-available-bytes/></D:prop>
<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>
</D:response>
<D:response xmlns:lp1="DAV:"><D:href>/dav/a%20b/x&amp;y&#33;.txt</D:href>
<D:propstat><D:prop><lp1:resourcetype/><lp1:getcontentlength>12</lp1:getcontentlength>
<lp1:getetag>"c-64"</lp1:getetag><ns1:modified>1.5 2 12</ns1:modified></D:prop>
<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
</D:multistatus>"#;

    #[test]
    fn what_apache_writes_is_read() {
        let found = parse(APACHE.as_bytes()).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].is_folder && found[0].href == "/dav/a%20b/");
        assert_eq!(found[0].written, Some(Timestamp::new(1_795_377_601, 0)));
        assert_eq!(found[0].free_bytes, None);
        assert_eq!(found[1].href, "/dav/a%20b/x&y!.txt");
        assert!(!found[1].is_folder);
        assert_eq!((found[1].size_bytes, found[1].etag.as_deref()), (12, Some("\"c-64\"")));
        assert_eq!(found[1].noted.as_deref(), Some("1.5 2 12"));
    }

    #[test]
    fn a_prefix_means_what_its_namespace_says() {
        let text = r#"<multistatus xmlns="DAV:"><response><href>http://h/x</href><propstat><status>HTTP/1.1 200 OK</status>
            <prop><resourcetype><x:collection xmlns:x="urn:other"/></resourcetype><getcontentlength>7</getcontentlength></prop>
            </propstat></response></multistatus>"#;
        let found = parse(text.as_bytes()).unwrap();
        assert!(!found[0].is_folder);
        assert_eq!(found[0].size_bytes, 7);
    }

    fn of_one(propstats: &str) -> Result<Vec<Resource>, String> {
        let text = format!(
            r#"<multistatus xmlns="DAV:"><response><href>/x</href>{propstats}</response></multistatus>"#
        );
        parse(text.as_bytes())
    }

    #[test]
    fn a_resource_the_server_could_not_tell_about_is_no_empty_file() {
        let propstat = |status: u16, properties: &str| {
            format!("<propstat><prop>{properties}</prop><status>HTTP/1.1 {status} x</status></propstat>")
        };
        let (kind, length) = ("<resourcetype/>", "<getcontentlength>7</getcontentlength>");
        let whole = propstat(200, &format!("{kind}{length}"));
        assert_eq!(of_one(&whole).unwrap()[0].size_bytes, 7);
        let space = propstat(403, "<quota-available-bytes/>");
        assert_eq!(of_one(&format!("{whole}{space}")).unwrap()[0].size_bytes, 7);
        for wrong in [
            String::new(),
            propstat(500, &format!("{kind}<getcontentlength/>")),
            propstat(200, kind),
            propstat(200, &format!("{kind}<getcontentlength/>")),
            propstat(200, length),
            format!("{}{}", propstat(200, kind), propstat(404, "<getcontentlength/>")),
            format!("{whole}{}", propstat(500, "<getetag/>")),
            format!("{whole}<propstat><prop><getetag/></prop></propstat>"),
        ] {
            assert!(of_one(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_cut_or_holds_an_error_is_no_listing() {
        for end in 0..APACHE.len() {
            assert!(parse(&APACHE.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        let forbidden = r#"<D:multistatus xmlns:D="DAV:"><D:response><D:href>/x</D:href>
            <D:status>HTTP/1.1 403 Forbidden</D:status></D:response></D:multistatus>"#;
        assert!(parse(forbidden.as_bytes()).is_err());
        assert!(parse(b"<html><body>please sign in</body></html>").is_err());
        assert!(parse(&[0xff, 0xfe]).is_err());
        let deep = "<a>".repeat(1000);
        assert!(parse(deep.as_bytes()).is_err());
    }
}
