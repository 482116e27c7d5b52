//! One partition's queue, and how fast it is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pool::{self, MessageBytes};
use crate::kafka::Gauge;
use crate::sync::Mutex;

/// A longer time between two batches is a pause, and says nothing of the consumer's speed.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a queue is taken to last of which that is not known.
pub(super) const UNKNOWN: Duration = Duration::from_millis(4);
/// Less than this in the log behind a queue is no backlog: the end of a transaction counts as a message, too.
const A_LITTLE: usize = 16 << 10;

/// What was taken from a queue.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// How many messages.
    pub messages: usize,
    /// Bytes of a message with its key and headers, on average.
    pub message_bytes: usize,
    /// How many messages are left in the queue.
    pub left: usize,
    /// How many there are in the log behind the queue, as far as is known.
    pub behind: usize,
}

/// What is known of a queue since a batch was taken from it.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    left: usize,
    /// Bytes of the log behind it.
    behind: usize,
    /// Bytes of a message on average, once one was seen.
    message_bytes: Option<usize>,
    /// What a message takes to be consumed, where batches followed each other.
    pace: Option<Duration>,
}

/// One partition's queue.
#[derive(Debug)]
pub struct Drain {
    gauge: Arc<Gauge>,
    /// Of all queues.
    message_bytes: Arc<MessageBytes>,
    reading: Mutex<Reading>,
}

impl Drain {
    /// Until something was taken from it, it may have any backlog.
    pub(super) fn new(gauge: Arc<Gauge>, message_bytes: Arc<MessageBytes>) -> Self {
        let (at, behind) = (Instant::now(), usize::MAX);
        let reading = Reading { at, left: 0, behind, message_bytes: None, pace: None };
        Self { gauge, message_bytes, reading: Mutex::new(reading) }
    }

    /// A batch was taken.
    pub fn took(&self, taken: Taken, now: Instant) {
        self.message_bytes.note(taken.message_bytes);
        let mut reading = self.reading.lock();
        *reading = Reading {
            at: now,
            left: taken.left,
            behind: taken.behind * taken.message_bytes,
            message_bytes: Some(taken.message_bytes),
            pace: reading.pace_with(taken.messages, now),
        };
    }

    /// It is not read any more.
    pub fn leave(&self) {
        self.reading.lock().behind = 0;
    }

    /// Bytes of memory that what is in it takes.
    pub(super) fn memory(&self) -> usize {
        let own = self.reading.lock().message_bytes;
        pool::memory(self.gauge.entries(), own.unwrap_or_else(|| self.message_bytes.get()))
    }

    /// How long what is in it lasts, or [`UNKNOWN`]. `None` if nothing has to be there before it is empty:
    /// there is no more of it, or its consumer pauses.
    pub(super) fn lasts(&self, now: Instant) -> Option<Duration> {
        let reading = *self.reading.lock();
        let rest = now.saturating_duration_since(reading.at);
        if reading.behind <= A_LITTLE || rest > PAUSE {
            return None;
        }
        let Some(pace) = reading.pace else { return Some(UNKNOWN) };
        let messages = u32::try_from(self.gauge.entries()).unwrap_or(u32::MAX);
        Some(pace.saturating_mul(messages).saturating_sub(rest))
    }
}

impl Reading {
    /// The consumer's pace, smoothed, with so many messages since the last batch. Where that left nothing it waited for
    /// some.
    fn pace_with(&self, messages: usize, now: Instant) -> Option<Duration> {
        let time = now.saturating_duration_since(self.at);
        let Some(messages) = u32::try_from(messages).ok().filter(|count| *count > 0 && self.left > 0 && time <= PAUSE)
        else {
            return self.pace;
        };
        let new = time / messages;
        Some(self.pace.map_or(new, |old| old - old / 4 + new / 4))
    }
}
