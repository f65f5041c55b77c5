//! The engine, with work that a test steers: queues, leases, states, wishes, death, receipts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keepwell_catalog::{Catalog, Credentials, JobFilter, JobRecord, JobState, KeyringChoice, Presence};
use keepwell_jobs::{
    Attachment, CheckJob, DeviceKey, Ending, Engine, EngineError, EngineOptions, Fact, Fault, FaultKind,
    Halt, JobRequest, NewJob, Outcome, Proposal, Receipt, Running, SystemClock, Target, Work,
};
use keepwell_model::{JobId, Phase, Problem};

type Script = dyn Fn(&Running<'_>) -> Ending + Send + Sync;

/// Does what the test says.
struct Scripted(Box<Script>);

impl Work for Scripted {
    fn run(&self, running: &Running<'_>) -> Ending {
        (self.0)(running)
    }

    fn finished(&self, _: &JobRecord, request: &JobRequest) {
        if request.target().is_some_and(|target| target.path == "slow to end") {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    }
}

fn engine(
    home: &Path,
    label: &str,
    script: impl Fn(&Running<'_>) -> Ending + Send + Sync + 'static,
) -> (Engine, Arc<Catalog>) {
    let catalog = Arc::new(Catalog::open(home, 1).unwrap().catalog);
    let credentials = Credentials::open(home, KeyringChoice::File);
    let device = Arc::new(DeviceKey::load_or_make(&catalog, &credentials).unwrap());
    let options = EngineOptions {
        catalog: Arc::clone(&catalog),
        presence: Arc::new(Presence::announce(home, label).unwrap()),
        clock: Arc::new(SystemClock::default()),
        work: Arc::new(Scripted(Box::new(script))),
        device,
        host: "host".to_owned(),
        program: "test".to_owned(),
    };
    (Engine::start(options).unwrap(), catalog)
}

fn job(destination: &str) -> NewJob {
    NewJob {
        request: JobRequest::Check(CheckJob {
            target: Target { path: destination.to_owned(), place_id: None },
            full: true,
            repair: false,
        }),
        title: format!("Check {destination}"),
        place_label: destination.to_owned(),
        destination: destination.to_owned(),
        attachment: Attachment::default(),
    }
}

fn until_cancelled(running: &Running<'_>) -> Ending {
    running.desk.planned();
    loop {
        if running.control.checkpoint().is_err() {
            return Ending::Cancelled(Outcome::default());
        }
        std::thread::yield_now();
    }
}

fn done() -> Ending {
    Ending::Done(Outcome::default())
}

/// Waits for a state by the engine's own notices.
fn until(engine: &Engine, id: JobId, wanted: JobState) {
    let mut since = None;
    for _ in 0..200 {
        if engine.job(id).unwrap().record.state == wanted {
            return;
        }
        since = Some(engine.changes(since, 200).unwrap().revision);
    }
    panic!("the job is {:?} and never became {wanted:?}", engine.job(id).unwrap().record.state);
}

#[test]
fn a_job_ends_with_its_facts_and_a_signed_receipt() {
    let home = tempfile::tempdir().unwrap();
    let (engine, catalog) = engine(home.path(), "test", |running| {
        running.control.problem(Problem::new(
            "a/b",
            "could not be read",
            "no permission",
            "give yourself access",
        ));
        Ending::Done(Outcome {
            items: 3,
            facts: vec![Fact::count("packs", "Packs", 3)],
            merkle_root: "ab".to_owned(),
            ..Outcome::default()
        })
    });
    let id = engine.enqueue(job("usb")).unwrap();
    let view = engine.wait(id).unwrap();
    assert_eq!(view.record.state, JobState::SucceededWithProblems);
    assert_eq!(view.record.problems_total, 1);
    assert_eq!(engine.problems(id, 0, 10).unwrap().0.problems[0].path, "a/b");
    let receipt: Receipt = serde_json::from_str(&catalog.receipt(id).unwrap().unwrap()).unwrap();
    assert!(receipt.is_valid());
    let statement = receipt.statement().unwrap();
    assert_eq!(statement.state, "succeeded with problems");
    assert_eq!(statement.facts[0].value, 3);
    assert_eq!(statement.merkle_root, "ab");
}

#[test]
fn one_destination_works_on_one_job_at_a_time_and_others_go_on() {
    let home = tempfile::tempdir().unwrap();
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let (engine, _) = engine(home.path(), "test", |running| {
        if running.request.target().unwrap().path == "busy" {
            return until_cancelled(running);
        }
        MOST.fetch_max(AT_WORK.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
        Ending::Done(Outcome::default())
    });
    let busy = engine.enqueue(job("busy")).unwrap();
    let ids: Vec<JobId> = (0..20).map(|_| engine.enqueue(job("usb")).unwrap()).collect();
    for id in ids {
        assert_eq!(engine.wait(id).unwrap().record.state, JobState::Succeeded);
    }
    assert_eq!(MOST.load(Ordering::SeqCst), 1);
    until(&engine, busy, JobState::Running);
    engine.cancel(busy).unwrap();
    assert_eq!(engine.wait(busy).unwrap().record.state, JobState::Cancelled);
}

#[test]
fn a_panic_fails_that_job_only() {
    let home = tempfile::tempdir().unwrap();
    let (engine, _) = engine(home.path(), "test", |running| {
        assert!(running.request.target().unwrap().path != "bad", "a fault in the work");
        Ending::Done(Outcome::default())
    });
    let bad = engine.enqueue(job("bad")).unwrap();
    let good = engine.enqueue(job("good")).unwrap();
    let view = engine.wait(bad).unwrap();
    assert_eq!(view.record.state, JobState::Failed);
    assert!(view.record.fault.unwrap().contains("fault in Keepwell"));
    assert_eq!(engine.wait(good).unwrap().record.state, JobState::Succeeded);
    let again = engine.retry(bad, Attachment::default()).unwrap();
    assert_eq!(engine.wait(again).unwrap().record.state, JobState::Failed);
}

#[test]
fn pause_holds_resume_goes_on_and_cancel_ends_a_paused_job() {
    let home = tempfile::tempdir().unwrap();
    let (engine, _) = engine(home.path(), "test", until_cancelled);
    let id = engine.enqueue(job("usb")).unwrap();
    until(&engine, id, JobState::Running);
    assert!(matches!(engine.resume(id), Err(EngineError::WrongState { .. })));
    engine.pause(id).unwrap();
    assert_eq!(engine.job(id).unwrap().record.state, JobState::Paused);
    engine.resume(id).unwrap();
    assert_eq!(engine.job(id).unwrap().record.state, JobState::Running);
    engine.pause(id).unwrap();
    engine.cancel(id).unwrap();
    assert_eq!(engine.wait(id).unwrap().record.state, JobState::Cancelled);
    assert!(matches!(engine.cancel(id), Err(EngineError::WrongState { .. })));
}

#[test]
fn a_waiting_job_is_cancelled_without_ever_running() {
    let home = tempfile::tempdir().unwrap();
    static RAN: AtomicUsize = AtomicUsize::new(0);
    let (engine, _) = engine(home.path(), "test", |running| {
        RAN.fetch_add(1, Ordering::SeqCst);
        until_cancelled(running)
    });
    let first = engine.enqueue(job("usb")).unwrap();
    until(&engine, first, JobState::Running);
    let second = engine.enqueue(job("usb")).unwrap();
    assert!(engine.job(second).unwrap().record.waiting_for.is_some());
    engine.cancel(second).unwrap();
    assert_eq!(engine.job(second).unwrap().record.state, JobState::Cancelled);
    engine.cancel(first).unwrap();
    engine.wait(first).unwrap();
    assert_eq!(RAN.load(Ordering::SeqCst), 1);
}

#[test]
fn a_safety_brake_waits_for_a_person() {
    let home = tempfile::tempdir().unwrap();
    let (engine, _) = engine(home.path(), "test", |running| match running.request {
        JobRequest::Check(_) => Ending::Halted(Halt {
            reason: "empty".to_owned(),
            if_continued: "all gone".to_owned(),
            choices: Vec::new(),
            brakes: Vec::new(),
            digest: None,
        }),
        _ => Ending::Failed(Fault::new(FaultKind::Failed, "x", "y")),
    });
    let id = engine.enqueue(job("usb")).unwrap();
    let view = engine.wait(id).unwrap();
    assert_eq!(view.record.state, JobState::Halted);
    assert!(view.record.halt.unwrap().contains("all gone"));
    engine.confirm(id, Attachment::default()).unwrap();
    // A check has no brake to confirm, so it halts again; then the person gives up.
    until(&engine, id, JobState::Halted);
    engine.cancel(id).unwrap();
    assert_eq!(engine.job(id).unwrap().record.state, JobState::Cancelled);
}

#[test]
fn an_answer_in_the_moment_in_which_a_job_halts_is_not_lost() {
    let home = tempfile::tempdir().unwrap();
    let has_run = AtomicBool::new(false);
    let (engine, catalog) = engine(home.path(), "test", move |_| {
        if has_run.swap(true, Ordering::SeqCst) {
            return done();
        }
        Ending::Halted(Halt {
            reason: "empty".to_owned(),
            if_continued: "all gone".to_owned(),
            choices: Vec::new(),
            brakes: Vec::new(),
            digest: None,
        })
    });
    let id = engine.enqueue(job("slow to end")).unwrap();
    while catalog.job(id).unwrap().unwrap().state != JobState::Halted {
        std::thread::yield_now();
    }
    engine.confirm(id, Attachment::default()).unwrap();
    until(&engine, id, JobState::Succeeded);
}

#[test]
fn a_job_plans_before_it_works_and_may_be_held_while_it_plans() {
    let home = tempfile::tempdir().unwrap();
    let was_held = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&was_held);
    let (engine, _) = engine(home.path(), "test", move |running| {
        // Plans until it was held. Who lets it go may be quicker than a look at whether it is held.
        while !seen.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        if running.control.checkpoint().is_err() {
            return Ending::Cancelled(Outcome::default());
        }
        until_cancelled(running)
    });
    let id = engine.enqueue(job("usb")).unwrap();
    until(&engine, id, JobState::Planning);
    engine.pause(id).unwrap();
    assert_eq!(engine.job(id).unwrap().record.state, JobState::Paused);
    was_held.store(true, Ordering::SeqCst);
    engine.resume(id).unwrap();
    until(&engine, id, JobState::Running);
    engine.cancel(id).unwrap();
    assert_eq!(engine.wait(id).unwrap().record.state, JobState::Cancelled);
}

#[test]
fn a_proposed_plan_waits_for_a_person_and_is_then_carried_out() {
    let home = tempfile::tempdir().unwrap();
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let (engine, catalog) = engine(home.path(), "test", |_| {
        if ASKED.fetch_add(1, Ordering::SeqCst) == 0 {
            let facts = vec![Fact::count("copies", "Copies", 3)];
            return Ending::Proposed(Proposal {
                summary: "3 files are copied.".to_owned(),
                facts,
                digest: "d".to_owned(),
                is_outdated: false,
            });
        }
        Ending::Done(Outcome::default())
    });
    let id = engine.enqueue(job("usb")).unwrap();
    let view = engine.wait(id).unwrap();
    assert_eq!(view.record.state, JobState::WaitingForConfirmation);
    assert!(view.record.proposal.unwrap().contains("3 files are copied."));
    assert!(catalog.receipt(id).unwrap().is_none(), "nothing was done yet");
    assert!(matches!(engine.decide(id, "dance", Attachment::default()), Err(EngineError::NoChoice)));

    engine.confirm(id, Attachment::default()).unwrap();
    let view = engine.wait(id).unwrap();
    assert_eq!((view.record.state, view.record.proposal), (JobState::Succeeded, None));
}

#[test]
fn the_same_work_goes_on_from_the_checkpoint_of_a_job_that_was_broken_off() {
    let home = tempfile::tempdir().unwrap();
    let found = Arc::new(Mutex::new(Vec::new()));
    let (engine, _) = engine(home.path(), "test", {
        let found = Arc::clone(&found);
        move |running| {
            let mut found = found.lock().unwrap();
            found.push(running.desk.resume(7).map(|resumed| resumed.content));
            running.desk.checkpoint(7, vec![found.len() as u8]);
            if found.len() < 3 { Ending::Failed(Fault::new(FaultKind::Failed, "x", "y")) } else { done() }
        }
    });
    let first = engine.enqueue(job("usb")).unwrap();
    assert!(engine.wait(first).unwrap().checkpoint_ms.is_some(), "the person can be told");
    let retried = engine.retry(first, Attachment::default()).unwrap();
    engine.wait(retried).unwrap();
    for _ in 0..2 {
        // Asked for anew, it is still the same work; other work is none of its business.
        engine.wait(engine.enqueue(job("usb")).unwrap()).unwrap();
    }
    engine.wait(engine.enqueue(job("other")).unwrap()).unwrap();
    let expected = [None, Some(vec![1]), Some(vec![2]), None, None];
    assert_eq!(*found.lock().unwrap(), expected, "done work leaves nothing to go on from");
}

#[test]
fn a_checkpoint_of_another_version_is_passed_over() {
    let home = tempfile::tempdir().unwrap();
    static RUN: AtomicUsize = AtomicUsize::new(0);
    let (engine, _) = engine(home.path(), "test", |running| {
        if RUN.fetch_add(1, Ordering::SeqCst) == 0 {
            running.desk.checkpoint(99, b"from a newer Keepwell".to_vec());
            return Ending::Cancelled(Outcome::default());
        }
        assert!(running.desk.resume(1).is_none());
        done()
    });
    let first = engine.enqueue(job("usb")).unwrap();
    engine.wait(first).unwrap();
    let second = engine.retry(first, Attachment::default()).unwrap();
    assert_eq!(engine.wait(second).unwrap().record.state, JobState::Succeeded);
}

#[test]
fn two_processes_share_one_queue_and_wishes_cross_over() {
    let home = tempfile::tempdir().unwrap();
    let (app, _) = engine(home.path(), "the app", until_cancelled);
    let (cli, _) = engine(home.path(), "the command line", |_| Ending::Done(Outcome::default()));
    let first = app.enqueue(job("usb")).unwrap();
    until(&app, first, JobState::Running);
    let second = cli.enqueue(job("usb")).unwrap();
    let mut since = None;
    loop {
        let view = cli.job(second).unwrap();
        assert_eq!(view.record.state, JobState::Queued);
        if view.record.waiting_for.is_some_and(|what| what.contains("the app")) {
            break;
        }
        since = Some(cli.changes(since, 100).unwrap().revision);
    }
    // The command line sees the app's job, and may ask the app to stop it.
    assert!(!cli.job(first).unwrap().here);
    cli.cancel(first).unwrap();
    assert_eq!(app.wait(first).unwrap().record.state, JobState::Cancelled);
    assert_eq!(cli.wait(second).unwrap().record.state, JobState::Succeeded);
}

#[test]
fn what_a_dead_process_left_is_interrupted_and_can_be_retried() {
    let home = tempfile::tempdir().unwrap();
    let id = {
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let (first, _) = engine(home.path(), "test", |_| Ending::Done(Outcome::default()));
        let id = first.enqueue(job("usb")).unwrap();
        let mut record = first.wait(id).unwrap().record;
        drop(first);
        // As a kill in the middle leaves it.
        record.state = JobState::Running;
        record.finished_ms = None;
        catalog.save_job(&record).unwrap();
        id
    };
    let (second, catalog) = engine(home.path(), "test", |_| Ending::Done(Outcome::default()));
    assert_eq!(second.job(id).unwrap().record.state, JobState::Interrupted);
    let again = second.retry(id, Attachment::default()).unwrap();
    assert_eq!(second.wait(again).unwrap().record.state, JobState::Succeeded);
    assert_eq!(catalog.jobs(&JobFilter::default(), 0, 10).unwrap().1, 2);
}

#[test]
fn closing_interrupts_what_runs_and_what_waits_but_not_what_a_person_stopped() {
    let home = tempfile::tempdir().unwrap();
    let (engine, catalog) = engine(home.path(), "test", |running| {
        let ending = until_cancelled(running);
        if running.request.target().unwrap().path == "stopped" {
            // It takes its time to end safely.
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        ending
    });
    let first = engine.enqueue(job("usb")).unwrap();
    let stopped = engine.enqueue(job("stopped")).unwrap();
    until(&engine, first, JobState::Running);
    until(&engine, stopped, JobState::Running);
    let second = engine.enqueue(job("usb")).unwrap();
    engine.cancel(stopped).unwrap();
    drop(engine);
    assert_eq!(catalog.job(first).unwrap().unwrap().state, JobState::Interrupted);
    assert_eq!(catalog.job(second).unwrap().unwrap().state, JobState::Interrupted);
    assert_eq!(catalog.job(stopped).unwrap().unwrap().state, JobState::Cancelled);
}

#[test]
fn a_client_that_follows_changes_sees_progress_and_the_end() {
    let home = tempfile::tempdir().unwrap();
    let (engine, _) = engine(home.path(), "test", |running| {
        running.control.set_phase(Phase::Copying);
        running.control.add_total(10, 1000);
        running.control.set_total_known();
        running.control.add_done(5, 500);
        running.control.set_current(b"a file");
        while !running.control.is_cancelled() {
            std::thread::yield_now();
        }
        Ending::Done(Outcome::default())
    });
    let full = engine.changes(None, 0).unwrap();
    assert!(full.full && full.jobs.is_empty());
    let id = engine.enqueue(job("usb")).unwrap();
    let mut since = full.revision;
    let mut last_of_job = 0;
    let mut saw_progress = false;
    loop {
        let changes = engine.changes(Some(since), 5_000).unwrap();
        assert!(!changes.full && changes.revision > since, "every answer is news");
        since = changes.revision;
        let view = changes.jobs.into_iter().find(|view| view.record.id == id).unwrap();
        assert!(view.revision > last_of_job);
        last_of_job = view.revision;
        let moving = view.progress.filter(|progress| progress.phase == "copying");
        if let Some(progress) = moving.filter(|_| !saw_progress && !view.record.state.is_finished()) {
            saw_progress = true;
            assert_eq!((progress.bytes_done, progress.bytes_total), (500, 1000));
            engine.cancel(id).unwrap();
        }
        if view.record.state == JobState::Succeeded {
            assert!(saw_progress);
            break;
        }
    }
}
