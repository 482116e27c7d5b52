//! A partition's part in the turns of the workers: how much a batch takes, and whether another one may follow at once.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Partition;
use crate::ready::Waited;

/// A worker goes on to a batch of up to this many bytes with Ruby's lock: copying it takes some ten microseconds. For a
/// larger one it lets the lock go.
const MOST_WITH_LOCK: usize = 512 << 10;

impl Partition {
    pub(super) fn most_messages(&self) -> usize {
        self.hub.ration.most_messages(self.message_bytes.load(Ordering::Relaxed), self.place.topic.max_messages)
    }

    /// A turn of jobs begins with the partition after its worker waited so long for Ruby's lock.
    pub(crate) fn turn_began(&self, waited: Duration) {
        self.hub.ready.began(waited)
    }

    /// A job on the partition ended that did or did not wait, and used so much of a processor.
    pub(crate) fn job_ended(&self, waited: Waited, cpu: Duration) {
        self.hub.ready.ended(waited, cpu);
    }

    /// Whether its next batch may follow in the turn that began then: what trickled in since its last one is left to
    /// gather, and what takes long to copy is taken without Ruby's lock.
    pub fn goes_on_in_turn(&self, began: Instant) -> bool {
        let was_emptied = self.emptied.load(Ordering::Relaxed) && self.last_delivery().is_some_and(|at| at >= began);
        !was_emptied && self.message_bytes.load(Ordering::Relaxed) * self.most_messages() <= MOST_WITH_LOCK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(bytes: usize, emptied: bool) -> std::sync::Arc<Partition> {
        let partition = Partition::for_tests();
        partition.message_bytes.store(bytes, Ordering::Relaxed);
        partition.emptied.store(emptied, Ordering::Relaxed);
        partition.state.lock().last_delivery = Some(Instant::now());
        partition
    }

    #[test]
    fn small_batches_follow_each_other() {
        assert!(delivered(200, false).goes_on_in_turn(Instant::now()));
    }

    #[test]
    fn what_takes_long_to_copy_does_not() {
        assert!(!delivered(100 << 10, false).goes_on_in_turn(Instant::now()));
    }

    #[test]
    fn what_trickled_in_since_is_left_to_the_next_turn() {
        let before = Instant::now();
        let partition = delivered(200, true);
        assert!(!partition.goes_on_in_turn(before));
        assert!(partition.goes_on_in_turn(Instant::now() + Duration::from_millis(1)));
    }
}
