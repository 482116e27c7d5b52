//! The end of a lease, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use super::Partition;
use super::pausing::User;
use super::seeking::Landing;
use crate::batch::Batch;
use crate::config::OffsetManagement;
use crate::lease::Job;
use crate::phase::{After, Input};
use crate::ready::Taker;

/// So many leases in a row that were given back are done again at once: who interrupts a worker means the worker, not what
/// it works on. A consumer that ends its own thread each time would keep a core busy with making new ones.
pub(super) const REPEATED_AT_ONCE: u32 = 10;

impl Partition {
    /// The worker finished. With automatic offsets its last message counts as consumed, unless the user paused: then it is
    /// up to the user what was consumed.
    pub(crate) fn succeeded(self: &Arc<Self>, job: Job, batch: &Batch) {
        let (user, wanted) = {
            let mut state = self.state.lock();
            if job == Job::Consume {
                (state.failures, state.postponements) = (0, 0);
            }
            state.interruptions = 0;
            (state.user, state.wanted.take())
        };
        if let (Job::Consume, User::Silent, OffsetManagement::Automatic, Some(last)) =
            (job, user, self.place.topic.offsets, batch.last_offset())
        {
            self.mark(last);
        }
        match wanted.map(|target| self.go_to(target, Some(batch))) {
            None | Some(Landing::Queue) => self.settle(None, After::GoOn, Taker::Caller),
            Some(Landing::Memory(held)) => self.settle(Some(held), After::Again, Taker::Caller),
            Some(Landing::Broker) => self.settle(None, After::Again, Taker::Caller),
        }
    }

    /// The consumer raised: what was not marked is delivered again after the backoff that is returned. It replaces what
    /// the job asked for, a pause or a seek; only where a seek has it forgotten what was consumed that seek counts.
    pub(crate) fn failed(self: &Arc<Self>, batch: &Batch) -> Duration {
        let failures = {
            let mut state = self.state.lock();
            state.failures = state.failures.saturating_add(1);
            state.postponements = 0;
            state.failures
        };
        self.repeat(batch, failures)
    }

    /// The consumer was not given the batch, because of what is around it. That is no attempt: what is delivered again
    /// after the backoff that is returned is no nearer to being given up.
    pub(crate) fn postponed(self: &Arc<Self>, batch: &Batch) -> Duration {
        let failures = {
            let mut state = self.state.lock();
            state.postponements = state.postponements.saturating_add(1);
            state.failures.saturating_add(state.postponements)
        };
        self.repeat(batch, failures)
    }

    fn repeat(self: &Arc<Self>, batch: &Batch, failures: u32) -> Duration {
        let next = self.next_offset();
        let backoff = self.place.topic.pause.backoff(failures);
        let wanted = {
            let mut state = self.state.lock();
            state.interruptions = 0;
            state.wanted.take()
        };
        self.rest(batch, next.or(wanted).or(batch.first_offset()), backoff);
        backoff
    }

    /// The consumer raised too often over a message: delivery goes on at `next_offset` after the pause that is returned.
    pub(crate) fn dead_lettered(self: &Arc<Self>, batch: &Batch, next_offset: i64) -> Duration {
        self.set_next_offset(Some(next_offset));
        {
            let mut state = self.state.lock();
            (state.failures, state.postponements, state.interruptions, state.wanted) = (0, 0, 0, None);
        }
        let pause = self.place.topic.pause.first();
        self.rest(batch, Some(next_offset), pause);
        pause
    }

    /// Ends the lease with a pause, after which delivery goes on at `target`.
    fn rest(self: &Arc<Self>, batch: &Batch, target: Option<i64>, pause: Duration) {
        if self.phase().is_leaving() {
            return self.settle(None, After::GoOn, Taker::Caller);
        }
        self.commit_stored();
        let held = match target.map(|target| self.go_to(target, Some(batch))) {
            Some(Landing::Memory(held)) => Some(held),
            None | Some(Landing::Queue | Landing::Broker) => None,
        };
        self.set_pause(target, Some(pause));
        self.settle(held, After::Again, Taker::Caller);
    }

    /// The worker did not get to the end: what was not marked is delivered again, at once or after the pause that was set
    /// meanwhile, and after the backoff of a failure where that happens again and again. Where the job wanted to go on is
    /// forgotten: it will be done again.
    pub(crate) fn given_back(self: &Arc<Self>, job: Job, batch: &Batch) {
        let held = match (job, batch.first_offset()) {
            (Job::Consume, Some(first)) => {
                let next = self.next_offset().map_or(first, |next| next.max(first));
                Some(batch.from_offset(next)).filter(|rest| !rest.is_empty())
            }
            (Job::Eofed, _) => Some(batch.clone()),
            _ => None,
        };
        let backoff = {
            let mut state = self.state.lock();
            state.wanted = None;
            state.interruptions = state.interruptions.saturating_add(1);
            let beyond = state.interruptions.saturating_sub(REPEATED_AT_ONCE);
            (beyond > 0 && state.pause.is_none()).then(|| self.place.topic.pause.backoff(beyond))
        };
        if backoff.is_some() {
            self.set_pause(held.as_ref().and_then(Batch::first_offset), backoff);
        }
        self.settle(held, After::Again, Taker::Waiting);
    }

    fn settle(self: &Arc<Self>, held: Option<Batch>, after: After, taker: Taker) {
        let (effect, silenced) = {
            let mut state = self.state.lock();
            state.lease = None;
            state.held = held;
            let effect = self.advance(&mut state, Input::Settled(after));
            let silenced = if state.phase.is_leaving() { state.stay_silent() } else { None };
            (effect, silenced)
        };
        drop(silenced);
        self.perform(effect, taker);
    }
}
