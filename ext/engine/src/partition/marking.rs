//! Marks of a partition: handed to librdkafka, which commits what it was handed.

use std::sync::Arc;
use std::time::Instant;

use super::Partition;
use crate::offsets::{Commit, Marked, Ownership};
use crate::timers::Alarm;

/// Whether a mark counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkOutcome {
    /// It does.
    Kept,
    /// The partition was lost; the message will be delivered to its new owner.
    Lost,
}

impl Partition {
    /// The message at `offset` and all before it are consumed.
    pub fn mark(self: &Arc<Self>, offset: i64) -> MarkOutcome {
        let marked = self.offsets.lock().mark(offset, Instant::now);
        match marked {
            Marked::Refused => MarkOutcome::Lost,
            Marked::Unchanged | Marked::Pending => MarkOutcome::Kept,
            Marked::Store => self.store_marks(),
            Marked::StoreAt(at) => {
                self.hub.schedule(at, Alarm::StoreMark, Arc::clone(self));
                MarkOutcome::Kept
            }
        }
    }

    /// Hands marks that librdkafka does not know yet to it.
    pub fn store_marks(&self) -> MarkOutcome {
        self.store_marks_at(Instant::now())
    }

    fn store_marks_at(&self, now: Instant) -> MarkOutcome {
        let link = self.link.read();
        // Held while it is stored: of two threads that store, the later mark comes later.
        let mut offsets = self.offsets.lock();
        if offsets.ownership() == Ownership::Lost {
            return MarkOutcome::Lost;
        }
        let Some(mark) = offsets.take_unstored(now) else { return MarkOutcome::Kept };
        let Some(link) = link.as_ref() else { return MarkOutcome::Lost };
        let stored = link.store(mark.offset).and_then(|()| match mark.commit {
            Commit::Later => Ok(()),
            Commit::Now => link.commit(mark.offset),
        });
        if stored.is_ok() { MarkOutcome::Kept } else { MarkOutcome::Lost }
    }

    /// The same at the end of an assignment, before librdkafka commits what is stored: what it would leave out is
    /// committed, too.
    pub fn store_last_marks(&self) {
        self.store_marks();
        let link = self.link.read();
        let mut offsets = self.offsets.lock();
        if let Some((link, offset)) = link.as_ref().zip(offsets.take_uncommitted()) {
            // The last commit of the group tells what is wrong.
            let _ = link.commit(offset);
        }
    }

    /// A commit of `offset` was answered.
    pub fn commit_answered(self: &Arc<Self>, offset: i64, accepted: bool) {
        self.offsets.lock().answered(offset, accepted, Instant::now());
        self.await_asking_again();
    }

    /// The alarm for marks rang.
    pub(super) fn store_late_marks(self: &Arc<Self>, now: Instant) {
        self.offsets.lock().alarm_rang();
        self.store_marks_at(now);
        self.await_asking_again();
    }

    fn await_asking_again(self: &Arc<Self>) {
        // Held, so that it does not replace the alarm of a mark that comes meanwhile.
        let offsets = self.offsets.lock();
        if let Some(at) = offsets.ask_again_at() {
            self.hub.schedule(at, Alarm::StoreMark, Arc::clone(self));
        }
    }

    /// Starts a commit of what was marked; its failure is an event.
    pub fn commit_stored(&self) -> MarkOutcome {
        if self.store_marks() == MarkOutcome::Lost {
            return MarkOutcome::Lost;
        }
        let link = self.link.read();
        let offsets = self.offsets.lock();
        match (offsets.ownership(), offsets.last_stored(), link.as_ref()) {
            (Ownership::Lost, ..) => MarkOutcome::Lost,
            (Ownership::Held, Some(offset), Some(link)) if link.commit(offset).is_err() => MarkOutcome::Lost,
            (Ownership::Held, ..) => MarkOutcome::Kept,
        }
    }

    /// Which attempt at the present batch runs or comes, 1 for the first.
    pub fn attempt(&self) -> u32 {
        self.state.lock().failures.saturating_add(1)
    }

    /// The next attempt counts as the first one after a failure of the present one.
    pub fn reset_attempts(&self) {
        self.state.lock().failures = 0;
    }

    /// Where processing continues; `None` before the first batch, and after it was forgotten.
    pub fn next_offset(&self) -> Option<i64> {
        self.offsets.lock().next()
    }

    /// Sets where processing continues without marking. `None` forgets it: until the next batch begins marks count for
    /// nothing, and from then on they may be older ones.
    pub fn set_next_offset(&self, offset: Option<i64>) {
        self.offsets.lock().set_next(offset);
    }

    /// Last offset handed to librdkafka for commit.
    pub fn stored_offset(&self) -> Option<i64> {
        self.offsets.lock().last_stored()
    }

    /// Whether another member may own the partition.
    pub fn is_lost(&self) -> bool {
        self.offsets.lock().ownership() == Ownership::Lost
    }
}
