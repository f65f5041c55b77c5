//! `keepwell restore run --repository PATH SNAPSHOT --target DIR`

use keepwell_api::dto::job::{Job, JobState};
use keepwell_api::dto::restore::{
    OverwriteMode, RestoreAction, RestorePreview, RestorePreviewGet, RestoreTarget,
};
use keepwell_api::{ApiError, Commands, Count};

use crate::arguments::{Overwrite, RestoreRun};
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::{fact, follow, took};
use crate::output::{self, number, size};
use crate::paths;

pub fn run(context: &Context, arguments: RestoreRun) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.repository)?;
    let request = RestorePreviewGet {
        repository,
        snapshot_id: arguments.snapshot,
        paths: arguments.path.iter().map(|path| paths::in_snapshot(path)).collect(),
        target: match &arguments.target {
            Some(target) => RestoreTarget::Folder { path: paths::local(target) },
            None => RestoreTarget::Origin,
        },
        overwrite: match arguments.overwrite {
            Overwrite::Never => OverwriteMode::Never,
            Overwrite::IfOlder => OverwriteMode::IfOlder,
            Overwrite::IfDifferent => OverwriteMode::IfDifferent,
            Overwrite::Always => OverwriteMode::Always,
        },
    };
    if arguments.dry_run {
        let preview = context.api.restore_preview(request)?;
        if context.json {
            output::json(&preview)?;
        } else {
            print_preview(&preview);
        }
        return Ok(Ending::Done);
    }
    let started = context.api.restore_run(request, arguments.verify)?;
    let (job, ending) = follow(context, &started.job_id)?;
    if !context.json {
        print(&job, arguments.verify);
    }
    Ok(ending)
}

fn print(job: &Job, verify: bool) {
    if !matches!(job.state, JobState::Succeeded | JobState::SucceededWithProblems) {
        return;
    }
    output::line(format!("Brought back in {}.", took(job)));
    let mut rows = vec![
        ("Made", number(fact(job, "created"))),
        ("Replaced", number(fact(job, "replaced"))),
        ("The same already", number(fact(job, "alreadyRight"))),
        ("Written", size(fact(job, "writtenBytes"))),
    ];
    if verify {
        rows.push(("Read back and the same", number(fact(job, "verified"))));
    }
    if fact(job, "mismatched") > Count(0) {
        rows.push(("Read back and different", number(fact(job, "mismatched"))));
    }
    output::line(output::facts(&rows));
}

fn print_preview(preview: &RestorePreview) {
    let rows: Vec<Vec<String>> = preview
        .operations
        .iter()
        .map(|row| {
            let reason = row.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            vec![word(row.action).to_owned(), size(row.size_bytes), format!("{}{reason}", row.path.display)]
        })
        .collect();
    if !rows.is_empty() {
        output::line(output::table(&["WOULD", ">WRITE", "PATH"], &rows));
    }
    let rest = preview.operations_total.0.saturating_sub(preview.operations.len() as u64);
    if rest > 0 {
        output::line(format!("and {rest} more"));
    }
    let counts = &preview.counts;
    output::note(format!(
        "Nothing was changed. It would make {}, replace {}, set rights or times of {}, leave {}, and write {}.",
        number(counts.create),
        number(counts.replace),
        number(counts.metadata),
        number(Count(counts.same.0 + counts.skip.0)),
        size(preview.write_bytes)
    ));
    for warning in &preview.warnings {
        output::note(warning.as_str());
    }
    if !preview.fits {
        output::note("There is not enough free space at the target.");
    }
}

fn word(action: RestoreAction) -> &'static str {
    match action {
        RestoreAction::Create => "make",
        RestoreAction::Replace => "replace",
        RestoreAction::Metadata => "set rights",
        RestoreAction::Skip | RestoreAction::Same => "leave",
        RestoreAction::Refuse => "refuse",
    }
}
