//! The list of partitions that wait for a free worker, in the order they became ready.
//!
//! Its length is bounded by the assignment: a partition is in it because its phase says `Ready` or `HookReady`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::partition::Partition;

/// Who is to take a partition that was put into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    /// A worker that waits.
    Waiting,
    /// The caller itself, which is about to ask for its next lease: waking somebody else would be a wasted switch.
    Caller,
}

/// What asking for a partition brought.
pub enum Turn {
    /// This partition is next.
    Partition(Arc<Partition>),
    /// This partition's worker is busy and has more to come: read ahead for it.
    Ahead(Arc<Partition>),
    /// The wait was interrupted.
    Interrupted,
    /// The engine hands out nothing more.
    Closed,
}

/// Tells one waiting worker to come back early.
#[derive(Debug, Default)]
pub struct Interrupt {
    raised: AtomicBool,
}

#[derive(Default)]
struct List {
    waiting: VecDeque<Arc<Partition>>,
    /// Partitions whose next batch an idle worker may read ahead.
    ahead: VecDeque<Arc<Partition>>,
    idle_workers: usize,
    gate: Gate,
}

#[derive(Default, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    Closed,
}

/// The ready list.
#[derive(Default)]
pub struct ReadyList {
    list: Mutex<List>,
    changed: Condvar,
}

impl ReadyList {
    /// Puts a partition at the end.
    pub fn push(&self, partition: Arc<Partition>, taker: Taker) {
        let mut list = self.list.lock();
        list.waiting.push_back(partition);
        if taker == Taker::Waiting || list.waiting.len() > 1 {
            self.changed.notify_one();
        }
    }

    /// Has an idle worker, if there is one, read a partition's next batch while its worker is busy with this one.
    pub fn read_ahead(&self, partition: &Arc<Partition>) {
        let mut list = self.list.lock();
        if list.idle_workers > 0 && list.gate == Gate::Open {
            list.ahead.push_back(Arc::clone(partition));
            self.changed.notify_one();
        }
    }

    /// Waits for the next partition.
    pub fn pop(&self, interrupt: &Interrupt) -> Turn {
        let mut list = self.list.lock();
        loop {
            if interrupt.raised.swap(false, Ordering::Relaxed) {
                self.pass_on(&list);
                return Turn::Interrupted;
            }
            if let Some(partition) = list.waiting.pop_front() {
                self.pass_on(&list);
                return Turn::Partition(partition);
            }
            if list.gate == Gate::Closed {
                return Turn::Closed;
            }
            if let Some(partition) = list.ahead.pop_front() {
                return Turn::Ahead(partition);
            }
            list.idle_workers += 1;
            self.changed.wait(&mut list);
            list.idle_workers -= 1;
        }
    }

    /// A wake-up may have reached a worker that could not use it, or stood for more than one partition.
    fn pass_on(&self, list: &List) {
        if !list.waiting.is_empty() && list.idle_workers > 0 {
            self.changed.notify_one();
        }
    }

    /// Makes the wait with this interrupt, or its next one, return early.
    pub fn interrupt(&self, interrupt: &Interrupt) {
        // Under the lock, so that it can't fall between a worker's check and its wait.
        let _list = self.list.lock();
        interrupt.raised.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Hands out nothing more; every waiting worker comes back.
    pub fn close(&self) {
        let mut list = self.list.lock();
        list.gate = Gate::Closed;
        list.waiting.clear();
        list.ahead.clear();
        self.changed.notify_all();
    }

    /// How many workers wait.
    pub fn idle_workers(&self) -> usize {
        self.list.lock().idle_workers
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
