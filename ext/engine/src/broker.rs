//! The embedded broker: Kafka enough for development, demonstrations and tests, inside this process.
//!
//! It is librdkafka's mock cluster. Nothing is durable; a partition keeps its last 5 MB or 100,000 messages; there
//! is no topic administration over the wire, no authentication and no quota. It ends with the process, and in a fork of
//! the process its handle is inert: the brokers' thread lives in the parent only.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sync::Mutex;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::error::{EngineError, Result};
use crate::kafka::{Client, MockCluster};
use crate::process::ProcessGuard;

/// How many partitions a topic gets that a client creates by using it. librdkafka fixes this number.
pub const AUTO_CREATED_PARTITIONS: i32 = 4;

/// Brokers of a cluster.
const BROKERS: i32 = 1;
const OWNER: &str = "karafka.broker";

/// Requests of the Kafka protocol which a test may want to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Request {
    /// Produce.
    Produce = 0,
    /// Fetch.
    Fetch = 1,
    /// ListOffsets.
    ListOffsets = 2,
    /// Metadata.
    Metadata = 3,
    /// OffsetCommit.
    OffsetCommit = 8,
    /// OffsetFetch.
    OffsetFetch = 9,
    /// FindCoordinator.
    FindCoordinator = 10,
    /// JoinGroup.
    JoinGroup = 11,
    /// Heartbeat.
    Heartbeat = 12,
    /// SyncGroup.
    SyncGroup = 14,
}

impl Request {
    /// The request of a name such as `list_offsets`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "produce" => Self::Produce,
            "fetch" => Self::Fetch,
            "list_offsets" => Self::ListOffsets,
            "metadata" => Self::Metadata,
            "offset_commit" => Self::OffsetCommit,
            "offset_fetch" => Self::OffsetFetch,
            "find_coordinator" => Self::FindCoordinator,
            "join_group" => Self::JoinGroup,
            "heartbeat" => Self::Heartbeat,
            "sync_group" => Self::SyncGroup,
            _ => return None,
        })
    }
}

/// An embedded broker. Stops when dropped.
pub struct Broker {
    cluster: Mutex<Option<MockCluster>>,
    bootstrap_servers: String,
    process: ProcessGuard,
}

impl Broker {
    /// Starts a broker on a free port of the loopback, with these topics and their partition counts.
    ///
    /// # Errors
    /// [`EngineError::Configuration`] for a topic that can't be, [`EngineError::ClientCreation`] or
    /// [`EngineError::Kafka`] when librdkafka refuses.
    pub fn start(topics: &BTreeMap<String, i32>) -> Result<Self> {
        Self::start_cluster(BROKERS, topics)
    }

    /// Like [`Broker::start`], with several brokers, to test failover.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_cluster(brokers: i32, topics: &BTreeMap<String, i32>) -> Result<Self> {
        // The client only does the cluster's book-keeping: it has no broker, and need not say so.
        let settings = BTreeMap::from([("log_level".to_string(), "0".to_string())]);
        let client = Client::producer(OWNER, &settings)?;
        let process = client.process();
        let cluster = MockCluster::new(client, brokers).map_err(|code| failed("starting the embedded broker", code))?;
        // A mock group waits 3 s for more members by default; here its first member shall work at once.
        cluster.group_initial_rebalance_delay(Duration::ZERO);
        let bootstrap_servers = cluster.bootstrap_servers();
        let broker = Self { cluster: Mutex::new(Some(cluster)), bootstrap_servers, process };
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions)?;
        }
        Ok(broker)
    }

    /// What clients put into `bootstrap.servers`; known after a stop and in a fork, too.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Whether the broker serves: not after [`Broker::stop`], and not in a fork.
    pub fn is_running(&self) -> bool {
        self.process.is_home() && self.cluster.lock().is_some()
    }

    /// Whether it was stopped, here and not in another process.
    pub fn is_stopped(&self) -> bool {
        self.process.is_home() && self.cluster.lock().is_none()
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`EngineError::Configuration`] for a name or count that can't be, [`EngineError::Kafka`] with
    /// `TopicAlreadyExists` for a topic that exists.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<()> {
        check_topic(topic, partitions)?;
        self.ask(&format!("creating topic {topic}"), |cluster| cluster.create_topic(topic, partitions, BROKERS))
    }

    /// Disconnects a broker's clients and refuses new ones; `None` means all brokers.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] for a broker that does not exist.
    pub fn broker_down(&self, broker: Option<i32>) -> Result<()> {
        self.ask("taking a broker down", |cluster| cluster.broker_down(broker))
    }

    /// Undoes [`Broker::broker_down`].
    ///
    /// # Errors
    /// [`EngineError::Kafka`] for a broker that does not exist.
    pub fn broker_up(&self, broker: Option<i32>) -> Result<()> {
        self.ask("bringing a broker up", |cluster| cluster.broker_up(broker))
    }

    /// Delays every answer.
    ///
    /// # Errors
    /// [`EngineError::ForeignProcess`] or [`EngineError::Kafka`] when the broker does not run.
    pub fn round_trip_time(&self, delay: Duration) -> Result<()> {
        self.ask("setting the round-trip time", |cluster| cluster.round_trip_time(None, delay))
    }

    /// Answers the next requests of a kind with these errors, one each.
    ///
    /// # Errors
    /// [`EngineError::Configuration`] for a code that librdkafka does not know, else as [`Broker::round_trip_time`].
    pub fn request_errors(&self, request: Request, codes: &[i32]) -> Result<()> {
        let errors =
            codes.iter().map(|code| RDKafkaRespErr::try_from(*code)).collect::<std::result::Result<Vec<_>, _>>();
        let errors = errors.map_err(|unknown| EngineError::Configuration(unknown.to_string()))?;
        self.ask("setting request errors", |cluster| {
            cluster.request_errors(request as i16, &errors);
            Ok(())
        })
    }

    /// Answers metadata requests for a topic with an error, until it is set to "no error".
    ///
    /// # Errors
    /// As [`Broker::round_trip_time`].
    pub fn topic_error(&self, topic: &str, error: RDKafkaRespErr) -> Result<()> {
        self.ask("setting a topic's error", |cluster| {
            cluster.topic_error(topic, error);
            Ok(())
        })
    }

    /// Moves a partition to another broker, as after a failover; `None` leaves it without a leader.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] for a broker or partition that does not exist.
    pub fn partition_leader(&self, topic: &str, partition: i32, broker: Option<i32>) -> Result<()> {
        self.ask("moving a partition", |cluster| cluster.partition_leader(topic, partition, broker))
    }

    /// Ends the broker; its messages are gone. Again, or in a fork: nothing happens.
    pub fn stop(&self) {
        // The lock may have been held by a thread of the parent at the time of the fork: it isn't touched there.
        if self.process.is_home() {
            let cluster = self.cluster.lock().take();
            drop(cluster);
        }
    }

    fn ask<T>(
        &self,
        operation: &str,
        call: impl FnOnce(&MockCluster) -> std::result::Result<T, RDKafkaErrorCode>,
    ) -> Result<T> {
        self.process.check()?;
        let cluster = self.cluster.lock();
        // A broker that is gone answers as one does.
        let cluster = cluster.as_ref().ok_or_else(|| failed(operation, RDKafkaErrorCode::BrokerDestroy))?;
        call(cluster).map_err(|code| failed(operation, code))
    }
}

fn failed(operation: &str, code: RDKafkaErrorCode) -> EngineError {
    EngineError::Kafka { operation: operation.into(), code }
}

/// What a topic of Kafka has to look like: librdkafka's mock accepts anything, and crashes on a negative count.
fn check_topic(topic: &str, partitions: i32) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.is_empty() || topic.len() > 249 || !topic.chars().all(legal) || topic == "." || topic == ".." {
        return Err(EngineError::Configuration(format!(
            "topic {topic:?}: a name has 1 to 249 letters, digits, dots, underscores and hyphens"
        )));
    }
    if partitions < 1 {
        return Err(EngineError::Configuration(format!("topic {topic}: {partitions} partitions; it needs at least 1")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(list: &[(&str, i32)]) -> BTreeMap<String, i32> {
        list.iter().map(|(name, partitions)| (name.to_string(), *partitions)).collect()
    }

    #[test]
    fn it_listens_on_the_loopback_until_it_is_stopped() {
        let broker = Broker::start(&topics(&[("orders", 2)])).unwrap();
        let address = broker.bootstrap_servers().to_string();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        assert!(std::net::TcpStream::connect(&address).is_ok());

        broker.stop();
        broker.stop();
        assert!(!broker.is_running());
        assert_eq!(broker.bootstrap_servers(), address);
        assert!(std::net::TcpStream::connect(&address).is_err());
    }

    /// Signals that the threads of that name don't handle, a bit each.
    #[cfg(target_os = "linux")]
    fn blocked_signals(thread: &str) -> Vec<u64> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok());
        let field = |status: &str, name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_string()
        };
        statuses
            .filter(|status| field(status, "Name:") == thread)
            .map(|status| u64::from_str_radix(&field(&status, "SigBlk:"), 16).unwrap())
            .collect()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn no_signal_ends_it() {
        // The topic is created by its thread, which has its name by then.
        let _broker = Broker::start(&topics(&[("orders", 1)])).unwrap();
        let blocked = blocked_signals("rdk:mock");
        assert!(!blocked.is_empty());
        for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGUSR1] {
            assert!(blocked.iter().all(|set| set & (1 << (signal - 1)) != 0), "{signal}: {blocked:x?}");
        }
    }

    #[test]
    fn a_topic_exists_once() {
        let broker = Broker::start(&topics(&[("orders", 2)])).unwrap();
        broker.create_topic("refunds", 1).unwrap();
        let again = broker.create_topic("orders", 3).unwrap_err();
        assert!(matches!(again, EngineError::Kafka { code: RDKafkaErrorCode::TopicAlreadyExists, .. }), "{again}");
    }

    #[test]
    fn impossible_topics_are_named() {
        for (name, partitions) in [("", 1), ("a b", 1), (".", 1), ("orders", 0), ("orders", -3)] {
            let refused = Broker::start(&topics(&[(name, partitions)])).map(drop).unwrap_err();
            assert!(refused.to_string().contains(name), "{refused}");
        }
    }

    #[test]
    fn a_stopped_broker_answers_with_an_error() {
        let broker = Broker::start(&BTreeMap::new()).unwrap();
        broker.stop();
        assert!(matches!(broker.broker_down(None), Err(EngineError::Kafka { .. })));
    }

    #[test]
    fn an_unknown_broker_is_an_error() {
        let broker = Broker::start(&BTreeMap::new()).unwrap();
        assert!(broker.broker_down(Some(7)).is_err());
        broker.broker_down(Some(1)).unwrap();
        broker.broker_up(None).unwrap();
    }
}
