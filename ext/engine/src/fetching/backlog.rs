//! Whether a fetch would leave out the partitions that have a backlog.
//!
//! librdkafka asks a broker for one fetch at a time, and leaves out partitions whose queues are full. Where all that have
//! a backlog are full it asks for the others alone: if there is nothing for them the broker answers after half a second,
//! and a queue that is read fast runs dry meanwhile. So the response before is held until one of the full ones has room.
//!
//! What is in a queue is known from who takes from it; what a response brings to which of them is not known before it is
//! read, and taken for the most that it may be until the next batch is taken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::drain::{Drain, Standing};
use super::limits::{Limits, Sharing};
use super::{LARGE, pool};
use crate::kafka::{Gauge, NextFetch};
use crate::sync::{Condvar, Mutex};

/// Room is not waited for longer than this: messages of other partitions wait, too.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// What fetches brought is forgotten by such a part with each that brought less.
const FORGETTING: usize = 64;
/// Bytes of a message, as long as none was seen.
const UNKNOWN_MESSAGE: usize = 256;

/// The queues of one client's partitions.
#[derive(Debug)]
pub struct Backlog {
    began: Instant,
    limits: Mutex<Limits>,
    /// Most bytes of one partition that a fetch has brought lately: a broker hands out whole batches of a producer.
    brought_bytes: AtomicUsize,
    /// Bytes of a message, on average of the last batches.
    message_bytes: AtomicUsize,
    drains: Mutex<Vec<Weak<Drain>>>,
    room: Condvar,
    /// How many wait for room: one for each broker at most.
    waiting: AtomicUsize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            limits: Mutex::default(),
            brought_bytes: AtomicUsize::new(0),
            message_bytes: AtomicUsize::new(UNKNOWN_MESSAGE),
            drains: Mutex::default(),
            room: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Backlog {
    /// The client was made with these.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.lock() = limits;
        self.brought_bytes.store(limits.fetch_bytes, Ordering::Relaxed);
    }

    /// A batch was taken whose messages have so many bytes, on average.
    pub(super) fn note_message_bytes(&self, bytes: usize) {
        let known = self.message_bytes.load(Ordering::Relaxed);
        self.message_bytes.store((known * 7 + bytes) / 8, Ordering::Relaxed);
    }

    /// What is to be fetched from the broker after a response of so many bytes, where partitions have their memory in common.
    pub fn next_fetch(&self, broker: i32, bytes: usize, now: Instant) -> Option<NextFetch> {
        let limits = *self.limits.lock();
        if limits.sharing == Sharing::Divided {
            return None;
        }
        let drains = self.drains.lock();
        // One of these may be left out, and have nothing in its queue before the broker has waited. A little is no backlog:
        // the end of a transaction counts as a message, too.
        let is_left_out =
            |drain: Arc<Drain>| drain.behind() > limits.queue_bytes && drain.rest(now) <= limits.fetch_wait;
        let has_more = bytes >= LARGE || of_broker(&drains, broker).any(is_left_out);
        let wait = if has_more { limits.fetch_wait.min(pool::WAIT) } else { limits.fetch_wait };
        let message_bytes = self.message_bytes.load(Ordering::Relaxed);
        let most_bytes = pool::room(limits.memory_bytes, self.memory(&drains), bytes, message_bytes);
        Some(NextFetch { most_bytes, wait })
    }

    /// Bytes of memory that what is in all queues takes.
    fn memory(&self, drains: &[Weak<Drain>]) -> usize {
        let message_bytes = self.message_bytes.load(Ordering::Relaxed);
        drains.iter().filter_map(Weak::upgrade).map(|drain| drain.memory(message_bytes)).sum()
    }

    /// A response has brought so many bytes of a partition, one of so many: each of them may have been for another one.
    pub(super) fn note_brought(&self, bytes: usize, responses: usize) {
        let brought = (bytes / responses.max(1)).max(self.limits.lock().fetch_bytes);
        let known = self.brought_bytes.load(Ordering::Relaxed);
        if brought > known {
            self.brought_bytes.store(brought, Ordering::Relaxed);
        } else if bytes > 0 && responses == 1 {
            self.brought_bytes.store(known - (known - brought).div_ceil(FORGETTING), Ordering::Relaxed);
        }
    }

    /// What a response of so many bytes brings of one partition at most. Compressed batches hold more than they take.
    fn most_of_one(&self, bytes: usize) -> usize {
        let brought = self.brought_bytes.load(Ordering::Relaxed);
        if bytes < self.limits.lock().fetch_bytes / 2 { bytes.min(brought) } else { brought }
    }

    /// A partition's queue is going to be filled and read.
    pub fn join(self: &Arc<Self>, gauge: Arc<Gauge>) -> Arc<Drain> {
        let drain = Arc::new(Drain::new(Arc::clone(self), gauge));
        let mut drains = self.drains.lock();
        drains.retain(|other| other.strong_count() > 0);
        drains.push(Arc::downgrade(&drain));
        drain
    }

    /// A broker's response of so many bytes is there: waits until it can be read, until `latest` at most.
    pub fn hold(&self, broker: i32, bytes: usize, latest: Instant) {
        let Limits { fetch_wait, memory_bytes, sharing, .. } = *self.limits.lock();
        let within = |longest: Duration| latest.min(Instant::now() + longest.min(fetch_wait));
        // One that brings next to nothing is not worth the wait of those it is for.
        if bytes >= pool::STEP {
            self.wait_for_memory(memory_bytes, within(pool::WAIT));
        }
        if sharing == Sharing::Divided {
            self.wait_for_a_queue(broker, bytes, within(LONGEST_WAIT));
        }
    }

    /// Waits until one of the queues that are full has room. Some of the response may be for each that is not empty.
    fn wait_for_a_queue(&self, broker: i32, bytes: usize, latest: Instant) {
        let mut drains = self.drains.lock();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while self.is_full(of_broker(&drains, broker), Instant::now()) && Instant::now() < latest {
            drains = self.room.wait_until(drains, latest).0;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let bytes = self.most_of_one(bytes);
        of_broker(&drains, broker).for_each(|drain| drain.arriving(bytes));
    }

    /// Waits until all queues together do not hold too much. To measure hundreds of them each time a batch is taken would cost
    /// more than to look from time to time.
    fn wait_for_memory(&self, memory_bytes: usize, latest: Instant) {
        while self.memory(&self.drains.lock()) > memory_bytes && Instant::now() < latest {
            std::thread::sleep(pool::LOOK_AGAIN);
        }
    }

    /// The broker's response was read.
    pub fn arrived(&self, broker: i32) {
        if self.limits.lock().sharing == Sharing::Pooled {
            return;
        }
        of_broker(&self.drains.lock(), broker).for_each(|drain| drain.arrived());
    }

    /// A queue is less full than it was.
    pub(super) fn look_again(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            // Under the lock, so that it can't fall between a look and its wait.
            let _drains = self.drains.lock();
            self.room.notify_all();
        }
    }

    /// Whether the next fetch would be for partitions without a backlog alone, and that is not for long.
    fn is_full(&self, drains: impl Iterator<Item = Arc<Drain>>, now: Instant) -> bool {
        let (limits, brought) = (*self.limits.lock(), self.brought_bytes.load(Ordering::Relaxed));
        // One that is filled to the last byte is left out, and no batch is as large as the other.
        let allowance = limits.queue_bytes.checked_sub(brought + brought / 16).filter(|bytes| *bytes > 0);
        let Some(allowance) = allowance else { return false };
        let (mut full, mut idle) = (false, false);
        for drain in drains {
            let behind = drain.behind();
            // The response may bring all that there is of it.
            idle |= behind <= brought;
            match drain.standing(allowance, limits.fetch_wait, now) {
                // It takes part in the next fetch, which ends at once.
                Standing::Room if behind > brought => return false,
                Standing::Full if behind > 0 => full = true,
                Standing::Room | Standing::Full | Standing::Slow => {}
            }
        }
        full && idle
    }

    /// A time as a number, which needs no lock.
    pub(super) fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The queues that a broker's fetches are for.
fn of_broker(drains: &[Weak<Drain>], broker: i32) -> impl Iterator<Item = Arc<Drain>> {
    drains.iter().filter_map(Weak::upgrade).filter(move |drain| drain.may_be_at(broker))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetching::Taken;

    const QUEUE: usize = 1_000;
    const FETCH: usize = 100;
    const WAIT: Duration = Duration::from_millis(500);
    const LIMITS: Limits = Limits {
        queue_bytes: QUEUE,
        fetch_bytes: FETCH,
        fetch_wait: WAIT,
        memory_bytes: usize::MAX,
        sharing: Sharing::Divided,
    };
    const BROKER: i32 = 7;
    /// Messages of one byte; there is more in the log than any fetch brings.
    const TAKEN: Taken =
        Taken { broker: BROKER, messages: 100, payload: 1, message_bytes: 1, left: 0, behind: 1_000_000 };
    const FAST: u32 = 100_000;

    fn backlog() -> Arc<Backlog> {
        let backlog = Arc::new(Backlog::default());
        backlog.set_limits(LIMITS);
        backlog
    }

    /// A queue that is read at so many bytes a second, and has so many in it.
    fn read_at(backlog: &Arc<Backlog>, bytes_per_second: u32, left: usize, now: Instant) -> Arc<Drain> {
        let drain = backlog.join(Arc::default());
        let former = now.checked_sub(Duration::from_secs(100) / bytes_per_second).unwrap();
        drain.took(Taken { left, ..TAKEN }, former);
        drain.took(Taken { left, ..TAKEN }, now);
        drain
    }

    fn is_full(backlog: &Backlog, now: Instant) -> bool {
        backlog.is_full(of_broker(&backlog.drains.lock(), BROKER), now)
    }

    fn hold(backlog: &Backlog, bytes: usize) {
        backlog.hold(BROKER, bytes, Instant::now() + WAIT);
    }

    #[test]
    fn a_full_queue_that_is_read_fast_is_waited_for_beside_an_empty_one() {
        let (backlog, now) = (backlog(), Instant::now());
        let full = read_at(&backlog, FAST, QUEUE, now);
        assert!(!is_full(&backlog, now), "nobody else is fetched for");
        let other = backlog.join(Arc::default());
        assert!(is_full(&backlog, now));
        full.took(Taken { messages: 300, left: QUEUE - 2 * FETCH, ..TAKEN }, now);
        assert!(!is_full(&backlog, now), "it has room");
        full.took(Taken { left: QUEUE, behind: FETCH, ..TAKEN }, now);
        assert!(is_full(&backlog, now), "a response may bring the end of the log");
        full.took(Taken { left: QUEUE, behind: 0, ..TAKEN }, now);
        assert!(!is_full(&backlog, now), "all of it is here");
        full.took(Taken { left: QUEUE, ..TAKEN }, now);
        other.took(Taken { left: FETCH, ..TAKEN }, now);
        assert!(!is_full(&backlog, now), "the other has a backlog, and room");
    }

    #[test]
    fn a_queue_at_another_broker_is_not_waited_for() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join(Arc::default()));
        full.took(Taken { broker: BROKER + 1, left: QUEUE, ..TAKEN }, now);
        assert!(!is_full(&backlog, now));
    }

    #[test]
    fn a_queue_that_is_read_slowly_is_not_waited_for() {
        let (backlog, now) = (backlog(), Instant::now());
        let (_slow, _other) = (read_at(&backlog, 1_000, QUEUE, now), backlog.join(Arc::default()));
        assert!(!is_full(&backlog, now), "it lasts for a second");
        let _excess = read_at(&backlog, FAST, 100 * QUEUE, now);
        assert!(!is_full(&backlog, now), "it has too much in it");
    }

    #[test]
    fn a_queue_that_nobody_takes_from_is_not_waited_for_any_more() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join(Arc::default()));
        assert!(is_full(&backlog, now) && !is_full(&backlog, now + LONGEST_WAIT * 2));
        full.leave();
        assert!(!is_full(&backlog, now));
    }

    #[test]
    fn a_pause_says_nothing_of_the_speed() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join(Arc::default()));
        let later = now + Duration::from_secs(10);
        full.took(Taken { left: QUEUE, ..TAKEN }, later);
        assert!(is_full(&backlog, later));
    }

    #[test]
    fn a_trickle_into_many_queues_is_no_backlog() {
        let (backlog, now) = (backlog(), Instant::now());
        let drains = [backlog.join(Arc::default()), backlog.join(Arc::default())];
        (0..20).for_each(|_| hold(&backlog, FETCH));
        drains[0].filled();
        (0..20).for_each(|_| hold(&backlog, FETCH));
        assert!(drains[0].left() > QUEUE && !is_full(&backlog, now));
    }

    #[test]
    fn what_arrives_counts_in_each_queue_until_it_was_read() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE - 2 * FETCH, now), backlog.join(Arc::default()));
        hold(&backlog, 10_000);
        assert!(is_full(&backlog, now), "it may have been for this one");
        full.took(Taken { left: QUEUE - 2 * FETCH, ..TAKEN }, now);
        assert!(is_full(&backlog, now), "it may not be there yet");
        backlog.arrived(BROKER);
        full.took(Taken { left: QUEUE - 2 * FETCH, ..TAKEN }, now);
        assert!(!is_full(&backlog, now));
    }

    #[test]
    fn a_queue_that_ran_dry_is_a_backlog_still_when_it_is_filled() {
        let (backlog, now) = (backlog(), Instant::now());
        let (dry, _other) = (read_at(&backlog, FAST, FETCH, now), backlog.join(Arc::default()));
        dry.took(TAKEN, now);
        assert!(!is_full(&backlog, now));
        hold(&backlog, FETCH);
        dry.filled();
        (0..8).for_each(|_| hold(&backlog, FETCH));
        assert!(is_full(&backlog, now));
    }

    #[test]
    fn a_response_is_read_as_soon_as_there_is_room() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join(Arc::default()));
        let reader = {
            let backlog = Arc::clone(&backlog);
            std::thread::spawn(move || hold(&backlog, FETCH))
        };
        while backlog.waiting.load(Ordering::SeqCst) == 0 && !reader.is_finished() {
            std::thread::yield_now();
        }
        full.took(Taken { messages: 300, left: QUEUE - 2 * FETCH, ..TAKEN }, now);
        reader.join().unwrap();
        assert_eq!(full.left(), QUEUE - FETCH, "and may be in the queue");
    }

    #[test]
    fn what_fetches_bring_is_learned_and_forgotten() {
        let (backlog, now) = (backlog(), Instant::now());
        let drain = read_at(&backlog, FAST, QUEUE - 2 * FETCH, now);
        hold(&backlog, 10 * FETCH);
        drain.took(Taken { messages: 2 * FETCH, left: QUEUE - FETCH, ..TAKEN }, now);
        assert_eq!(backlog.brought_bytes.load(Ordering::Relaxed), 3 * FETCH);
        for _ in 0..1_000 {
            hold(&backlog, FETCH);
            drain.took(Taken { messages: FETCH, left: QUEUE - FETCH, ..TAKEN }, now);
        }
        assert_eq!(backlog.brought_bytes.load(Ordering::Relaxed), FETCH);
    }

    #[test]
    fn a_fetch_is_as_the_client_was_made_where_each_partition_has_its_part() {
        assert_eq!(backlog().next_fetch(BROKER, FETCH, Instant::now()), None);
    }

    #[test]
    fn the_broker_waits_less_while_a_backlog_is_read_from_a_common_memory() {
        let (backlog, now) = (Arc::new(Backlog::default()), Instant::now());
        backlog.set_limits(Limits { memory_bytes: 1 << 20, sharing: Sharing::Pooled, ..LIMITS });
        let wait = |bytes, now| backlog.next_fetch(BROKER, bytes, now).unwrap().wait;
        assert_eq!(
            (wait(FETCH, now), wait(LARGE, now)),
            (WAIT, pool::WAIT),
            "a large response may have more behind it"
        );
        let read = read_at(&backlog, FAST, 0, now);
        assert_eq!((wait(FETCH, now), wait(FETCH, now + 2 * WAIT)), (pool::WAIT, WAIT), "read lately, and long ago");
        assert_eq!(backlog.next_fetch(BROKER + 1, FETCH, now).unwrap().wait, WAIT, "another broker has none");
        read.took(Taken { behind: 1, ..TAKEN }, now);
        assert_eq!(wait(FETCH, now), WAIT, "next to nothing is left of it");
    }

    #[test]
    fn a_response_is_held_while_queues_hold_too_much() {
        const MEMORY: usize = 1 << 20;
        let backlog = backlog();
        backlog.set_limits(Limits { memory_bytes: MEMORY, ..LIMITS });
        let _drain = backlog.join(Arc::new(Gauge::showing(MEMORY)));
        let held = |bytes| {
            let began = Instant::now();
            hold(&backlog, bytes);
            began.elapsed() >= pool::WAIT
        };
        assert!(held(pool::STEP) && !held(pool::STEP - 1), "one that brings next to nothing is not");
        let next = |sharing| {
            backlog.set_limits(Limits { memory_bytes: MEMORY, sharing, ..LIMITS });
            backlog.next_fetch(BROKER, 0, Instant::now()).map(|next| next.most_bytes)
        };
        assert_eq!((next(Sharing::Pooled), next(Sharing::Divided)), (Some(pool::STEP), None));
    }

    #[test]
    fn a_queue_too_small_for_two_fetches_is_never_waited_for() {
        let (backlog, now) = (backlog(), Instant::now());
        backlog.set_limits(Limits { queue_bytes: FETCH, ..LIMITS });
        let (_full, _other) = (read_at(&backlog, FAST, 100 * QUEUE, now), backlog.join(Arc::default()));
        assert!(!is_full(&backlog, now));
    }
}
