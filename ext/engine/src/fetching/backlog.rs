//! The queues of one client's partitions: what they hold, and what the next fetch is for.
//!
//! librdkafka asks a broker for one fetch at a time, and leaves out partitions whose queues are full. If there is nothing
//! for the others, the broker answers after half a second, and a queue that is read fast is empty long before. So while a
//! backlog is read, brokers are asked to wait for as long as the first of its queues lasts.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::LARGE;
use super::drain::{Drain, UNKNOWN};
use super::limits::{Limits, Sharing};
use super::pool::{self, MessageBytes};
use crate::kafka::{Gauge, NextFetch};
use crate::sync::Mutex;

/// However soon a queue is empty, a broker that has nothing waits for so long.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// The queues of one client's partitions.
#[derive(Debug, Default)]
pub struct Backlog {
    limits: Mutex<Limits>,
    message_bytes: Arc<MessageBytes>,
    drains: Mutex<Vec<Weak<Drain>>>,
}

impl Backlog {
    /// The client was made with these.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.lock() = limits;
    }

    /// A partition's queue is going to be filled and read.
    pub fn join(&self, gauge: Arc<Gauge>) -> Arc<Drain> {
        let drain = Arc::new(Drain::new(gauge, Arc::clone(&self.message_bytes)));
        let mut drains = self.drains.lock();
        drains.retain(|other| other.strong_count() > 0);
        drains.push(Arc::downgrade(&drain));
        drain
    }

    /// Bytes of memory that what is in all queues takes.
    fn memory(&self) -> usize {
        self.drains.lock().iter().filter_map(Weak::upgrade).map(|drain| drain.memory()).sum()
    }

    /// How long the first of the queues lasts that are not to be empty.
    fn lasts(&self, now: Instant) -> Option<Duration> {
        self.drains.lock().iter().filter_map(Weak::upgrade).filter_map(|drain| drain.lasts(now)).min()
    }

    /// A response of so many bytes is there: waits until it can be read, until `latest` at most. That is when all queues
    /// together do not hold too much. To measure hundreds of them each time a batch is taken would cost more than to look
    /// from time to time.
    pub fn hold(&self, bytes: usize, latest: Instant) {
        // One that brings next to nothing is not worth the wait of those it is for.
        if bytes < pool::STEP {
            return;
        }
        let Limits { fetch_wait, memory_bytes, .. } = *self.limits.lock();
        let latest = latest.min(Instant::now() + pool::HOLD.min(fetch_wait));
        while self.memory() > memory_bytes && Instant::now() < latest {
            std::thread::sleep(pool::LOOK_AGAIN);
        }
    }

    /// What is to be fetched after a response of so many bytes. The queues of all brokers count: what one broker's thread is
    /// told is told to the others, too.
    pub fn next_fetch(&self, bytes: usize, now: Instant) -> NextFetch {
        let limits = *self.limits.lock();
        let room = || pool::room(limits.memory_bytes, self.memory(), bytes, self.message_bytes.get());
        let most_bytes = (limits.sharing == Sharing::Pooled).then(room);
        NextFetch { most_bytes, wait: self.wait(bytes, now).min(limits.fetch_wait) }
    }

    /// How long a broker may wait before it says that it has nothing.
    fn wait(&self, bytes: usize, now: Instant) -> Duration {
        match self.lasts(now) {
            Some(time) => time.max(LEAST_WAIT),
            // It may be the first of many.
            None if bytes >= LARGE => UNKNOWN,
            None => Duration::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetching::Taken;

    const MEMORY: usize = 1 << 20;
    const FETCH_WAIT: Duration = Duration::from_millis(500);
    const LIMITS: Limits =
        Limits { fetch_bytes: 1 << 20, fetch_wait: FETCH_WAIT, memory_bytes: MEMORY, sharing: Sharing::Divided };
    const SMALL: usize = LARGE - 1;
    /// There is much more in the log.
    const TAKEN: Taken = Taken { messages: 100, message_bytes: 200, left: 100, behind: 1_000_000 };
    const BATCH_EVERY: Duration = Duration::from_millis(10);

    fn backlog(limits: Limits) -> Arc<Backlog> {
        let backlog = Arc::new(Backlog::default());
        backlog.set_limits(limits);
        backlog
    }

    /// A queue of so many messages, from which a hundred are taken each [`BATCH_EVERY`], now for the last time.
    fn is_read(backlog: &Arc<Backlog>, messages: usize, now: Instant) -> Arc<Drain> {
        let drain = backlog.join(Arc::new(Gauge::showing(messages)));
        drain.took(TAKEN, now.checked_sub(BATCH_EVERY).unwrap());
        drain.took(TAKEN, now);
        drain
    }

    fn wait(backlog: &Backlog, now: Instant) -> Duration {
        backlog.next_fetch(SMALL, now).wait
    }

    #[test]
    fn brokers_wait_as_long_as_the_first_of_the_queues_lasts() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let _long = is_read(&backlog, 1_000, now);
        assert_eq!(wait(&backlog, now), 10 * BATCH_EVERY);
        assert_eq!(wait(&backlog, now + BATCH_EVERY), 9 * BATCH_EVERY);
        let short = is_read(&backlog, 300, now);
        assert_eq!(wait(&backlog, now), 3 * BATCH_EVERY);
        assert_eq!(wait(&backlog, now + 3 * BATCH_EVERY - Duration::from_micros(1)), LEAST_WAIT);
        short.leave();
        assert_eq!(wait(&backlog, now), 10 * BATCH_EVERY);
    }

    #[test]
    fn brokers_wait_for_as_long_as_the_client_says_at_most() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let _slow = is_read(&backlog, 1_000_000, now);
        assert_eq!(wait(&backlog, now), FETCH_WAIT);
        backlog.set_limits(Limits { fetch_wait: Duration::ZERO, ..LIMITS });
        assert_eq!(wait(&backlog, now), Duration::ZERO);
    }

    #[test]
    fn a_queue_is_not_to_be_empty_while_there_is_more_of_it_and_its_consumer_works() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let drain = is_read(&backlog, 1_000, now);
        assert_eq!(wait(&backlog, now + 2 * Duration::from_secs(1)), FETCH_WAIT, "it pauses");
        drain.took(Taken { behind: 1, ..TAKEN }, now);
        assert_eq!(wait(&backlog, now), FETCH_WAIT, "the end of a transaction");
        drain.took(Taken { behind: 0, ..TAKEN }, now);
        assert_eq!(wait(&backlog, now), FETCH_WAIT, "all of it is here");
    }

    #[test]
    fn a_queue_of_which_nothing_was_taken_yet_may_be_empty_soon() {
        let backlog = backlog(LIMITS);
        let drain = backlog.join(Arc::default());
        let now = Instant::now();
        assert_eq!((wait(&backlog, now), wait(&backlog, now + FETCH_WAIT * 3)), (UNKNOWN, FETCH_WAIT));
        drain.took(TAKEN, now);
        assert_eq!(wait(&backlog, now), UNKNOWN, "one batch says nothing of the pace");
    }

    #[test]
    fn a_large_response_may_be_the_first_of_many() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        assert_eq!(backlog.next_fetch(LARGE, now).wait, UNKNOWN);
    }

    #[test]
    fn neither_a_pause_nor_an_empty_queue_says_anything_of_the_pace() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let drain = is_read(&backlog, 1_000, now);
        let later = now + Duration::from_secs(10);
        drain.took(Taken { left: 0, ..TAKEN }, later);
        assert_eq!(wait(&backlog, later), 10 * BATCH_EVERY);
        let later = later + BATCH_EVERY * 10;
        drain.took(TAKEN, later);
        assert_eq!(wait(&backlog, later), 10 * BATCH_EVERY);
        drain.took(TAKEN, later + BATCH_EVERY * 5);
        assert_eq!(wait(&backlog, later + BATCH_EVERY * 5), 20 * BATCH_EVERY, "a batch that takes longer does");
    }

    #[test]
    fn a_response_is_held_while_queues_hold_too_much() {
        let backlog = backlog(LIMITS);
        let _drain = backlog.join(Arc::new(Gauge::showing(MEMORY)));
        let held = |bytes| {
            let began = Instant::now();
            backlog.hold(bytes, began + FETCH_WAIT);
            began.elapsed() >= pool::HOLD
        };
        assert!(held(pool::STEP) && !held(pool::STEP - 1), "one that brings next to nothing is not");
    }

    #[test]
    fn a_fetch_is_for_what_there_is_room_for_where_the_memory_is_common() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let _drain = backlog.join(Arc::new(Gauge::showing(MEMORY)));
        assert_eq!(backlog.next_fetch(0, now).most_bytes, None, "each has its part");
        backlog.set_limits(Limits { sharing: Sharing::Pooled, ..LIMITS });
        assert_eq!(backlog.next_fetch(0, now).most_bytes, Some(pool::STEP));
    }
}
