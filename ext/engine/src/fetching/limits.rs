//! How a client fetches.

use std::time::Duration;

/// How the client fetches.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// With so many messages in its queue a partition is left out.
    pub queue_messages: usize,
    /// The same for bytes.
    pub queue_bytes: usize,
    /// For so long a partition whose queue was full is left out at least.
    pub queue_backoff: Duration,
    /// Most bytes of one partition that are asked for in a fetch.
    pub fetch_bytes: usize,
    /// How long a fetch takes at most that brings nothing.
    pub fetch_wait: Duration,
    /// Bytes of memory that are to be in all queues at most.
    pub memory_bytes: usize,
    /// How the partitions share them.
    pub sharing: Sharing,
}

/// How partitions share the memory for prefetching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Each has its part.
    Divided,
    /// They have it in common, since each would have too little.
    Pooled,
}

/// No limits, as long as there is no client.
impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_messages: usize::MAX,
            queue_bytes: usize::MAX,
            queue_backoff: Duration::ZERO,
            fetch_bytes: 0,
            fetch_wait: Duration::ZERO,
            memory_bytes: usize::MAX,
            sharing: Sharing::Divided,
        }
    }
}
