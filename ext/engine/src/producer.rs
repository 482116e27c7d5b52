//! A producer: messages into librdkafka's queue, answers out of it, and an end with a deadline.
//!
//! [`Producer::produce`] copies and returns. A thread of the producer's own takes the delivery reports, resolves
//! [`Delivery`]s and feeds who wants to know. Memory is bounded by librdkafka's queue (`queue.buffering.max.messages`,
//! `queue.buffering.max.kbytes`), and reports that nobody read yet count as if they were still in it.

mod delivery;
mod feed;
mod pump;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Mutex, RwLock};
use rdkafka::types::RDKafkaErrorCode;

pub use delivery::{Answer, Delivery, DeliveryReport, Ticket};
pub use feed::{Fed, Feed, Interest, ProducerEvent};

pub use crate::kafka::{ANY_PARTITION, Partitioner, Record};

use crate::error::{EngineError, Result};
use crate::kafka::{Client, Queue, Token};
use crate::process::ProcessGuard;
use pump::{Course, Shared};

/// How long a partition count is taken for granted; partitions are only ever added, and rarely.
const PARTITION_COUNT_TTL: Duration = Duration::from_secs(30);

/// How long purged messages and the client's own threads get to come to an end at a close.
const FAREWELL: Duration = Duration::from_secs(1);

/// librdkafka's default of `queue.buffering.max.messages`.
const DEFAULT_QUEUE_LIMIT: usize = 100_000;

static CREATED: AtomicU64 = AtomicU64::new(0);

/// What a close left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Messages that were not answered in time, and given up.
    pub purged: usize,
    /// Whether the client did not end in time and was left to end on its own.
    pub left_behind: bool,
}

struct Link {
    client: Arc<Client>,
    queue: Arc<Queue>,
}

/// A producer. In a fork of its process it is inert. Dropped unclosed, it still sends what it was given.
pub struct Producer {
    name: String,
    process: ProcessGuard,
    // Held for reading while a message is given to librdkafka, so that a close never leaves the last reference, and
    // with it the wait for the client's threads, to a caller of `produce`.
    link: RwLock<Option<Link>>,
    shared: Arc<Shared>,
    partitioner: Partitioner,
    queue_limit: usize,
    partition_counts: Mutex<HashMap<String, (i32, Instant)>>,
}

impl Producer {
    /// Makes a producer with librdkafka settings. It connects in the background.
    ///
    /// # Errors
    /// [`EngineError::Setting`], [`EngineError::ClientCreation`] or [`EngineError::Thread`].
    pub fn new(name: &str, settings: &BTreeMap<String, String>) -> Result<Self> {
        let mut settings = settings.clone();
        let partitioner = partitioner_of(name, &settings)?;
        refuse_silent_deliveries(name, &settings)?;
        let queue_limit = queue_limit_of(&settings);
        settings.insert("log.queue".into(), "true".into());
        let client = Client::producer(name, &settings)?;
        let queue = Arc::new(client.main_queue());
        let shared = Arc::new(Shared::default());
        let thread = format!("karafka.producer#{}", CREATED.fetch_add(1, Ordering::Relaxed) + 1);
        drop(pump::start(thread, Arc::clone(&client), Arc::clone(&queue), Arc::clone(&shared))?);
        Ok(Self {
            name: name.into(),
            process: client.process(),
            link: RwLock::new(Some(Link { client, queue })),
            shared,
            partitioner,
            queue_limit,
            partition_counts: Mutex::default(),
        })
    }

    /// librdkafka's name of the client, such as `waterdrop#producer-1`.
    ///
    /// # Errors
    /// As [`Producer::queue_len`].
    pub fn client_name(&self) -> Result<String> {
        self.with_client("be named", |client| Ok(client.name()))
    }

    /// Gives a message to librdkafka and returns at once. `label` comes back with its report.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] when it is not taken, with `QueueFull` when too much is on its way or unread;
    /// [`EngineError::ForeignProcess`] in a fork; [`EngineError::ProducerClosed`] after a close.
    pub fn produce(&self, record: &Record<'_>, label: u64) -> Result<Delivery> {
        self.with_client("produce", |client| {
            let refused = |code| EngineError::Kafka { operation: format!("producing to {}", record.topic), code };
            if self.shared.feed.unread_deliveries() >= self.queue_limit {
                return Err(refused(RDKafkaErrorCode::QueueFull));
            }
            let ticket = Ticket::new(label);
            self.shared.tally.sent();
            client.produce(record, Arc::clone(&ticket)).map_err(|code| {
                self.shared.tally.refused();
                refused(code)
            })?;
            Ok(Delivery::new(ticket, self.process))
        })
    }

    /// The partition of a key in a topic, by `partitioner` or by the one of the settings; [`ANY_PARTITION`] where the
    /// topic does not exist yet. Asks a broker if the number of partitions is not known: `None` if there was no
    /// answer within `timeout`.
    ///
    /// # Errors
    /// As [`Producer::partition_count`].
    pub fn partition_of_key(
        &self,
        topic: &str,
        key: &[u8],
        partitioner: Option<Partitioner>,
        timeout: Duration,
    ) -> Result<Option<i32>> {
        let partitioner = partitioner.unwrap_or(self.partitioner);
        let count = self.partition_count(topic, timeout)?;
        Ok(count.map(|count| partitioner.partition(key, count).unwrap_or(ANY_PARTITION)))
    }

    /// How many partitions a topic has, 0 where it does not exist, `None` if no broker said so within `timeout`. Kept for
    /// 30 s.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] when a broker refuses to tell; [`EngineError::ForeignProcess`] in a fork;
    /// [`EngineError::ProducerClosed`] after a close.
    pub fn partition_count(&self, topic: &str, timeout: Duration) -> Result<Option<i32>> {
        let client = self.with_client("count partitions", |client| Ok(Arc::clone(client)))?;
        if let Some((count, known_at)) = self.partition_counts.lock().get(topic)
            && known_at.elapsed() < PARTITION_COUNT_TTL
        {
            return Ok(Some(*count));
        }
        match client.partition_count(topic, timeout) {
            Ok(Some(count)) => {
                self.partition_counts.lock().insert(topic.into(), (count, Instant::now()));
                Ok(Some(count))
            }
            Ok(None) | Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(Some(0)),
            // No broker is up, or none answered: another try may bring more.
            Err(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::BrokerTransportFailure) => Ok(None),
            Err(code) => Err(EngineError::Kafka { operation: format!("counting the partitions of {topic}"), code }),
        }
    }

    /// Waits up to `timeout` until every message is answered; whether that is so.
    ///
    /// # Errors
    /// [`EngineError::ForeignProcess`] in a fork; [`EngineError::ProducerClosed`] after a close.
    pub fn flush(&self, timeout: Duration) -> Result<bool> {
        let client = self.with_client("flush", |client| Ok(Arc::clone(client)))?;
        Ok(client.flush(timeout))
    }

    /// Gives up every message that is not answered yet; their deliveries end with an error soon after.
    ///
    /// # Errors
    /// As [`Producer::flush`].
    pub fn purge(&self) -> Result<()> {
        self.with_client("purge", |client| {
            client.purge().map_err(|code| EngineError::Kafka { operation: "purging".into(), code })
        })
    }

    /// Hands the client the OAUTHBEARER token that it asked for.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] for a token that librdkafka refuses, else as [`Producer::flush`].
    pub fn set_token(&self, token: &Token) -> Result<()> {
        self.with_client("take a token", |client| {
            client.set_token(token).map_err(|(code, reason)| EngineError::Kafka {
                operation: format!("{}: setting the OAUTHBEARER token: {reason}", self.name),
                code,
            })
        })
    }

    /// Tells the client that there is no token.
    ///
    /// # Errors
    /// As [`Producer::set_token`].
    pub fn set_token_failure(&self, reason: &str) -> Result<()> {
        self.with_client("take the failure of a token", |client| {
            client.set_token_failure(reason).map_err(|code| EngineError::Kafka {
                operation: format!("{}: reporting that there is no OAUTHBEARER token", self.name),
                code,
            })
        })
    }

    /// Messages that are not answered yet.
    ///
    /// # Errors
    /// [`EngineError::ForeignProcess`] in a fork; [`EngineError::ProducerClosed`] after a close.
    pub fn queue_len(&self) -> Result<usize> {
        self.with_client("count its messages", |_| Ok(self.shared.tally.unanswered()))
    }

    /// Waits up to `timeout` for answers, gives up the rest, and ends. Again, or in a fork: nothing happens.
    pub fn close(&self, timeout: Duration) -> Closed {
        if !self.process.is_home() {
            return Closed { purged: 0, left_behind: false };
        }
        let Some(link) = self.link.write().take() else {
            return Closed { purged: 0, left_behind: !self.shared.wait_for_end(FAREWELL) };
        };
        let tally = &self.shared.tally;
        let given_up_before = tally.given_up();
        if !link.client.flush(timeout) {
            // It only fails for a client that is no producer.
            let _ = link.client.purge();
            link.client.flush(FAREWELL);
        }
        self.shared.steer(Course::Closed);
        link.queue.wake();
        drop(link);
        let left_behind = !self.shared.wait_for_end(FAREWELL);
        Closed { purged: tally.given_up() - given_up_before + tally.unanswered(), left_behind }
    }

    /// What the producer tells its host.
    pub fn feed(&self) -> &Feed {
        &self.shared.feed
    }

    /// Whether this is the process it was made in.
    pub fn is_home(&self) -> bool {
        self.process.is_home()
    }

    fn with_client<T>(&self, call: &'static str, work: impl FnOnce(&Arc<Client>) -> Result<T>) -> Result<T> {
        // First: in a fork the lock may be held by a thread that does not exist there.
        self.process.check()?;
        match self.link.read().as_ref() {
            Some(link) => work(&link.client),
            None => Err(EngineError::ProducerClosed { name: self.name.clone(), call }),
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if self.process.is_home() {
            // Not the last references: the thread lets go of its own only after the course has changed.
            drop(self.link.get_mut().take());
            self.shared.steer(Course::Orphaned);
        }
    }
}

fn partitioner_of(name: &str, settings: &BTreeMap<String, String>) -> Result<Partitioner> {
    let Some(value) = settings.get("partitioner") else { return Ok(Partitioner::default()) };
    Partitioner::named(value).ok_or_else(|| EngineError::Setting {
        group: name.into(),
        setting: "partitioner".into(),
        reason: format!("there is no partitioner {value}"),
    })
}

/// A message whose success is never reported could not be waited for.
fn refuse_silent_deliveries(name: &str, settings: &BTreeMap<String, String>) -> Result<()> {
    match settings.get("delivery.report.only.error").map(String::as_str) {
        Some("true" | "t" | "1") => Err(EngineError::Setting {
            group: name.into(),
            setting: "delivery.report.only.error".into(),
            reason: "every delivery has to be reported".into(),
        }),
        _ => Ok(()),
    }
}

fn queue_limit_of(settings: &BTreeMap<String, String>) -> usize {
    match settings.get("queue.buffering.max.messages").and_then(|value| value.parse().ok()) {
        Some(0) => usize::MAX,
        Some(limit) => limit,
        None => DEFAULT_QUEUE_LIMIT,
    }
}
