//! Marks of a partition: handed to librdkafka, committed when asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Partition;
use crate::error::{EngineError, Result};
use crate::kafka::{PartitionList, Queue};
use crate::offsets::{Marked, Ownership};
use crate::timers::Alarm;

/// How long one wait for the reply of a synchronous commit lasts before interruption is looked at again.
const COMMIT_SLICE: Duration = Duration::from_millis(50);

impl Partition {
    /// The message at `offset` and all before it are consumed.
    pub fn mark(self: &Arc<Self>, offset: i64) -> MarkOutcome {
        let marked = self.offsets.lock().mark(offset, Instant::now());
        match marked {
            Marked::Refused => MarkOutcome::Lost,
            Marked::Unchanged | Marked::Pending => MarkOutcome::Kept,
            Marked::Store(offset) => self.hand_over(offset),
            Marked::StoreAt(at) => {
                self.hub.schedule(at, Alarm::StoreMark, Arc::clone(self));
                MarkOutcome::Kept
            }
        }
    }

    /// Hands marks that librdkafka does not know yet to it.
    pub fn store_marks(&self) -> MarkOutcome {
        let unstored = self.offsets.lock().take_unstored(Instant::now());
        unstored.map_or(MarkOutcome::Kept, |offset| self.hand_over(offset))
    }

    pub(super) fn hand_over(&self, offset: i64) -> MarkOutcome {
        let link = self.link.read();
        let Some(link) = link.as_ref() else { return MarkOutcome::Lost };
        match link.client.store_offset(&self.place.topic.name, self.place.partition, offset) {
            Ok(()) => MarkOutcome::Kept,
            Err(_) => MarkOutcome::Lost,
        }
    }

    /// Starts a synchronous commit of what was marked; `None` if the partition was lost.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] if librdkafka refuses the request.
    pub fn start_commit(self: &Arc<Self>) -> Result<Option<PendingCommit>> {
        if self.store_marks() == MarkOutcome::Lost {
            return Ok(None);
        }
        let offsets = self.offsets.lock();
        let (ownership, stored) = (offsets.ownership(), offsets.last_stored());
        drop(offsets);
        let (Ownership::Held, Some(offset)) = (ownership, stored) else {
            return Ok((ownership == Ownership::Held).then_some(PendingCommit::Done));
        };
        let link = self.link.read();
        let Some(link) = link.as_ref() else { return Ok(None) };
        let reply = link.client.new_queue();
        let list = PartitionList::of(&self.place.topic.name, self.place.partition, offset);
        link.client
            .commit(Some(&list), &reply)
            .map_err(|code| EngineError::Kafka { operation: format!("committing {}", self.label()), code })?;
        Ok(Some(PendingCommit::Waiting { reply, label: self.label() }))
    }

    /// Which attempt at the present batch runs or comes, 1 for the first.
    pub fn attempt(&self) -> u32 {
        self.state.lock().failures + 1
    }

    /// Where processing continues; `None` before the first batch.
    pub fn next_offset(&self) -> Option<i64> {
        self.offsets.lock().next()
    }

    /// Sets where processing continues without marking.
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

    /// Messages between where processing continues and the end of the partition as of the last fetch.
    pub fn lag(&self) -> Option<i64> {
        let link = self.link.read();
        let (_, high) = link.as_ref()?.client.watermarks(&self.place.topic.name, self.place.partition)?;
        Some((high - self.next_offset()?).max(0))
    }
}

/// Whether a mark counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkOutcome {
    /// It does.
    Kept,
    /// The partition was lost; the message will be delivered to its new owner.
    Lost,
}

/// A synchronous commit that was sent.
pub enum PendingCommit {
    /// There was nothing to commit.
    Done,
    /// The reply will come on this queue.
    Waiting {
        /// Queue of the reply.
        reply: Queue,
        /// Which partition, for messages.
        label: String,
    },
}

impl PendingCommit {
    /// Waits a short while for the reply; `None` if it has not come, so that the caller can look at its interrupts.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] for a commit that the broker refused for another reason than a lost partition.
    pub fn wait_a_while(&self) -> Option<Result<MarkOutcome>> {
        use rdkafka::types::RDKafkaErrorCode as Code;
        let Self::Waiting { reply, label } = self else { return Some(Ok(MarkOutcome::Kept)) };
        let crate::kafka::Event::Committed(result, list) = reply.poll(COMMIT_SLICE)? else { return None };
        Some(match result.and_then(|()| list.first_error()) {
            Ok(()) | Err(Code::NoOffset) => Ok(MarkOutcome::Kept),
            Err(Code::AssignmentLost | Code::UnknownMemberId | Code::IllegalGeneration | Code::State) => {
                Ok(MarkOutcome::Lost)
            }
            Err(code) => Err(EngineError::Kafka { operation: format!("committing {label}"), code }),
        })
    }
}
