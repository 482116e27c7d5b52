//! How a client fetches.

use std::time::Duration;

/// How the client fetches.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of one partition that are asked for in a fetch.
    pub fetch_bytes: usize,
    /// How long a fetch takes that brings nothing.
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
        Self { fetch_bytes: 0, fetch_wait: Duration::ZERO, memory_bytes: usize::MAX, sharing: Sharing::Divided }
    }
}
