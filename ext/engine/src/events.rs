//! What the engine tells its host: one bounded channel, read by one thread.
//!
//! When it is full, statistics and log lines make room first and are counted; rebalances and errors stay.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, Woken};
use serde::Serialize;

/// Most events that wait to be read.
pub const CAPACITY: usize = 1_024;

/// A partition named in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Offset, where one is known.
    pub offset: Option<i64>,
}

/// A step of a rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RebalanceStep {
    /// Partitions are about to be assigned.
    Assign,
    /// Partitions were assigned.
    Assigned,
    /// Partitions are about to be revoked.
    Revoke,
    /// Partitions were revoked.
    Revoked,
}

/// Whether the engine survives an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorSeverity {
    /// It retries by itself.
    Passing,
    /// It does not go away without somebody's doing; the engine is not healthy.
    Critical,
}

/// One event. `group` is the index of the subscription group in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EngineEvent {
    /// The engine changed its state.
    State {
        /// Name of the new state.
        state: &'static str,
    },
    /// A group's Kafka client exists and subscribed.
    GroupStarted {
        /// Subscription group.
        group: usize,
        /// librdkafka's name of the client.
        client: String,
    },
    /// A group left and closed its client.
    GroupStopped {
        /// Subscription group.
        group: usize,
    },
    /// Partitions come or go.
    Rebalance {
        /// Subscription group.
        group: usize,
        /// What happens to them.
        step: RebalanceStep,
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// librdkafka, the broker or the engine reports an error.
    Error {
        /// Subscription group; none for an error of the engine itself.
        group: Option<usize>,
        /// librdkafka's code; 0 for an error of the engine itself.
        code: i32,
        /// What failed, where and why.
        message: String,
        /// Whether it passes.
        severity: ErrorSeverity,
    },
    /// librdkafka's statistics document.
    Statistics {
        /// Subscription group.
        group: usize,
        /// The document.
        json: String,
    },
    /// A line of librdkafka's log.
    Log {
        /// Subscription group.
        group: usize,
        /// Syslog level.
        level: i32,
        /// The line with its facility.
        line: String,
    },
    /// A client asks for an OAUTHBEARER token.
    TokenRefresh {
        /// Subscription group.
        group: usize,
    },
}

impl EngineEvent {
    fn makes_room(&self) -> bool {
        matches!(self, Self::Statistics { .. } | Self::Log { .. })
    }
}

#[derive(Default)]
struct Inbox {
    waiting: VecDeque<EngineEvent>,
    end: End,
    nudged: bool,
}

#[derive(Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    Closed,
}

/// The channel.
#[derive(Default)]
pub struct Events {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    dropped: AtomicU64,
}

/// What waiting for an event brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// An event.
    Event(EngineEvent),
    /// Nothing within the time given, or the wait was nudged.
    Nothing,
    /// No event will ever come.
    Closed,
}

impl Events {
    /// Adds an event. Never waits: when the channel is full a statistics document or log line makes room.
    pub fn push(&self, event: EngineEvent) {
        let mut inbox = self.inbox.lock();
        if inbox.waiting.len() >= CAPACITY {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if event.makes_room() {
                return;
            }
            match inbox.waiting.iter().position(EngineEvent::makes_room) {
                Some(index) => drop(inbox.waiting.remove(index)),
                // Only errors and rebalances are left: the same one again says nothing new, else the oldest goes.
                None if inbox.waiting.back() == Some(&event) => return,
                None => drop(inbox.waiting.pop_front()),
            }
        }
        inbox.waiting.push_back(event);
        self.arrived.notify_one();
    }

    /// Waits up to `timeout` for an event.
    pub fn next(&self, timeout: Duration) -> Next {
        let deadline = Instant::now() + timeout;
        let mut inbox = self.inbox.lock();
        loop {
            if let Some(event) = inbox.waiting.pop_front() {
                return Next::Event(event);
            }
            if inbox.end == End::Closed {
                return Next::Closed;
            }
            if std::mem::take(&mut inbox.nudged) {
                return Next::Nothing;
            }
            let woken;
            (inbox, woken) = self.arrived.wait_until(inbox, deadline);
            if woken == Woken::AtDeadline {
                return Next::Nothing;
            }
        }
    }

    /// Makes a wait that runs, or the next one, return at once.
    pub fn nudge(&self) {
        self.inbox.lock().nudged = true;
        self.arrived.notify_all();
    }

    /// No event comes after those that wait.
    pub fn close(&self) {
        self.inbox.lock().end = End::Closed;
        self.arrived.notify_all();
    }

    /// How many events were dropped because nobody read.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32) -> EngineEvent {
        EngineEvent::Error { group: Some(0), code, message: String::new(), severity: ErrorSeverity::Passing }
    }

    fn statistics() -> EngineEvent {
        EngineEvent::Statistics { group: 0, json: "{}".into() }
    }

    #[test]
    fn a_full_channel_drops_statistics_before_errors() {
        let events = Events::default();
        events.push(statistics());
        for code in 0..CAPACITY as i32 {
            events.push(error(code));
        }
        events.push(statistics());
        assert_eq!(events.dropped(), 2);
        for code in 0..CAPACITY as i32 {
            assert_eq!(events.next(Duration::ZERO), Next::Event(error(code)));
        }
        assert_eq!(events.next(Duration::ZERO), Next::Nothing);
    }

    #[test]
    fn what_waits_is_read_before_the_end() {
        let events = Events::default();
        events.push(error(1));
        events.close();
        assert_eq!(events.next(Duration::from_secs(1)), Next::Event(error(1)));
        assert_eq!(events.next(Duration::from_secs(1)), Next::Closed);
    }
}
