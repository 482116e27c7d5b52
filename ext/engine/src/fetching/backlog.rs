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
use crate::sync::{Condvar, Mutex};

/// Room is not waited for longer than this: messages of other partitions wait, too.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// What fetches brought is forgotten by such a part with each that brought less.
const FORGETTING: usize = 64;

/// The queues of one client's partitions.
#[derive(Debug)]
pub struct Backlog {
    began: Instant,
    limits: Mutex<Limits>,
    /// Most bytes of one partition that a fetch has brought lately: a broker hands out whole batches of a producer.
    brought_bytes: AtomicUsize,
    drains: Mutex<Vec<Weak<Drain>>>,
    room: Condvar,
    /// How many wait for room: one for each broker at most.
    waiting: AtomicUsize,
}

/// How the client fetches.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// With so many bytes in its queue a partition is left out.
    queue_bytes: usize,
    /// Most bytes of one partition that are asked for in a fetch.
    fetch_bytes: usize,
    /// How long a fetch takes that brings nothing.
    fetch_wait: Duration,
}

impl Default for Backlog {
    fn default() -> Self {
        let limits = Limits { queue_bytes: usize::MAX, fetch_bytes: 0, fetch_wait: Duration::ZERO };
        Self {
            began: Instant::now(),
            limits: Mutex::new(limits),
            brought_bytes: AtomicUsize::new(0),
            drains: Mutex::default(),
            room: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Backlog {
    /// The client leaves out a partition with `queue_bytes` in its queue, asks for at most `fetch_bytes` of it, and waits
    /// for `fetch_wait` where there is nothing.
    pub fn set_limits(&self, queue_bytes: usize, fetch_bytes: usize, fetch_wait: Duration) {
        *self.limits.lock() = Limits { queue_bytes, fetch_bytes, fetch_wait };
        self.brought_bytes.store(fetch_bytes, Ordering::Relaxed);
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
    pub fn join(self: &Arc<Self>) -> Arc<Drain> {
        let drain = Arc::new(Drain::new(Arc::clone(self)));
        let mut drains = self.drains.lock();
        drains.retain(|other| other.strong_count() > 0);
        drains.push(Arc::downgrade(&drain));
        drain
    }

    /// A broker's response of so many bytes is there: waits until it can be read, until `latest` at most. Some of it may
    /// be for each queue that is not empty.
    pub fn hold(&self, broker: i32, bytes: usize, latest: Instant) {
        let latest = latest.min(Instant::now() + LONGEST_WAIT.min(self.limits.lock().fetch_wait));
        let mut drains = self.drains.lock();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while self.is_full(of_broker(&drains, broker), Instant::now()) && Instant::now() < latest {
            drains = self.room.wait_until(drains, latest).0;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let bytes = self.most_of_one(bytes);
        of_broker(&drains, broker).for_each(|drain| drain.arriving(bytes));
    }

    /// The broker's response was read.
    pub fn arrived(&self, broker: i32) {
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
    const BROKER: i32 = 7;
    /// Messages of one byte; there is more in the log than any fetch brings.
    const TAKEN: Taken = Taken { broker: BROKER, messages: 100, payload: 1, left: 0, behind: 1_000_000 };
    const FAST: u32 = 100_000;

    fn backlog() -> Arc<Backlog> {
        let backlog = Arc::new(Backlog::default());
        backlog.set_limits(QUEUE, FETCH, WAIT);
        backlog
    }

    /// A queue that is read at so many bytes a second, and has so many in it.
    fn read_at(backlog: &Arc<Backlog>, bytes_per_second: u32, left: usize, now: Instant) -> Arc<Drain> {
        let drain = backlog.join();
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
        let other = backlog.join();
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
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join());
        full.took(Taken { broker: BROKER + 1, left: QUEUE, ..TAKEN }, now);
        assert!(!is_full(&backlog, now));
    }

    #[test]
    fn a_queue_that_is_read_slowly_is_not_waited_for() {
        let (backlog, now) = (backlog(), Instant::now());
        let (_slow, _other) = (read_at(&backlog, 1_000, QUEUE, now), backlog.join());
        assert!(!is_full(&backlog, now), "it lasts for a second");
        let _excess = read_at(&backlog, FAST, 100 * QUEUE, now);
        assert!(!is_full(&backlog, now), "it has too much in it");
    }

    #[test]
    fn a_queue_that_nobody_takes_from_is_not_waited_for_any_more() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join());
        assert!(is_full(&backlog, now) && !is_full(&backlog, now + LONGEST_WAIT * 2));
        full.leave();
        assert!(!is_full(&backlog, now));
    }

    #[test]
    fn a_pause_says_nothing_of_the_speed() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join());
        let later = now + Duration::from_secs(10);
        full.took(Taken { left: QUEUE, ..TAKEN }, later);
        assert!(is_full(&backlog, later));
    }

    #[test]
    fn a_trickle_into_many_queues_is_no_backlog() {
        let (backlog, now) = (backlog(), Instant::now());
        let drains = [backlog.join(), backlog.join()];
        (0..20).for_each(|_| hold(&backlog, FETCH));
        drains[0].filled();
        (0..20).for_each(|_| hold(&backlog, FETCH));
        assert!(drains[0].left() > QUEUE && !is_full(&backlog, now));
    }

    #[test]
    fn what_arrives_counts_in_each_queue_until_it_was_read() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE - 2 * FETCH, now), backlog.join());
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
        let (dry, _other) = (read_at(&backlog, FAST, FETCH, now), backlog.join());
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
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join());
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
    fn a_queue_too_small_for_two_fetches_is_never_waited_for() {
        let (backlog, now) = (backlog(), Instant::now());
        backlog.set_limits(FETCH, FETCH, WAIT);
        let (_full, _other) = (read_at(&backlog, FAST, 100 * QUEUE, now), backlog.join());
        assert!(!is_full(&backlog, now));
    }
}
