//! What becomes of a message: the ticket that travels with it, and its holder's side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::{outcome, string, sys};
use crate::process::ProcessGuard;

/// What the broker, or librdkafka in its place, said about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Partition it is in; -1 if it never got one.
    pub partition: i32,
    /// Its offset there; negative if it is not known.
    pub offset: i64,
    /// Whether it is there.
    pub outcome: Result<(), RDKafkaErrorCode>,
}

impl Answer {
    /// Whether librdkafka was told to let go of the message.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.outcome, Err(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight))
    }
}

/// Travels with a message through librdkafka and comes back with its report.
#[derive(Debug)]
pub struct Ticket {
    /// The sender's own number for the message; 0 for none.
    pub label: u64,
    answer: Mutex<Option<Answer>>,
    arrived: Condvar,
}

impl Ticket {
    pub(super) fn new(label: u64) -> Arc<Self> {
        Arc::new(Self { label, answer: Mutex::new(None), arrived: Condvar::new() })
    }

    pub(super) fn resolve(&self, answer: Answer) {
        *self.answer.lock() = Some(answer);
        self.arrived.notify_all();
    }
}

/// The sender's side of a message. Dropping it changes nothing for the message.
#[derive(Debug, Clone)]
pub struct Delivery {
    ticket: Arc<Ticket>,
    process: ProcessGuard,
}

impl Delivery {
    pub(super) fn new(ticket: Arc<Ticket>, process: ProcessGuard) -> Self {
        Self { ticket, process }
    }

    /// The answer, if it is there. In a fork there never is one: it goes to the parent.
    pub fn answer(&self) -> Option<Answer> {
        if self.process.is_home() { *self.ticket.answer.lock() } else { None }
    }

    /// # Errors
    /// [`EngineError::ForeignProcess`](crate::error::EngineError::ForeignProcess) in a fork: there is nothing to wait for.
    pub fn check(&self) -> crate::error::Result<()> {
        self.process.check()
    }

    /// Waits up to `timeout` for the answer.
    pub fn wait(&self, timeout: Duration) -> Option<Answer> {
        if !self.process.is_home() {
            return None;
        }
        let deadline = Instant::now() + timeout;
        *self.ticket.arrived.wait_for(self.ticket.answer.lock(), deadline, Option::is_some)
    }
}

/// librdkafka's report of one message.
#[derive(Debug)]
pub struct DeliveryReport {
    /// Name of the topic.
    pub topic: String,
    /// What was said.
    pub answer: Answer,
    /// What travelled with the message.
    pub ticket: Arc<Ticket>,
}

impl DeliveryReport {
    /// Takes all reports out of an event.
    ///
    /// # Safety
    /// `raw` is a live delivery report event, read for the first time, of a client whose messages all carry tickets.
    pub(crate) unsafe fn read_all(raw: *mut sys::rd_kafka_event_t) -> Vec<Self> {
        // SAFETY: the caller promises a delivery report event.
        let mut reports = Vec::with_capacity(unsafe { sys::rd_kafka_event_message_count(raw) });
        loop {
            // SAFETY: as above; each message comes once and lives as long as the event.
            let message = unsafe { sys::rd_kafka_event_message_next(raw).as_ref() };
            let Some(message) = message else { return reports };
            // SAFETY: the message is live, its topic handle too; its opaque is the reference that `produce` gave away.
            let (topic, ticket) = unsafe {
                (string(sys::rd_kafka_topic_name(message.rkt)), Arc::from_raw(message._private.cast::<Ticket>()))
            };
            let answer = Answer { partition: message.partition, offset: message.offset, outcome: outcome(message.err) };
            reports.push(Self { topic, answer, ticket });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Answer = Answer { partition: 2, offset: 7, outcome: Ok(()) };

    #[test]
    fn an_answer_ends_a_wait() {
        let delivery = Delivery::new(Ticket::new(0), ProcessGuard::here());
        let waiter = std::thread::spawn({
            let delivery = delivery.clone();
            move || delivery.wait(Duration::from_secs(20))
        });
        delivery.ticket.resolve(ANSWER);
        assert_eq!(waiter.join().unwrap(), Some(ANSWER));
        assert_eq!(delivery.answer(), Some(ANSWER));
    }

    #[test]
    fn a_wait_ends_without_an_answer() {
        let delivery = Delivery::new(Ticket::new(0), ProcessGuard::here());
        assert_eq!(delivery.wait(Duration::from_millis(1)), None);
    }
}
