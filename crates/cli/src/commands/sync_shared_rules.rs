//! `keepwell sync rules PAIR`: the rules of what is left out that lie in the places themselves.

use keepwell_api::dto::sync::{SyncPair, SyncPairGet};
use keepwell_api::dto::sync_rules::{SyncSharedRules, SyncSharedRulesSave};
use keepwell_api::{ApiError, Commands};

use super::{sync_hub, sync_list};
use crate::arguments_sync::SyncSharedRules as Arguments;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: &Arguments) -> Result<Ending, ApiError> {
    let pair = sync_hub::single(context, &arguments.pair)?;
    context.give_access(&pair)?;
    let before = context.api.sync_shared_rules(SyncPairGet { pair_id: pair.id.clone() })?;
    let is_changed = !(arguments.set.is_empty() && arguments.add.is_empty() && arguments.remove.is_empty());
    let rules = match is_changed {
        true => save(context, &pair, &before, arguments)?,
        false => before,
    };
    if context.json {
        output::json(&rules)?;
        return Ok(Ending::Done);
    }
    tell(&pair, &rules);
    if is_changed {
        let lie = match rules.text.trim() {
            "" => "Nothing is left out by shared rules any more.",
            _ => "They lie in both places now.",
        };
        let word = sync_list::word(context, &pair);
        output::note(format!("{lie} See what a run would do: keepwell sync run {word} --preview"));
    }
    Ok(Ending::Done)
}

/// Writes the rules as a person wants them; what is in neither place can not be taken out.
fn save(
    context: &Context,
    pair: &SyncPair,
    before: &SyncSharedRules,
    arguments: &Arguments,
) -> Result<SyncSharedRules, ApiError> {
    let mut lines: Vec<&str> = match arguments.set.is_empty() {
        true => before.text.lines().collect(),
        false => arguments.set.iter().map(String::as_str).filter(|line| !line.is_empty()).collect(),
    };
    for pattern in &arguments.remove {
        let count = lines.len();
        lines.retain(|line| line != pattern);
        if lines.len() == count {
            return Err(ApiError::not_found(format!(
                "There is no shared rule \"{pattern}\". Nothing was written."
            ))
            .hint(format!("See them: keepwell sync rules {}", sync_list::word(context, pair))));
        }
    }
    for pattern in &arguments.add {
        if !lines.contains(&pattern.as_str()) {
            lines.push(pattern);
        }
    }
    context.api.sync_shared_rules_save(SyncSharedRulesSave {
        pair_id: pair.id.clone(),
        text: lines.join("\n"),
        before: Some(before.text.clone()),
    })
}

/// The rules, and where they are from.
fn tell(pair: &SyncPair, rules: &SyncSharedRules) {
    let says_something = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    if !says_something(&rules.left) && !says_something(&rules.right) {
        output::line(format!("The places of \"{}\" hold no shared rules.", pair.name));
        return;
    }
    if !rules.differ {
        output::line("Shared rules, the same in both places (.keepwell/rules):");
        rules.text.lines().for_each(|line| output::line(format!("  {line}")));
        return;
    }
    for (place, text) in [(&pair.left, &rules.left), (&pair.right, &rules.right)] {
        output::line(format!("Shared rules in {}:", place.address.display));
        match text {
            Some(text) => text.lines().for_each(|line| output::line(format!("  {line}"))),
            None => output::line("  none"),
        }
    }
    output::line("The two places differ. Both count until a run has carried one over, or they are set here.");
}
