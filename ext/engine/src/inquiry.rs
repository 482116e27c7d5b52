//! A group's client, as the application asks it.
//!
//! librdkafka's questions to a broker block and can't be called off. Each runs on a thread of its own, so that whoever
//! waits for the answer can stop waiting; the thread ends with the question's timeout.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;

use crate::error::{EngineError, Result};
use crate::group::GroupShared;
use crate::kafka::{Client, PartitionList, Token};
use crate::sync::Mutex;
use crate::trouble::Scope;

/// How long one wait for an answer lasts before the caller can look at its interrupts.
const SLICE: Duration = Duration::from_millis(50);

/// A question under way.
pub struct Inquiry<T> {
    answer: Mutex<Receiver<Result<T>>>,
    operation: String,
    timeout: Duration,
}

impl<T: Send + 'static> Inquiry<T> {
    pub(crate) fn start(
        operation: String,
        timeout: Duration,
        question: impl FnOnce() -> std::result::Result<T, RDKafkaErrorCode> + Send + 'static,
    ) -> Result<Self> {
        let (sender, answer) = channel();
        let name = "karafka.inquiry".to_string();
        let asked = operation.clone();
        let ask = move || {
            let answer = question().map_err(|code| match code {
                RDKafkaErrorCode::OperationTimedOut => {
                    let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                    EngineError::Timeout { operation: asked, timeout_ms }
                }
                code => EngineError::Kafka { operation: asked, code },
            });
            // Nobody may wait any longer.
            let _ = sender.send(answer);
        };
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(ask)
            .map_err(|source| EngineError::Thread { name, source })?;
        Ok(Self { answer: Mutex::new(answer), operation, timeout })
    }

    /// Waits a short while; `None` if there is no answer yet.
    ///
    /// # Errors
    /// [`EngineError::Kafka`] for what the broker refused, [`EngineError::Timeout`] without an answer.
    pub fn wait_a_while(&self) -> Option<Result<T>> {
        match self.answer.lock().recv_timeout(SLICE) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(EngineError::Timeout {
                operation: self.operation.clone(),
                timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            })),
        }
    }
}

/// An offset that was asked for; `None` where there is none.
pub type FoundOffset = (String, i32, Option<i64>);

/// A subscription group's client. It follows the group: after a reset it is the new one.
pub struct GroupClient {
    group: Arc<GroupShared>,
}

impl GroupClient {
    pub(crate) fn new(group: Arc<GroupShared>) -> Self {
        Self { group }
    }

    fn client(&self, call: &'static str) -> Result<Arc<Client>> {
        self.group.hub().process.check()?;
        self.group
            .client()
            .ok_or_else(|| EngineError::Lifecycle { state: self.group.hub().lifecycle.state().name(), call })
    }

    /// librdkafka's name of the client; none before it was made and after it was closed.
    pub fn name(&self) -> Option<String> {
        self.client("name its client").ok().map(|client| client.name())
    }

    /// Whether the group counts its partitions as lost; so they are without a client.
    pub fn is_assignment_lost(&self) -> bool {
        self.client("tell").map_or(true, |client| client.assignment_lost())
    }

    /// Asks for the low and high watermark of a partition.
    ///
    /// # Errors
    /// [`EngineError::Lifecycle`] without a client, [`EngineError::Thread`].
    pub fn query_watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Result<Inquiry<(i64, i64)>> {
        let client = self.client("ask for watermarks")?;
        let (operation, topic) = (format!("asking for the watermarks of {topic}/{partition}"), topic.to_string());
        Inquiry::start(operation, timeout, move || client.query_watermarks(&topic, partition, timeout))
    }

    /// Asks for the offsets that the group has committed.
    ///
    /// # Errors
    /// As [`GroupClient::query_watermarks`].
    pub fn committed(&self, places: &[(String, i32)], timeout: Duration) -> Result<Inquiry<Vec<FoundOffset>>> {
        let client = self.client("ask for committed offsets")?;
        let mut list = PartitionList::new();
        for (topic, partition) in places {
            list.add(topic, *partition, 0);
        }
        let operation = format!("{}: asking for committed offsets", self.group.config.id);
        Inquiry::start(operation, timeout, move || client.committed(&mut list, timeout).map(|()| found(&list)))
    }

    /// Asks for the first offset from a time on, in milliseconds since the epoch; none past the end.
    ///
    /// # Errors
    /// As [`GroupClient::query_watermarks`].
    pub fn offsets_for_times(
        &self,
        times: &[(String, i32, i64)],
        timeout: Duration,
    ) -> Result<Inquiry<Vec<FoundOffset>>> {
        let client = self.client("ask for the offsets of a time")?;
        let mut list = PartitionList::new();
        for (topic, partition, time) in times {
            list.add(topic, *partition, *time);
        }
        let operation = format!("{}: asking for the offsets of a time", self.group.config.id);
        Inquiry::start(operation, timeout, move || client.offsets_for_times(&mut list, timeout).map(|()| found(&list)))
    }

    /// Hands the client the token that it asked for.
    ///
    /// # Errors
    /// [`EngineError::Lifecycle`] without a client, [`EngineError::Kafka`] for a token that librdkafka refuses.
    pub fn set_token(&self, token: &Token) -> Result<()> {
        self.client("take a token")?.set_token(token).map_err(|(code, reason)| EngineError::Kafka {
            operation: format!("{}: setting the OAUTHBEARER token: {reason}", self.group.config.id),
            code,
        })?;
        self.group.heal(|scope| *scope == Scope::Token);
        Ok(())
    }

    /// Tells the client that there is no token.
    ///
    /// # Errors
    /// As [`GroupClient::set_token`].
    pub fn set_token_failure(&self, reason: &str) -> Result<()> {
        self.client("take the failure of a token")?.set_token_failure(reason).map_err(|code| EngineError::Kafka {
            operation: format!("{}: reporting that there is no OAUTHBEARER token", self.group.config.id),
            code,
        })
    }
}

fn found(list: &PartitionList) -> Vec<FoundOffset> {
    list.entries().map(|(topic, partition, offset)| (topic, partition, (offset >= 0).then_some(offset))).collect()
}
