//! How many messages a batch takes, so that the batches of many partitions together need no more memory than those of
//! a few: each consumer keeps its last batch.

use std::sync::atomic::{AtomicUsize, Ordering};

/// However many partitions there are, a batch may have this many messages.
const LEAST_MESSAGES: usize = 100;
/// What a message takes where none was seen yet.
const EXPECTED_BYTES: usize = 512;

/// Memory for batches, divided over the partitions that are assigned.
#[derive(Debug)]
pub struct Ration {
    bytes: usize,
    partitions: AtomicUsize,
}

impl Ration {
    /// Divides so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { bytes, partitions: AtomicUsize::new(0) }
    }

    /// One more partition has a part.
    pub fn join(&self) {
        self.partitions.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn leave(&self) {
        self.partitions.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many messages a batch may have whose messages take `average_bytes`, 0 if that is not known; at most `max`.
    pub fn most_messages(&self, average_bytes: usize, max: usize) -> usize {
        let part = self.bytes / self.partitions.load(Ordering::Relaxed).max(1);
        let average = if average_bytes == 0 { EXPECTED_BYTES } else { average_bytes };
        (part / average).max(LEAST_MESSAGES).min(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ration(partitions: usize) -> Ration {
        let ration = Ration::new(16 << 20);
        (0..partitions).for_each(|_| ration.join());
        ration
    }

    #[test]
    fn few_partitions_take_what_was_asked_for() {
        assert_eq!(ration(4).most_messages(270, 1_000), 1_000);
        assert_eq!(ration(0).most_messages(0, 1_000), 1_000);
    }

    #[test]
    fn many_partitions_take_their_part() {
        assert_eq!(ration(500).most_messages(270, 1_000), 124);
        assert_eq!(ration(500).most_messages(270, 100), 100);
    }

    #[test]
    fn a_batch_of_the_default_size_is_never_cut() {
        assert_eq!(ration(500).most_messages(1 << 20, 1_000), LEAST_MESSAGES);
        assert_eq!(ration(500).most_messages(1 << 20, 20), 20);
    }

    #[test]
    fn a_partition_that_left_leaves_its_part_to_the_others() {
        let ration = ration(500);
        (0..496).for_each(|_| ration.leave());
        assert_eq!(ration.most_messages(270, 1_000), 1_000);
    }
}
