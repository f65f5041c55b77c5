//! `keepwell plan add NAME --repository PATH SOURCE…`

use keepwell_api::dto::place::PlaceListGet;
use keepwell_api::dto::plan::{PlanSave, Schedule};
use keepwell_api::dto::repository::RepositoryAdd;
use keepwell_api::{ApiError, Commands};

use super::backup_run;
use crate::arguments::PlanAdd;
use crate::context::{Context, ask, given_password};
use crate::ending::Ending;
use crate::{output, paths};

pub fn run(context: &Context, arguments: PlanAdd) -> Result<Ending, ApiError> {
    let rules = backup_run::rules(arguments.rules)?;
    let path = context.place(&arguments.repository)?;
    let known = context.api.place_list(PlaceListGet { health: false })?.places;
    let place_id = match known.into_iter().find(|place| place.path.path == path && place.password_kept) {
        Some(place) => place.id,
        None => {
            // A plan runs without a person, so the password has to be kept.
            let password = match given_password()? {
                Some(password) => password,
                None => ask(&format!(
                    "Password of {} (it will be kept on this machine): ",
                    arguments.repository.display()
                ))?,
            };
            context.api.repository_add(RepositoryAdd { path, password, label: None, access: None })?.id
        }
    };
    let schedule = match (arguments.every, arguments.daily, arguments.weekly) {
        (Some(hours), _, _) => Schedule::EveryHours { hours },
        (_, Some(at_minutes), _) => Schedule::Daily { at_minutes },
        (_, _, Some((weekday, at_minutes))) => Schedule::Weekly { weekday, at_minutes },
        (None, None, None) => Schedule::Manual,
    };
    let plan = context.api.plan_save(PlanSave {
        id: None,
        name: arguments.name,
        place_id,
        sources: arguments.sources.iter().map(|source| paths::local(source)).collect(),
        rules,
        schedule,
        enabled: true,
    })?;
    if context.json {
        output::json(&plan)?;
        return Ok(Ending::Done);
    }
    output::line(format!("The plan \"{}\" is made.", plan.name));
    match plan.next_run_ms {
        Some(at) => output::line(format!(
            "It runs next at {}, while Keepwell's window or keepwell-web is open.",
            output::time(at)
        )),
        None => output::line(format!("Run it with: keepwell plan run \"{}\"", plan.name)),
    }
    Ok(Ending::Done)
}
