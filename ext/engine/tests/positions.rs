//! Pauses, seeks, rewinds, the end of a partition and dead letters, on a mock cluster.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use karafka_engine::lease::{Job, Lease};
use karafka_engine::partition::Request;
use support::{Cluster, Member, PATIENCE, Seen, Verdict, answer, wait_until};

/// A cluster with so many messages in its one partition, and the configuration of a member.
fn cluster_with(messages: usize) -> (Cluster, serde_json::Value) {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..messages);
    let config = cluster.config(&["orders"]);
    (cluster, config)
}

/// Does something in the first job that has the message, once; other jobs succeed.
fn once_at(
    payload: i64,
    work: impl Fn(&Lease) -> Verdict + Send + Sync + 'static,
) -> impl Fn(&Lease) -> Verdict + Send + Sync + 'static {
    let turns = AtomicUsize::new(0);
    move |lease| {
        let has_it = lease.batch().first_offset() <= Some(payload) && lease.batch().last_offset() >= Some(payload);
        if lease.job() == Job::Consume && has_it && turns.fetch_add(1, Ordering::SeqCst) == 0 {
            return work(lease);
        }
        Verdict::Succeed
    }
}

/// Whether payloads came in order but for one step back, to this message; and whether none is missing.
fn came_back_once(payloads: &[usize], to: usize, all: usize) -> bool {
    let steps: Vec<_> = payloads.windows(2).filter(|pair| pair[1] != pair[0] + 1).map(|pair| pair[1]).collect();
    steps == [to] && payloads.last() == Some(&(all - 1))
}

fn stored(lease: &Lease) -> Option<i64> {
    lease.partition().stored_offset()
}

#[test]
fn a_seek_within_the_batch_is_served_from_memory_and_marks_nothing() {
    let (_cluster, config) = cluster_with(50);
    let work = once_at(20, |lease| {
        assert_eq!(lease.partition().seek(lease.batch().first_offset().unwrap()), Request::Done);
        lease.partition().set_next_offset(None);
        Verdict::Succeed
    });
    let member = Member::start_with(&config, 1, work);
    wait_until("all messages", || member.payloads().last() == Some(&49) && member.payloads().len() > 50);
    let payloads = member.payloads();
    let back = payloads.windows(2).find(|pair| pair[1] <= pair[0]).unwrap()[1];
    assert!(came_back_once(&payloads, back, 50), "{payloads:?}");
    member.stop();
}

#[test]
fn a_seek_back_and_a_seek_to_the_ends_go_to_the_broker() {
    for (target, first) in [(3, 3), (-2, 0)] {
        let (_cluster, config) = cluster_with(1_000);
        let member = Member::start_with(
            &config,
            2,
            once_at(700, move |lease| {
                lease.partition().seek(target);
                lease.partition().set_next_offset(None);
                Verdict::Succeed
            }),
        );
        wait_until("all messages again", || member.payloads().iter().filter(|p| **p == 999).count() >= 1);
        let payloads = member.payloads();
        assert!(came_back_once(&payloads, first, 1_000), "{target}: {payloads:?}");
        member.stop();
    }
}

#[test]
fn a_seek_to_the_end_skips_what_is_there() {
    let (cluster, config) = cluster_with(1_000);
    let member = Member::start_with(
        &config,
        1,
        once_at(0, |lease| {
            lease.partition().seek(-1);
            Verdict::Succeed
        }),
    );
    wait_until("the first batch", || !member.payloads().is_empty());
    // Where the end is can be seen only by what comes: a message a round until one arrives.
    let mut produced = 1_000;
    let before = member.payloads().len();
    wait_until("a message behind the end", || {
        cluster.produce("orders", 0, [produced]);
        produced += 1;
        member.payloads().len() > before
    });
    let payloads = member.payloads();
    assert!(payloads[before] >= 1_000, "{:?}", &payloads[before..]);
    member.stop();
}

#[test]
fn a_seek_of_an_idle_partition_wakes_it() {
    let (_cluster, config) = cluster_with(100);
    let partition = Arc::new(karafka_engine::sync::Mutex::new(None));
    let slot = Arc::clone(&partition);
    let member = Member::start_with(&config, 1, move |lease| {
        *slot.lock() = Some(Arc::clone(lease.partition()));
        Verdict::Succeed
    });
    wait_until("all messages", || member.payloads().len() == 100 && partition.lock().is_some());
    let partition = partition.lock().clone().unwrap();
    wait_until("its position", || partition.position() == Some(100));
    assert_eq!(partition.seek(90), Request::Done);
    wait_until("ten again", || member.payloads().len() == 110);
    assert_eq!(member.payloads()[100..], (90..100).collect::<Vec<_>>());
    member.stop();
    assert_eq!(partition.seek(0), Request::Lost);
    assert_eq!(partition.pause(None, None), Request::Lost);
    assert_eq!(partition.resume(), Request::Lost);
}

#[test]
fn a_pause_holds_until_its_time_is_over_and_marks_nothing() {
    let (_cluster, config) = cluster_with(300);
    let paused = Arc::new(karafka_engine::sync::Mutex::new(None));
    let slot = Arc::clone(&paused);
    let work = once_at(0, move |lease| {
        let asked = Instant::now();
        lease.partition().pause(Some(0), Some(Duration::from_millis(300)));
        *slot.lock() = Some((asked, stored(lease)));
        Verdict::Succeed
    });
    let member = Member::start_with(&config, 2, work);
    wait_until("the second delivery", || member.payloads().iter().filter(|p| **p == 0).count() == 2);
    let (asked, stored) = paused.lock().unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(300));
    assert_eq!(stored, None);
    wait_until("all", || member.payloads().last() == Some(&299));
    assert!(came_back_once(&member.payloads(), 0, 300));
    let events = member.events();
    let of = |name: &str| events.iter().find(|e| e["event"] == name).cloned().unwrap();
    let paused = serde_json::json!({ "event": "paused", "group": 0, "topic": "orders", "partition": 0, "offset": 0, "timeout": 300 });
    assert_eq!(of("paused"), paused);
    assert_eq!(of("resumed"), serde_json::json!({ "event": "resumed", "group": 0, "topic": "orders", "partition": 0 }));
    member.stop();
}

#[test]
fn a_pause_without_a_time_ends_with_resume_and_goes_on_behind_the_batch() {
    let (_cluster, config) = cluster_with(300);
    let partition = Arc::new(karafka_engine::sync::Mutex::new(None));
    let slot = Arc::clone(&partition);
    let member = Member::start_with(
        &config,
        1,
        once_at(0, move |lease| {
            lease.partition().pause(None, None);
            *slot.lock() = Some(Arc::clone(lease.partition()));
            Verdict::Succeed
        }),
    );
    wait_until("the first batch", || partition.lock().is_some());
    let partition = partition.lock().clone().unwrap();
    wait_until("the end of the job", || partition.lease_note().is_none());
    let before = member.payloads().len();
    assert!(partition.is_paused() && before < 300);
    assert_eq!(partition.stored_offset(), None, "a pause leaves the marks to the user");
    assert_eq!(partition.resume(), Request::Done);
    wait_until("the rest", || member.payloads().len() == 300);
    assert_eq!(member.payloads(), (0..300).collect::<Vec<_>>());
    member.stop();
}

#[test]
fn a_stop_ends_a_pause_and_a_given_back_lease_keeps_it() {
    let (_cluster, config) = cluster_with(10);
    let member = Member::start_with(&config, 1, |lease| match lease.job() {
        Job::Consume => {
            lease.partition().pause(None, None);
            Verdict::GiveBack
        }
        _ => Verdict::Succeed,
    });
    wait_until("a job", || !member.payloads().is_empty());
    wait_until("its end", || member.engine.health().idle_workers == 1);
    let delivered = member.payloads().len();
    let seen = member.stop();
    let hooks: Vec<_> = seen.iter().filter(|s| matches!(s, Seen::Hook { job: "shutdown", .. })).collect();
    let messages = seen.iter().filter(|s| matches!(s, Seen::Message { .. })).count();
    assert_eq!((hooks.len(), messages), (1, delivered));
}

#[test]
fn a_failure_replaces_a_pause_and_a_seek() {
    let (_cluster, config) = cluster_with(100);
    let member = Member::start_with(
        &config,
        1,
        once_at(50, |lease| {
            lease.partition().pause(Some(0), None);
            lease.partition().seek(10);
            Verdict::Fail
        }),
    );
    wait_until("all again", || member.payloads().last() == Some(&99) && member.payloads().len() > 100);
    let payloads = member.payloads();
    let back = payloads.windows(2).find(|pair| pair[1] <= pair[0]).unwrap()[1];
    assert!(came_back_once(&payloads, back, 100), "{payloads:?}");
    assert!(member.events().iter().any(|e| e["event"] == "paused" && e["timeout"] == 20 && e["offset"] == back));
    member.stop();
}

#[test]
fn with_manual_offsets_a_failure_goes_back_to_the_last_mark() {
    let (_cluster, mut config) = cluster_with(500);
    config["groups"][0]["topics"][0]["offsets"] = "manual".into();
    let failed = AtomicUsize::new(0);
    let member = Member::start_with(&config, 1, move |lease| {
        let Some(last) = lease.batch().last_offset() else { return Verdict::Succeed };
        if last >= 5 && stored(lease).is_none() {
            lease.partition().mark(5);
        }
        if last >= 450 && failed.fetch_add(1, Ordering::SeqCst) == 0 { Verdict::Fail } else { Verdict::Succeed }
    });
    wait_until("the second way through", || {
        let payloads = member.payloads();
        payloads.last() == Some(&499) && payloads.iter().filter(|p| **p == 300).count() == 2
    });
    let payloads = member.payloads();
    assert!(came_back_once(&payloads, 6, 500), "{payloads:?}");
    member.stop();
}

#[test]
fn a_dead_letter_goes_on_at_the_next_message_as_a_first_attempt() {
    let (_cluster, config) = cluster_with(10);
    let member = Member::start_with(&config, 1, |lease| {
        let has_it = lease.batch().first_offset() <= Some(4) && lease.batch().last_offset() >= Some(4);
        match (lease.job(), has_it, lease.attempt()) {
            (Job::Consume, true, 3) => Verdict::DeadLetter(5),
            (Job::Consume, true, _) => Verdict::Fail,
            _ => Verdict::Succeed,
        }
    });
    wait_until("the last message as a first attempt", || {
        let seen = member.seen.lock();
        let given_up = seen.iter().position(|s| matches!(s, Seen::Message { offset: 4, attempt: 3, .. }));
        let last = seen.iter().rposition(|s| matches!(s, Seen::Message { offset: 9, attempt: 1, .. }));
        given_up.is_some() && last > given_up
    });
    let payloads = member.payloads();
    assert_eq!(payloads.iter().filter(|p| **p == 4).count(), 3, "{payloads:?}");
    assert_eq!(payloads[payloads.len() - 5..], [5, 6, 7, 8, 9]);
    member.stop();
}

#[test]
fn the_end_of_a_partition_is_told_with_the_batch_or_alone() {
    let (cluster, mut config) = cluster_with(0);
    config["groups"][0]["kafka"]["enable.partition.eof"] = "true".into();
    config["groups"][0]["topics"][0]["eofed"] = true.into();
    let ends = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ends);
    let member = Member::start_with(&config, 1, move |lease| {
        if lease.job() == Job::Consume && lease.batch().ending() == karafka_engine::batch::Ending::EndOfPartition {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        Verdict::Succeed
    });
    wait_until("an end without messages", || member.hooks() == [("eofed", 0)]);
    cluster.produce("orders", 0, 0..250);
    wait_until("all messages and an end", || {
        member.payloads().len() == 250 && ends.load(Ordering::SeqCst) + member.hooks().len() >= 2
    });
    member.stop();
}

#[test]
fn the_end_of_a_partition_ends_a_wait_window() {
    let (_cluster, mut config) = cluster_with(5);
    config["groups"][0]["kafka"]["enable.partition.eof"] = "true".into();
    config["groups"][0]["topics"][0]["max_wait_time_ms"] = 3_600_000.into();
    let member = Member::start(&config, 1);
    wait_until("the messages", || member.payloads().len() == 5);
    assert!(!member.hooks().contains(&("eofed", 0)), "nobody asked to be told");
    member.stop();
}

#[test]
fn an_offset_is_found_by_its_time() {
    let (_cluster, config) = cluster_with(10);
    let found = Arc::new(karafka_engine::sync::Mutex::new(None));
    let slot = Arc::clone(&found);
    let member = Member::start_with(
        &config,
        1,
        once_at(0, move |lease| {
            let ask = |time| {
                let query = lease.partition().offset_for_time(time, PATIENCE).unwrap();
                answer(|| query.wait_a_while()).unwrap()
            };
            *slot.lock() = Some((ask(0), ask(i64::MAX / 2), lease.partition().watermarks()));
            Verdict::Succeed
        }),
    );
    wait_until("the answers", || found.lock().is_some());
    // The mock cluster has no index of times: it answers with the end of the partition, or without an offset.
    let (_, _, watermarks) = found.lock().unwrap();
    assert_eq!(watermarks, Some((0, 10)));
    member.stop();
}
