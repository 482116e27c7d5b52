//! What a producer tells its host: a channel that is read in batches by one thread.
//!
//! Reports of deliveries are never dropped: while as many wait to be read as messages may wait to be sent, the
//! producer takes no more messages. Of the rest, log lines and statistics make room for errors.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, Woken};

/// Most events other than deliveries that wait to be read.
const CAPACITY: usize = 1_024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProducerEvent {
    /// A message was answered.
    Delivery {
        /// The sender's number for the message; 0 for none.
        label: u64,
        /// Name of the topic.
        topic: String,
        /// Partition it is in.
        partition: i32,
        /// Its offset there.
        offset: i64,
        /// librdkafka's code; 0 when it was taken.
        code: i32,
    },
    /// librdkafka or the producer reports an error.
    Error {
        /// librdkafka's code; 0 for an error of the producer's own thread.
        code: i32,
        /// What failed.
        message: String,
        /// Whether the producer can go on.
        fatal: bool,
    },
    /// librdkafka's statistics document.
    Statistics(String),
    /// A line of librdkafka's log, with its syslog level.
    Log(i32, String),
    /// The client asks for an OAUTHBEARER token.
    TokenRefresh,
}

impl ProducerEvent {
    fn makes_room(&self) -> bool {
        matches!(self, Self::Statistics(_) | Self::Log(..))
    }
}

/// What somebody may want to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Messages that were taken.
    Acknowledgements,
    /// Messages that were not taken.
    DispatchErrors,
}

/// What waiting for events brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Fed {
    /// Events, in their order.
    Events(Vec<ProducerEvent>),
    /// Nothing within the time given, or the wait was nudged.
    Nothing,
    /// None will ever come.
    Closed,
}

#[derive(Default)]
struct Inbox {
    deliveries: VecDeque<ProducerEvent>,
    others: VecDeque<ProducerEvent>,
    closed: bool,
    nudged: bool,
}

/// The channel.
#[derive(Default)]
pub struct Feed {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    acknowledgements: AtomicBool,
    dispatch_errors: AtomicBool,
    dropped: AtomicU64,
}

impl Feed {
    /// From now on, deliveries of that kind are reported. Those of labelled messages always are.
    pub fn want(&self, interest: Interest) {
        match interest {
            Interest::Acknowledgements => self.acknowledgements.store(true, Ordering::Relaxed),
            Interest::DispatchErrors => self.dispatch_errors.store(true, Ordering::Relaxed),
        }
    }

    /// Whether a delivery with that code is reported.
    pub(super) fn wants_delivery(&self, code: i32) -> bool {
        let wanted = if code == 0 { &self.acknowledgements } else { &self.dispatch_errors };
        wanted.load(Ordering::Relaxed)
    }

    /// Adds reports of deliveries.
    pub(super) fn push_deliveries(&self, reports: impl Iterator<Item = ProducerEvent>) {
        let mut inbox = self.inbox.lock();
        inbox.deliveries.extend(reports);
        if !inbox.deliveries.is_empty() {
            self.arrived.notify_one();
        }
    }

    /// Adds another event. Never waits: when the channel is full, something makes room.
    pub(super) fn push(&self, event: ProducerEvent) {
        let mut inbox = self.inbox.lock();
        if inbox.others.len() >= CAPACITY {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            match inbox.others.iter().position(ProducerEvent::makes_room) {
                Some(index) => drop(inbox.others.remove(index)),
                None if event.makes_room() => return,
                None => drop(inbox.others.pop_front()),
            }
        }
        inbox.others.push_back(event);
        self.arrived.notify_one();
    }

    /// Waits up to `timeout` for events; brings at most `limit`.
    pub fn next(&self, limit: usize, timeout: Duration) -> Fed {
        let deadline = Instant::now() + timeout;
        let mut inbox = self.inbox.lock();
        loop {
            if !inbox.others.is_empty() || !inbox.deliveries.is_empty() {
                let errors = inbox.others.len().min(limit);
                let mut events: Vec<_> = inbox.others.drain(..errors).collect();
                let room = (limit - errors).min(inbox.deliveries.len());
                events.extend(inbox.deliveries.drain(..room));
                return Fed::Events(events);
            }
            if inbox.closed {
                return Fed::Closed;
            }
            if std::mem::take(&mut inbox.nudged) {
                return Fed::Nothing;
            }
            let woken;
            (inbox, woken) = self.arrived.wait_until(inbox, deadline);
            if woken == Woken::AtDeadline {
                return Fed::Nothing;
            }
        }
    }

    /// Makes a wait that runs, or the next one, return at once.
    pub fn nudge(&self) {
        self.inbox.lock().nudged = true;
        self.arrived.notify_all();
    }

    /// No event comes after those that wait.
    pub(super) fn close(&self) {
        self.inbox.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Reports of deliveries that nobody read yet.
    pub fn unread_deliveries(&self) -> usize {
        self.inbox.lock().deliveries.len()
    }

    /// How many events were dropped because nobody read.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32) -> ProducerEvent {
        ProducerEvent::Error { code, message: String::new(), fatal: false }
    }

    #[test]
    fn logs_make_room_for_errors() {
        let feed = Feed::default();
        feed.push(ProducerEvent::Log(6, "hello".into()));
        for code in 0..CAPACITY as i32 {
            feed.push(error(code));
        }
        feed.push(ProducerEvent::Log(6, "no room".into()));
        assert_eq!(feed.dropped(), 2);
        let expected: Vec<_> = (0..CAPACITY as i32).map(error).collect();
        assert_eq!(feed.next(CAPACITY * 2, Duration::ZERO), Fed::Events(expected));
        assert_eq!(feed.next(1, Duration::ZERO), Fed::Nothing);
    }

    #[test]
    fn what_waits_is_read_before_the_end() {
        let feed = Feed::default();
        feed.push(error(1));
        feed.push(error(2));
        feed.close();
        assert_eq!(feed.next(1, Duration::ZERO), Fed::Events(vec![error(1)]));
        assert_eq!(feed.next(1, Duration::ZERO), Fed::Events(vec![error(2)]));
        assert_eq!(feed.next(1, Duration::from_secs(20)), Fed::Closed);
    }
}
