//! What a partition needs of librdkafka.

use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode;

use crate::batch::Haul;
use crate::kafka::{Client, PartitionList, Queue};

type Kafka<T> = std::result::Result<T, RDKafkaErrorCode>;

/// An assigned partition, seen from librdkafka's side. No call waits.
pub(super) trait Link: Send + Sync {
    /// Takes what is queued, at most `max_messages`.
    fn take_batch(&self, max_messages: usize) -> Haul;
    /// Has the queue go on at `offset`: what was in it before is not handed out any more.
    fn seek(&self, offset: i64) -> Kafka<()>;
    /// Keeps an offset for the next commit.
    fn store(&self, offset: i64) -> Kafka<()>;
    /// Starts a commit of `offset`.
    fn commit(&self, offset: i64) -> Kafka<()>;
    /// The client itself, for what is asked of a broker.
    fn client(&self) -> Option<&Arc<Client>>;
}

/// The real one. It keeps the client alive.
pub(super) struct BrokerLink {
    // Dropped first: a queue belongs to its client.
    queue: Queue,
    client: Arc<Client>,
    topic: String,
    partition: i32,
}

impl BrokerLink {
    pub(super) fn new(client: Arc<Client>, queue: Queue, topic: String, partition: i32) -> Self {
        Self { queue, client, topic, partition }
    }
}

impl Link for BrokerLink {
    fn take_batch(&self, max_messages: usize) -> Haul {
        self.queue.take_batch(max_messages)
    }

    fn seek(&self, offset: i64) -> Kafka<()> {
        self.client.seek(&self.topic, self.partition, offset)
    }

    fn store(&self, offset: i64) -> Kafka<()> {
        self.client.store_offset(&self.topic, self.partition, offset)
    }

    fn commit(&self, offset: i64) -> Kafka<()> {
        self.client.commit_in_background(&PartitionList::of(&self.topic, self.partition, offset))
    }

    fn client(&self) -> Option<&Arc<Client>> {
        Some(&self.client)
    }
}
