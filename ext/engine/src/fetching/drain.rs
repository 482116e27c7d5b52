//! One partition's queue, and how fast it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::backlog::{Backlog, LONGEST_WAIT};
use super::pool;
use crate::kafka::Gauge;
use crate::sync::Mutex;

/// A longer time between two batches is a pause, and says nothing of the consumer's speed.
const PAUSE: Duration = Duration::from_secs(1);
/// A partition of which nothing was read yet may be at any broker.
const ANY_BROKER: i32 = -1;

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has room for a fetch.
    Room,
    /// It has none, but soon.
    Full,
    /// It has none for long, or lasts longer than a fetch.
    Slow,
}

/// What was taken from a queue.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// The broker it came from.
    pub broker: i32,
    /// How many messages.
    pub messages: usize,
    /// Bytes of a payload, on average.
    pub payload: usize,
    /// Bytes of a message with its key and headers, on average.
    pub message_bytes: usize,
    /// How many messages are left in the queue.
    pub left: usize,
    /// How many there are in the log behind the queue, as far as is known.
    pub behind: usize,
}

/// A queue after a batch was taken from it that left something.
#[derive(Debug, Clone, Copy)]
struct Known {
    at: Instant,
    messages: usize,
    /// How many responses there had been.
    responses: usize,
}

/// One partition's queue.
#[derive(Debug)]
pub struct Drain {
    backlog: Arc<Backlog>,
    gauge: Arc<Gauge>,
    /// Bytes of a message in the batch that was taken last, on average; 0 before.
    message_bytes: AtomicUsize,
    /// The broker that the partition is fetched from.
    broker: AtomicI32,
    /// Bytes in it.
    left: AtomicUsize,
    /// Bytes of the log behind it, as far as is known.
    behind: AtomicUsize,
    /// What may be on its way.
    arriving: AtomicUsize,
    /// How many responses of its broker there were.
    responses: AtomicUsize,
    /// When it was taken from or filled last, in nanoseconds since the backlog began.
    changed_at: AtomicU64,
    known: Mutex<Option<Known>>,
    /// What a byte takes to be consumed, 0 where that is not known.
    picoseconds: AtomicU64,
}

impl Drain {
    pub(super) fn new(backlog: Arc<Backlog>, gauge: Arc<Gauge>) -> Self {
        Self {
            backlog,
            gauge,
            message_bytes: AtomicUsize::new(0),
            broker: AtomicI32::new(ANY_BROKER),
            left: AtomicUsize::new(0),
            behind: AtomicUsize::new(0),
            arriving: AtomicUsize::new(0),
            responses: AtomicUsize::new(0),
            changed_at: AtomicU64::new(0),
            known: Mutex::default(),
            picoseconds: AtomicU64::new(0),
        }
    }

    /// Whether the broker's fetches may be for it.
    pub(super) fn may_be_at(&self, broker: i32) -> bool {
        [broker, ANY_BROKER].contains(&self.broker.load(Ordering::Relaxed))
    }

    /// Bytes of the log behind it, as far as is known.
    pub(super) fn behind(&self) -> usize {
        self.behind.load(Ordering::Relaxed)
    }

    /// Bytes of memory that what is in it takes, with messages of so many bytes where none of it was taken yet.
    pub(super) fn memory(&self, message_bytes: usize) -> usize {
        let own = self.message_bytes.load(Ordering::Relaxed);
        pool::memory(self.gauge.entries(), if own > 0 { own } else { message_bytes })
    }

    /// A response is going to be read that may have so many bytes for it.
    pub(super) fn arriving(&self, bytes: usize) {
        self.responses.fetch_add(1, Ordering::Relaxed);
        self.arriving.store(bytes, Ordering::SeqCst);
        let more = |left| (left > 0).then_some(left + bytes);
        let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
    }

    /// The response was read.
    pub(super) fn arrived(&self) {
        self.arriving.store(0, Ordering::SeqCst);
    }

    /// The queue was empty and is not any more. Takes no lock, since librdkafka holds the queue's.
    pub fn filled(&self) {
        self.note_change(Instant::now());
        let bytes = self.arriving.load(Ordering::SeqCst).max(1);
        let _ = self.left.compare_exchange(0, bytes, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// A batch was taken.
    pub fn took(&self, taken: Taken, now: Instant) {
        self.broker.store(taken.broker, Ordering::Relaxed);
        self.message_bytes.store(taken.message_bytes, Ordering::Relaxed);
        self.backlog.note_message_bytes(taken.message_bytes);
        self.behind.store(taken.behind * taken.payload, Ordering::Relaxed);
        self.note_change(now);
        let responses = self.responses.load(Ordering::Relaxed);
        let known = (taken.left > 0).then_some(Known { at: now, messages: taken.left, responses });
        if let Some(former) = std::mem::replace(&mut *self.known.lock(), known) {
            self.note_speed(now.saturating_duration_since(former.at), taken.messages * taken.payload);
            let came = (taken.left + taken.messages).saturating_sub(former.messages);
            self.backlog.note_brought(came * taken.payload, responses.wrapping_sub(former.responses));
        }
        let arriving = if taken.left > 0 { self.arriving.load(Ordering::SeqCst) } else { 0 };
        self.set_left(taken.left * taken.payload + arriving);
    }

    /// It is not read any more.
    pub fn leave(&self) {
        self.behind.store(0, Ordering::Relaxed);
        self.set_left(0);
    }

    fn set_left(&self, bytes: usize) {
        self.left.store(bytes, Ordering::SeqCst);
        self.backlog.look_again();
    }

    fn note_change(&self, now: Instant) {
        self.changed_at.store(self.backlog.nanoseconds(now), Ordering::Relaxed);
    }

    fn note_speed(&self, time: Duration, bytes: usize) {
        if time > PAUSE || bytes == 0 {
            return;
        }
        let new = u64::try_from(time.as_nanos() * 1_000 / bytes as u128).unwrap_or(u64::MAX).max(1);
        let old = self.picoseconds.load(Ordering::Relaxed);
        self.picoseconds.store(if old == 0 { new } else { old - old / 4 + new / 4 }, Ordering::Relaxed);
    }

    fn time_for(&self, bytes: usize) -> Duration {
        Duration::from_nanos(self.picoseconds.load(Ordering::Relaxed).saturating_mul(bytes as u64) / 1_000)
    }

    /// For how long it was neither taken from nor filled.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        let changed_at = self.changed_at.load(Ordering::Relaxed);
        Duration::from_nanos(self.backlog.nanoseconds(now).saturating_sub(changed_at))
    }

    /// How it stands where it may hold so many bytes when a fetch arrives, and one without messages takes so long.
    pub(super) fn standing(&self, allowance: usize, fetch_wait: Duration, now: Instant) -> Standing {
        let left = self.left.load(Ordering::SeqCst);
        let is_fast = || {
            self.rest(now) <= LONGEST_WAIT
                && self.time_for(left) <= fetch_wait
                && self.time_for(left - allowance) <= LONGEST_WAIT
        };
        if left <= allowance {
            Standing::Room
        } else if is_fast() {
            Standing::Full
        } else {
            Standing::Slow
        }
    }
}

#[cfg(test)]
impl Drain {
    /// Bytes that may be in it.
    pub(super) fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }
}
