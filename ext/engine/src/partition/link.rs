//! What a partition needs of librdkafka.

use std::sync::Arc;
use std::time::Instant;

use rdkafka::types::RDKafkaErrorCode;

use super::Place;
use crate::batch::{Haul, Leftover};
use crate::fetching::{Drain, Taken};
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
    /// Starts a commit of `offset`; the answer comes to [`Partition::commit_answered`](super::Partition::commit_answered).
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
    drain: Arc<Drain>,
}

impl BrokerLink {
    pub(super) fn new(client: Arc<Client>, queue: Queue, place: &Place, drain: Arc<Drain>) -> Self {
        let (topic, partition) = (place.topic.name.clone(), place.partition);
        Self { queue, client, topic, partition, drain }
    }

    fn note_taken(&self, haul: &Haul) {
        let batch = &haul.run.batch;
        let Some(last) = batch.last_offset() else { return };
        let left = match haul.leftover {
            Leftover::None => 0,
            Leftover::Possible => self.queue.len(),
        };
        let high = self.client.watermarks(&self.topic, self.partition).map_or(0, |(_, high)| high);
        let behind = usize::try_from(high - (last + 1 + left as i64)).unwrap_or(0);
        let taken = Taken { messages: batch.len(), message_bytes: batch.average_content(), left, behind };
        self.drain.took(taken, Instant::now());
    }
}

impl Link for BrokerLink {
    fn take_batch(&self, max_messages: usize) -> Haul {
        let haul = self.queue.take_batch(max_messages);
        self.note_taken(&haul);
        haul
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
