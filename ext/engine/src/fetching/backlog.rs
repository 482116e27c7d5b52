//! The queues of one client's partitions: what they hold, and what the next fetch is for.
//!
//! librdkafka asks a broker for one fetch at a time, and leaves out partitions whose queues are full. If there is nothing
//! for the others, the broker answers after half a second, and a queue that is read fast is empty long before. So while a
//! backlog is read, brokers are asked to wait for half as long as the first of its queues lasts.

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
        let (mut memory, mut first) = (0, None);
        for drain in self.drains.lock().iter().filter_map(Weak::upgrade) {
            let look = drain.look(bytes, &limits, now);
            memory += look.memory;
            first = first.into_iter().chain(look.needs_another).min();
        }
        let room = || pool::room(limits.memory_bytes, memory, bytes, self.message_bytes.get());
        let wait = match first {
            Some(time) => time.max(LEAST_WAIT),
            // It may be the first of many.
            None if bytes >= LARGE => UNKNOWN,
            None => Duration::MAX,
        };
        NextFetch { most_bytes: (limits.sharing == Sharing::Pooled).then(room), wait: wait.min(limits.fetch_wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetching::Taken;

    const MEMORY: usize = 1 << 20;
    const FETCH_WAIT: Duration = Duration::from_millis(500);
    const QUEUE: usize = 1_000;
    const LIMITS: Limits = Limits {
        queue_messages: QUEUE,
        queue_bytes: usize::MAX,
        queue_backoff: Duration::from_millis(3),
        fetch_bytes: 1 << 20,
        fetch_wait: FETCH_WAIT,
        memory_bytes: MEMORY,
        sharing: Sharing::Divided,
    };
    /// There is much more in the log.
    const TAKEN: Taken = Taken { messages: 100, message_bytes: 200, left: QUEUE, behind: 1_000_000 };
    const BATCH_EVERY: Duration = Duration::from_millis(10);

    fn backlog(limits: Limits) -> Arc<Backlog> {
        let backlog = Arc::new(Backlog::default());
        backlog.set_limits(limits);
        backlog
    }

    /// A queue of so many messages, from which a hundred are taken each [`BATCH_EVERY`], now for the last time.
    fn is_read(backlog: &Backlog, messages: usize, now: Instant) -> Arc<Drain> {
        let drain = backlog.join(Arc::new(Gauge::showing(messages)));
        drain.took(TAKEN, now.checked_sub(BATCH_EVERY).unwrap());
        drain.took(TAKEN, now);
        drain
    }

    fn wait(backlog: &Backlog, now: Instant) -> Duration {
        backlog.next_fetch(0, now).wait
    }

    /// How often a broker without messages would be asked in so long a time.
    fn fetches(backlog: &Backlog, from: Instant, time: Duration) -> usize {
        let ask = |now: &Instant| Some(*now + wait(backlog, *now));
        std::iter::successors(Some(from), ask).take_while(|now| *now < from + time).count()
    }

    #[test]
    fn brokers_wait_half_as_long_as_the_first_queue_lasts_with_what_was_taken_before() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let _long = is_read(&backlog, 3_900, now);
        assert_eq!(wait(&backlog, now), 20 * BATCH_EVERY);
        assert_eq!(wait(&backlog, now + 2 * BATCH_EVERY), 19 * BATCH_EVERY);
        let short = is_read(&backlog, 900, now);
        assert_eq!(wait(&backlog, now), 5 * BATCH_EVERY);
        drop(short);
        assert_eq!(wait(&backlog, now), 20 * BATCH_EVERY);
    }

    #[test]
    fn brokers_wait_for_a_moment_at_least_and_for_as_long_as_the_client_says_at_most() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let slow = is_read(&backlog, 1_000_000, now);
        assert_eq!(wait(&backlog, now), FETCH_WAIT);
        backlog.set_limits(Limits { fetch_wait: Duration::ZERO, ..LIMITS });
        assert_eq!(wait(&backlog, now), Duration::ZERO);
        drop(slow);
        backlog.set_limits(LIMITS);
        let fast = backlog.join(Arc::new(Gauge::showing(QUEUE)));
        (0..2).for_each(|_| fast.took(TAKEN, now));
        assert_eq!(wait(&backlog, now), LEAST_WAIT);
    }

    #[test]
    fn a_queue_that_is_to_take_part_in_the_next_fetch_needs_no_other() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let _drain = is_read(&backlog, QUEUE / 2 - 1, now);
        assert!(wait(&backlog, now) < FETCH_WAIT, "librdkafka may leave it out for a moment");
        let now = now + BATCH_EVERY / 2;
        assert_eq!(wait(&backlog, now), FETCH_WAIT);
        backlog.set_limits(Limits { queue_backoff: BATCH_EVERY, ..LIMITS });
        assert!(wait(&backlog, now) < FETCH_WAIT, "it does so for as long as the client says");
        backlog.set_limits(LIMITS);
        assert!(backlog.next_fetch(TAKEN.message_bytes, now).wait < FETCH_WAIT, "what comes may fill it");
        let bytes = (QUEUE - 2) * TAKEN.message_bytes;
        backlog.set_limits(Limits { queue_messages: usize::MAX, queue_bytes: bytes, ..LIMITS });
        assert!(wait(&backlog, now) < FETCH_WAIT, "it may be full of bytes, too");
    }

    #[test]
    fn a_queue_of_which_there_is_no_more_needs_no_other() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let drain = is_read(&backlog, QUEUE, now);
        drain.took(Taken { behind: 1, ..TAKEN }, now);
        assert_eq!(wait(&backlog, now), FETCH_WAIT, "the end of a transaction");
        drain.took(Taken { behind: 0, left: 10, ..TAKEN }, now);
        assert!(wait(&backlog, now) < FETCH_WAIT, "there was more than was known");
    }

    #[test]
    fn a_queue_of_which_nothing_was_taken_yet_may_be_empty_soon() {
        let backlog = backlog(LIMITS);
        let drain = backlog.join(Arc::new(Gauge::showing(QUEUE)));
        let now = Instant::now();
        assert_eq!(wait(&backlog, now), UNKNOWN);
        drain.took(TAKEN, now);
        assert_eq!(wait(&backlog, now), UNKNOWN, "one batch says nothing of the pace");
    }

    #[test]
    fn partitions_without_messages_cost_no_fetches() {
        let backlog = backlog(LIMITS);
        let _drains = [backlog.join(Arc::default()), backlog.join(Arc::default())];
        assert!(fetches(&backlog, Instant::now(), 10 * FETCH_WAIT) < 15);
    }

    #[test]
    fn a_consumer_that_hangs_costs_few_fetches() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let _first = backlog.join(Arc::new(Gauge::showing(QUEUE)));
        let _fast = is_read(&backlog, QUEUE, now);
        assert!(fetches(&backlog, now, 10 * FETCH_WAIT) < 50);
    }

    #[test]
    fn consumers_that_take_their_time_cost_few_fetches() {
        const BATCH_TAKES: Duration = Duration::from_secs(2);
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let drains: Vec<_> = (0..100).map(|_| backlog.join(Arc::new(Gauge::showing(QUEUE)))).collect();
        for turn in 0..10_u32 {
            for (at, drain) in (0..).zip(&drains) {
                let now = now + BATCH_TAKES * turn + BATCH_TAKES / 100 * at;
                drain.took(TAKEN, now);
                assert!(turn < 2 || wait(&backlog, now) == FETCH_WAIT);
            }
        }
    }

    #[test]
    fn a_large_response_may_be_the_first_of_many() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        assert_eq!(backlog.next_fetch(LARGE, now).wait, UNKNOWN);
    }

    #[test]
    fn a_pace_is_of_the_batch_that_was_consumed_and_as_fast_as_it_was_lately() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let drain = is_read(&backlog, 900, now);
        let mut at = now;
        let mut wait_after = |time, messages| {
            at += time;
            drain.took(Taken { messages, ..TAKEN }, at);
            wait(&backlog, at)
        };
        assert_eq!(wait_after(BATCH_EVERY, 1), 901 * BATCH_EVERY / 200);
        assert_eq!(wait_after(BATCH_EVERY / 100, 100), 5 * BATCH_EVERY);
        assert_eq!(wait_after(BATCH_EVERY * 5, 100), 10 * BATCH_EVERY, "a slow one counts for a quarter");
        assert_eq!(wait_after(BATCH_EVERY, 100), 5 * BATCH_EVERY);
    }

    #[test]
    fn an_empty_queue_says_nothing_of_the_pace() {
        let (backlog, now) = (backlog(LIMITS), Instant::now());
        let drain = is_read(&backlog, 900, now);
        drain.took(Taken { left: 0, ..TAKEN }, now + BATCH_EVERY);
        let later = now + 100 * BATCH_EVERY;
        drain.took(TAKEN, later);
        assert_eq!(wait(&backlog, later), 5 * BATCH_EVERY);
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
