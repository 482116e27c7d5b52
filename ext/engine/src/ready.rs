//! The list of partitions that wait for a free worker, in the order they became ready.
//!
//! Its length is bounded by the assignment: a partition is in it because its phase says `Ready` or `HookReady`.
//!
//! **Who is woken.** Ruby runs one thread at a time, and handing its lock from worker to worker costs more than a short
//! job. So while the busy workers come back within two milliseconds and their jobs keep the processor busy, nobody else
//! is woken: they take what is ready themselves. Jobs that wait (for a database, say) or take long are worth more
//! workers, and get them at once; where that shows only later, the control thread looks after a millisecond.
//!
//! Of those that rest the one whose seat was taken first is called first, and one that works alone hands over to it. So
//! short jobs always come back to the same worker, whatever came between: what it used lately is used again, and only its
//! thread's part of the heap grows with what Ruby has not collected yet.
//!
//! **When.** In a busy host the workers pause between batches ([`crate::pacing`]): one of them waits for the end of the
//! pause, the others rest. A partition that is to leave does not wait for it.

mod list;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::pacing::{Pacing, PacingHealth};
use crate::partition::Partition;
use list::{Gate, List, Watch};

/// Who is to take a partition that was put into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    /// A worker that waits.
    Waiting,
    /// The caller itself, which is about to ask for its next lease: waking somebody else would be a wasted switch.
    Caller,
}

/// What asking for a partition brought.
pub enum Popped {
    /// This partition is next.
    Partition(Arc<Partition>),
    /// The wait was interrupted.
    Interrupted,
    /// The engine hands out nothing more.
    Closed,
}

/// When the control thread looks whether the busy workers kept up.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// How long a pause may hide that a partition is to leave.
const PAUSE_SLICE: Duration = Duration::from_millis(50);

/// Whether a job gave the processor up by itself: for a database, a lock, a sleep. Being preempted is not waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// It never did.
    No,
    /// It did, at least once.
    Yes,
}

/// A worker's place at the list.
#[derive(Debug, Default)]
pub struct Seat {
    /// In the order in which they were taken.
    number: usize,
    interrupted: AtomicBool,
    busy: AtomicBool,
    /// Whether its worker counts as present: from its first wait for work until it leaves, or is to.
    present: AtomicBool,
    gone: AtomicBool,
    called: Condvar,
}

/// Who works here, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    /// How many there are to be.
    pub wanted: usize,
    /// How many there are: they came for work, and are not about to leave.
    pub present: usize,
    /// How many wait for work.
    pub idle: usize,
}

impl Workers {
    /// How many are not there.
    pub fn missing(&self) -> usize {
        self.wanted.saturating_sub(self.present)
    }
}

/// The ready list.
#[derive(Default)]
pub struct ReadyList {
    list: Mutex<List>,
    control: Arc<Notify>,
    closed: Condvar,
    seats: AtomicUsize,
}

impl ReadyList {
    /// A list whose watch is kept by the thread that waits on `control`, and whose workers are paced.
    pub fn new(control: Arc<Notify>, pacing: Pacing) -> Self {
        Self { control, list: Mutex::new(List::paced(pacing)), ..Self::default() }
    }

    /// A seat for a worker.
    pub fn seat(&self) -> Arc<Seat> {
        Arc::new(Seat { number: self.seats.fetch_add(1, Ordering::Relaxed), ..Seat::default() })
    }

    /// Puts a partition at the end.
    pub fn push(&self, partition: Arc<Partition>, taker: Taker) {
        let mut list = self.list.lock();
        // Nobody comes for it any more.
        if list.gate == Gate::Closed {
            return;
        }
        list.waiting.push_back(partition);
        if taker == Taker::Waiting || list.waiting.len() > 1 {
            self.call_help(&mut list);
        }
    }

    /// Waits for the next partition.
    pub fn pop(&self, seat: &Arc<Seat>) -> Popped {
        let mut list = self.list.lock();
        list.arrives(seat);
        if seat.busy.swap(false, Ordering::Relaxed) {
            list.busy_workers -= 1;
        }
        loop {
            if seat.interrupted.swap(false, Ordering::Relaxed) {
                self.call_help(&mut list);
                return Popped::Interrupted;
            }
            // Two workers that hand Ruby's lock to each other for every short job are slower than one, and that is to be
            // the first one.
            let now = Instant::now();
            if list.gate == Gate::Open && (self.trusts_the_busy(&mut list, now) || list.hands_over(seat)) {
                list = Self::rest(list, seat);
                continue;
            }
            let pause_ends = list.pacing.due(now);
            if let Some(partition) = list.next(pause_ends) {
                seat.busy.store(true, Ordering::Relaxed);
                list.busy_workers += 1;
                list.last_pop = Some(now);
                self.call_help(&mut list);
                return Popped::Partition(partition);
            }
            if list.gate == Gate::Closed {
                return Popped::Closed;
            }
            list = match pause_ends {
                Some(due) if !list.waiting.is_empty() && list.pausing.is_none() => {
                    Self::pause(list, seat, due.min(now + PAUSE_SLICE))
                }
                _ => Self::rest(list, seat),
            };
        }
    }

    /// The partition that a worker goes on with in the same turn, see [`Pacing::turn_goes_on`]. Does not wait.
    pub fn next_in_turn(&self, seat: &Seat) -> Option<Arc<Partition>> {
        let mut list = self.list.lock();
        let now = Instant::now();
        let began = list.pacing.turn_goes_on(now)?;
        let is_free = seat.present.load(Ordering::Relaxed) && !seat.interrupted.load(Ordering::Relaxed);
        if list.gate == Gate::Closed || !is_free {
            return None;
        }
        let at = list.waiting.iter().position(|partition| partition.goes_on_in_turn(began))?;
        list.last_pop = Some(now);
        list.waiting.remove(at)
    }

    /// The next partition, if there is one, and whatever the other workers do.
    #[cfg(test)]
    pub(crate) fn pop_now(&self) -> Option<Arc<Partition>> {
        self.list.lock().waiting.pop_front()
    }

    /// Waits for the end of a pause, for all workers.
    fn pause<'a>(mut list: MutexGuard<'a, List>, seat: &Arc<Seat>, until: Instant) -> MutexGuard<'a, List> {
        list.pausing = Some(Arc::clone(seat));
        let (mut list, _) = seat.called.wait_until(list, until);
        list.pausing = None;
        list
    }

    /// Waits until it is called, or for no reason at all.
    fn rest<'a>(mut list: MutexGuard<'a, List>, seat: &Arc<Seat>) -> MutexGuard<'a, List> {
        list.seat_resting(seat);
        let mut list = seat.called.wait(list);
        list.resting.retain(|other| !Arc::ptr_eq(other, seat));
        list
    }

    /// Calls a worker that rests for what is ready, unless the busy ones are about to take it, or one waits for the end
    /// of a pause to do so.
    fn call_help(&self, list: &mut List) {
        if !list.may_need_help() {
            return;
        }
        if !self.trusts_the_busy(list, Instant::now()) {
            list.call();
        }
    }

    /// Whether what is ready is left to the busy workers. The control thread looks after it then: who asked may rest for
    /// good.
    fn trusts_the_busy(&self, list: &mut List, now: Instant) -> bool {
        let returns_fast = list.returns_fast(now);
        if returns_fast {
            self.watch(list);
        }
        returns_fast
    }

    /// Has the control thread look whether the busy workers take what is ready.
    fn watch(&self, list: &mut List) {
        if !list.waiting.is_empty() && list.watch == Watch::Off {
            list.watch = Watch::On;
            self.control.notify_one();
        }
    }

    /// The control thread's look at a list that was left to its busy workers; when to look again, if at all.
    pub fn look(&self) -> Option<Instant> {
        let mut list = self.list.lock();
        if list.watch == Watch::Off {
            return None;
        }
        if !list.may_need_help() {
            list.watch = Watch::Off;
            return None;
        }
        self.call_help(&mut list);
        Some(Instant::now() + LOOK_AGAIN)
    }

    /// A job begins whose worker waited so long for Ruby's lock.
    pub fn began(&self, waited: Duration) {
        let mut list = self.list.lock();
        let others = list.busy_workers.saturating_sub(1);
        list.pacing.began(Instant::now(), waited, others);
    }

    /// A job ended that did or did not wait for anything, and used so much of a processor.
    pub fn ended(&self, waited: Waited, cpu: Duration) {
        let sample = if waited == Waited::Yes { 1_000 } else { 0 };
        let mut list = self.list.lock();
        list.waiting_share = (list.waiting_share * 7 + sample) / 8;
        list.pacing.ended(Instant::now(), cpu);
    }

    /// Waits until a busy host can have its next fetch, `longest` after the one at `last` at most, or until the list is
    /// closed. In an idle host that is now.
    pub fn space_fetches(&self, last: Instant, longest: Duration) {
        let mut list = self.list.lock();
        let until = last + list.pacing.fetch_gap(Instant::now()).min(longest);
        while list.gate == Gate::Open && Instant::now() < until {
            list = self.closed.wait_until(list, until).0;
        }
    }

    /// How the workers are paced.
    pub fn pacing(&self) -> PacingHealth {
        self.list.lock().pacing.health(Instant::now())
    }

    /// A worker is gone for good. What was left to it is somebody else's now.
    pub fn leave(&self, seat: &Seat) {
        let mut list = self.list.lock();
        if seat.busy.swap(false, Ordering::Relaxed) {
            list.busy_workers -= 1;
        }
        list.departs(seat);
        self.call_help(&mut list);
    }

    /// A worker is to leave after its job: it does not count any more, and a wait of it ends.
    pub fn retire(&self, seat: &Seat) {
        self.list.lock().departs(seat);
        self.interrupt(seat);
    }

    /// There are to be so many workers.
    pub fn want(&self, count: usize) {
        self.list.lock().wanted_workers = count;
    }

    /// Who works here.
    pub fn workers(&self) -> Workers {
        let list = self.list.lock();
        Workers { wanted: list.wanted_workers, present: list.present_workers, idle: list.idle_workers() }
    }

    /// Makes the wait at this seat, or its next one, return early.
    pub fn interrupt(&self, seat: &Seat) {
        // Under the lock, so that it can't fall between a worker's check and its wait.
        let _list = self.list.lock();
        seat.interrupted.store(true, Ordering::Relaxed);
        seat.called.notify_one();
    }

    /// Hands out nothing more; every waiting worker comes back.
    pub fn close(&self) {
        let mut list = self.list.lock();
        list.gate = Gate::Closed;
        list.waiting.clear();
        let pausing = list.pausing.take();
        self.closed.notify_all();
        list.resting.drain(..).chain(pausing).for_each(|seat| seat.called.notify_one());
    }

    /// How many workers wait.
    pub fn idle_workers(&self) -> usize {
        self.list.lock().idle_workers()
    }

    /// How many workers have a job.
    pub fn busy_workers(&self) -> usize {
        self.list.lock().busy_workers
    }

    /// How many partitions wait for a worker.
    pub fn len(&self) -> usize {
        self.list.lock().waiting.len()
    }

    /// Whether no partition waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
