//! Leases of a partition: what a worker gets whose turn came, from memory or from the queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{LeaseNote, Listed, Partition, pausing};
use crate::batch::{Batch, Ending, Leftover};
use crate::lease::{Job, Lease};
use crate::offsets::Course;
use crate::phase::{After, Consumer, Effect, Input};
use crate::ready::Taker;

/// Where a batch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// From librdkafka's queue.
    Queue,
    /// It was taken from there before.
    Memory,
}

impl Partition {
    /// Called by a worker whose turn came: takes a batch or the last hook; `None` if there is nothing after all.
    pub fn take(self: &Arc<Self>) -> Option<Lease> {
        let effect = {
            let mut state = self.state.lock();
            state.listed = Listed::No;
            self.advance(&mut state, Input::Take)
        };
        match effect {
            Effect::Grant => self.take_batch(),
            Effect::GrantHook(hook) => Some(self.grant(Job::from(hook), Batch::default(), Origin::Memory)),
            _ => None,
        }
    }

    fn take_batch(self: &Arc<Self>) -> Option<Lease> {
        let (batch, origin) = match self.arrive() {
            // What gathered in the queue meanwhile was not announced again.
            Some(batch) => {
                self.announce();
                (batch, Origin::Memory)
            }
            None => (self.read_queue(self.most_messages()), Origin::Queue),
        };
        match (batch.first_offset(), batch.ending()) {
            (Some(first), _) => {
                self.offsets.lock().begin(first);
                Some(self.grant(Job::Consume, batch, origin))
            }
            (None, Ending::EndOfPartition) if self.place.topic.eofed => Some(self.grant(Job::Eofed, batch, origin)),
            (None, _) => {
                self.apply(Input::Settled(After::GoOn), Taker::Caller);
                None
            }
        }
    }

    /// There is something in the queue.
    pub(super) fn announce(self: &Arc<Self>) {
        self.apply(Input::Filled, Taker::Waiting);
    }

    /// Takes what is in the queue; for who has the lease.
    pub(super) fn read_queue(self: &Arc<Self>, max: usize) -> Batch {
        let haul = self.link.read().as_ref().map(|link| link.take_batch(max)).unwrap_or_default();
        self.emptied.store(haul.leftover == Leftover::None, Ordering::Relaxed);
        // There may be more, which was announced before this lease and will not be again.
        if haul.leftover == Leftover::Possible {
            self.announce();
        }
        if let Some(code) = haul.error {
            self.report(code, &format!("reading {}", self.label()));
        }
        if !haul.run.batch.is_empty() {
            self.message_bytes.store(haul.run.batch.average_bytes(), Ordering::Relaxed);
        }
        let sifted = self.state.lock().reading.sift(haul, Instant::now());
        if let Some(offset) = sifted.back_to {
            self.fetch_again_from(offset);
        }
        sifted.batch
    }

    fn grant(self: &Arc<Self>, job: Job, batch: Batch, origin: Origin) -> Lease {
        let now = Instant::now();
        let offsets = batch.first_offset().zip(batch.last_offset());
        let mut state = self.state.lock();
        state.lease = Some(LeaseNote { since: now, job, offsets });
        state.user = pausing::User::Silent;
        let mut course = Course::Forward;
        if let (Origin::Queue, Some((first, last))) = (origin, offsets) {
            course = state.reading.began(first);
            state.reading.passed(last);
        }
        match job {
            Job::Consume => (state.consumer, state.last_delivery) = (Consumer::Present, Some(now)),
            Job::Eofed => state.consumer = Consumer::Present,
            Job::Revoked | Job::Shutdown => {}
        }
        let attempt = state.failures + 1;
        drop(state);
        // No seek of ours went back: the log did, and what was consumed of it says nothing of what it has now.
        if let (Course::Back, Some((first, _))) = (course, offsets) {
            self.offsets.lock().begin_again(first);
        }
        Lease::new(Arc::clone(self), job, batch, attempt)
    }
}
