//! Messages from a mock cluster through leases to a Rust worker.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use karafka_engine::lease::Job;
use support::{Cluster, Member, Seen, Verdict, wait_until};

#[test]
fn each_message_arrives_once_and_in_order_of_its_partition() {
    let cluster = Cluster::start(&[("orders", 4)]);
    for partition in 0..4 {
        cluster.produce("orders", partition, 0..1_000);
    }
    let member = Member::start(&cluster.config(&["orders"]), 3);
    wait_until("4,000 messages", || member.payloads().len() >= 4_000);
    let by_partition = member.by_partition();
    member.stop();
    let expected: BTreeMap<i32, Vec<i64>> = (0..4).map(|p| (p, (0..1_000).collect())).collect();
    assert_eq!(by_partition, expected);
}

#[test]
fn a_lone_message_wakes_an_idle_worker() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let member = Member::start(&cluster.config(&["orders"]), 2);
    wait_until("the assignment", || member.assigned() == 1);
    for payload in 0..5 {
        cluster.produce("orders", 0, [payload]);
        wait_until("the message", || member.payloads().len() == payload + 1);
    }
    member.stop();
}

#[test]
fn a_partition_that_comes_back_in_a_rebalance_is_heard_again() {
    let cluster = Cluster::start(&[("orders", 4)]);
    let config = cluster.config_of_members(&["orders"]);
    let first = Member::start(&config, 2);
    wait_until("an assignment of all", || first.assigned() == 4);
    let second = Member::start(&config, 2);
    wait_until("a fair share each", || first.assigned() == 2 && second.assigned() == 2);
    for partition in 0..4 {
        cluster.produce("orders", partition, [0]);
    }
    wait_until("a message from each", || first.payloads().len() + second.payloads().len() == 4);
    first.stop();
    second.stop();
}

#[test]
fn a_clean_stop_and_a_new_start_lose_and_repeat_nothing() {
    let cluster = Cluster::start(&[("orders", 2)]);
    cluster.produce("orders", 0, 0..3_000);
    cluster.produce("orders", 1, 3_000..6_000);
    let mut all = Vec::new();
    let first = Member::start(&cluster.config(&["orders"]), 2);
    wait_until("some messages", || first.payloads().len() > 500);
    all.extend(first.stop());
    let second = Member::start(&cluster.config(&["orders"]), 2);
    let so_far = all.iter().filter(|s| matches!(s, Seen::Message { .. })).count();
    wait_until("the rest", || second.payloads().len() >= 6_000 - so_far);
    all.extend(second.stop());
    let mut payloads: Vec<usize> =
        all.iter().filter_map(|s| if let Seen::Message { payload, .. } = s { Some(*payload) } else { None }).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, (0..6_000).collect::<Vec<_>>());
}

#[test]
fn a_failed_batch_comes_again_from_memory_after_its_backoff() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..10);
    let member = Member::start_with(&cluster.config(&["orders"]), 1, |lease| {
        if lease.job() == Job::Consume && lease.attempt() < 3 { Verdict::Fail } else { Verdict::Succeed }
    });
    wait_until("the third attempt", || member.payloads().len() >= 30);
    let seen = member.stop();
    let attempts: Vec<(usize, u32)> = seen
        .iter()
        .filter_map(|s| if let Seen::Message { payload, attempt, .. } = s { Some((*payload, *attempt)) } else { None })
        .collect();
    let expected: Vec<(usize, u32)> = (1..=3).flat_map(|attempt| (0..10).map(move |p| (p, attempt))).collect();
    assert_eq!(attempts, expected);
}

#[test]
fn a_failure_after_a_mark_repeats_only_what_was_not_marked() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..10);
    let member = Member::start_with(&cluster.config(&["orders"]), 1, |lease| {
        let has_it = lease.batch().first_offset() <= Some(3) && lease.batch().last_offset() >= Some(3);
        if lease.job() == Job::Consume && has_it {
            lease.partition().mark(3);
            return Verdict::Fail;
        }
        Verdict::Succeed
    });
    wait_until("all messages", || member.payloads().contains(&9));
    let payloads = member.payloads();
    member.stop();
    // Where the first batch began, and ended, is librdkafka's business.
    let repeated = payloads.iter().filter(|p| payloads.iter().filter(|q| q == p).count() > 1).collect::<Vec<_>>();
    assert!(payloads.iter().take(4).eq(&[0, 1, 2, 3]), "{payloads:?}");
    assert!(repeated.iter().all(|p| **p > 3), "{payloads:?}");
    assert_eq!(payloads.iter().collect::<std::collections::BTreeSet<_>>().len(), 10, "{payloads:?}");
}

#[test]
fn a_lease_that_is_given_back_or_dropped_is_delivered_again() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..10);
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&turns);
    let member = Member::start_with(&cluster.config(&["orders"]), 2, move |lease| {
        match (lease.job(), counter.fetch_add(1, Ordering::SeqCst)) {
            (Job::Consume, 0) => Verdict::GiveBack,
            (Job::Consume, 1) => Verdict::Drop,
            _ => Verdict::Succeed,
        }
    });
    wait_until("the third delivery", || member.payloads().len() >= 30);
    assert_eq!(member.payloads(), (0..30).map(|i| i % 10).collect::<Vec<_>>());
    member.stop();
}

#[test]
fn a_slow_partition_delays_no_other() {
    let cluster = Cluster::start(&[("orders", 2)]);
    cluster.produce("orders", 0, 0..1);
    let release = Arc::new(AtomicUsize::new(0));
    let gate = Arc::clone(&release);
    let member = Member::start_with(&cluster.config(&["orders"]), 2, move |lease| {
        while lease.job() == Job::Consume
            && lease.partition().place().partition == 0
            && gate.load(Ordering::SeqCst) == 0
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        Verdict::Succeed
    });
    wait_until("the slow message", || member.payloads() == [0]);
    cluster.produce("orders", 1, 1..1_000);
    wait_until("the other partition's messages", || member.payloads().len() == 1_000);
    release.store(1, Ordering::SeqCst);
    member.stop();
}

#[test]
fn a_wait_window_gathers_until_it_closes_or_a_batch_is_full() {
    let cluster = Cluster::start(&[("orders", 1)]);
    let mut config = cluster.config(&["orders"]);
    config["groups"][0]["topics"][0]["max_wait_time_ms"] = 3_000.into();
    let member = Member::start(&config, 1);
    wait_until("the assignment", || member.assigned() == 1);
    for payload in 0..5 {
        cluster.produce("orders", 0, [payload]);
    }
    wait_until("five messages", || member.payloads().len() == 5);
    assert_eq!(member.batches.load(Ordering::Relaxed), 1, "one window, one batch");
    cluster.produce("orders", 0, 5..105);
    wait_until("a full batch", || member.payloads().len() == 105);
    member.stop();
}

#[test]
fn shutdown_hooks_run_once_for_each_partition_that_had_messages() {
    let cluster = Cluster::start(&[("orders", 3)]);
    cluster.produce("orders", 0, 0..10);
    cluster.produce("orders", 2, 10..20);
    let member = Member::start(&cluster.config(&["orders"]), 2);
    wait_until("20 messages", || member.payloads().len() == 20);
    let seen = Arc::clone(&member.seen);
    member.stop();
    let mut hooks: Vec<i32> = seen
        .lock()
        .iter()
        .filter_map(|s| if let Seen::Hook { job: "shutdown", partition, .. } = s { Some(*partition) } else { None })
        .collect();
    hooks.sort_unstable();
    assert_eq!(hooks, [0, 2]);
}
