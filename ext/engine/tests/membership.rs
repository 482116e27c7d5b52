//! Jobs that outlive `max.poll.interval.ms`, and clients that have to be replaced.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to the linter.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use karafka_engine::events::{EngineEvent, Next, RebalanceStep, TopicPartition};
use karafka_engine::lease::{Job, Lease};
use karafka_engine::lifecycle::State;
use karafka_engine::partition::MarkOutcome;
use karafka_engine::{Engine, Fault};
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
use support::{Cluster, Member, PATIENCE, Verdict, wait_until};

/// librdkafka's code of a member that did not poll in time.
const MAX_POLL_EXCEEDED: i32 = -147;

fn events(engine: &Engine) -> Vec<EngineEvent> {
    let mut events = Vec::new();
    while let Next::Event(event) = engine.next_event(Duration::ZERO) {
        events.push(event);
    }
    events
}

fn rebalances(engine: &Engine) -> Vec<(RebalanceStep, Vec<TopicPartition>)> {
    let rebalance = |event| match event {
        EngineEvent::Rebalance { step, partitions, .. } => Some((step, partitions)),
        _ => None,
    };
    events(engine).into_iter().filter_map(rebalance).collect()
}

/// A configuration of a member whose jobs may take a second, on a cluster that misses members after a second.
fn impatient(cluster: &Cluster, strategy: &str) -> serde_json::Value {
    let mut config = cluster.config(&["orders"]);
    let kafka = &mut config["groups"][0]["kafka"];
    for (name, value) in [
        ("session.timeout.ms", "1000"),
        ("heartbeat.interval.ms", "100"),
        ("max.poll.interval.ms", "1000"),
        ("partition.assignment.strategy", strategy),
    ] {
        kafka[name] = value.into();
    }
    config
}

/// A handler whose first consume job of partition 0 waits to be let go, and then marks.
struct Gate {
    open: Arc<AtomicBool>,
    late_mark: Arc<AtomicBool>,
}

impl Gate {
    fn new() -> Self {
        Self { open: Arc::default(), late_mark: Arc::default() }
    }

    fn handler(&self) -> impl Fn(&Lease) -> Verdict + Send + Sync + 'static {
        let (open, late_mark) = (Arc::clone(&self.open), Arc::clone(&self.late_mark));
        move |lease| {
            if lease.job() == Job::Consume && lease.partition().place().partition == 0 && !open.load(Ordering::SeqCst) {
                let deadline = Instant::now() + PATIENCE;
                while !open.load(Ordering::SeqCst) && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let kept = lease.partition().mark(lease.batch().last_offset().unwrap()) == MarkOutcome::Kept;
                late_mark.store(kept, Ordering::SeqCst);
            }
            Verdict::Succeed
        }
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_job_that_outlives_its_interval_costs_the_member_its_partitions_until_it_ends() {
    for strategy in ["range", "cooperative-sticky"] {
        let cluster = Cluster::start(&[("orders", 2)]);
        for partition in 0..2 {
            cluster.produce("orders", partition, 0..5);
        }
        let config = impatient(&cluster, strategy);
        let gate = Gate::new();
        let member = Member::start_with(&config, 2, gate.handler());
        wait_until("the messages", || member.payloads().len() == 10);
        wait_until("the loss", || member.assigned() == 0);
        let exceeded = events(&member.engine)
            .into_iter()
            .any(|e| matches!(e, EngineEvent::Error { code: MAX_POLL_EXCEEDED, message, .. } if message.contains("orders/0")));
        assert!(exceeded, "{strategy}");
        wait_until("the hook of the idle partition", || member.hooks() == [("revoked", 1)]);

        let other = Member::start(&config, 2);
        wait_until("the other's assignment", || other.assigned() == 2);
        wait_until("the messages that were not marked", || other.by_partition().get(&0).is_some_and(|o| o.len() == 5));
        assert_eq!(member.engine.state(), State::Running);

        gate.open();
        wait_until("the hook of the busy partition", || member.hooks() == [("revoked", 1), ("revoked", 0)]);
        assert!(!gate.late_mark.load(Ordering::SeqCst), "{strategy}: a mark after the loss counts for nothing");
        wait_until("its return", || member.assigned() == 1 && other.assigned() == 1);
        member.stop();
        other.stop();
    }
}

#[test]
fn an_overdue_job_of_a_lost_assignment_is_told_of_once_an_interval() {
    const HEARTBEAT: i16 = 12;
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..5);
    let gate = Gate::new();
    let member = Member::start_with(&impatient(&cluster, "range"), 1, gate.handler());
    wait_until("the job", || member.payloads().len() == 5);
    cluster.refuse_next(HEARTBEAT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    let asked = Instant::now();
    let mut told = Vec::new();
    wait_until("three intervals", || {
        told.extend(events(&member.engine));
        asked.elapsed() > Duration::from_secs(3)
    });
    let exceeded = |e: &&EngineEvent| matches!(e, EngineEvent::Error { code: MAX_POLL_EXCEEDED, .. });
    assert!((1..=3).contains(&told.iter().filter(exceeded).count()), "{told:?}");
    assert!(!gate.late_mark.load(Ordering::SeqCst));
    gate.open();
    wait_until("its return", || member.payloads().len() == 10);
    member.stop();
}

/// librdkafka takes the partitions of a topic that is gone back in the midst of another rebalance.
#[test]
fn a_revocation_that_comes_while_another_is_under_way_forgets_none_of_its_partitions() {
    let cluster = Cluster::start(&[("orders", 4), ("outdated", 1)]);
    for partition in 0..4 {
        cluster.produce("orders", partition, [0]);
    }
    let mut config = cluster.config_of_members(&["orders", "outdated"]);
    let kafka = &mut config["groups"][0]["kafka"];
    kafka["partition.assignment.strategy"] = "cooperative-sticky".into();
    kafka["topic.metadata.refresh.interval.ms"] = "100".into();
    kafka["topic.metadata.propagation.max.ms"] = "0".into();
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let member = Member::start_with(&config, 5, move |lease| {
        let deadline = Instant::now() + PATIENCE;
        while lease.job() == Job::Consume && !gate.load(Ordering::SeqCst) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        Verdict::Succeed
    });
    wait_until("the jobs", || member.payloads().len() == 4);
    let other = Member::start(&config, 5);
    let engine = Arc::clone(&member.engine);
    let mut told = Vec::new();
    let mut revocation = |what: &str, is_so: &dyn Fn(&[TopicPartition]) -> bool| {
        wait_until(what, || {
            told.extend(rebalances(&engine));
            told.iter().any(|(step, partitions)| *step == RebalanceStep::Revoke && is_so(partitions))
        });
    };
    revocation("the first revocation", &|partitions| partitions.iter().any(|p| p.topic == "orders"));
    cluster.hide_topic("outdated");
    revocation("the second revocation", &|partitions| partitions.iter().all(|p| p.topic == "outdated"));
    open.store(true, Ordering::SeqCst);
    for partition in 0..4 {
        cluster.produce("orders", partition, [1 + usize::try_from(partition).unwrap()]);
    }
    wait_until("what comes after", || {
        let mut payloads = member.payloads();
        payloads.extend(other.payloads());
        (1..=4).all(|payload| payloads.contains(&payload))
    });
    member.stop();
    other.stop();
    told.extend(rebalances(&engine));
    let partitions_of = |wanted| {
        let steps = told.iter().filter(|(step, _)| *step == wanted);
        let mut partitions: Vec<_> = steps.flat_map(|(_, list)| list).map(|p| (p.topic.clone(), p.partition)).collect();
        partitions.sort();
        partitions
    };
    assert_eq!(partitions_of(RebalanceStep::Revoked), partitions_of(RebalanceStep::Revoke));
}

#[test]
fn a_job_may_take_as_long_as_the_engine_stops() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..1);
    let gate = Gate::new();
    let member = Member::start_with(&impatient(&cluster, "range"), 1, gate.handler());
    wait_until("the job", || member.payloads().len() == 1);
    member.engine.quiet();
    let asked = Instant::now();
    wait_until("more than the interval", || asked.elapsed() > Duration::from_millis(2_500));
    assert_eq!(member.assigned(), 1);
    gate.open();
    wait_until("quiet", || member.engine.state() == State::Quiet);
    assert!(gate.late_mark.load(Ordering::SeqCst));
    member.stop();
}

#[test]
fn a_client_that_can_not_go_on_is_replaced() {
    for (fault, reason) in
        [(Fault::PollPanic, "panicked: asked to"), (Fault::FatalError, "fatal error of the Kafka client")]
    {
        let cluster = Cluster::start(&[("orders", 1)]);
        cluster.produce("orders", 0, 0..5);
        let member = Member::start(&impatient(&cluster, "range"), 1);
        wait_until("the messages", || member.payloads().len() == 5);
        let client = member.engine.group_client(0).unwrap();
        let name = client.name();
        member.engine.provoke(fault);
        wait_until("the trouble", || {
            member.engine.health().groups[0].critical_error.as_ref().is_some_and(|e| e.contains(reason))
        });
        cluster.produce("orders", 0, 5..10);
        wait_until("what came meanwhile", || member.payloads().contains(&9));
        assert_eq!(member.engine.state(), State::Running);
        assert_eq!(member.engine.health().groups[0].critical_error, None, "it is over");
        assert_ne!(client.name(), name);
        let told = events(&member.engine);
        assert!(
            told.iter().any(|e| matches!(e, EngineEvent::GroupFailed { retry_in_ms: Some(1_000), .. })),
            "{told:?}"
        );
        assert!(told.iter().any(|e| matches!(e, EngineEvent::ClientReset { .. })), "{told:?}");
        assert_eq!(member.hooks().first(), Some(&("revoked", 0)));
        member.stop();
    }
}

#[test]
fn a_new_client_waits_for_the_jobs_of_the_one_before() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..5);
    let gate = Gate::new();
    let mut config = impatient(&cluster, "range");
    config["groups"][0]["kafka"]["max.poll.interval.ms"] = "60000".into();
    let member = Member::start_with(&config, 2, gate.handler());
    wait_until("the job", || member.payloads().len() == 5);
    member.engine.provoke(Fault::PollPanic);
    wait_until("the loss", || member.assigned() == 0);
    let failed = Instant::now();
    wait_until("more than the backoff", || failed.elapsed() > Duration::from_millis(2_500));
    assert_eq!((member.assigned(), member.payloads().len()), (0, 5));
    assert_eq!(member.engine.health().groups[0].running.len(), 1);
    gate.open();
    wait_until("the messages again", || member.payloads().len() == 10);
    assert!(!gate.late_mark.load(Ordering::SeqCst));
    member.stop();
}

#[test]
fn a_stop_does_not_wait_for_a_backoff() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let member = Member::start(&cluster.config(&["orders"]), 1);
    wait_until("the assignment", || member.assigned() == 1);
    member.engine.provoke(Fault::FatalError);
    wait_until("the trouble", || member.engine.health().groups[0].critical_error.is_some());
    let asked = Instant::now();
    member.stop();
    assert!(asked.elapsed() < Duration::from_millis(900), "{:?}", asked.elapsed());
}

#[test]
fn a_stop_that_finds_a_lost_client_makes_no_other() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let member = Member::start(&cluster.config(&["orders"]), 1);
    wait_until("the assignment", || member.assigned() == 1);
    // What comes while the poll thread stands still is done after it: one event, and then all commands. The first event
    // is a line for the log, the second the error, with which the close comes.
    let stall = |length| member.engine.provoke(Fault::PollStall(Duration::from_millis(length)));
    stall(200);
    member.engine.provoke(Fault::FatalError);
    stall(1_000);
    std::thread::sleep(Duration::from_millis(600));
    stall(1_000);
    std::thread::sleep(Duration::from_millis(1_000));
    member.engine.stop(PATIENCE);
    assert_eq!(member.engine.wait_until_stopped(PATIENCE), State::Stopped);
    let told = events(&member.engine);
    assert!(!told.iter().any(|e| matches!(e, EngineEvent::GroupFailed { .. })), "{told:?}");
    let fatal = |e: &EngineEvent| matches!(e, EngineEvent::Error { message, .. } if message.contains("fatal error"));
    assert!(told.iter().any(fatal), "{told:?}");
    member.stop();
}

#[test]
fn a_stop_while_the_group_is_left_ends_at_its_deadline_and_names_the_job() {
    let cluster = Cluster::start(&[("orders", 2)]);
    cluster.produce("orders", 0, 0..5);
    let gate = Gate::new();
    let member = Member::start_with(&impatient(&cluster, "range"), 1, gate.handler());
    wait_until("the loss", || member.payloads().len() == 5 && member.assigned() == 0);
    let (asked, timeout) = (Instant::now(), Duration::from_secs(1));
    member.engine.stop(timeout);
    assert_eq!(member.engine.wait_until_stopped(PATIENCE), State::Stopped);
    assert!(asked.elapsed() < timeout + Duration::from_millis(500), "{:?}", asked.elapsed());
    let report = member.engine.report();
    assert_eq!((report.abandoned.len(), report.abandoned[0].partition), (1, 0), "{report:?}");
    gate.open();
    member.stop();
}
