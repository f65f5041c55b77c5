//! The shared rules of a pair: read from both places, written to both at once.
//!
//! Invariant: what is written was seen before, and no run of the pair is under way meanwhile.

use keepwell_jobs::{Fault, PairDefinition};
use keepwell_sync::filter::check_patterns;
use keepwell_sync::pair::PlaceSpec;
use keepwell_sync::scan::{RULES_LIMIT_BYTES, shared_rules};

use super::sync::{free, named};
use super::sync_save::rule_error;
use crate::dto::sync::SyncPairGet;
use crate::dto::sync_rules::{SyncSharedRules, SyncSharedRulesSave};
use crate::error::{ApiError, ErrorCode};
use crate::open::Api;

/// Both texts as one: the lines of the left, then those only the right has.
fn united(left: Option<&str>, right: Option<&str>) -> String {
    let mut lines: Vec<&str> = left.unwrap_or_default().lines().collect();
    let more: Vec<&str> =
        right.unwrap_or_default().lines().filter(|line| !line.is_empty() && !lines.contains(line)).collect();
    lines.extend(more);
    whole(&lines)
}

/// Lines as a text that ends with a line end; nothing is nothing.
fn whole(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

fn told([left, right]: [Option<Vec<u8>>; 2]) -> SyncSharedRules {
    let [left, right] =
        [left, right].map(|text| text.map(|text| String::from_utf8_lossy(&text).into_owned()));
    SyncSharedRules { differ: left != right, text: united(left.as_deref(), right.as_deref()), left, right }
}

fn read(api: &Api, definition: &PairDefinition) -> Result<SyncSharedRules, ApiError> {
    let of = |place: &PlaceSpec| -> Result<Option<Vec<u8>>, ApiError> {
        let tree = api.syncs.trees().open_place(place)?;
        Ok(shared_rules(&*tree).map_err(Fault::from)?)
    };
    Ok(told([of(&definition.pair.left)?, of(&definition.pair.right)?]))
}

pub(crate) fn sync_shared_rules(api: &Api, request: SyncPairGet) -> Result<SyncSharedRules, ApiError> {
    let (_, definition) = named(api, &request.pair_id)?;
    read(api, &definition)
}

pub(crate) fn sync_shared_rules_save(
    api: &Api,
    request: SyncSharedRulesSave,
) -> Result<SyncSharedRules, ApiError> {
    let (record, definition) = named(api, &request.pair_id)?;
    let before = read(api, &definition)?;
    if request.before.is_some_and(|seen| seen != before.text) {
        return Err(ApiError::new(
            ErrorCode::Busy,
            "The shared rules were changed meanwhile. Nothing was written.",
        )
        .hint("Look at them as they are now, then change them again."));
    }
    let lines: Vec<&str> = request.text.lines().map(str::trim_end).collect();
    let text = whole(&lines);
    if text.len() > RULES_LIMIT_BYTES {
        return Err(ApiError::bad_request(format!("Shared rules may be {RULES_LIMIT_BYTES} bytes long."))
            .hint("Take some out."));
    }
    // What is there already runs as it did.
    let new = lines.iter().filter(|line| !before.text.lines().any(|known| known == **line));
    let new: Vec<String> = new.map(|line| (*line).to_owned()).collect();
    check_patterns(&new).map_err(|error| rule_error(&error))?;
    let is_nothing = text.is_empty() && before.left.is_none() && before.right.is_none();
    if is_nothing {
        return Ok(before);
    }
    if free(api, record.id, false)?.is_some() {
        return Err(ApiError::new(ErrorCode::Busy, "A run of this pair is under way. Nothing was written.")
            .hint("Wait until it is done, or stop it."));
    }
    api.syncs.with_pair(record.id, |syncer| syncer.set_shared_rules(text.as_bytes()))?;
    read(api, &definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_are_united_without_saying_anything_twice() {
        assert_eq!(united(Some("*.tmp\n*.bak\n"), Some("*.log\n\n*.tmp")), "*.tmp\n*.bak\n*.log\n");
        assert_eq!(united(None, Some("a")), "a\n");
        assert_eq!(united(None, None), "");
    }
}
