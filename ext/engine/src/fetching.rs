//! When a response to a fetch is read, and what the next one is for.
//!
//! librdkafka reads a broker's response and asks for the next one at once. Twice that is better done a moment later:
//!
//! - **In a busy host.** A fetch of a few messages has several threads wake, here and in the broker, and a steady trickle
//!   makes hundreds of them a second: a saturated host loses more requests to them than to the messages. There small
//!   responses are kept apart, and what comes meanwhile is in the next one.
//! - **When the queues together hold too much.** librdkafka limits each, and messages without what it makes of them.
//!
//! So the response is held before it is read, as if the network were slow. librdkafka asks its interceptors not to wait,
//! because all that a broker has to say then waits. Here that is what is wanted, and bounded: a tenth of a second, and only
//! what the thread of a partition's leader does. Heartbeats, commits and rebalances go by the group coordinator's
//! connection, which has a thread of its own, and producers are other clients.
//!
//! The next fetch waits for no longer than a backlog can ([`Backlog`]), and where many partitions have the memory for
//! prefetching in common it is for as much as there is room for (`pool.rs`).

mod backlog;
mod drain;
mod limits;
mod pool;

pub use backlog::Backlog;
pub use drain::{Drain, Taken};
pub use limits::{Limits, Sharing};

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::Hub;
use crate::kafka::{FetchListener, NextFetch};

/// A fetch that brought so much was worth its while: more may be waiting, and is not held up.
const LARGE: usize = 64 << 10;
/// No response is held for longer, whatever for.
const LONGEST_HOLD: Duration = Duration::from_millis(100);
/// However small a partition's part of a fetch is, so many bytes of it a second may be fetched in a busy host.
const BYTES_PER_SECOND: usize = 2_000_000;

thread_local! {
    /// When the last response was read. librdkafka has a thread for each broker of a client.
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Holds the responses of one client.
pub struct FetchPace {
    hub: Arc<Hub>,
    backlog: Arc<Backlog>,
    longest_gap: Duration,
}

impl FetchPace {
    /// For a client whose fetches bring `fetch_bytes` of a partition at most.
    pub fn new(hub: Arc<Hub>, backlog: Arc<Backlog>, fetch_bytes: usize) -> Self {
        Self { hub, backlog, longest_gap: Duration::from_secs_f64(fetch_bytes as f64 / BYTES_PER_SECOND as f64) }
    }

    /// How far from the last response this one, of so many bytes, may be held to be.
    fn longest_gap(&self, bytes: usize) -> Duration {
        if bytes < LARGE { self.longest_gap } else { Duration::ZERO }
    }
}

impl FetchListener for FetchPace {
    fn fetched(&self, bytes: usize) -> Option<NextFetch> {
        let latest = Instant::now() + LONGEST_HOLD;
        if let Some(last) = LAST.get() {
            self.hub.ready.space_fetches(last, self.longest_gap(bytes));
        }
        self.backlog.hold(bytes, latest);
        let now = Instant::now();
        LAST.set(Some(now));
        Some(self.backlog.next_fetch(bytes, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest_gap(fetch_bytes: usize, bytes: usize) -> Duration {
        FetchPace::new(Hub::for_tests(), Arc::default(), fetch_bytes).longest_gap(bytes)
    }

    #[test]
    fn many_partitions_are_not_held_to_less_than_two_megabytes_a_second_each() {
        assert_eq!(longest_gap(16_000, 1_000), Duration::from_millis(8));
        assert_eq!(longest_gap(1_000_000, 1_000), Duration::from_millis(500));
    }

    #[test]
    fn a_fetch_that_brought_much_is_not_held() {
        assert_eq!(longest_gap(1_000_000, LARGE), Duration::ZERO);
    }
}
