//! Deadlines of partitions, fired by the control thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

use crate::sync::Mutex;

use crate::partition::Partition;

/// Why a partition wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Its backoff is over.
    Backoff,
    /// Its wait window closes, or has to be looked at.
    Window,
    /// A mark waits to be stored.
    StoreMark,
}

struct Entry {
    at: Instant,
    alarm: Alarm,
    partition: Arc<Partition>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

/// Deadlines in their order. A partition has at most one of each kind, which bounds the heap.
#[derive(Default)]
pub struct Timers {
    heap: Mutex<BinaryHeap<Reverse<Entry>>>,
}

impl Timers {
    /// Adds a deadline. Returns whether it is now the earliest, so that the control thread has to be woken.
    pub fn schedule(&self, at: Instant, alarm: Alarm, partition: Arc<Partition>) -> Earliest {
        let mut heap = self.heap.lock();
        let earliest = heap.peek().is_none_or(|Reverse(first)| at < first.at);
        heap.push(Reverse(Entry { at, alarm, partition }));
        if earliest { Earliest::Changed } else { Earliest::Unchanged }
    }

    /// The next deadline.
    pub fn next_at(&self) -> Option<Instant> {
        self.heap.lock().peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes one deadline that has passed.
    pub fn pop_due(&self, now: Instant) -> Option<(Alarm, Arc<Partition>)> {
        let mut heap = self.heap.lock();
        if heap.peek().is_none_or(|Reverse(entry)| entry.at > now) {
            return None;
        }
        heap.pop().map(|Reverse(entry)| (entry.alarm, entry.partition))
    }

    /// Forgets every deadline, and with them the partitions.
    pub fn clear(&self) {
        self.heap.lock().clear();
    }
}

/// Whether the earliest deadline changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earliest {
    /// The control thread sleeps too long now.
    Changed,
    /// It wakes in time.
    Unchanged,
}
