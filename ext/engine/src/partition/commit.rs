//! Commits whose answer is waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode as Code;

use super::{MarkOutcome, Partition};
use crate::error::{EngineError, Result};
use crate::kafka::{Client, Event, PartitionList, Queue};
use crate::offsets::Ownership;
use crate::sync::Mutex;

/// How long one wait lasts before interruption is looked at again.
const SLICE: Duration = Duration::from_millis(50);
/// How often a commit that a broker refused is sent again, and when.
const RETRIES: u32 = 3;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A commit that was sent. A broker's refusal is answered by sending it again, a few times.
pub struct PendingCommit {
    partition: Arc<Partition>,
    stage: Mutex<Stage>,
}

struct Stage {
    step: Step,
    retries: u32,
}

enum Step {
    /// There was nothing to commit.
    Done,
    /// The reply will come on this queue.
    Waiting(Queue),
    /// It is sent again at this time.
    Refused(Instant),
}

impl Partition {
    /// Starts a synchronous commit of what was marked; `None` if the partition was lost.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] if librdkafka refuses the request.
    pub fn start_commit(self: &Arc<Self>) -> Result<Option<PendingCommit>> {
        let step = self.send_commit()?;
        Ok(step.map(|step| PendingCommit {
            partition: Arc::clone(self),
            stage: Mutex::new(Stage { step, retries: RETRIES }),
        }))
    }

    fn send_commit(&self) -> Result<Option<Step>> {
        if self.store_marks() == MarkOutcome::Lost {
            return Ok(None);
        }
        let link = self.link.read();
        let Some(client) = link.as_ref().and_then(|link| link.client()) else { return Ok(None) };
        let offsets = self.offsets.lock();
        match (offsets.ownership(), offsets.last_stored()) {
            (Ownership::Lost, _) => Ok(None),
            (Ownership::Held, None) => Ok(Some(Step::Done)),
            (Ownership::Held, Some(offset)) => self.send(client, offset).map(Some),
        }
    }

    fn send(&self, client: &Arc<Client>, offset: i64) -> Result<Step> {
        let reply = client.new_queue();
        let list = PartitionList::of(&self.place.topic.name, self.place.partition, offset);
        client.commit(Some(&list), &reply).map_err(|code| self.refused(code))?;
        Ok(Step::Waiting(reply))
    }

    fn refused(&self, code: Code) -> EngineError {
        EngineError::Kafka { operation: format!("committing {}", self.label()), code }
    }
}

impl PendingCommit {
    /// Waits a short while for the answer; `None` if it has not come, so that the caller can look at its interrupts.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] for a commit that the broker refused again and again, for another reason than a lost
    /// partition.
    pub fn wait_a_while(&self) -> Option<Result<MarkOutcome>> {
        let mut stage = self.stage.lock();
        match &stage.step {
            Step::Done => Some(Ok(MarkOutcome::Kept)),
            Step::Waiting(reply) => {
                let Event::Committed(result, list) = reply.poll(SLICE)? else { return None };
                let result = result.and_then(|()| list.first_error());
                if result.is_ok() {
                    list.entries().for_each(|(_, _, offset)| self.partition.commit_answered(offset, true));
                }
                match result {
                    Ok(()) | Err(Code::NoOffset) => Some(Ok(MarkOutcome::Kept)),
                    Err(
                        Code::AssignmentLost
                        | Code::UnknownMemberId
                        | Code::IllegalGeneration
                        | Code::FencedInstanceId
                        | Code::State,
                    ) => Some(Ok(MarkOutcome::Lost)),
                    Err(_) if stage.retries > 0 => {
                        stage.retries -= 1;
                        stage.step = Step::Refused(Instant::now() + RETRY_AFTER);
                        None
                    }
                    Err(code) => Some(Err(self.partition.refused(code))),
                }
            }
            Step::Refused(until) => {
                std::thread::sleep(until.saturating_duration_since(Instant::now()).min(SLICE));
                if Instant::now() < *until {
                    return None;
                }
                match self.partition.send_commit() {
                    Ok(Some(step)) => {
                        stage.step = step;
                        None
                    }
                    Ok(None) => Some(Ok(MarkOutcome::Lost)),
                    Err(error) => Some(Err(error)),
                }
            }
        }
    }
}
