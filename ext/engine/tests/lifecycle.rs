//! Start, quiet, stop, crashes and rebalances.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to the linter.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use karafka_engine::events::{EngineEvent, ErrorSeverity, Next};
use karafka_engine::lease::{Job, Lease};
use karafka_engine::lifecycle::State;
use karafka_engine::partition::MarkOutcome;
use karafka_engine::{Engine, EngineConfig, Fault};
use support::{Cluster, Member, PATIENCE, Verdict, answer, wait_until};

fn errors(engine: &Engine) -> Vec<String> {
    let mut errors = Vec::new();
    while let Next::Event(event) = engine.next_event(Duration::ZERO) {
        if let EngineEvent::Error { message, severity: ErrorSeverity::Critical, .. } = event {
            errors.push(message);
        }
    }
    errors
}

#[test]
fn quiet_keeps_the_partitions_and_takes_no_new_work() {
    let cluster = Cluster::start(&[("orders", 2)]);
    cluster.produce("orders", 0, 0..10);
    let member = Member::start(&cluster.config(&["orders"]), 2);
    wait_until("10 messages", || member.payloads().len() == 10);
    member.engine.quiet();
    member.engine.quiet();
    wait_until("quiet", || member.engine.state() == State::Quiet);
    assert_eq!(member.hooks(), [("shutdown", 0)]);
    cluster.produce("orders", 0, 10..20);
    assert_eq!(member.assigned(), 2);
    let seen = member.stop();
    assert_eq!(seen.len(), 11, "ten messages and one hook");
}

#[test]
fn a_stop_waits_for_running_jobs() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..1);
    let member = Member::start_with(&cluster.config(&["orders"]), 1, |lease| {
        if lease.job() == Job::Consume {
            std::thread::sleep(Duration::from_millis(300));
        }
        Verdict::Succeed
    });
    wait_until("the job", || member.payloads().len() == 1);
    let engine = Arc::clone(&member.engine);
    member.stop();
    let report = engine.report();
    assert_eq!((report.drained.len(), report.abandoned.len()), (1, 0), "{report:?}");
}

#[test]
fn a_stop_ends_at_its_deadline_and_names_what_it_left() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..3);
    let release = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&release);
    let member = Member::start_with(&cluster.config(&["orders"]), 1, move |lease| {
        while lease.job() == Job::Consume && !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Verdict::Succeed
    });
    wait_until("the job", || member.payloads().len() == 3);
    let (asked, timeout) = (Instant::now(), Duration::from_secs(1));
    member.engine.stop(timeout);
    assert_eq!(member.engine.wait_until_stopped(PATIENCE), State::Stopped);
    assert!(asked.elapsed() < timeout + Duration::from_millis(500));
    let report = member.engine.report();
    let job = &report.abandoned[0];
    assert_eq!((job.topic.as_str(), job.partition, job.first_offset, job.last_offset), ("orders", 0, Some(0), Some(2)));
    release.store(true, Ordering::SeqCst);
    member.stop();
    let again = Member::start(&cluster.config(&["orders"]), 1);
    wait_until("the abandoned messages", || again.payloads() == [0, 1, 2]);
    again.stop();
}

#[test]
fn the_engine_starts_without_a_broker_and_stops_within_its_deadline() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let mut config = cluster.config(&["orders"]);
    config["groups"][0]["kafka"]["bootstrap.servers"] = "127.0.0.1:1".into();
    let member = Member::start(&config, 1);
    wait_until("the bad news", || member.engine.health().groups[0].connected == Some(false));
    let asked = Instant::now();
    member.stop();
    assert!(asked.elapsed() < Duration::from_secs(10));
}

/// A handler that commits its batches and counts their messages. The mock cluster, unlike a broker, refuses commits as soon
/// as a rebalance begins.
fn committing(committed: &Arc<AtomicUsize>) -> impl Fn(&Lease) -> Verdict + Send + Sync + 'static {
    let committed = Arc::clone(committed);
    move |lease| {
        if let Some(last) = lease.batch().last_offset() {
            lease.partition().mark(last);
            let pending = lease.partition().start_commit().unwrap().unwrap();
            let outcome = answer(|| pending.wait_a_while());
            assert!(matches!(outcome, Ok(MarkOutcome::Kept)), "{outcome:?}");
            committed.fetch_add(lease.batch().len(), Ordering::SeqCst);
        }
        Verdict::Succeed
    }
}

#[test]
fn a_second_member_takes_partitions_over_and_revoked_runs() {
    for strategy in ["range", "cooperative-sticky"] {
        let cluster = Cluster::start(&[("orders", 4)]);
        for partition in 0..4 {
            cluster.produce("orders", partition, 0..10);
        }
        let mut config = cluster.config_of_members(&["orders"]);
        config["groups"][0]["kafka"]["partition.assignment.strategy"] = strategy.into();
        let committed = Arc::default();
        let first = Member::start_with(&config, 2, committing(&committed));
        wait_until("the commits of all messages", || committed.load(Ordering::SeqCst) == 40);
        let second = Member::start(&config, 2);
        wait_until("an even assignment", || first.assigned() == 2 && second.assigned() == 2);
        let revoked = first.hooks().iter().filter(|(job, _)| *job == "revoked").count();
        assert!(revoked >= 2, "{strategy}: {:?}", first.hooks());
        second.stop();
        wait_until("the return of the partitions", || first.assigned() == 4);
        assert_eq!(
            first.by_partition().values().map(Vec::len).collect::<Vec<_>>(),
            [10, 10, 10, 10],
            "{strategy}: nothing was repeated {:?}",
            first.hooks()
        );
        first.stop();
    }
}

#[test]
fn a_panic_in_the_control_thread_is_a_crash_that_can_be_stopped() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let member = Member::start(&cluster.config(&["orders"]), 1);
    wait_until("the assignment", || member.assigned() == 1);
    member.engine.provoke(Fault::ControlPanic);
    wait_until("the crash", || member.engine.state() == State::Crashed);
    assert!(errors(&member.engine).iter().any(|e| e.contains("control thread panicked: asked to")));
    member.stop();
}

#[test]
fn an_engine_whose_control_thread_gave_up_can_be_stopped() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let member = Member::start(&cluster.config(&["orders"]), 1);
    wait_until("the assignment", || member.assigned() == 1);
    for _ in 0..3 {
        member.engine.provoke(Fault::ControlPanic);
        wait_until("a panic", || errors(&member.engine).len() == 1);
    }
    assert_eq!(member.engine.state(), State::Crashed);
    let engine = Arc::clone(&member.engine);
    member.stop();
    let report = engine.report();
    assert!(report.groups_not_left.is_empty() && report.abandoned.is_empty(), "{report:?}");
}

#[test]
fn a_stop_ends_though_its_thread_panics_on_the_way() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..3);
    let release = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&release);
    let member = Member::start_with(&cluster.config(&["orders"]), 1, move |lease| {
        while lease.job() == Job::Consume && !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Verdict::Succeed
    });
    wait_until("the job", || member.payloads().len() == 3);
    member.engine.stop(PATIENCE);
    member.engine.provoke(Fault::ControlPanic);
    wait_until("the crash", || member.engine.state() == State::Crashed);
    release.store(true, Ordering::SeqCst);
    assert_eq!(member.engine.wait_until_stopped(PATIENCE), State::Stopped);
    member.stop();
}

#[test]
fn a_wrong_setting_is_named_before_anything_starts() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let mut config = cluster.config(&["orders"]);
    config["groups"][0]["kafka"]["session.timeout.ms"] = "soon".into();
    let error = Engine::new(EngineConfig::from_json(&config.to_string()).unwrap()).err().unwrap();
    assert!(error.to_string().contains("session.timeout.ms"), "{error}");
}

#[test]
fn an_engine_is_started_once() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let member = Member::start(&cluster.config(&["orders"]), 1);
    assert!(member.engine.start().is_err());
    member.stop();
}
