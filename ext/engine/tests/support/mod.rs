//! A mock cluster, messages in it, and a Rust worker that drives the engine.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use karafka_engine::events::Next;
use karafka_engine::lease::{Job, Lease};
use karafka_engine::sync::Mutex;
use karafka_engine::worker::Taken;
use karafka_engine::{Engine, EngineConfig};
use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// A one-broker mock cluster; it lives as long as its producer.
pub struct Cluster {
    pub bootstrap_servers: String,
    producer: BaseProducer,
}

impl Cluster {
    pub fn start(topics: &[(&str, i32)]) -> Self {
        // A call's messages are one set in the log, sent by its flush: the mock answers a fetch with one set.
        let producer: BaseProducer =
            ClientConfig::new().set("test.mock.num.brokers", "1").set("linger.ms", "5000").create().unwrap();
        let cluster = Self { bootstrap_servers: bootstraps(&producer), producer };
        for (topic, partitions) in topics {
            let topic = std::ffi::CString::new(*topic).unwrap();
            // SAFETY: the mock cluster lives as long as its client.
            unsafe { sys::rd_kafka_mock_topic_create(cluster.mock(), topic.as_ptr(), *partitions, 1) };
        }
        // SAFETY: as above.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.mock(), 0) };
        cluster
    }

    fn mock(&self) -> *mut sys::rd_kafka_mock_cluster_t {
        // SAFETY: the client is live.
        unsafe { sys::rd_kafka_handle_mock_cluster(self.producer.client().native_ptr()) }
    }

    pub fn set_broker_down(&self) {
        // SAFETY: the mock cluster lives as long as its client.
        unsafe { sys::rd_kafka_mock_broker_set_down(self.mock(), 1) };
    }

    pub fn set_broker_up(&self) {
        // SAFETY: as above.
        unsafe { sys::rd_kafka_mock_broker_set_up(self.mock(), 1) };
    }

    /// Answers the next request of a kind with an error.
    pub fn refuse_next(&self, api_key: i16, error: sys::rd_kafka_resp_err_t) {
        // SAFETY: the mock cluster lives as long as its client; the array is copied.
        unsafe { sys::rd_kafka_mock_push_request_errors_array(self.mock(), api_key, 1, &raw const error) };
    }

    /// Has a topic look as if it were not there, or not any more.
    pub fn hide_topic(&self, topic: &str) {
        let topic = std::ffi::CString::new(topic).unwrap();
        let error = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        // SAFETY: the mock cluster lives as long as its client; the name is copied.
        unsafe { sys::rd_kafka_mock_topic_set_error(self.mock(), topic.as_ptr(), error) };
    }

    /// How many fetches were asked for while something was done.
    pub fn fetches_during(&self, something: impl FnOnce()) -> usize {
        const FETCH: i16 = 1;
        // SAFETY: the mock cluster lives as long as its client; the array is ours, of the length that is written.
        unsafe {
            sys::rd_kafka_mock_start_request_tracking(self.mock());
            something();
            let mut count = 0;
            let requests = sys::rd_kafka_mock_get_requests(self.mock(), &raw mut count);
            sys::rd_kafka_mock_stop_request_tracking(self.mock());
            let all = std::slice::from_raw_parts(requests, count);
            let fetches = all.iter().filter(|request| sys::rd_kafka_mock_request_api_key(**request) == FETCH).count();
            sys::rd_kafka_mock_request_destroy_array(requests, count);
            fetches
        }
    }

    pub fn produce(&self, topic: &str, partition: i32, payloads: impl IntoIterator<Item = usize>) {
        // librdkafka hands the messages of a topic that it does not know yet to the partition one by one, when it has heard
        // of the topic. By then the flush is on, and the first few would be a set of their own.
        self.producer.client().fetch_metadata(Some(topic), PATIENCE).unwrap();
        for payload in payloads {
            let payload = payload.to_string();
            let mut record = BaseRecord::<(), _>::to(topic).partition(partition).payload(&payload);
            while let Err((_, back)) = self.producer.send(record) {
                record = back;
                self.producer.poll(Duration::from_millis(10));
            }
        }
        self.flush();
    }

    /// Has what was produced sent. The producer's own flush ends librdkafka's at once, mostly before the thread of a broker
    /// has heard of it: the linger would be waited for.
    fn flush(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.producer.in_flight_count() > 0 {
            assert!(Instant::now() < deadline, "the mock cluster has not taken all messages");
            // SAFETY: the client is live.
            unsafe { sys::rd_kafka_flush(self.producer.client().native_ptr(), 1) };
            self.producer.poll(Duration::ZERO);
        }
    }

    pub fn config(&self, topics: &[&str]) -> serde_json::Value {
        self.config_of_group("group", topics)
    }

    /// A configuration for a group of several members. The mock's groups wait a session, less a second, for all members to
    /// join, and once more whenever a follower's `SyncGroup` comes after the leader's: it is refused where a broker answers it.
    pub fn config_of_members(&self, topics: &[&str]) -> serde_json::Value {
        let mut config = self.config(topics);
        config["groups"][0]["kafka"]["session.timeout.ms"] = "1500".into();
        config["groups"][0]["kafka"]["heartbeat.interval.ms"] = "300".into();
        config
    }

    pub fn config_of_group(&self, group: &str, topics: &[&str]) -> serde_json::Value {
        let topics: Vec<_> = topics
            .iter()
            .map(|name| {
                serde_json::json!({ "name": name, "max_messages": 100,
                    "pause": { "timeout_ms": 10, "max_timeout_ms": 50, "growth": "exponential" } })
            })
            .collect();
        serde_json::json!({ "client_id": "test", "groups": [{
            "id": group, "group_id": group, "name": group, "max_messages": 100,
            "kafka": { "bootstrap.servers": self.bootstrap_servers, "auto.offset.reset": "earliest",
                       "session.timeout.ms": "6000",
                       // The mock cluster answers a fetch without messages only at the end of this wait.
                       "fetch.wait.max.ms": "10" },
            "topics": topics }] })
    }
}

/// What a worker saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Message { topic: String, partition: i32, offset: i64, payload: usize, attempt: u32 },
    Hook { job: &'static str, topic: String, partition: i32 },
}

type Handler = dyn Fn(&Lease) -> Verdict + Send + Sync;

pub enum Verdict {
    Succeed,
    Fail,
    GiveBack,
    Drop,
    DeadLetter(i64),
}

/// Engine and workers of one member.
pub struct Member {
    pub engine: Arc<Engine>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub batches: Arc<AtomicUsize>,
    workers: Vec<JoinHandle<()>>,
}

impl Member {
    pub fn start(config: &serde_json::Value, workers: usize) -> Self {
        Self::start_with(config, workers, |_| Verdict::Succeed)
    }

    pub fn start_with(
        config: &serde_json::Value,
        workers: usize,
        handler: impl Fn(&Lease) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let engine = Arc::new(Engine::new(EngineConfig::from_json(&config.to_string()).unwrap()).unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let batches = Arc::new(AtomicUsize::new(0));
        let handler: Arc<Handler> = Arc::new(handler);
        engine.start().unwrap();
        let workers = (0..workers)
            .map(|_| {
                let (worker, seen, handler) = (engine.worker(), Arc::clone(&seen), Arc::clone(&handler));
                let batches = Arc::clone(&batches);
                std::thread::spawn(move || {
                    loop {
                        match worker.take() {
                            Taken::Lease(lease) => {
                                batches.fetch_add(1, Ordering::Relaxed);
                                work(&lease, &seen, &*handler);
                            }
                            Taken::Interrupted => {}
                            Taken::Closed => return,
                        }
                    }
                })
            })
            .collect();
        Self { engine, seen, batches, workers }
    }

    pub fn payloads(&self) -> Vec<usize> {
        let seen = self.seen.lock();
        seen.iter().filter_map(|s| if let Seen::Message { payload, .. } = s { Some(*payload) } else { None }).collect()
    }

    pub fn hooks(&self) -> Vec<(&'static str, i32)> {
        let seen = self.seen.lock();
        seen.iter()
            .filter_map(|s| if let Seen::Hook { job, partition, .. } = s { Some((*job, *partition)) } else { None })
            .collect()
    }

    /// Events up to now, as their JSON.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let mut events = Vec::new();
        while let Next::Event(event) = self.engine.next_event(Duration::ZERO) {
            events.push(serde_json::to_value(event).unwrap());
        }
        events
    }

    /// Messages up to now, none of them twice.
    pub fn delivered(&self) -> usize {
        let by_partition = self.by_partition();
        for (partition, offsets) in &by_partition {
            let expected: Vec<i64> = (0..).take(offsets.len()).collect();
            assert_eq!(*offsets, expected, "of partition {partition}");
        }
        by_partition.values().map(Vec::len).sum()
    }

    pub fn by_partition(&self) -> BTreeMap<i32, Vec<i64>> {
        let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for seen in &*self.seen.lock() {
            if let Seen::Message { partition, offset, .. } = seen {
                offsets.entry(*partition).or_default().push(*offset);
            }
        }
        offsets
    }

    pub fn assigned(&self) -> usize {
        self.engine.health().groups.iter().map(|g| g.assigned.len()).sum()
    }

    pub fn stop(mut self) -> Vec<Seen> {
        self.engine.stop(PATIENCE);
        let state = self.engine.wait_until_stopped(PATIENCE);
        assert_eq!(state, karafka_engine::lifecycle::State::Stopped);
        for worker in self.workers.drain(..) {
            worker.join().unwrap();
        }
        assert_eq!(self.engine.join_threads(PATIENCE), karafka_engine::Joined::All);
        self.seen.lock().clone()
    }
}

/// A test that fails tells what its members knew.
impl Drop for Member {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}\n{:#?}", self.engine.health(), self.events());
        }
    }
}

fn work(lease: &Lease, seen: &Mutex<Vec<Seen>>, handler: &Handler) {
    let place = lease.partition().place();
    {
        let mut seen = seen.lock();
        if lease.job() != Job::Consume {
            seen.push(Seen::Hook {
                job: lease.job().name(),
                topic: place.topic.name.clone(),
                partition: place.partition,
            });
        }
        for index in 0..lease.batch().len() {
            let payload = lease.batch().payload(index).unwrap();
            seen.push(Seen::Message {
                topic: place.topic.name.clone(),
                partition: place.partition,
                offset: lease.batch().offset(index).unwrap(),
                payload: std::str::from_utf8(payload).unwrap().parse().unwrap(),
                attempt: lease.attempt(),
            });
        }
    }
    match handler(lease) {
        Verdict::Succeed => lease.succeed(),
        Verdict::Fail => drop(lease.fail()),
        Verdict::GiveBack => lease.give_back(),
        Verdict::Drop => {}
        Verdict::DeadLetter(next) => drop(lease.dead_letter(next)),
    }
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come about within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the broker says, of what is asked a while at a time.
pub fn answer<T>(mut ask_a_while: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask_a_while() {
            return answer;
        }
    }
}

fn bootstraps(producer: &BaseProducer) -> String {
    // SAFETY: the mock cluster and its text live as long as the client; the text is copied.
    unsafe {
        let mock = sys::rd_kafka_handle_mock_cluster(producer.client().native_ptr());
        std::ffi::CStr::from_ptr(sys::rd_kafka_mock_cluster_bootstraps(mock)).to_string_lossy().into_owned()
    }
}
