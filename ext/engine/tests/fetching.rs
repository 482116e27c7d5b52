//! What is fetched, and how much at once.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use karafka_engine::kafka::{Client, FetchListener, NextFetch, PartitionList};
use karafka_engine::sync::Mutex;
use support::{Cluster, Member, Verdict, wait_until};

/// Where payloads begin: these have nine digits.
const FIRST: usize = 100_000_000;

/// Asks for the same each time, and keeps how large the responses were.
struct Asks {
    next: NextFetch,
    sizes: Mutex<Vec<usize>>,
}

impl FetchListener for Asks {
    fn fetched(&self, bytes: usize) -> Option<NextFetch> {
        self.sizes.lock().push(bytes);
        Some(self.next)
    }
}

#[test]
fn a_client_fetches_what_its_listener_says() {
    const PARTITIONS: i32 = 4;
    const SETS: usize = 5;
    const SET: usize = 1_000;
    let cluster = Cluster::start(&[("orders", PARTITIONS)]);
    let mut list = PartitionList::new();
    for partition in 0..PARTITIONS {
        list.add("orders", partition, 0);
        (0..SETS).for_each(|_| cluster.produce("orders", partition, FIRST..FIRST + SET));
    }
    let settings =
        [("bootstrap.servers", &*cluster.bootstrap_servers), ("group.id", "g"), ("fetch.wait.max.ms", "30000")];
    let settings: BTreeMap<_, _> = settings.map(|(name, value)| (name.to_string(), value.to_string())).into();
    let asks = Arc::new(Asks {
        next: NextFetch { most_bytes: Some(1), wait: Duration::from_millis(1) },
        sizes: Mutex::default(),
    });
    let client = Client::consumer("orders", &settings, Arc::clone(&asks) as Arc<dyn FetchListener>).unwrap();
    client.assign(Some(&list)).unwrap();
    let sets = SETS * PARTITIONS as usize;
    wait_until("fetches that are answered without messages", || asks.sizes.lock().len() > 2 * sets);
    let sizes = asks.sizes.lock();
    let (set, largest) = (sizes.iter().sum::<usize>() / sets, sizes.iter().skip(1).max().unwrap());
    assert!(largest * 2 < set * 3, "a response of {largest} bytes is more than one set of {set}");
}

#[test]
fn a_queue_tells_how_much_is_in_it_until_it_is_gone() {
    let cluster = Cluster::start(&[("orders", 1)]);
    cluster.produce("orders", 0, 0..7);
    let settings = [("bootstrap.servers", &*cluster.bootstrap_servers), ("group.id", "g")];
    let settings: BTreeMap<_, _> = settings.map(|(name, value)| (name.to_string(), value.to_string())).into();
    let asks = Asks { next: NextFetch { most_bytes: Some(1 << 20), wait: Duration::ZERO }, sizes: Mutex::default() };
    let client = Client::consumer("orders", &settings, Arc::new(asks)).unwrap();
    let queue = client.partition_queue("orders", 0).unwrap();
    queue.split_off();
    client.assign(Some(&PartitionList::of("orders", 0, 0))).unwrap();
    let gauge = queue.gauge();
    wait_until("messages in the queue", || gauge.entries() >= 7);
    drop(queue);
    assert_eq!(gauge.entries(), 0);
}

#[test]
fn a_partition_is_read_through_beside_many_without_messages_where_all_have_their_memory_in_common() {
    const SETS: usize = 10;
    const SET: usize = 8_000;
    let cluster = Cluster::start(&[("orders", 32)]);
    (0..SETS).for_each(|_| cluster.produce("orders", 7, FIRST..FIRST + SET));
    let mut config = cluster.config(&["orders"]);
    config["prefetch_bytes"] = (1 << 20).into();
    // The others are waited for so long whenever this one has more in its queue than its share.
    config["groups"][0]["kafka"]["fetch.wait.max.ms"] = "4000".into();
    let member = Member::start_with(&config, 2, |_| Verdict::Succeed);
    wait_until("all messages", || member.delivered() == SETS * SET);
    let seen = member.by_partition();
    assert!(seen[&7].is_sorted() && seen.len() == 1);
    member.stop();
}
