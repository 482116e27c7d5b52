//! What the engine tells its host: one bounded channel, read by one thread.
//!
//! When it is full, statistics, log lines and pauses make room first and are counted; rebalances and errors stay.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, Woken};
use serde::Serialize;

use crate::statistics::Document;

/// Most events that wait to be read.
pub const CAPACITY: usize = 1_024;

/// Most bytes of statistics that wait to be read; one document is always taken.
pub const STATISTICS_CAPACITY: usize = 16 << 20;

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
    /// Work has ended, or its time has: the groups are left now.
    Leaving,
    /// A group left and closed its client.
    GroupStopped {
        /// Subscription group.
        group: usize,
    },
    /// A group's client can't go on.
    GroupFailed {
        /// Subscription group.
        group: usize,
        /// librdkafka's code; 0 for a failure of the engine itself.
        code: i32,
        /// What failed, where and why.
        message: String,
        /// When there will be a new one, in milliseconds; none when there will be none.
        retry_in_ms: Option<u64>,
    },
    /// A group has a new client, which subscribed.
    ClientReset {
        /// Subscription group.
        group: usize,
        /// librdkafka's name of the client.
        client: String,
        /// How long there was none, in milliseconds.
        took_ms: u64,
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
    /// Nothing is wrong with a group any more that doesn't pass by itself.
    Healed {
        /// Subscription group.
        group: usize,
    },
    /// librdkafka's statistics document, decorated.
    Statistics {
        /// Subscription group.
        group: usize,
        /// The document. It is JSON already, in parts.
        #[serde(skip)]
        document: Arc<Document>,
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
    /// A partition delivers nothing for a while.
    Paused {
        /// Subscription group.
        group: usize,
        /// Name of the topic.
        topic: String,
        /// Number of the partition.
        partition: i32,
        /// Where delivery goes on afterwards; none behind what was delivered.
        offset: Option<i64>,
        /// For how long, in milliseconds; none until it is resumed.
        timeout: Option<u64>,
    },
    /// A partition delivers again.
    Resumed {
        /// Subscription group.
        group: usize,
        /// Name of the topic.
        topic: String,
        /// Number of the partition.
        partition: i32,
    },
    /// A client asks for an OAUTHBEARER token.
    TokenRefresh {
        /// Subscription group.
        group: usize,
    },
}

impl EngineEvent {
    fn makes_room(&self) -> bool {
        matches!(self, Self::Statistics { .. } | Self::Log { .. } | Self::Paused { .. } | Self::Resumed { .. })
    }

    fn statistics_bytes(&self) -> usize {
        match self {
            Self::Statistics { document, .. } => document.len(),
            _ => 0,
        }
    }
}

#[derive(Default)]
struct Inbox {
    waiting: VecDeque<EngineEvent>,
    statistics_bytes: usize,
    end: End,
    nudged: bool,
    reads: u64,
    awaited: bool,
}

impl Inbox {
    /// Puts an event at the end; what could not be kept, it or another, is returned.
    fn put(&mut self, event: EngineEvent) -> Option<EngineEvent> {
        let bytes = event.statistics_bytes();
        if bytes > 0 && self.statistics_bytes > 0 && self.statistics_bytes + bytes > STATISTICS_CAPACITY {
            return Some(event);
        }
        let dropped = if self.waiting.len() >= CAPACITY {
            if event.makes_room() {
                return Some(event);
            }
            match self.waiting.iter().position(EngineEvent::makes_room) {
                Some(index) => self.waiting.remove(index),
                // Only errors and rebalances are left: the same one again says nothing new, else the oldest goes.
                None if self.waiting.back() == Some(&event) => return Some(event),
                None => self.waiting.pop_front(),
            }
        } else {
            None
        };
        self.statistics_bytes -= dropped.as_ref().map_or(0, EngineEvent::statistics_bytes);
        self.statistics_bytes += bytes;
        self.waiting.push_back(event);
        dropped
    }

    fn take(&mut self) -> Option<EngineEvent> {
        let event = self.waiting.pop_front()?;
        self.statistics_bytes -= event.statistics_bytes();
        Some(event)
    }
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

/// Who reads the events, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// It waits for the next one.
    Waiting,
    /// It does something else.
    Away {
        /// How often it came for an event.
        reads: u64,
    },
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
        if inbox.put(event).is_some() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.arrived.notify_one();
    }

    /// Waits up to `timeout` for an event.
    pub fn next(&self, timeout: Duration) -> Next {
        let deadline = Instant::now() + timeout;
        let mut inbox = self.inbox.lock();
        inbox.reads += 1;
        loop {
            if let Some(event) = inbox.take() {
                return Next::Event(event);
            }
            if inbox.end == End::Closed {
                return Next::Closed;
            }
            if std::mem::take(&mut inbox.nudged) {
                return Next::Nothing;
            }
            inbox.awaited = true;
            let woken;
            (inbox, woken) = self.arrived.wait_until(inbox, deadline);
            inbox.awaited = false;
            if woken == Woken::AtDeadline {
                return Next::Nothing;
            }
        }
    }

    /// Who reads the events.
    pub fn reader(&self) -> Reader {
        let inbox = self.inbox.lock();
        if inbox.awaited { Reader::Waiting } else { Reader::Away { reads: inbox.reads } }
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
        statistics_of(2)
    }

    fn statistics_of(bytes: usize) -> EngineEvent {
        let mut document = Document::default();
        document.frame = " ".repeat(bytes);
        EngineEvent::Statistics { group: 0, document: document.into() }
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
    fn statistics_that_nobody_reads_take_a_bounded_part_of_the_memory() {
        let events = Events::default();
        let half = STATISTICS_CAPACITY / 2;
        (0..3).for_each(|_| events.push(statistics_of(half)));
        assert_eq!(events.dropped(), 1);
        events.push(error(1));
        (0..2).for_each(|_| assert_eq!(events.next(Duration::ZERO), Next::Event(statistics_of(half))));
        assert_eq!(events.next(Duration::ZERO), Next::Event(error(1)));
        events.push(statistics_of(3 * half));
        assert_eq!(events.dropped(), 1);
        assert_eq!(events.next(Duration::ZERO), Next::Event(statistics_of(3 * half)));
    }

    #[test]
    fn a_reader_waits_or_is_away() {
        let events = Events::default();
        assert_eq!(events.reader(), Reader::Away { reads: 0 });
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| events.next(Duration::from_secs(60)));
            while events.reader() != Reader::Waiting {
                std::thread::yield_now();
            }
            events.push(error(1));
            assert_eq!(reading.join().unwrap(), Next::Event(error(1)));
        });
        assert_eq!(events.reader(), Reader::Away { reads: 1 });
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
