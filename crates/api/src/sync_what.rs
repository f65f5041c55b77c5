//! What a run of a pair was, for the lists of runs: from what was asked of its job, or, where there is no job of it (any
//! more), from what the pair wrote down of it.

use keepwell_catalog::{JobRecord, JobState};
use keepwell_jobs::receipt::work_words;
use keepwell_jobs::{After, JobRequest, Origin, SyncJob};
use keepwell_sync::plan::Totals;
use keepwell_sync::run_types::{RunRecord, RunState};

use crate::dto::job::{SyncOrigin, SyncWhat, SyncWork};
use crate::numbers::{Count, Moment};
use crate::sync_words as words;

/// Of a job, by what was asked of it; nothing where it is no run of a pair.
pub(crate) fn of_job(request: &str) -> Option<SyncWhat> {
    match serde_json::from_str(request) {
        Ok(JobRequest::Sync(sync)) => Some(of_request(&sync)),
        _ => None,
    }
}

fn of_request(sync: &SyncJob) -> SyncWhat {
    let answer = &sync.answer;
    SyncWhat {
        words: work_words(sync).to_owned(),
        work: match sync.after {
            _ if sync.undo.is_some() => SyncWork::Undo,
            _ if !sync.bring_back.is_empty() => SyncWork::BringBack,
            _ if sync.remove.is_some() => SyncWork::Remove,
            Some(After::Decision) => SyncWork::Decision,
            Some(After::Merging) => SyncWork::MergedText,
            None => SyncWork::Run,
        },
        origin: match sync.origin {
            Origin::Person => SyncOrigin::Person,
            Origin::Schedule => SyncOrigin::Schedule,
            Origin::Live => SyncOrigin::Live,
        },
        only_looks: sync.only_looks(),
        looked_first: sync.preview && !sync.only_looks(),
        // Filling a place again releases brakes of that place, too.
        went_on: !answer.release.is_empty() && answer.bring_back_from.is_none(),
        brought_back_from: answer.bring_back_from.map(words::side),
        undoes: Count::from(sync.undoes().count()),
        undoes_begun_ms: sync.undo_began_ms.iter().copied().map(Moment).collect(),
    }
}

/// Of a run that a pair wrote down, and how it ended.
pub(crate) fn of_run(job: Option<&JobRecord>, run: &RunRecord) -> (SyncWhat, JobState) {
    if let Some((what, job)) = job.and_then(|job| Some((of_job(&job.request)?, job))) {
        return (what, job.state);
    }
    let state = match run.state {
        RunState::Done | RunState::Undone => JobState::Succeeded,
        RunState::Stopped => JobState::Cancelled,
        RunState::Failed => JobState::Failed,
        RunState::Running => JobState::Interrupted,
    };
    let is_merge = is_merge(run);
    let what = SyncWhat {
        words: if is_merge { "merging two texts" } else { "run" }.to_owned(),
        work: if is_merge { SyncWork::Merge } else { SyncWork::Run },
        origin: SyncOrigin::Person,
        only_looks: false,
        looked_first: false,
        went_on: false,
        brought_back_from: None,
        undoes: Count(0),
        undoes_begun_ms: Vec::new(),
    };
    (what, state)
}

/// Whether a run that no job did is the merging of two texts: that is written down at one moment, and is one file.
fn is_merge(run: &RunRecord) -> bool {
    let left = Totals { bytes: 0, ..run.report.left };
    run.finished == Some(run.started)
        && left == Totals { replaced: 1, ..Totals::default() }
        && run.report.right == Totals::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dto::sync::SyncSide;

    fn asked(preview: bool, more: &str) -> SyncWhat {
        let id = "ab".repeat(16);
        let request = format!(
            r#"{{"kind":"sync","pair_id":"{id}","name":"Photos","left":"/a","right":"/b","preview":{preview},"origin":"person"{more}}}"#
        );
        of_job(&request).unwrap()
    }

    fn what(more: &str) -> SyncWhat {
        asked(false, more)
    }

    #[test]
    fn a_request_says_what_its_run_is() {
        let id = "cd".repeat(16);
        assert_eq!((what("").work, &*what("").words), (SyncWork::Run, "run"));
        let decision = what(r#","after":"decision""#);
        assert_eq!((decision.work, &*decision.words), (SyncWork::Decision, "run after a decision"));
        assert_eq!(what(r#","after":"merging""#).work, SyncWork::MergedText);
        let older = what(&format!(r#","undo":"{id}""#));
        assert_eq!((older.work, older.undoes, older.undoes_begun_ms), (SyncWork::Undo, Count(1), vec![]));
        assert_eq!(of_job("{}"), None);
    }

    #[test]
    fn a_look_is_a_run_once_somebody_said_so() {
        let look = asked(true, "");
        assert_eq!((look.only_looks, look.looked_first), (true, false));
        let run = asked(true, r#","answer":{"confirmed":"digest"}"#);
        assert_eq!((run.only_looks, run.looked_first), (false, true));
        let run = what("");
        assert_eq!((run.only_looks, run.looked_first), (false, false));
    }

    #[test]
    fn filling_a_place_again_is_not_going_on() {
        let went_on = what(r#","answer":{"release":["many-removed"]}"#);
        assert_eq!((went_on.went_on, went_on.brought_back_from), (true, None));
        let filled = what(r#","answer":{"release":["another-place"],"bring_back_from":"left"}"#);
        assert_eq!((filled.went_on, filled.brought_back_from), (false, Some(SyncSide::Left)));
    }
}
