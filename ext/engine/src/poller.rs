//! The poll thread of a subscription group: it owns the Kafka client and serves what librdkafka has to say.

mod rebalance;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Deserialize;

use crate::error::{EngineError, Result};
use crate::events::{EngineEvent, ErrorSeverity};
use crate::group::{Connection, GroupCommand, GroupShared};
use crate::kafka::{Client, ClientRole, Event, Queue, RebalanceKind, Severity};
use crate::membership::{Closing, Membership, Revocation};
use crate::phase::Hook;
use crate::settings::{GroupSettings, Sizing};

/// Longest time between two rounds; wake-ups come through the queue.
const ROUND: Duration = Duration::from_secs(1);
/// How long the number of a topic's partitions is waited for.
const METADATA_PATIENCE: Duration = Duration::from_millis(300);
/// How long a rebalance waits for the reply of its commit.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);
/// How long a group whose thread panicked may take to leave.
const CLOSE_AFTER_PANIC: Duration = Duration::from_secs(5);

/// State of a poll thread.
pub struct Poller {
    group: Arc<GroupShared>,
    client: Arc<Client>,
    queue: Arc<Queue>,
    settings: GroupSettings,
    membership: Membership,
    closing: Option<Closing>,
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Round {
    Again,
    Last,
}

impl Poller {
    /// Makes the group's client, subscribes it and starts its thread.
    ///
    /// # Errors
    /// What [`Client::new`] refuses, and [`EngineError::Thread`].
    pub fn spawn(group: Arc<GroupShared>, settings: GroupSettings) -> Result<JoinHandle<()>> {
        let (client, queue) = Self::connect(&group, &settings)?;
        let name = format!("karafka.poll#{}", group.index);
        let poller = Self { group, client, queue, settings, membership: Membership::Steady, closing: None };
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || poller.run())
            .map_err(|source| EngineError::Thread { name, source })
    }

    fn connect(group: &GroupShared, settings: &GroupSettings) -> Result<(Arc<Client>, Arc<Queue>)> {
        let client = Client::new(&group.config.id, ClientRole::Consumer, settings.librdkafka())?;
        let queue = Arc::new(client.consumer_queue());
        group.set_queue(Some(Arc::clone(&queue)));
        Ok((client, queue))
    }

    /// Asks how many partitions there are, and makes the client anew if its limits do not suit so many. Without an
    /// answer it goes on with what it has: a broker that is away must not keep the group from joining later.
    fn size_up(&mut self) -> Result<()> {
        let topics = self.group.config.topics.iter();
        let mut partitions = 0;
        for topic in topics {
            match self.client.partition_count(&topic.name, METADATA_PATIENCE) {
                Ok(count) => partitions += usize::try_from(count.unwrap_or(1)).unwrap_or(1),
                Err(_) => return Ok(()),
            }
        }
        if self.settings.expect_partitions(partitions) == Sizing::Changed {
            (self.client, self.queue) = Self::connect(&self.group, &self.settings)?;
        }
        Ok(())
    }

    fn join(&mut self) -> Result<()> {
        self.size_up()?;
        let group = &self.group;
        let topics: Vec<String> = group.config.topics.iter().map(|t| t.name.clone()).collect();
        self.client.subscribe(&topics).map_err(|code| EngineError::Kafka {
            operation: format!("{}: subscribing to {}", group.config.id, topics.join(", ")),
            code,
        })?;
        group.hub().events.push(EngineEvent::GroupStarted { group: group.index, client: self.client.name() });
        Ok(())
    }

    fn run(mut self) {
        if let Err(error) = self.join() {
            self.crash(0, error.to_string());
        }
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| while self.round() == Round::Again {})) {
            let message = format!("{}: poll thread panicked: {}", self.group.config.id, panic_text(&*panic));
            self.crash(0, message);
            if self.closing.is_some() {
                break; // It panicked while it closed: what is left is given up.
            }
            self.begin_close(Instant::now() + CLOSE_AFTER_PANIC);
        }
        let group = Arc::clone(&self.group);
        self.let_go();
        group.hub().events.push(EngineEvent::GroupStopped { group: group.index });
        group.closed();
    }

    fn round(&mut self) -> Round {
        let event = self.queue.poll(self.patience());
        self.group.polled();
        if let Some(event) = event {
            self.handle(event);
        }
        for command in self.group.take_commands() {
            self.obey(command);
        }
        self.step()
    }

    /// How long to wait for the next event at most.
    fn patience(&self) -> Duration {
        let until = match &self.membership {
            Membership::Steady => return ROUND,
            Membership::Draining(revocation) => revocation.deadline,
            // Replies come on a queue of their own, which does not wake this one.
            Membership::Committing { .. } | Membership::Farewell { .. } => return Duration::ZERO,
            Membership::Leaving(closing) => closing.deadline.min(Instant::now() + Duration::from_millis(50)),
        };
        until.saturating_duration_since(Instant::now()).min(ROUND)
    }

    fn obey(&mut self, command: GroupCommand) {
        match command {
            GroupCommand::Close(deadline) => {
                if self.closing.is_none() {
                    self.begin_close(deadline);
                }
            }
            #[allow(clippy::panic)] // The point of the command.
            GroupCommand::Panic => panic!("asked to"),
            GroupCommand::FailFatally => self.client.inject_fatal_error("asked to"),
        }
    }

    // ---- events ----------------------------------------------------------------------------------------------

    fn handle(&mut self, event: Event) {
        match event {
            Event::Rebalance(RebalanceKind::Assign, list) => self.assign(&list),
            Event::Rebalance(RebalanceKind::Revoke, list) => self.begin_revocation(list),
            Event::Error { code, reason, severity } => self.error(code, &reason, severity),
            Event::Statistics(json) => self.statistics(json),
            Event::Log { level, facility, line } => {
                let line = format!("{facility}: {line}");
                self.group.hub().events.push(EngineEvent::Log { group: self.group.index, level, line });
            }
            Event::Committed(result, _) => self.committed(result),
            Event::TokenRefresh => {
                self.group.hub().events.push(EngineEvent::TokenRefresh { group: self.group.index });
            }
            Event::Deliveries(_) | Event::Other => {}
        }
    }

    fn committed(&self, result: std::result::Result<(), Code>) {
        match result {
            Ok(()) => self.group.set_connection(Connection::Up),
            Err(Code::NoOffset) => {}
            Err(code) => self.group.report_kafka_error(code, "committing offsets"),
        }
    }

    fn error(&self, code: Code, reason: &str, severity: Severity) {
        if matches!(code, Code::AllBrokersDown) {
            self.group.set_connection(Connection::Down);
        }
        let message = format!("{}: {reason}", self.group.config.id);
        match (severity, code) {
            (Severity::Fatal, _) => {
                let (code, reason) = self.client.fatal_error().unwrap_or((code, reason.to_string()));
                self.crash(code as i32, format!("{}: fatal error of the Kafka client: {reason}", self.group.config.id));
            }
            (Severity::Passing, code) => self.group.report(severity_of(code), code as i32, message),
        }
    }

    fn crash(&self, code: i32, message: String) {
        let hub = self.group.hub();
        self.group.report(ErrorSeverity::Critical, code, message);
        hub.crash();
    }

    fn statistics(&self, json: String) {
        #[derive(Deserialize)]
        struct Statistics {
            brokers: HashMap<String, Broker>,
        }
        #[derive(Deserialize)]
        struct Broker {
            state: String,
        }
        if let Ok(statistics) = serde_json::from_str::<Statistics>(&json)
            && statistics.brokers.values().any(|b| b.state == "UP")
        {
            self.group.set_connection(Connection::Up);
        }
        let hub = self.group.hub();
        if hub.statistics_wanted() {
            hub.events.push(EngineEvent::Statistics { group: self.group.index, json });
        }
    }

    // ---- closing ---------------------------------------------------------------------------------------------

    fn begin_close(&mut self, deadline: Instant) {
        let closing = Closing { deadline };
        self.closing = Some(closing);
        if let Membership::Draining(revocation) | Membership::Committing { revocation, .. } =
            std::mem::replace(&mut self.membership, Membership::Steady)
        {
            self.finish_revocation(revocation);
        }
        for partition in self.group.partitions() {
            partition.store_marks();
        }
        let reply = self.client.new_queue();
        self.membership = match self.client.commit(None, &reply) {
            Ok(()) => Membership::Farewell { closing, reply, until: deadline.min(Instant::now() + COMMIT_PATIENCE) },
            Err(_) => self.leave(closing),
        };
    }

    fn leave(&mut self, closing: Closing) -> Membership {
        // librdkafka leads the consumer queue into the one given: it has to be another one.
        let last = Arc::new(self.client.new_queue());
        self.group.set_queue(Some(Arc::clone(&last)));
        self.queue = last;
        match self.client.close(&self.queue) {
            Ok(()) => Membership::Leaving(closing),
            Err(code) => {
                // After a fatal error librdkafka does not leave; destroying the client is all that remains.
                self.group.report_kafka_error(code, "leaving the group");
                Membership::Leaving(Closing { deadline: Instant::now() })
            }
        }
    }

    // ---- steps -----------------------------------------------------------------------------------------------

    fn step(&mut self) -> Round {
        match std::mem::replace(&mut self.membership, Membership::Steady) {
            Membership::Steady => {}
            Membership::Draining(revocation) => self.step_draining(revocation),
            Membership::Committing { revocation, reply, until } => match self.reply(&reply, until) {
                Reply::Awaited => self.membership = Membership::Committing { revocation, reply, until },
                Reply::Settled => self.finish_revocation(revocation),
            },
            Membership::Farewell { closing, reply, until } => match self.reply(&reply, until) {
                Reply::Awaited => self.membership = Membership::Farewell { closing, reply, until },
                Reply::Settled => self.membership = self.leave(closing),
            },
            Membership::Leaving(closing) => {
                self.membership = Membership::Leaving(closing);
                if self.client.is_closed() || Instant::now() >= closing.deadline {
                    return Round::Last;
                }
            }
        }
        Round::Again
    }

    fn step_draining(&mut self, revocation: Revocation) {
        let ended = self.revoked(&revocation.partitions).iter().all(|p| p.is_gone());
        if ended {
            self.commit_revoked(revocation);
        } else if Instant::now() >= revocation.deadline {
            let message =
                format!("{}: a job outlived the rebalance; its partition goes without it", self.group.config.id);
            self.group.report(ErrorSeverity::Passing, 0, message);
            self.commit_revoked(revocation);
        } else {
            self.membership = Membership::Draining(revocation);
        }
    }

    fn reply(&self, queue: &Queue, until: Instant) -> Reply {
        match queue.poll(Duration::from_millis(20)) {
            Some(Event::Committed(result, _)) => {
                self.committed(result);
                Reply::Settled
            }
            _ if Instant::now() >= until => {
                let message = format!("{}: the last commit was not answered in time", self.group.config.id);
                self.group.report(ErrorSeverity::Passing, Code::OperationTimedOut as i32, message);
                Reply::Settled
            }
            _ => Reply::Awaited,
        }
    }

    /// Lets go of everything native. A client that is not closed is destroyed without waiting for the group.
    fn let_go(self) {
        self.group.set_queue(None);
        for partition in self.group.partitions() {
            partition.depart(Hook::Shutdown);
            partition.disconnect();
            self.group.remove(&partition.place().topic.name, partition.place().partition);
        }
    }
}

/// Whether the reply to a commit has come.
enum Reply {
    Awaited,
    Settled,
}

/// Which errors do not pass by themselves.
fn severity_of(code: Code) -> ErrorSeverity {
    match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::InconsistentGroupProtocol
        | Code::FencedInstanceId
        | Code::SSL => ErrorSeverity::Critical,
        _ => ErrorSeverity::Passing,
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}
