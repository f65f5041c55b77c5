//! `keepwell repository check PATH`

use keepwell_api::dto::job::JobState;
use keepwell_api::dto::place::{CheckLevel, PlaceCheck};
use keepwell_api::{ApiError, Commands};

use crate::arguments::RepositoryCheck;
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::{fact, follow, took};
use crate::output::{self, number, size};

pub fn run(context: &Context, arguments: &RepositoryCheck) -> Result<Ending, ApiError> {
    let repository = context.repository(&arguments.path)?;
    let level = if arguments.quick { CheckLevel::Quick } else { CheckLevel::Full };
    let started =
        context.api.place_check(PlaceCheck { repository, level, repair: Some(arguments.repair) })?;
    let (job, ending) = follow(context, &started.job_id)?;
    if context.json || !matches!(job.state, JobState::Succeeded | JobState::SucceededWithProblems) {
        return Ok(ending);
    }
    for done in job.result.iter().flat_map(|result| &result.facts).filter(|fact| fact.key == "repair") {
        output::line(done.label.as_str());
    }
    let looked = format!(
        "{} snapshots and {} packs in {}",
        number(fact(&job, "snapshots")),
        number(fact(&job, "packs")),
        took(&job)
    );
    let read = if arguments.quick {
        "Structure only: no content was read.".to_owned()
    } else {
        format!("{} read and proven.", size(fact(&job, "readBytes")))
    };
    output::line(match ending {
        Ending::Done => format!("Sound: {looked}. {read}"),
        _ => format!("Damaged: {looked}. {read}"),
    });
    Ok(ending)
}
