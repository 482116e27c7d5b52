//! A host that is busy: its workers wait for Ruby's lock, and pause between turns, as do fetches.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use karafka_engine::lease::Lease;
use support::{Cluster, Member, Verdict, wait_until};

/// What a worker waits for Ruby's lock in a busy host.
const LONG: Duration = Duration::from_millis(5);

/// A handler for whom the host is busy while `busy` says so.
fn beside(busy: &'static AtomicBool) -> impl Fn(&Lease) -> Verdict + Send + Sync + 'static {
    |lease| {
        lease.begin(if busy.load(Ordering::Relaxed) { LONG } else { Duration::ZERO });
        Verdict::Succeed
    }
}

fn config(cluster: &Cluster) -> serde_json::Value {
    let mut config = cluster.config_of_members(&["orders"]);
    config["host_share"] = 5.into();
    config
}

/// Messages that come one by one, to all partitions in turn, for a while. How many there are now.
fn trickle(cluster: &Cluster, partitions: i32, from: usize, length: Duration) -> usize {
    let (began, mut next) = (Instant::now(), from);
    while began.elapsed() < length {
        cluster.produce("orders", next as i32 % partitions, [next]);
        std::thread::sleep(Duration::from_millis(5));
        next += 1;
    }
    next
}

#[test]
fn messages_that_trickle_in_gather_at_the_broker_while_the_host_is_busy() {
    static BUSY: AtomicBool = AtomicBool::new(false);
    const LENGTH: Duration = Duration::from_secs(3);
    let cluster = Cluster::start(&[("orders", 1)]);
    let member = Member::start_with(&config(&cluster), 2, beside(&BUSY));
    wait_until("the assignment", || member.assigned() == 1);
    let mut sent = 0;
    let idle = cluster.fetches_during(|| sent = trickle(&cluster, 1, 0, LENGTH));
    BUSY.store(true, Ordering::Relaxed);
    let busy = cluster.fetches_during(|| sent = trickle(&cluster, 1, sent, LENGTH));
    // The mock answers a fetch with one set, however many there are.
    BUSY.store(false, Ordering::Relaxed);
    wait_until("all of them", || member.delivered() == sent);
    assert!(busy * 4 < idle, "{busy} fetches while the host was busy, {idle} while it was idle");
    member.stop();
}

#[test]
fn a_partition_is_fetched_again_wherever_it_goes_in_a_busy_host() {
    static BUSY: AtomicBool = AtomicBool::new(true);
    let cluster = Cluster::start(&[("orders", 4)]);
    let first = Member::start_with(&config(&cluster), 2, beside(&BUSY));
    wait_until("an assignment of all", || first.assigned() == 4);
    let sent = trickle(&cluster, 4, 0, Duration::from_millis(300));
    wait_until("the first of them", || first.delivered() == sent);
    let second = Member::start_with(&config(&cluster), 2, beside(&BUSY));
    wait_until("a fair share each", || first.assigned() == 2 && second.assigned() == 2);
    let sent = trickle(&cluster, 4, sent, Duration::from_millis(300));
    // A member that a mock group lets go too late gets some twice.
    let delivered = |beside: &[usize]| first.payloads().iter().chain(beside).collect::<BTreeSet<_>>().len();
    wait_until("those of both", || delivered(&second.payloads()) == sent);
    let seen_by_second = second.payloads();
    second.stop();
    wait_until("an assignment of all again", || first.assigned() == 4);
    let sent = trickle(&cluster, 4, sent, Duration::from_millis(300));
    wait_until("the last of them", || delivered(&seen_by_second) == sent);
    first.stop();
}
