//! `keepwell sync bin PAIR [--restore NUMBER… | --remove NUMBER… | --empty]`

use keepwell_api::dto::sync::{SyncDiffers, SyncPair, SyncSide};
use keepwell_api::dto::sync_bin::{BinWhy, SyncBinGet, SyncBinPage, SyncBinRemove, SyncBinRestore};
use keepwell_api::{ApiError, Commands, Count};

use super::{sync_hub, sync_list};
use crate::arguments_sync::SyncBin;
use crate::context::Context;
use crate::documents::Documents;
use crate::ending::Ending;
use crate::follow::{fact, follow};
use crate::output::{self, counted, size, time};
use crate::trust::{can_ask, says_yes};

pub fn run(context: &Context, arguments: SyncBin) -> Result<Ending, ApiError> {
    if let Some(hub) = sync_hub::find(context, &arguments.pair)?
        && arguments.restore.is_empty()
        && arguments.remove.is_empty()
        && !arguments.empty
    {
        let documents = Documents::named(context.json);
        for pair in &hub.pairs {
            if !context.json {
                output::line(format!("{}:", sync_list::label(context, pair)));
            }
            list(context, pair, &arguments, &documents)?;
        }
        return Ok(Ending::Done);
    }
    // Each pair counts its items by itself.
    let pair = sync_hub::single(context, &arguments.pair)?;
    if !arguments.restore.is_empty() {
        context.give_access(&pair)?;
        let request = SyncBinRestore { pair_id: pair.id.clone(), ids: arguments.restore };
        let (job, ending) = follow(context, &context.api.sync_bin_restore(request)?.job_id)?;
        if !context.json && job.finished_ms.is_some() {
            let count = fact(&job, "broughtBack");
            output::line(counted(count, "item is back.", "items are back."));
            again(context, &pair, fact(&job, "goesAgain"));
        }
        return Ok(ending);
    }
    if !arguments.remove.is_empty() || arguments.empty {
        context.give_access(&pair)?;
        return remove(context, &pair, arguments);
    }
    list(context, &pair, &arguments, &Documents::one())
}

fn list(
    context: &Context,
    pair: &SyncPair,
    arguments: &SyncBin,
    documents: &Documents,
) -> Result<Ending, ApiError> {
    let page = context.api.sync_bin(SyncBinGet {
        pair_id: pair.id.clone(),
        text: arguments.find.clone(),
        run_id: None,
        offset: None,
        limit: Some(arguments.limit),
    })?;
    if context.json {
        documents.next(&pair.id);
        output::json(&page)?;
        return Ok(Ending::Done);
    }
    if page.rows.is_empty() {
        output::line(match page.items {
            Count(0) if pair.differs == Some(SyncDiffers::BaseLost) => {
                "What is in the bin is not known any more. The next run looks, and lists it again."
            }
            Count(0) => "The bin is empty.",
            _ => "The bin holds nothing that fits.",
        });
        return Ok(Ending::Done);
    }
    print(&page);
    let word = sync_list::word(context, pair);
    output::note(format!("To bring back: keepwell sync bin {word} --restore NUMBER"));
    output::note(format!("To free the space: keepwell sync bin {word} --remove NUMBER, or --empty"));
    Ok(Ending::Done)
}

/// Says that the pair is paused where its next run would take away what came back. The window says the same (`BinTab`).
fn again(context: &Context, pair: &SyncPair, count: Count) {
    if count == Count(0) {
        return;
    }
    let them = if count == Count(1) { "it" } else { "them" };
    output::note(format!("The pair is paused: its next run would put {them} into the bin again."));
    output::note(format!(
        "See what a run would do now: keepwell sync run {} --preview",
        sync_list::word(context, pair)
    ));
}

fn items(count: Count) -> String {
    counted(count, "item", "items")
}

/// Removes for good what the arguments name, once a person said so.
fn remove(context: &Context, pair: &SyncPair, arguments: SyncBin) -> Result<Ending, ApiError> {
    let SyncBin { remove, empty, yes, .. } = arguments;
    let newest = context.api.sync_bin(SyncBinGet {
        pair_id: pair.id.clone(),
        text: None,
        run_id: None,
        offset: None,
        limit: Some(1),
    })?;
    let (ids, all_until_ms, question) = if empty {
        let Some(row) = newest.rows.first() else {
            output::note("The bin is empty.");
            return Ok(Ending::Done);
        };
        let question = format!(
            "Everything in the bins of \"{}\": {}, {}",
            pair.name,
            items(newest.items),
            size(newest.bytes)
        );
        (None, Some(row.binned_ms), question)
    } else {
        let count = Count(remove.len() as u64);
        (Some(remove), None, format!("{} in the bins of \"{}\"", items(count), pair.name))
    };
    if !yes {
        if !can_ask() {
            return Err(ApiError::bad_request(
                "What is removed from the bin can not be brought back, and nobody can be asked here.",
            )
            .hint("Give --yes if you mean it."));
        }
        output::note(format!("{question}: it is removed for good. It can not be undone."));
        if !says_yes("Type \"yes\" to remove it, anything else to stop:") {
            output::note("Nothing was removed.");
            return Ok(Ending::Cancelled);
        }
    }
    let request = SyncBinRemove { pair_id: pair.id.clone(), ids, all_until_ms };
    let (job, ending) = follow(context, &context.api.sync_bin_remove(request)?.job_id)?;
    if !context.json && job.finished_ms.is_some() {
        let gone = counted(fact(&job, "removedForGood"), "item is", "items are");
        output::line(format!("{gone} gone for good, {} freed.", size(fact(&job, "freedBytes"))));
    }
    Ok(ending)
}

fn print(page: &SyncBinPage) {
    let rows: Vec<Vec<String>> = page
        .rows
        .iter()
        .map(|row| {
            let side = if row.side == SyncSide::Left { "left" } else { "right" };
            let why = match row.why {
                BinWhy::Replaced => "replaced",
                BinWhy::Removed => "removed",
                BinWhy::Found => "found there",
            };
            vec![
                row.id.clone(),
                time(row.binned_ms),
                side.to_owned(),
                why.to_owned(),
                size(row.size_bytes),
                row.path.display.clone(),
            ]
        })
        .collect();
    output::line(output::table(&[">NUMBER", "PUT HERE", "IN", "WHY", ">SIZE", "PATH"], &rows));
    let rest = page.total.0.saturating_sub(rows.len() as u64);
    if rest > 0 {
        output::line(format!("and {rest} more"));
    }
    output::line(format!("In all: {}, {}", items(page.items), size(page.bytes)));
}
