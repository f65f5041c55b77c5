//! `keepwell plan list`

use keepwell_api::dto::Nothing;
use keepwell_api::dto::place::PlaceListGet;
use keepwell_api::dto::plan::{Plan, Schedule};
use keepwell_api::{ApiError, Commands};

use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, time};

pub fn run(context: &Context) -> Result<Ending, ApiError> {
    let plans = context.api.plan_list(Nothing {})?;
    if context.json {
        output::json(&plans)?;
        return Ok(Ending::Done);
    }
    if plans.plans.is_empty() {
        output::note("There is no plan yet. Make one with: keepwell plan add NAME --repository PATH SOURCE");
        return Ok(Ending::Done);
    }
    let places = context.api.place_list(PlaceListGet { health: false })?.places;
    let rows: Vec<Vec<String>> = plans
        .plans
        .iter()
        .map(|plan| {
            let place = places.iter().find(|place| place.id == plan.place_id);
            vec![
                plan.id.chars().take(8).collect(),
                plan.name.clone(),
                schedule(plan),
                plan.next_run_ms.map(time).unwrap_or_default(),
                plan.last_success_ms.map_or_else(|| "never".to_owned(), time),
                place.map(|place| place.label.clone()).unwrap_or_default(),
            ]
        })
        .collect();
    output::line(output::table(&["ID", "NAME", "RUNS", "NEXT", "LAST SUCCESS", "TO"], &rows));
    Ok(Ending::Done)
}

fn schedule(plan: &Plan) -> String {
    match plan.schedule {
        Schedule::Manual => "by hand".to_owned(),
        _ if !plan.enabled => "off".to_owned(),
        schedule => schedule_words(schedule),
    }
}

/// When something runs, in words.
pub fn schedule_words(schedule: Schedule) -> String {
    const DAYS: [&str; 7] =
        ["Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"];
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    match schedule {
        Schedule::Manual => "by hand".to_owned(),
        Schedule::EveryHours { hours: 1 } => "every hour".to_owned(),
        Schedule::EveryHours { hours } => format!("every {hours} hours"),
        Schedule::Daily { at_minutes } => format!("daily at {}", clock(at_minutes)),
        Schedule::Weekly { weekday, at_minutes } => {
            let day = DAYS.get(usize::from(weekday).saturating_sub(1)).copied().unwrap_or_default();
            format!("{day} at {}", clock(at_minutes))
        }
    }
}

/// The plan of a name, or of the start of an id.
pub fn find(context: &Context, text: &str) -> Result<Plan, ApiError> {
    let plans = context.api.plan_list(Nothing {})?.plans;
    let mut fitting: Vec<Plan> = plans.iter().filter(|plan| plan.name == text).cloned().collect();
    if fitting.is_empty() && text.len() >= 4 {
        fitting = plans.into_iter().filter(|plan| plan.id.starts_with(text)).collect();
    }
    let several = fitting.len() > 1;
    match fitting.pop() {
        Some(plan) if !several => Ok(plan),
        Some(_) => Err(ApiError::bad_request(format!("Several plans are called \"{text}\"."))
            .hint("Give the start of its id: keepwell plan list")),
        None => {
            Err(ApiError::not_found(format!("There is no plan \"{text}\".")).hint("See: keepwell plan list"))
        }
    }
}
