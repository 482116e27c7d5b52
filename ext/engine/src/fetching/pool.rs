//! What the next fetch is, where many partitions have the memory for prefetching in common.
//!
//! With more than a few partitions the share of one has no room for a batch as large as producers make them. A broker hands
//! out one such batch in each fetch, whatever its size, and further ones only as far as they fit into what was asked for
//! (KIP-74): asked for shares, it would hand out one batch a fetch, however many there are. So there a partition may bring
//! several batches at once, and a fetch as much as there is room for in the memory of all of them. Where consumers are slow
//! that is next to nothing, and a fetch brings one batch, as it would with shares.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::kafka::ENTRY_BYTES;

/// How long a response is held while queues have more than there is room for. Messages of other partitions are late by so
/// much.
pub(super) const HOLD: Duration = Duration::from_millis(4);
/// When queues that have too much in them are measured again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A fetch that brings more leaves the queues dry while it is read.
const MOST: usize = 1 << 20;
/// Limits are changed in steps of so many bytes, and a response of less brings next to nothing.
pub(super) const STEP: usize = 16 << 10;
/// Bytes of a message, as long as none was seen.
const UNKNOWN_MESSAGE: usize = 256;
/// A record takes so many bytes of a response at least, whatever is in it.
const LEAST_RECORD: usize = 16;

/// Bytes of memory that messages take once they are in a queue.
pub(super) fn memory(messages: usize, message_bytes: usize) -> usize {
    messages * (message_bytes + ENTRY_BYTES)
}

/// Bytes of a message with its key and headers, on average of the last batches.
#[derive(Debug)]
pub(super) struct MessageBytes(AtomicUsize);

impl Default for MessageBytes {
    fn default() -> Self {
        Self(AtomicUsize::new(UNKNOWN_MESSAGE))
    }
}

impl MessageBytes {
    /// A batch was taken whose messages have so many.
    pub(super) fn note(&self, bytes: usize) {
        self.0.store((self.get() * 7 + bytes) / 8, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many bytes the next fetch may bring where `queued` of the `pool` are taken, and the response that is about to be
/// read brings `arriving` bytes of messages of such a size.
pub(super) fn room(pool: usize, queued: usize, arriving: usize, message_bytes: usize) -> usize {
    let size = message_bytes.max(LEAST_RECORD);
    let free = pool.saturating_sub(queued + memory(arriving / size, size));
    let bytes = free / memory(1, size) * size;
    (bytes / STEP * STEP).clamp(STEP, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: usize = 16 << 20;

    #[test]
    fn a_fetch_may_bring_what_there_is_room_for() {
        assert_eq!(room(POOL, 0, 0, 200), MOST);
        let queued = memory((POOL / memory(1, 200)) - 1_000, 200);
        assert_eq!(room(POOL, queued, 0, 200), 200_000 / STEP * STEP, "a thousand messages");
        assert_eq!(room(POOL, queued, 100_000, 200), 100_000 / STEP * STEP, "half of them are arriving");
    }

    #[test]
    fn without_room_a_fetch_brings_as_little_as_it_can() {
        assert_eq!(room(POOL, POOL, 0, 200), STEP);
        assert_eq!(room(POOL, 10 * POOL, MOST, 0), STEP);
    }
}
