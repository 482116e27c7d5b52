//! Owned `rd_kafka_mock_cluster_t`: Kafka brokers inside this process, listening on the loopback.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::{Client, c_string, outcome, string, sys};

type Kafka<T> = std::result::Result<T, RDKafkaErrorCode>;

/// A cluster of librdkafka's mock brokers. Their ids count from 1.
pub struct MockCluster {
    raw: *mut sys::rd_kafka_mock_cluster_t,
    client: Arc<Client>,
}

// SAFETY: every mock call hands an operation to the cluster's own thread, or takes its lock.
unsafe impl Send for MockCluster {}
// SAFETY: as above.
unsafe impl Sync for MockCluster {}

impl MockCluster {
    /// Starts `brokers` brokers. `client` does the book-keeping and is otherwise not used.
    pub fn new(client: Arc<Client>, brokers: i32) -> Kafka<Self> {
        let _blocked = SignalsBlocked::new();
        // SAFETY: the client is live, and outlives the cluster: the field drops after `Drop::drop` of this.
        let raw = unsafe { sys::rd_kafka_mock_cluster_new(client.as_ptr(), brokers) };
        if raw.is_null() { Err(RDKafkaErrorCode::Fail) } else { Ok(Self { raw, client }) }
    }

    /// What clients put into `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        // SAFETY: the string lives as long as the cluster; it is copied.
        unsafe { string(sys::rd_kafka_mock_cluster_bootstraps(self.raw)) }
    }

    /// Creates a topic. An existing one is an error.
    pub fn create_topic(&self, topic: &str, partitions: i32, replicas: i32) -> Kafka<()> {
        let topic = c_string(topic);
        // SAFETY: the cluster is live, the name NUL-terminated and copied.
        outcome(unsafe { sys::rd_kafka_mock_topic_create(self.raw, topic.as_ptr(), partitions, replicas) })
    }

    /// How long a new group waits for more members before its first assignment.
    pub fn group_initial_rebalance_delay(&self, delay: Duration) {
        // SAFETY: the cluster is live.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(self.raw, milliseconds(delay)) }
    }

    /// Disconnects a broker's clients and refuses new ones; `None` means all brokers.
    pub fn broker_down(&self, broker: Option<i32>) -> Kafka<()> {
        // SAFETY: the cluster is live; an unknown broker is an error of the call.
        outcome(unsafe { sys::rd_kafka_mock_broker_set_down(self.raw, broker.unwrap_or(ALL_BROKERS)) })
    }

    /// Undoes [`MockCluster::broker_down`].
    pub fn broker_up(&self, broker: Option<i32>) -> Kafka<()> {
        // SAFETY: as in `broker_down`.
        outcome(unsafe { sys::rd_kafka_mock_broker_set_up(self.raw, broker.unwrap_or(ALL_BROKERS)) })
    }

    /// Delays each answer of a broker; `None` means all brokers.
    pub fn round_trip_time(&self, broker: Option<i32>, delay: Duration) -> Kafka<()> {
        let broker = broker.unwrap_or(ALL_BROKERS);
        // SAFETY: as in `broker_down`.
        outcome(unsafe { sys::rd_kafka_mock_broker_set_rtt(self.raw, broker, milliseconds(delay)) })
    }

    /// Answers the next requests of a kind with these errors, one each.
    pub fn request_errors(&self, api_key: i16, errors: &[RDKafkaRespErr]) {
        // SAFETY: the cluster is live; the array has the length given and is copied.
        unsafe {
            if errors.is_empty() {
                return sys::rd_kafka_mock_clear_request_errors(self.raw, api_key);
            }
            sys::rd_kafka_mock_push_request_errors_array(self.raw, api_key, errors.len(), errors.as_ptr());
        }
    }

    /// Answers metadata requests for a topic with an error, until it is set to "no error".
    pub fn topic_error(&self, topic: &str, error: RDKafkaRespErr) {
        let topic = c_string(topic);
        // SAFETY: the cluster is live, the name NUL-terminated and copied.
        unsafe { sys::rd_kafka_mock_topic_set_error(self.raw, topic.as_ptr(), error) }
    }

    /// Moves a partition to another broker, as after a failover; `None` leaves it without a leader.
    pub fn partition_leader(&self, topic: &str, partition: i32, broker: Option<i32>) -> Kafka<()> {
        let topic = c_string(topic);
        let broker = broker.unwrap_or(ALL_BROKERS);
        // SAFETY: the cluster is live, the name NUL-terminated and copied.
        outcome(unsafe { sys::rd_kafka_mock_partition_set_leader(self.raw, topic.as_ptr(), partition, broker) })
    }
}

/// Signals are not handled on this thread, nor on those that it makes, which inherit that.
///
/// The cluster's thread ends when its `poll` is interrupted, and frees the cluster whoever still uses it. librdkafka makes
/// its other threads like this; a host has signals enough, SIGCHLD alone.
struct SignalsBlocked {
    former: libc::sigset_t,
}

impl SignalsBlocked {
    fn new() -> Self {
        // SAFETY: both sets are owned, and initialized by the calls before they are read.
        unsafe {
            let (mut all, mut former) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut former);
            Self { former }
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set is what the thread had before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.former, std::ptr::null_mut()) };
    }
}

/// librdkafka's wildcard: all brokers, or no leader.
const ALL_BROKERS: i32 = -1;

fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

impl Drop for MockCluster {
    fn drop(&mut self) {
        if self.client.process().is_home() {
            // SAFETY: owned, and its client is still alive. The call ends and joins the cluster's thread.
            unsafe { sys::rd_kafka_mock_cluster_destroy(self.raw) }
        }
    }
}
