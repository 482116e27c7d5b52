//! What the ready list knows of its partitions and its workers, and what it decides from that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Seat;
use crate::pacing::Pacing;
use crate::partition::Partition;

/// A worker that was given a partition this recently is expected back soon.
const FAST_RETURN: Duration = Duration::from_millis(2);
/// Where more jobs than this wait for something, in thousandths, they are worth more workers.
const MOST_WAITING: u32 = 300;

pub(super) struct List {
    pub(super) waiting: VecDeque<Arc<Partition>>,
    /// Who rests until called, the one whose seat was taken first last.
    pub(super) resting: Vec<Arc<Seat>>,
    /// Who waits for the end of a pause.
    pub(super) pausing: Option<Arc<Seat>>,
    pub(super) busy_workers: usize,
    /// Those that came for work and are not about to leave.
    pub(super) present_workers: usize,
    /// How many there are to be.
    pub(super) wanted_workers: usize,
    pub(super) last_pop: Option<Instant>,
    /// How many of the jobs wait for something, in thousandths, smoothed.
    pub(super) waiting_share: u32,
    pub(super) watch: Watch,
    pub(super) gate: Gate,
    pub(super) pacing: Pacing,
}

impl List {
    pub(super) fn paced(pacing: Pacing) -> Self {
        Self {
            waiting: VecDeque::new(),
            resting: Vec::new(),
            pausing: None,
            busy_workers: 0,
            present_workers: 0,
            wanted_workers: 0,
            last_pop: None,
            // Until jobs show otherwise they are taken to wait.
            waiting_share: 1_000,
            watch: Watch::Off,
            gate: Gate::Open,
            pacing,
        }
    }

    /// The partition whose turn it is; during a pause only one that is to leave.
    pub(super) fn next(&mut self, pause_ends: Option<Instant>) -> Option<Arc<Partition>> {
        match pause_ends {
            None => self.waiting.pop_front(),
            Some(_) => {
                let leaving = self.waiting.iter().position(|partition| partition.is_leaving())?;
                self.waiting.remove(leaving)
            }
        }
    }

    /// A worker came for work.
    pub(super) fn arrives(&mut self, seat: &Seat) {
        if !seat.gone.load(Ordering::Relaxed) && !seat.present.swap(true, Ordering::Relaxed) {
            self.present_workers += 1;
        }
    }

    /// A worker leaves, or is to.
    pub(super) fn departs(&mut self, seat: &Seat) {
        seat.gone.store(true, Ordering::Relaxed);
        if seat.present.swap(false, Ordering::Relaxed) {
            self.present_workers -= 1;
        }
    }

    /// How many workers wait for work.
    pub(super) fn idle_workers(&self) -> usize {
        self.resting.len() + usize::from(self.pausing.is_some())
    }

    /// Whether a worker that rests may have to be called for what is ready. One that waits for the end of a pause takes it
    /// then, or has help called.
    pub(super) fn may_need_help(&self) -> bool {
        !self.waiting.is_empty() && !self.resting.is_empty() && self.pausing.is_none()
    }

    /// Adds a worker to those that rest.
    pub(super) fn seat_resting(&mut self, seat: &Arc<Seat>) {
        let place = self.resting.partition_point(|other| other.number > seat.number);
        self.resting.insert(place, Arc::clone(seat));
    }

    /// Calls the one whose seat was taken first in the place of a worker that would be the only busy one.
    pub(super) fn hands_over(&mut self, seat: &Seat) -> bool {
        let precedes = |other: &Arc<Seat>| other.number < seat.number;
        let hands_over = self.busy_workers == 0 && self.may_need_help() && self.resting.last().is_some_and(precedes);
        if hands_over {
            self.call();
        }
        hands_over
    }

    /// Calls the worker whose seat was taken first.
    pub(super) fn call(&mut self) {
        if let Some(seat) = self.resting.pop() {
            seat.called.notify_one();
        }
    }

    /// Whether the busy workers may be expected to take what is ready before another worker could.
    pub(super) fn returns_fast(&self, now: Instant) -> bool {
        self.busy_workers > 0
            && self.waiting_share <= MOST_WAITING
            && self.last_pop.is_some_and(|at| now.saturating_duration_since(at) < FAST_RETURN)
    }
}

impl Default for List {
    fn default() -> Self {
        Self::paced(Pacing::new(100.0))
    }
}

#[derive(PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    Closed,
}

/// Whether somebody looks after something.
#[derive(PartialEq, Eq)]
pub(super) enum Watch {
    Off,
    On,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(waiting_share: u32, busy_workers: usize, last_pop: Option<Instant>) -> List {
        List { waiting_share, busy_workers, last_pop, ..List::default() }
    }

    #[test]
    fn busy_workers_are_trusted_when_their_jobs_are_short_and_do_not_wait() {
        let now = Instant::now();
        assert!(list(0, 1, Some(now)).returns_fast(now));
        assert!(!list(0, 0, Some(now)).returns_fast(now), "nobody is busy");
        assert!(!list(0, 1, Some(now)).returns_fast(now + FAST_RETURN), "the last turn is long ago");
        assert!(!list(MOST_WAITING + 1, 1, Some(now)).returns_fast(now), "jobs wait");
    }
}
