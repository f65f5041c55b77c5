//! One file per command. Each takes its arguments, asks the border, prints, and says how it ended.

mod backup_run;
mod job_cancel;
mod job_list;
mod job_show;
mod place_trust;
mod plan_add;
mod plan_list;
mod plan_remove;
mod plan_run;
mod repository_check;
mod repository_info;
mod repository_init;
mod repository_key;
mod repository_replicate;
mod restore_run;
mod snapshot_diff;
mod snapshot_files;
mod snapshot_find;
mod snapshot_list;
mod sync_add;
mod sync_bin;
mod sync_change;
mod sync_halt;
mod sync_hub;
mod sync_list;
mod sync_pause;
mod sync_preview;
mod sync_remove;
mod sync_resolve;
mod sync_run;
mod sync_shared_rules;
mod sync_show;
mod sync_typed;
mod sync_undo;
mod sync_watch;
mod tour;
mod tour_sample;

use clap::Parser;
use keepwell_api::ApiError;

use crate::arguments::{
    Arguments, BackupVerb, JobVerb, Noun, PlanVerb, RepositoryVerb, RestoreVerb, SnapshotVerb,
};
use crate::arguments_place::PlaceVerb;
use crate::arguments_sync::SyncVerb;
use crate::context::Context;
use crate::ending::Ending;
use crate::trust;

/// Runs what was typed.
///
/// # Errors
/// As the command says.
pub fn run(arguments: Arguments) -> Result<Ending, ApiError> {
    // The tour has a state of its own.
    if let Noun::Tour(tour) = arguments.noun {
        return tour::run(&tour, arguments.json, arguments.verbose);
    }
    // Watching begins before the program is shared.
    if let Noun::Sync(SyncVerb::Watch(watch)) = arguments.noun {
        return sync_watch::run(&watch, arguments.json, arguments.verbose);
    }
    let context = Context::open(arguments.json, arguments.verbose)?;
    let ending = match arguments.noun {
        Noun::Repository(verb) => match verb {
            RepositoryVerb::Init(arguments) => repository_init::run(&context, &arguments),
            RepositoryVerb::Info(arguments) => repository_info::run(&context, &arguments),
            RepositoryVerb::Check(arguments) => repository_check::run(&context, &arguments),
            RepositoryVerb::Key(arguments) => repository_key::run(&context, arguments),
            RepositoryVerb::Replicate(arguments) => repository_replicate::run(&context, &arguments),
        },
        Noun::Place(verb) => match verb {
            PlaceVerb::Trust(arguments) => place_trust::run(&context, &arguments),
            PlaceVerb::Distrust(arguments) => place_trust::take_back(&context, &arguments),
        },
        Noun::Backup(BackupVerb::Run(arguments)) => backup_run::run(&context, arguments),
        Noun::Snapshot(verb) => match verb {
            SnapshotVerb::List(arguments) => snapshot_list::run(&context, &arguments),
            SnapshotVerb::Files(arguments) => snapshot_files::run(&context, arguments),
            SnapshotVerb::Diff(arguments) => snapshot_diff::run(&context, arguments),
            SnapshotVerb::Find(arguments) => snapshot_find::run(&context, arguments),
        },
        Noun::Restore(RestoreVerb::Run(arguments)) => restore_run::run(&context, arguments),
        Noun::Plan(verb) => match verb {
            PlanVerb::Add(arguments) => plan_add::run(&context, arguments),
            PlanVerb::List => plan_list::run(&context),
            PlanVerb::Run(arguments) => plan_run::run(&context, &arguments),
            PlanVerb::Remove(arguments) => plan_remove::run(&context, &arguments),
        },
        Noun::Sync(verb) => sync(&context, verb),
        Noun::Job(verb) => match verb {
            JobVerb::List(page) => job_list::run(&context, &page),
            JobVerb::Show(arguments) => job_show::run(&context, &arguments),
            JobVerb::Cancel(arguments) => job_cancel::run(&context, &arguments),
        },
        Noun::Tour(_) => Ok(Ending::Done),
    };
    let accepted = ending.as_ref().is_err_and(|error| trust::asked(&context.api, error).unwrap_or(false));
    context.api.stop();
    drop(context);
    // The person said that the server is the right one: what was typed is done now, from its beginning.
    if accepted { run(Arguments::parse()) } else { ending }
}

fn sync(context: &Context, verb: SyncVerb) -> Result<Ending, ApiError> {
    match verb {
        SyncVerb::Run(arguments) => sync_run::run(context, *arguments),
        SyncVerb::Add(arguments) => sync_add::run(context, *arguments),
        SyncVerb::Change(arguments) => sync_change::run(context, *arguments),
        SyncVerb::List => sync_list::run(context),
        SyncVerb::Show(arguments) => sync_show::run(context, &arguments),
        // It has a start of its own, see `run`.
        SyncVerb::Watch(_) => Ok(Ending::Done),
        SyncVerb::Pause(arguments) => sync_pause::run(context, &arguments, true),
        SyncVerb::Resume(arguments) => sync_pause::run(context, &arguments, false),
        SyncVerb::Resolve(arguments) => sync_resolve::run(context, arguments),
        SyncVerb::Rules(arguments) => sync_shared_rules::run(context, &arguments),
        SyncVerb::Undo(arguments) => sync_undo::run(context, &arguments),
        SyncVerb::Bin(arguments) => sync_bin::run(context, arguments),
        SyncVerb::Remove(arguments) => sync_remove::run(context, &arguments),
    }
}
