//! The producer's thread: takes librdkafka's events, resolves tickets, feeds the host.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

use super::delivery::DeliveryReport;
use super::feed::{Feed, ProducerEvent};
use crate::error::{EngineError, Result};
use crate::hints::{self, is_missing_token};
use crate::kafka::{Client, Event, Queue, Severity};

/// How long the thread waits for an event before it looks whether it should end.
const LOOK_UP: Duration = Duration::from_secs(1);

/// How a producer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Course {
    /// It goes on.
    On = 0,
    /// Nobody holds it any more: what it was given is still sent.
    Orphaned = 1,
    /// It was closed: it ends as soon as what is reported was taken.
    Closed = 2,
}

/// What the thread and the producer share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) feed: Feed,
    pub(super) tally: Tally,
    course: AtomicU8,
    ended: Mutex<bool>,
    end: Condvar,
}

/// Counts messages. librdkafka's length of its out queue has the client's errors and statistics in it.
#[derive(Default)]
pub(super) struct Tally {
    unanswered: AtomicUsize,
    given_up: AtomicUsize,
}

impl Tally {
    /// A message is on its way.
    pub(super) fn sent(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// A message was not taken after all.
    pub(super) fn refused(&self) {
        self.unanswered.fetch_sub(1, Ordering::Relaxed);
    }

    fn answered(&self, reports: &[DeliveryReport]) {
        let given_up = reports.iter().filter(|report| report.answer.is_given_up()).count();
        self.given_up.fetch_add(given_up, Ordering::Relaxed);
        self.unanswered.fetch_sub(reports.len(), Ordering::Relaxed);
    }

    /// Messages whose report has not come.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Messages whose report said that librdkafka was told to let go of them.
    pub(super) fn given_up(&self) -> usize {
        self.given_up.load(Ordering::Relaxed)
    }
}

impl Shared {
    pub(super) fn steer(&self, course: Course) {
        self.course.fetch_max(course as u8, Ordering::AcqRel);
    }

    fn course(&self) -> Course {
        match self.course.load(Ordering::Acquire) {
            0 => Course::On,
            1 => Course::Orphaned,
            _ => Course::Closed,
        }
    }

    /// Waits up to `timeout` until the thread has let go of its client; whether it has.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        *self.end.wait_for(self.ended.lock(), deadline, |ended| *ended)
    }
}

/// Starts the thread.
///
/// # Errors
/// [`EngineError::Thread`] when the operating system refuses.
pub(super) fn start(
    name: String,
    client: Arc<Client>,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
) -> Result<JoinHandle<()>> {
    let thread = Builder::new().name(name.clone()).spawn(move || {
        run(&client, &queue, &shared);
        shared.feed.close();
        // Here and not with whoever closes: destroying a client waits for its threads, one of which may be resolving
        // a host's name.
        drop(queue);
        drop(client);
        *shared.ended.lock() = true;
        shared.end.notify_all();
    });
    thread.map_err(|source| EngineError::Thread { name, source })
}

fn run(client: &Client, queue: &Queue, shared: &Shared) {
    loop {
        let course = shared.course();
        let patience = if course == Course::Closed { Duration::ZERO } else { LOOK_UP };
        match queue.poll(patience) {
            Some(event) => handle(client, event, shared),
            None if course == Course::Closed => return,
            None if course == Course::Orphaned && shared.tally.unanswered() == 0 => return,
            None => (),
        }
    }
}

/// A panic costs the event it happened at, and is reported; the messages behind it are still answered.
fn handle(client: &Client, event: Event, shared: &Shared) {
    if catch_unwind(AssertUnwindSafe(|| tell(client, event, shared))).is_err() {
        let message = "the producer's thread panicked while it handled an event".into();
        shared.feed.push(ProducerEvent::Error { code: 0, message, fatal: false });
    }
}

fn tell(client: &Client, event: Event, shared: &Shared) {
    let feed = &shared.feed;
    match event {
        Event::Deliveries(reports) => deliver(reports, shared),
        Event::Error { code, reason, severity: Severity::Passing } => {
            let code = hints::true_code(code, &reason);
            let message = client.hints().explain(code, &reason);
            feed.push(ProducerEvent::Error { code: code as i32, message, fatal: false });
            // librdkafka keeps a token for most of its life, refused or not.
            if client.hints().is_about_token(code) && !is_missing_token(&reason) {
                feed.push(ProducerEvent::TokenRefresh);
            }
        }
        Event::Error { code, reason, severity: Severity::Fatal } => {
            // The event only says "fatal"; what happened is kept by the client.
            let (code, message) = client.fatal_error().unwrap_or((code, reason));
            feed.push(ProducerEvent::Error { code: code as i32, message, fatal: true });
        }
        Event::Statistics(json) => feed.push(ProducerEvent::Statistics(json)),
        Event::Log { level, facility, line } => feed.push(ProducerEvent::Log(level, format!("{facility}: {line}"))),
        Event::TokenRefresh => feed.push(ProducerEvent::TokenRefresh),
        Event::Rebalance(..) | Event::Committed(..) | Event::Other => (),
    }
}

/// Who waits for an answer comes before who watches.
fn deliver(reports: Vec<DeliveryReport>, shared: &Shared) {
    let feed = &shared.feed;
    shared.tally.answered(&reports);
    for report in &reports {
        report.ticket.resolve(report.answer);
    }
    feed.push_deliveries(reports.into_iter().filter_map(|report| {
        let code = report.answer.outcome.err().map_or(0, |code| code as i32);
        // Who labelled a message keeps the label until its report comes, so it always does.
        (report.ticket.label != 0 || feed.wants_delivery(code)).then_some(ProducerEvent::Delivery {
            label: report.ticket.label,
            topic: report.topic,
            partition: report.answer.partition,
            offset: report.answer.offset,
            code,
        })
    }));
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Ticket};
    use super::*;
    use rdkafka::types::RDKafkaErrorCode::{MessageTimedOut, PurgeInflight, PurgeQueue};

    fn report(outcome: std::result::Result<(), rdkafka::types::RDKafkaErrorCode>) -> DeliveryReport {
        DeliveryReport {
            topic: String::new(),
            answer: Answer { partition: 0, offset: 0, outcome },
            ticket: Ticket::new(0),
        }
    }

    #[test]
    fn only_what_was_purged_is_given_up() {
        let tally = Tally::default();
        (0..6).for_each(|_| tally.sent());
        tally.refused();
        tally.answered(&[report(Ok(())), report(Err(PurgeQueue)), report(Err(MessageTimedOut))]);
        tally.answered(&[report(Err(PurgeInflight))]);
        assert_eq!((tally.given_up(), tally.unanswered()), (2, 1));
    }
}
