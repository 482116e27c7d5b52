//! The poll thread of a subscription group: it owns the Kafka client and serves what librdkafka has to say.

mod absence;
mod closing;
mod events;
mod rebalance;
mod recovery;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::certificates::CertificateFiles;
use crate::error::{EngineError, Result};
use crate::events::EngineEvent;
use crate::fetching::FetchPace;
use crate::group::{Failure, GroupCommand, GroupShared};
use crate::kafka::{Client, Event, Queue};
use crate::membership::{Membership, Reply};
use crate::phase::Hook;
use crate::settings::{GroupSettings, Sizing};
use recovery::Outage;

/// Longest time between two rounds; wake-ups come through the queue.
const ROUND: Duration = Duration::from_secs(1);
/// How long the number of a topic's partitions is waited for.
const METADATA_PATIENCE: Duration = Duration::from_millis(300);
/// How long a rebalance waits for the reply of its commit.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);

/// Name of the thread of the group with this index.
pub fn thread_name(group: usize) -> String {
    format!("karafka.poll#{group}")
}

/// One client's life, from joining the group to letting go of it.
pub struct Poller {
    group: Arc<GroupShared>,
    client: Arc<Client>,
    queue: Arc<Queue>,
    settings: GroupSettings,
    membership: Membership,
    arrival: Arrival,
    /// When a close has to be done.
    closing: Option<Instant>,
    /// What it read when it was made.
    certificates: CertificateFiles,
    /// Why the client can't go on.
    outage: Option<Outage>,
}

/// Whether the group had a client before.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    /// It had none.
    First,
    /// It lost one at this time.
    Return(Instant),
}

/// How a client's life begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// It joins.
    Join,
    /// It waits until no other member has its instance id.
    AwaitInstance,
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
    /// What [`Client::consumer`] refuses, and [`EngineError::Thread`].
    pub fn spawn(group: Arc<GroupShared>, settings: GroupSettings) -> Result<JoinHandle<()>> {
        let name = thread_name(group.index);
        let poller = Self::new(group, settings, Arrival::First)?;
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || recovery::run(poller))
            .map_err(|source| EngineError::Thread { name, source })
    }

    fn new(group: Arc<GroupShared>, settings: GroupSettings, arrival: Arrival) -> Result<Self> {
        let certificates = CertificateFiles::of(settings.librdkafka());
        let (client, queue) = Self::connect(&group, &settings)?;
        Ok(Self {
            group,
            client,
            queue,
            settings,
            membership: Membership::Steady,
            arrival,
            closing: None,
            certificates,
            outage: None,
        })
    }

    fn connect(group: &GroupShared, settings: &GroupSettings) -> Result<(Arc<Client>, Arc<Queue>)> {
        group.backlog.set_limits(settings.limits());
        let pace = FetchPace::new(Arc::clone(group.hub()), Arc::clone(&group.backlog), settings.limits().fetch_bytes);
        let client = Client::consumer(&group.config.id, settings.librdkafka(), Arc::new(pace))?;
        let queue = Arc::new(client.consumer_queue());
        group.set_queue(Some(Arc::clone(&queue)));
        Ok((client, queue))
    }

    /// Serves the client until it is closed or can't go on; in that case it says why.
    fn live(mut self, entry: Entry) -> (Option<Outage>, GroupSettings, Arrival) {
        let served = catch_unwind(AssertUnwindSafe(|| {
            self.enter(entry);
            while self.round() == Round::Again {}
        }));
        if let Err(panic) = served {
            self.fail(Outage::panicked(&self.group, &*panic));
        }
        if self.closing.is_none() {
            self.forsake();
        }
        let (outage, settings, arrival) = (self.outage.take(), self.settings.clone(), self.arrival);
        self.let_go(if outage.is_some() { Hook::Revoked } else { Hook::Shutdown });
        (outage, settings, arrival)
    }

    fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Join => self.join(),
            Entry::AwaitInstance => self.bar(),
        }
    }

    fn fail(&mut self, outage: Outage) {
        if self.closing.is_some() {
            // The client goes anyway.
            self.group.report(outage.severity(), outage.code, outage.message);
        } else {
            self.outage = Some(outage);
        }
    }

    /// Subscribes; joining goes on in the background.
    fn join(&mut self) {
        if let Err(error) = self.size_up().and_then(|()| self.subscribe()) {
            self.fail(Outage::refused(&error));
            return;
        }
        let (group, client) = (self.group.index, self.client.name());
        let event = match self.arrival {
            Arrival::First => EngineEvent::GroupStarted { group, client },
            Arrival::Return(since) => {
                let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                EngineEvent::ClientReset { group, client, took_ms }
            }
        };
        self.arrival = Arrival::Return(Instant::now());
        self.group.hub().events.push(event);
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

    fn subscribe(&self) -> Result<()> {
        let group = &self.group.config;
        let topics: Vec<String> = group.topics.iter().map(|t| t.name.clone()).collect();
        self.client.subscribe(&topics).map_err(|code| EngineError::Kafka {
            operation: format!("{}: subscribing to {}", group.id, topics.join(", ")),
            code,
        })
    }

    fn round(&mut self) -> Round {
        let event = self.queue.poll(self.patience());
        self.group.polled();
        self.review();
        if let Some(event) = event {
            self.handle(event);
        }
        for command in self.group.take_commands() {
            self.obey(command);
        }
        if self.outage.is_some() && self.closing.is_none() {
            return Round::Last;
        }
        self.step()
    }

    /// How long to wait for the next event at most.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let until = match &self.membership {
            Membership::Steady => self.job_deadline(),
            Membership::Draining(revocation) => Some(self.drain_deadline(revocation)),
            Membership::Away => None,
            Membership::Barred(watch) => Some(if watch.inquiry.is_some() { now } else { watch.next }),
            // Replies come on a queue of their own, which does not wake this one.
            Membership::Committing(..) | Membership::Parting(..) | Membership::Farewell(..) => Some(now),
            Membership::Leaving => Some(now + Duration::from_millis(50)),
        };
        until.map_or(ROUND, |until| until.saturating_duration_since(now).min(ROUND))
    }

    fn obey(&mut self, command: GroupCommand) {
        match command {
            GroupCommand::Close(deadline) => {
                match self.closing {
                    None => self.begin_close(deadline),
                    Some(set) => self.closing = Some(set.min(deadline)),
                }
                // There is to be no other client.
                if let Some(outage) = self.outage.take() {
                    self.fail(outage);
                }
            }
            GroupCommand::Replace { code, reason } => self.fail(Outage::unusable(&self.group, code, &reason)),
            #[allow(clippy::panic)] // The point of the command.
            GroupCommand::Fail(Failure::Panic) => panic!("asked to"),
            GroupCommand::Fail(Failure::Stall(length)) => std::thread::sleep(length),
            GroupCommand::FailFatally => self.client.inject_fatal_error("asked to"),
        }
    }

    // ---- steps -----------------------------------------------------------------------------------------------

    fn step(&mut self) -> Round {
        match std::mem::replace(&mut self.membership, Membership::Steady) {
            Membership::Steady => self.step_steady(),
            Membership::Draining(revocation) => self.step_draining(revocation),
            Membership::Committing(revocation, reply) => match self.await_reply(reply) {
                Some(reply) => self.membership = Membership::Committing(revocation, reply),
                None => self.release(&revocation.partitions),
            },
            Membership::Parting(revocation, reply) => match self.await_reply(reply) {
                Some(reply) => self.membership = Membership::Parting(revocation, reply),
                None => self.go_away(revocation),
            },
            Membership::Away => self.step_away(),
            Membership::Barred(watch) => self.step_barred(watch),
            Membership::Farewell(revocation, reply) => match self.await_reply(reply) {
                Some(reply) => self.membership = Membership::Farewell(revocation, reply),
                None => self.bid_farewell(revocation),
            },
            Membership::Leaving => {
                self.membership = Membership::Leaving;
                if self.client.is_closed() || self.closing.is_none_or(|deadline| Instant::now() >= deadline) {
                    return Round::Last;
                }
            }
        }
        Round::Again
    }

    /// Looks for the reply; gives it back while it is still awaited.
    fn await_reply(&self, reply: Reply) -> Option<Reply> {
        match reply.queue.poll(Duration::from_millis(20)) {
            Some(Event::Committed(result, list)) => {
                self.committed(result, &list);
                None
            }
            _ if Instant::now() >= reply.until => {
                self.group.report_kafka_error(rdkafka::types::RDKafkaErrorCode::OperationTimedOut, "the last commit");
                None
            }
            _ => Some(reply),
        }
    }

    /// Commits what is stored; `None` if librdkafka does not even try.
    fn commit(&self, until: Instant) -> Option<Reply> {
        let queue = self.client.new_queue();
        self.client.commit(None, &queue).ok().map(|()| Reply { queue, until })
    }
}
