//! Moving and removing objects: a move is a copy inside the service and the removal of the original.
//!
//! Invariants: an original goes only when what lies at the new name was looked at and is a whole copy of it; where the
//! original surely stays, so that the move did not happen, no copy of ours is left. Whoever is killed between the two
//! leaves both, which looks at unsettled items (`sync`) tell. Deliberately not here: folders and their markers (`tree`).

use keepwell_model::RelativePath;
use opendal::Metadata;
use opendal::options::CopyOptions;

use super::tree::ObjectTree;
use super::upload::TOKEN_FIELD;
use crate::error::EndpointError;
use crate::tree::{Expected, Tree, TreeItem};

impl ObjectTree {
    /// Moves a file; where it lies now.
    pub(super) fn move_file(
        &self,
        (from, old): (&RelativePath, &str),
        (to, new): (&RelativePath, &str),
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        self.require(from, source)?;
        let original = self.service().stat(old)?;
        self.require(to, target)?;
        let is_new = matches!(target, Expected::Absent);
        let copy = self.copy(old, (to, new), is_new, &original)?;
        let copied = self.inner.item(to.name().unwrap_or_default(), &copy);
        let gone = self.keep_folder(from.parent()).and_then(|()| self.delete_expected(from, old, source));
        let Err(error) = gone else { return Ok(copied) };
        // Any other answer says nothing about what became of the original.
        if is_new
            && matches!(
                error,
                EndpointError::Changed { .. }
                    | EndpointError::NotFound { .. }
                    | EndpointError::PermissionDenied { .. }
            )
        {
            match self.stat(from) {
                // What is gone is where it was to go.
                Ok(None) => return Ok(copied),
                Ok(Some(_)) => self.take_back(new, &copy),
                Err(_) => {}
            }
        }
        Err(error)
    }

    /// Removes a file that is still what is expected.
    pub(super) fn delete_expected(
        &self,
        path: &RelativePath,
        key: &str,
        expected: &Expected,
    ) -> Result<(), EndpointError> {
        let seen = match self.service().stat(key) {
            Ok(seen) => seen,
            Err(EndpointError::NotFound { .. }) => {
                return Err(EndpointError::Changed { path: self.inner.shown(path) });
            }
            Err(error) => return Err(error),
        };
        let item = self.inner.item(path.name().unwrap_or_default(), &seen);
        if !matches!(expected, Expected::Item(before) if item.fingerprint.is_unchanged_since(before)) {
            return Err(EndpointError::Changed { path: self.inner.shown(path) });
        }
        let can = self.service().operator.info().capability().delete_with_if_match;
        let has_condition = can && self.inner.root.has_conditions()?;
        self.service().delete_seen(key, &seen, has_condition)
    }

    /// Copies inside the service; what lies at the new name then, whole.
    fn copy(
        &self,
        old: &str,
        (to, new): (&RelativePath, &str),
        is_new: bool,
        original: &Metadata,
    ) -> Result<Metadata, EndpointError> {
        let service = self.service();
        let capability = service.operator.info().capability();
        let options = CopyOptions {
            if_not_exists: is_new
                && capability.copy_with_if_not_exists
                && self.inner.root.has_conditions()?,
            ..Default::default()
        };
        let (operator, from, target) = (service.operator.clone(), old.to_owned(), new.to_owned());
        let copied =
            service.run("rename", old, async move { operator.copy_options(&from, &target, options).await });
        match copied {
            Ok(_) => {
                let found = service.stat(new)?;
                if is_whole(&found, original) {
                    return Ok(found);
                }
                let why = "the service has not made a whole copy of it, so it stays where it was: try again \
                           later";
                Err(EndpointError::Unexpected { path: self.inner.shown(to), why: why.to_owned() })
            }
            // Nothing was there a moment ago: an answer that was lost, and a request that was sent again.
            Err(EndpointError::AlreadyExists { .. }) => match service.stat(new) {
                Ok(found) if is_new && is_copy(&found, original) => Ok(found),
                _ => Err(EndpointError::Changed { path: self.inner.shown(to) }),
            },
            Err(error) => Err(error),
        }
    }

    /// Removes a copy of ours, if nobody put anything in its stead. Should that fail it stays, and nothing is lost.
    fn take_back(&self, new: &str, copy: &Metadata) {
        let service = self.service();
        if service.stat(new).is_ok_and(|now| is_same(&now, copy))
            && let Err(error) = service.delete_seen(new, copy, false)
        {
            tracing::warn!(%error, "a copy of a file that stays where it was is left");
        }
    }
}

/// Whether two looks at an object saw the same content, as far as the service tells.
pub(super) fn is_same(now: &Metadata, before: &Metadata) -> bool {
    now.content_length() == before.content_length()
        && now.etag() == before.etag()
        && now.last_modified() == before.last_modified()
}

/// Whether a copy can be whole. Etags say nothing: a copy may get another one.
fn is_whole(copy: &Metadata, original: &Metadata) -> bool {
    copy.content_length() == original.content_length()
        && sums(copy, original).is_none_or(|(one, other)| one == other)
}

/// The sums of two objects, where the service tells both.
fn sums<'m>(one: &'m Metadata, other: &'m Metadata) -> Option<(&'m str, &'m str)> {
    let [one, other] = [one, other].map(|object| object.content_md5().filter(|sum| !sum.is_empty()));
    one.zip(other)
}

/// Which upload made an object.
fn token(object: &Metadata) -> Option<&str> {
    object.user_metadata()?.get(TOKEN_FIELD)
}

/// Whether an object surely is a copy of this one: by a sum, by an etag that is as good, or by what a copy takes over.
fn is_copy(found: &Metadata, original: &Metadata) -> bool {
    let is_token_same = token(original).is_some() && token(found) == token(original);
    let is_etag_same = original.etag().is_some_and(|etag| !etag.is_empty() && found.etag() == Some(etag));
    is_whole(found, original) && (sums(found, original).is_some() || is_token_same || is_etag_same)
}
