//! Whether a fetch would leave out the partitions that have a backlog.
//!
//! librdkafka asks a broker for one fetch at a time, and leaves out partitions whose queues are full. Where all that have
//! a backlog are full it asks for the others alone: if there is nothing for them the broker answers after half a second,
//! and a queue that is read fast runs dry meanwhile. So the response before is held until one of the full ones has room.
//!
//! What is in a queue is known from who takes from it; what a response brings to which of them is not known before it is
//! read, and taken for the most that it may be until the next batch is taken.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

/// A queue that lasts longer than a fetch without messages takes (`fetch.wait.max.ms`) does not run dry meanwhile.
const FETCH_WAIT: Duration = Duration::from_millis(500);
/// Room is not waited for longer than this: messages of other partitions wait, too.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// What fetches brought is forgotten by such a part with each that brought less.
const FORGETTING: usize = 64;

/// The queues of one client's partitions.
#[derive(Debug)]
pub struct Backlog {
    began: Instant,
    /// With so many bytes in its queue a partition is left out.
    queue_bytes: AtomicUsize,
    /// Most bytes of one partition that were asked for in a fetch.
    asked_bytes: AtomicUsize,
    /// Most bytes of one partition that a fetch has brought lately: a broker hands out whole batches of a producer.
    brought_bytes: AtomicUsize,
    /// How many responses there were.
    responses: AtomicUsize,
    /// What may be on its way into each queue.
    arriving: AtomicUsize,
    drains: Mutex<Vec<Weak<Drain>>>,
    room: Condvar,
    /// How many wait for room: one for each broker at most.
    waiting: AtomicUsize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            queue_bytes: AtomicUsize::new(usize::MAX),
            asked_bytes: AtomicUsize::new(0),
            brought_bytes: AtomicUsize::new(0),
            responses: AtomicUsize::new(0),
            arriving: AtomicUsize::new(0),
            drains: Mutex::default(),
            room: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Backlog {
    /// The client leaves out a partition with `queue_bytes` in its queue, and asks for at most `fetch_bytes` of it.
    pub fn set_limits(&self, queue_bytes: usize, fetch_bytes: usize) {
        self.queue_bytes.store(queue_bytes, Ordering::Relaxed);
        self.asked_bytes.store(fetch_bytes, Ordering::Relaxed);
        self.brought_bytes.store(fetch_bytes, Ordering::Relaxed);
    }

    /// What may be in a queue when a response arrives, so that the partition takes part in the next fetch; `None` where a
    /// response alone fills it.
    fn allowance(&self) -> Option<usize> {
        let brought = self.brought_bytes.load(Ordering::Relaxed);
        // One that is filled to the last byte is left out, and no batch is as large as the other.
        let brought = brought + brought / 16;
        self.queue_bytes.load(Ordering::Relaxed).checked_sub(brought).filter(|bytes| *bytes > 0)
    }

    /// So many responses have brought so many bytes of a partition. Of several each may have been for another one.
    fn note_brought(&self, bytes: usize, responses: usize) {
        let brought = (bytes / responses.max(1)).max(self.asked_bytes.load(Ordering::Relaxed));
        let known = self.brought_bytes.load(Ordering::Relaxed);
        if brought > known {
            self.brought_bytes.store(brought, Ordering::Relaxed);
        } else if bytes > 0 && responses == 1 {
            self.brought_bytes.store(known - (known - brought).div_ceil(FORGETTING), Ordering::Relaxed);
        }
    }

    /// A partition's queue is going to be filled and read.
    pub fn join(self: &Arc<Self>) -> Arc<Drain> {
        let drain = Arc::new(Drain {
            backlog: Arc::clone(self),
            left: AtomicUsize::new(0),
            behind: AtomicUsize::new(0),
            known: Mutex::default(),
            changed_at: AtomicU64::new(0),
            picoseconds: AtomicU64::new(0),
        });
        let mut drains = self.drains.lock();
        drains.retain(|other| other.strong_count() > 0);
        drains.push(Arc::downgrade(&drain));
        drain
    }

    /// A response of so many bytes is there: waits until it can be read. Some of it may be for each queue that is not
    /// empty.
    pub fn hold(&self, bytes: usize) {
        let latest = Instant::now() + LONGEST_WAIT;
        let mut drains = self.drains.lock();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while self.is_full(&drains, Instant::now()) && Instant::now() < latest {
            drains = self.room.wait_until(drains, latest).0;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let bytes = bytes.min(self.brought_bytes.load(Ordering::Relaxed));
        self.responses.fetch_add(1, Ordering::Relaxed);
        self.arriving.store(bytes, Ordering::SeqCst);
        for drain in drains.iter().filter_map(Weak::upgrade) {
            let _ =
                drain.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| (left > 0).then_some(left + bytes));
        }
    }

    /// The response was read.
    pub fn arrived(&self) {
        self.arriving.store(0, Ordering::SeqCst);
    }

    /// Whether the next fetch would be for partitions without a backlog alone, and that is not for long.
    fn is_full(&self, drains: &[Weak<Drain>], now: Instant) -> bool {
        let (mut full, mut idle) = (false, false);
        for drain in drains.iter().filter_map(Weak::upgrade) {
            // The response may bring all that there is of it.
            idle |= !drain.has_more_than(self.brought_bytes.load(Ordering::Relaxed));
            match drain.standing(now) {
                // It takes part in the next fetch, which ends at once.
                Standing::Room if drain.has_more_than(self.brought_bytes.load(Ordering::Relaxed)) => return false,
                Standing::Full => full = true,
                Standing::Empty | Standing::Room | Standing::Slow => {}
            }
        }
        full && idle
    }

    fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// There is nothing in it, or nothing more behind it.
    Empty,
    /// It has room for a fetch.
    Room,
    /// It has none, but soon.
    Full,
    /// It has none for long, or lasts longer than a fetch.
    Slow,
}

/// A queue after a batch was taken from it.
#[derive(Debug, Clone, Copy)]
struct Known {
    at: Instant,
    left: usize,
    /// How many responses there had been.
    responses: usize,
}

/// One partition's queue.
#[derive(Debug)]
pub struct Drain {
    backlog: Arc<Backlog>,
    /// Bytes in it, 0 where it is empty or holds all there is.
    left: AtomicUsize,
    /// Bytes of the log behind it, as far as is known.
    behind: AtomicUsize,
    /// When it was taken from or filled last, in nanoseconds since the backlog began.
    changed_at: AtomicU64,
    /// How it was when a batch was taken that left something.
    known: Mutex<Option<Known>>,
    /// What a byte takes to be consumed, 0 where that is not known.
    picoseconds: AtomicU64,
}

impl Drain {
    /// The queue was empty and is not any more.
    pub fn filled(&self) {
        self.note_change(Instant::now());
        let bytes = self.backlog.arriving.load(Ordering::SeqCst).max(1);
        let _ = self.left.compare_exchange(0, bytes, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// So many bytes were taken, so many are left, and so many of the log are behind them.
    pub fn took(&self, taken: usize, left: usize, behind: usize, now: Instant) {
        self.behind.store(behind, Ordering::Relaxed);
        self.note_change(now);
        let responses = self.backlog.responses.load(Ordering::Relaxed);
        if let Some(known) = self.known.lock().replace(Known { at: now, left, responses }) {
            self.note_speed(now.duration_since(known.at), taken);
            let came = (left + taken).saturating_sub(known.left);
            self.backlog.note_brought(came, responses.wrapping_sub(known.responses));
        }
        self.set_left(left + self.backlog.arriving.load(Ordering::SeqCst));
    }

    /// The queue was emptied, or holds all there is.
    pub fn ran_out(&self) {
        *self.known.lock() = None;
        self.behind.store(0, Ordering::Relaxed);
        self.set_left(0);
    }

    fn set_left(&self, bytes: usize) {
        self.left.store(bytes, Ordering::SeqCst);
        if self.backlog.waiting.load(Ordering::SeqCst) > 0 {
            // Under the lock, so that it can't fall between a look and its wait.
            let _drains = self.backlog.drains.lock();
            self.backlog.room.notify_all();
        }
    }

    fn note_change(&self, now: Instant) {
        self.changed_at.store(self.backlog.nanoseconds(now), Ordering::Relaxed);
    }

    fn note_speed(&self, time: Duration, bytes: usize) {
        let new = u64::try_from(time.as_nanos() * 1_000 / bytes.max(1) as u128).unwrap_or(u64::MAX).max(1);
        let old = self.picoseconds.load(Ordering::Relaxed);
        self.picoseconds.store(if old == 0 { new } else { old - old / 4 + new / 4 }, Ordering::Relaxed);
    }

    fn time_for(&self, bytes: usize) -> Duration {
        Duration::from_nanos(self.picoseconds.load(Ordering::Relaxed).saturating_mul(bytes as u64) / 1_000)
    }

    fn has_more_than(&self, bytes: usize) -> bool {
        self.behind.load(Ordering::Relaxed) > bytes
    }

    fn standing(&self, now: Instant) -> Standing {
        let left = self.left.load(Ordering::SeqCst);
        let excess = self.backlog.allowance().map(|allowance| left.saturating_sub(allowance));
        let rest = self.backlog.nanoseconds(now).saturating_sub(self.changed_at.load(Ordering::Relaxed));
        match excess {
            _ if left == 0 => Standing::Empty,
            Some(0) => Standing::Room,
            Some(excess)
                if Duration::from_nanos(rest) <= LONGEST_WAIT
                    && self.time_for(left) <= FETCH_WAIT
                    && self.time_for(excess) <= LONGEST_WAIT =>
            {
                Standing::Full
            }
            _ => Standing::Slow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: usize = 1_000;
    const FETCH: usize = 100;
    /// There is more in the log than any fetch brings.
    const BEHIND: usize = 1_000_000;

    fn backlog() -> Arc<Backlog> {
        let backlog = Arc::new(Backlog::default());
        backlog.set_limits(QUEUE, FETCH);
        backlog
    }

    /// A queue that is read at so many bytes a second, and has so many in it.
    fn read_at(backlog: &Arc<Backlog>, bytes_per_second: u32, left: usize, now: Instant) -> Arc<Drain> {
        let drain = backlog.join();
        drain.filled();
        drain.took(100, left, BEHIND, now - Duration::from_secs(100) / bytes_per_second);
        drain.took(100, left, BEHIND, now);
        drain
    }

    fn is_full(backlog: &Backlog, now: Instant) -> bool {
        backlog.is_full(&backlog.drains.lock(), now)
    }

    const FAST: u32 = 100_000;

    #[test]
    fn a_full_queue_that_is_read_fast_is_waited_for_beside_an_empty_one() {
        let (backlog, now) = (backlog(), Instant::now());
        let full = read_at(&backlog, FAST, QUEUE, now);
        assert!(!is_full(&backlog, now), "nobody else is fetched for");
        let other = backlog.join();
        assert!(is_full(&backlog, now));
        full.took(300, QUEUE - 2 * FETCH, BEHIND, now);
        assert!(!is_full(&backlog, now), "it has room");
        full.took(100, QUEUE - 2 * FETCH, FETCH, now);
        assert!(!is_full(&backlog, now), "none is full");
        full.took(100, QUEUE, FETCH, now);
        assert!(is_full(&backlog, now), "a response may bring the end of the log");
        other.took(100, FETCH, BEHIND, now);
        assert!(!is_full(&backlog, now), "the other has a backlog, and room");
        full.ran_out();
        other.ran_out();
        assert!(!is_full(&backlog, now), "there is no backlog");
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
        let (_full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join());
        let drains = backlog.drains.lock();
        assert!(backlog.is_full(&drains, now) && !backlog.is_full(&drains, now + LONGEST_WAIT * 2));
    }

    #[test]
    fn what_arrives_counts_in_each_queue_until_it_was_read() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE - 2 * FETCH, now), backlog.join());
        backlog.hold(10_000);
        assert!(is_full(&backlog, now), "it may have been for this one");
        full.took(100, QUEUE - 2 * FETCH, BEHIND, now);
        assert!(is_full(&backlog, now), "it may not be there yet");
        backlog.arrived();
        full.took(100, QUEUE - 2 * FETCH, BEHIND, now);
        assert!(!is_full(&backlog, now));
    }

    #[test]
    fn a_response_is_read_as_soon_as_there_is_room() {
        let (backlog, now) = (backlog(), Instant::now());
        let (full, _other) = (read_at(&backlog, FAST, QUEUE, now), backlog.join());
        let reader = {
            let backlog = Arc::clone(&backlog);
            std::thread::spawn(move || backlog.hold(FETCH))
        };
        while backlog.waiting.load(Ordering::SeqCst) == 0 && !reader.is_finished() {
            std::thread::yield_now();
        }
        full.took(300, QUEUE - 2 * FETCH, BEHIND, now);
        reader.join().unwrap();
        assert_eq!(full.left.load(Ordering::SeqCst), QUEUE - FETCH, "and may be in the queue");
    }

    #[test]
    fn what_fetches_bring_is_learned_and_forgotten() {
        let (backlog, now) = (backlog(), Instant::now());
        let drain = read_at(&backlog, FAST, QUEUE - 2 * FETCH, now);
        assert_eq!(drain.standing(now), Standing::Room);
        backlog.hold(10 * FETCH);
        backlog.arrived();
        drain.took(2 * FETCH, QUEUE - FETCH, BEHIND, now);
        assert_eq!(backlog.brought_bytes.load(Ordering::Relaxed), 3 * FETCH);
        for _ in 0..1_000 {
            backlog.hold(FETCH);
            backlog.arrived();
            drain.took(FETCH, QUEUE - FETCH, BEHIND, now);
        }
        assert_eq!(backlog.brought_bytes.load(Ordering::Relaxed), FETCH);
    }

    #[test]
    fn a_queue_too_small_for_two_fetches_is_never_waited_for() {
        let (backlog, now) = (backlog(), Instant::now());
        backlog.set_limits(FETCH, FETCH);
        let (_full, _other) = (read_at(&backlog, FAST, 100 * QUEUE, now), backlog.join());
        assert!(!is_full(&backlog, now));
    }
}
