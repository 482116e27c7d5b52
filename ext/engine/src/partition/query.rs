//! What is asked of a partition's client.

use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode as Code;

use super::Partition;
use crate::error::{EngineError, Result};
use crate::group::GroupCommand;
use crate::inquiry::Inquiry;
use crate::kafka::PartitionList;
use crate::trouble::Scope;

impl Partition {
    /// Messages between where processing continues and the end of the partition as of the last fetch.
    pub fn lag(&self) -> Option<i64> {
        let (_, high) = self.watermarks()?;
        Some((high - self.next_offset()?).max(0))
    }

    /// Low and high watermark as of the last fetch.
    pub fn watermarks(&self) -> Option<(i64, i64)> {
        let link = self.link.read();
        link.as_ref()?.client()?.watermarks(&self.place.topic.name, self.place.partition)
    }

    /// Asks for the first offset whose message is not older than `timestamp_ms`; none past the end.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] with `State` if the partition is not assigned any more, [`EngineError::Thread`].
    pub fn offset_for_time(&self, timestamp_ms: i64, timeout: Duration) -> Result<Inquiry<Option<i64>>> {
        let operation = format!("looking up an offset by time in {}", self.label());
        let client = self.link.read().as_ref().and_then(|link| link.client().cloned());
        let Some(client) = client else { return Err(EngineError::Kafka { operation, code: Code::State }) };
        let mut list = PartitionList::of(&self.place.topic.name, self.place.partition, timestamp_ms);
        Inquiry::start(operation, timeout, move || {
            client.offsets_for_times(&mut list, timeout)?;
            Ok(list.entries().next().map(|(_, _, offset)| offset).filter(|offset| *offset >= 0))
        })
    }

    /// The partition can't be read at the moment: tells the host. Where there is no offset to begin at, librdkafka does
    /// not try again (`rd_kafka_offset_reset`): a new client asks once more what the group has committed.
    pub(super) fn report(&self, code: Code, operation: &str) {
        if let Some(group) = self.group.upgrade() {
            let reason = format!("{operation}: {}", crate::error::code_text(code));
            group.report_client_error(code, &reason, Some(Scope::Reading(self.place.topic.name.clone())));
            if code == Code::AutoOffsetReset {
                group.send(GroupCommand::Replace { code, reason });
            }
        }
    }
}
