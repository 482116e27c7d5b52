//! One subscription group: what its poll thread, the control thread and the workers share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::sync::Mutex;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::GroupConfig;
use crate::events::{EngineEvent, ErrorSeverity};
use crate::hub::Hub;
use crate::kafka::Queue;
use crate::partition::Partition;
use crate::phase::Hook;

/// What the control thread asks of a poll thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupCommand {
    /// Commit, leave the group and close the client, all before this time.
    Close(Instant),
    /// Panic, to test what follows.
    Panic,
    /// Put the client into librdkafka's fatal state, to test what follows.
    FailFatally,
}

/// How a group stands with its brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Nothing was heard yet.
    Pending,
    /// A broker answers.
    Up,
    /// No broker answers.
    Down,
}

/// What is known of a group, for health.
#[derive(Debug, Clone)]
pub struct GroupStatus {
    /// How it stands with its brokers.
    pub connection: Connection,
    /// When the poll thread last came round.
    pub last_poll: Option<Instant>,
    /// The last error, and when it came.
    pub last_error: Option<(Instant, String)>,
    /// Whether its client was closed.
    pub stage: Stage,
}

/// Whether a group's poll thread still works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It does.
    Open,
    /// It closed its client and ended.
    Closed,
}

/// Shared state of one subscription group.
pub struct GroupShared {
    /// Index in the configuration.
    pub index: usize,
    /// Its configuration.
    pub config: GroupConfig,
    hub: Arc<Hub>,
    partitions: Mutex<HashMap<(String, i32), Arc<Partition>>>,
    commands: Mutex<Vec<GroupCommand>>,
    queue: Mutex<Option<Arc<Queue>>>,
    status: Mutex<GroupStatus>,
}

impl GroupShared {
    /// A group without a client yet.
    pub fn new(index: usize, config: GroupConfig, hub: Arc<Hub>) -> Arc<Self> {
        Arc::new(Self {
            index,
            config,
            hub,
            partitions: Mutex::default(),
            commands: Mutex::default(),
            queue: Mutex::default(),
            status: Mutex::new(GroupStatus {
                connection: Connection::Pending,
                last_poll: None,
                last_error: None,
                stage: Stage::Open,
            }),
        })
    }

    /// The hub of the engine.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The queue the poll thread waits on; `None` lets go of it.
    pub fn set_queue(&self, queue: Option<Arc<Queue>>) {
        let former = std::mem::replace(&mut *self.queue.lock(), queue);
        drop(former);
    }

    /// Whether the group has a client whose thread has to close it.
    pub fn has_client(&self) -> bool {
        self.queue.lock().is_some()
    }

    /// Has the poll thread look around.
    pub fn wake(&self) {
        let queue = self.queue.lock().clone();
        if let Some(queue) = queue {
            queue.wake();
        }
    }

    /// Asks something of the poll thread.
    pub fn send(&self, command: GroupCommand) {
        self.commands.lock().push(command);
        self.wake();
    }

    /// What was asked since the last call.
    pub fn take_commands(&self) -> Vec<GroupCommand> {
        std::mem::take(&mut *self.commands.lock())
    }

    // ---- partitions ------------------------------------------------------------------------------------------

    /// Adds an assigned partition.
    pub fn insert(&self, partition: Arc<Partition>) {
        let place = partition.place();
        let key = (place.topic.name.clone(), place.partition);
        self.partitions.lock().insert(key, partition);
    }

    /// The assigned partition of that name.
    pub fn find(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        self.partitions.lock().get(&(topic.to_string(), partition)).cloned()
    }

    /// Takes a partition out.
    pub fn remove(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        self.partitions.lock().remove(&(topic.to_string(), partition))
    }

    /// Every assigned partition.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.lock().values().cloned().collect()
    }

    /// Has every partition end its work, with this last hook.
    pub fn depart_all(&self, hook: Hook) {
        for partition in self.partitions() {
            partition.depart(hook);
        }
    }

    /// Whether no partition has work left.
    pub fn is_drained(&self) -> bool {
        self.partitions.lock().values().all(|p| p.is_gone())
    }

    // ---- status ----------------------------------------------------------------------------------------------

    /// A copy of the status.
    pub fn status(&self) -> GroupStatus {
        self.status.lock().clone()
    }

    /// The poll thread came round.
    pub fn polled(&self) {
        self.status.lock().last_poll = Some(Instant::now());
    }

    /// Notes how the group stands with its brokers.
    pub fn set_connection(&self, connection: Connection) {
        self.status.lock().connection = connection;
    }

    /// The client was closed.
    pub fn closed(&self) {
        self.status.lock().stage = Stage::Closed;
        self.hub.wake_control();
    }

    /// Whether the client was closed.
    pub fn is_closed(&self) -> bool {
        self.status.lock().stage == Stage::Closed
    }

    /// Notes an error and tells the host.
    pub fn report(&self, severity: ErrorSeverity, code: i32, message: String) {
        self.status.lock().last_error = Some((Instant::now(), message.clone()));
        self.hub.events.push(EngineEvent::Error { group: Some(self.index), code, message, severity });
    }

    /// Notes a librdkafka error of `operation` and tells the host.
    pub fn report_kafka_error(&self, code: RDKafkaErrorCode, operation: &str) {
        let message = format!("{}: {operation}: {}", self.config.id, crate::error::code_text(code));
        self.report(ErrorSeverity::Passing, code as i32, message);
    }
}
