//! One subscription group: what its poll thread, the control thread and the workers share.

mod errors;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};
use rdkafka::types::RDKafkaErrorCode;

use crate::config::GroupConfig;
use crate::events::{EngineEvent, ErrorSeverity};
use crate::fetching::Backlog;
use crate::hints::Hints;
use crate::hub::Hub;
use crate::kafka::{Client, ClientRole, Queue};
use crate::offsets::AutoCommit;
use crate::partition::Partition;
use crate::phase::Hook;
use crate::statistics::Decorator;
use crate::trouble::{Scope, Troubles};

/// How a thread of the engine fails when it is asked to, to test what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It panics.
    Panic,
    /// It does nothing for so long.
    Stall(Duration),
}

/// What is asked of a poll thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupCommand {
    /// Commit, leave the group and close the client, all before this time.
    Close(Instant),
    /// Put another client in this one's place: it gave up a partition, and would not try again.
    Replace {
        /// What it said.
        code: RDKafkaErrorCode,
        /// Where.
        reason: String,
    },
    /// Fail, to test what follows.
    Fail(Failure),
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
    /// How often the poll thread came round.
    pub poll_turns: u64,
    /// When it last did.
    pub last_poll: Option<Instant>,
    /// The last error, and when it came.
    pub last_error: Option<(Instant, String)>,
    /// How often its client was lost.
    pub restarts: u64,
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
    /// What its client's partitions have to read.
    pub backlog: Arc<Backlog>,
    partitions: Mutex<HashMap<(String, i32), Arc<Partition>>>,
    /// Partitions that went while their jobs ran.
    evicted: Mutex<Vec<Arc<Partition>>>,
    commands: Mutex<Vec<GroupCommand>>,
    commanded: Condvar,
    queue: Mutex<Option<Arc<Queue>>>,
    status: Mutex<GroupStatus>,
    hints: Hints,
    troubles: Mutex<Troubles>,
    decorator: Mutex<Option<Decorator>>,
}

impl GroupShared {
    /// A group without a client yet.
    pub fn new(index: usize, config: GroupConfig, hub: Arc<Hub>) -> Arc<Self> {
        let hints = Hints::new(&config.id, ClientRole::Consumer, &config.kafka);
        Arc::new(Self {
            index,
            config,
            hub,
            backlog: Arc::default(),
            partitions: Mutex::default(),
            evicted: Mutex::default(),
            commands: Mutex::default(),
            commanded: Condvar::new(),
            queue: Mutex::default(),
            status: Mutex::new(GroupStatus {
                connection: Connection::Pending,
                poll_turns: 0,
                last_poll: None,
                last_error: None,
                restarts: 0,
                stage: Stage::Open,
            }),
            hints,
            troubles: Mutex::default(),
            decorator: Mutex::default(),
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

    /// The client, as long as there is one.
    pub fn client(&self) -> Option<Arc<Client>> {
        self.queue.lock().as_ref().map(|queue| Arc::clone(queue.client()))
    }

    /// Has the poll thread look around. The queue is not kept for longer than the lock: who lets go of it last destroys
    /// the client, which takes up to a second, and the control thread or a host's thread can't be that one.
    pub fn wake(&self) {
        if let Some(queue) = &*self.queue.lock() {
            queue.wake();
        }
        self.commanded.notify_all();
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

    /// Waits for a command, a wake-up or the end of this time, where there is no client to wait at.
    pub fn wait_for_command(&self, timeout: Duration) {
        let commands = self.commands.lock();
        if commands.is_empty() {
            drop(self.commanded.wait_until(commands, Instant::now() + timeout));
        }
    }

    // ---- partitions ------------------------------------------------------------------------------------------

    /// Adds an assigned partition.
    pub fn insert(&self, partition: Arc<Partition>) {
        let place = partition.place();
        let key = (place.topic.name.clone(), place.partition);
        self.partitions.lock().insert(key, partition);
    }

    /// Who commits: librdkafka, unless its setting says otherwise.
    pub fn auto_commit(&self) -> AutoCommit {
        match self.config.kafka.get("enable.auto.commit").map(String::as_str) {
            Some("false" | "f" | "0") => AutoCommit::Off,
            _ => AutoCommit::On,
        }
    }

    /// The assigned partition of that name.
    pub fn find(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        self.partitions.lock().get(&(topic.to_string(), partition)).cloned()
    }

    /// Takes a partition out; it is remembered until its job has ended.
    pub fn evict(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        // Locked first: whoever asks what works meanwhile finds it there, or still here.
        let mut evicted = self.evicted.lock();
        let partition = self.partitions.lock().remove(&(topic.to_string(), partition))?;
        evicted.retain(|p| !p.is_gone());
        if !partition.is_gone() {
            evicted.push(Arc::clone(&partition));
        }
        Some(partition)
    }

    /// Every assigned partition.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.lock().values().cloned().collect()
    }

    /// Every partition that may have a job: the assigned ones, and those that went while theirs ran.
    pub fn working(&self) -> Vec<Arc<Partition>> {
        let mut working = self.partitions();
        working.extend(self.evicted.lock().iter().filter(|p| !p.is_gone()).cloned());
        working
    }

    /// Has every partition end its work, with this last hook.
    pub fn depart_all(&self, hook: Hook) {
        for partition in self.partitions() {
            partition.depart(hook);
        }
    }

    /// Whether no partition has work left.
    pub fn is_drained(&self) -> bool {
        self.working().iter().all(|p| p.is_gone())
    }

    // ---- status ----------------------------------------------------------------------------------------------

    /// A copy of the status.
    pub fn status(&self) -> GroupStatus {
        self.status.lock().clone()
    }

    /// The poll thread came round.
    pub fn polled(&self) {
        let mut status = self.status.lock();
        status.poll_turns += 1;
        status.last_poll = Some(Instant::now());
    }

    /// How often the poll thread came round.
    pub fn poll_turns(&self) -> u64 {
        self.status.lock().poll_turns
    }

    /// Notes how the group stands with its brokers.
    pub fn set_connection(&self, connection: Connection) {
        if connection == Connection::Up {
            self.heal(|scope| matches!(scope, Scope::Connection | Scope::Encryption));
        }
        self.status.lock().connection = connection;
    }

    /// The client was closed.
    pub fn closed(&self) {
        self.status.lock().stage = Stage::Closed;
        drop(self.decorator.lock().take());
        self.hub.wake_control();
    }

    /// Whether the client was closed.
    pub fn is_closed(&self) -> bool {
        self.status.lock().stage == Stage::Closed
    }

    // ---- statistics ------------------------------------------------------------------------------------------

    /// Takes a document of `client`, as far as somebody wants it.
    pub fn statistics(&self, client: &str, json: &str) {
        if !self.hub.statistics_wanted() {
            return;
        }
        let document = {
            let mut decorator = self.decorator.lock();
            if !decorator.as_ref().is_some_and(|d| d.knows(client)) {
                *decorator = Some(Decorator::new(client));
            }
            decorator.as_mut().map(|d| d.decorate(json, Instant::now()))
        };
        match document {
            Some(Ok(document)) => {
                let document = Arc::new(document);
                self.hub.events.push(EngineEvent::Statistics { group: self.index, document });
            }
            Some(Err(error)) => {
                let message = format!("{}: librdkafka's statistics: {error}", self.config.id);
                self.report(ErrorSeverity::Passing, 0, message);
            }
            None => {}
        }
    }
}
