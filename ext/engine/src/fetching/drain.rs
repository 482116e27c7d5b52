//! One partition's queue, and how fast it is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::Limits;
use super::pool::{self, MessageBytes};
use crate::kafka::Gauge;
use crate::sync::Mutex;

/// How long a queue is taken to last of which that is not known.
pub(super) const UNKNOWN: Duration = Duration::from_millis(4);
/// So many messages in the log are no backlog: the end of a transaction counts as one, too.
const A_FEW: usize = 8;
/// By so much librdkafka may be late in taking a partition up again whose queue was full.
const LATENESS: Duration = Duration::from_millis(1);

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

/// A queue since a batch was taken from it, or since it was made.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    taken: Option<Taken>,
    /// What a message takes to be consumed, where batches followed each other.
    pace: Option<Duration>,
}

/// How a queue is, at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Bytes of memory that what is in it takes.
    pub(super) memory: usize,
    /// When the next fetch is to be over for its sake. `None` if nothing has to: it takes part in that fetch, or there is no
    /// more of it.
    pub(super) needs_another: Option<Duration>,
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
    pub(super) fn new(gauge: Arc<Gauge>, message_bytes: Arc<MessageBytes>) -> Self {
        let reading = Reading { at: Instant::now(), taken: None, pace: None };
        Self { gauge, message_bytes, reading: Mutex::new(reading) }
    }

    /// A batch was taken.
    pub fn took(&self, taken: Taken, now: Instant) {
        self.message_bytes.note(taken.message_bytes);
        let mut reading = self.reading.lock();
        *reading = Reading { at: now, taken: Some(taken), pace: reading.pace_until(now) };
    }

    /// Bytes of memory that what is in it takes.
    pub(super) fn memory(&self) -> usize {
        let reading = *self.reading.lock();
        pool::memory(self.gauge.entries(), self.message_bytes_of(&reading))
    }

    fn message_bytes_of(&self, reading: &Reading) -> usize {
        reading.taken.map_or_else(|| self.message_bytes.get(), |taken| taken.message_bytes)
    }

    /// Looks at it after a response of so many bytes, any of which may be for it.
    pub(super) fn look(&self, arriving: usize, limits: &Limits, now: Instant) -> Look {
        let reading = *self.reading.lock();
        let (entries, message_bytes) = (self.gauge.entries(), self.message_bytes_of(&reading));
        let memory = pool::memory(entries, message_bytes);
        let messages = entries + arriving / message_bytes.max(1);
        // Neither the sizes of messages nor where they go is known, so one that may be half full may be full.
        let may_be_full = messages >= limits.queue_messages / 2
            || messages.saturating_mul(message_bytes) >= limits.queue_bytes / 2
            || now.saturating_duration_since(reading.at) <= limits.queue_backoff + LATENESS;
        let needs_another =
            (may_be_full && reading.may_have_more(entries)).then(|| reading.half_of_the_rest(entries, now));
        Look { memory, needs_another }
    }
}

impl Reading {
    /// The consumer's pace with the time until now, which it spent on what was taken; where that left nothing, also on
    /// waiting. What slows it down for once counts for less than what shows how fast it is.
    fn pace_until(&self, now: Instant) -> Option<Duration> {
        let count = |taken: Taken| u32::try_from(taken.messages).ok().filter(|count| *count > 0 && taken.left > 0);
        let Some(messages) = self.taken.and_then(count) else { return self.pace };
        let new = now.saturating_duration_since(self.at) / messages;
        Some(self.pace.map_or(new, |old| if new < old { new } else { old + (new - old) / 4 }))
    }

    /// Whether the log may have more messages than what came into the queue.
    fn may_have_more(&self, entries: usize) -> bool {
        // What came since says that there was more than was known.
        self.taken.is_none_or(|taken| taken.behind.max(entries.saturating_sub(taken.left)) > A_FEW)
    }

    /// Half of the time that the queue lasts and what was taken before: a full one has room by then, and time to be filled.
    /// A consumer that takes longer than it did is asked for less and less often.
    fn half_of_the_rest(&self, entries: usize, now: Instant) -> Duration {
        let rest = now.saturating_duration_since(self.at);
        let messages = u32::try_from(entries + self.taken.map_or(0, |taken| taken.messages)).unwrap_or(u32::MAX);
        let half = self.pace.map_or(UNKNOWN, |pace| pace.saturating_mul(messages).saturating_sub(rest) / 2);
        half.max(rest / 4)
    }
}
