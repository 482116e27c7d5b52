//! Deadlines of partitions, fired by the control thread.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::sync::Mutex;

use crate::partition::Partition;

/// Why a partition wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alarm {
    /// Its pause is over.
    Pause,
    /// Its wait window closes, or has to be looked at.
    Window,
    /// A mark waits to be stored.
    StoreMark,
}

impl Alarm {
    const ALL: [Self; 3] = [Self::Pause, Self::Window, Self::StoreMark];
}

/// An assignment and one of its alarms.
type Slot = (u64, Alarm);

#[derive(Default)]
struct Deadlines {
    by_time: BTreeMap<(Instant, Slot), Arc<Partition>>,
    by_slot: HashMap<Slot, Instant>,
}

impl Deadlines {
    fn remove(&mut self, slot: Slot) -> Option<Arc<Partition>> {
        let at = self.by_slot.remove(&slot)?;
        self.by_time.remove(&(at, slot))
    }
}

/// Deadlines in their order. A partition has at most one of each kind: setting one replaces the former.
#[derive(Default)]
pub struct Timers {
    deadlines: Mutex<Deadlines>,
}

impl Timers {
    /// Sets a deadline. Returns whether it is now the earliest, so that the control thread has to be woken.
    pub fn schedule(&self, at: Instant, alarm: Alarm, partition: Arc<Partition>) -> Earliest {
        let slot = (partition.place().assignment, alarm);
        let mut deadlines = self.deadlines.lock();
        let former = deadlines.remove(slot);
        let earliest = deadlines.by_time.first_key_value().is_none_or(|((first, _), _)| at < *first);
        deadlines.by_slot.insert(slot, at);
        deadlines.by_time.insert((at, slot), partition);
        drop(deadlines);
        drop(former);
        if earliest { Earliest::Changed } else { Earliest::Unchanged }
    }

    /// Forgets one deadline of a partition.
    pub fn cancel(&self, alarm: Alarm, partition: &Partition) {
        let former = self.deadlines.lock().remove((partition.place().assignment, alarm));
        drop(former);
    }

    /// Forgets all deadlines of a partition.
    pub fn forget(&self, partition: &Partition) {
        for alarm in Alarm::ALL {
            self.cancel(alarm, partition);
        }
    }

    /// The next deadline.
    pub fn next_at(&self) -> Option<Instant> {
        self.deadlines.lock().by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes one deadline that has passed.
    pub fn pop_due(&self, now: Instant) -> Option<(Alarm, Arc<Partition>)> {
        let mut deadlines = self.deadlines.lock();
        let first = deadlines.by_time.first_entry()?;
        let (at, slot) = *first.key();
        if at > now {
            return None;
        }
        let partition = first.remove();
        deadlines.by_slot.remove(&slot);
        Some((slot.1, partition))
    }

    /// Forgets every deadline, and with them the partitions.
    pub fn clear(&self) {
        let former = std::mem::take(&mut *self.deadlines.lock());
        drop(former);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_replaces_the_former_of_its_kind() {
        let (timers, partition, now) = (Timers::default(), Partition::for_tests(), Instant::now());
        let later = now + Duration::from_secs(1);
        assert_eq!(timers.schedule(later, Alarm::Pause, Arc::clone(&partition)), Earliest::Changed);
        assert_eq!(timers.schedule(later, Alarm::Window, Arc::clone(&partition)), Earliest::Unchanged);
        assert_eq!(timers.schedule(now, Alarm::Pause, Arc::clone(&partition)), Earliest::Changed);
        assert_eq!(timers.pop_due(now).map(|(alarm, _)| alarm), Some(Alarm::Pause));
        assert_eq!(timers.pop_due(later).map(|(alarm, _)| alarm), Some(Alarm::Window));
        assert!(timers.pop_due(later).is_none());
        assert_eq!(timers.next_at(), None);
    }

    #[test]
    fn a_partition_that_is_forgotten_is_not_held() {
        let (timers, partition, now) = (Timers::default(), Partition::for_tests(), Instant::now());
        for alarm in Alarm::ALL {
            timers.schedule(now, alarm, Arc::clone(&partition));
        }
        timers.forget(&partition);
        assert_eq!(Arc::strong_count(&partition), 1);
        assert_eq!(timers.next_at(), None);
    }
}
