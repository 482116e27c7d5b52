//! Where delivery goes on: in memory where it has the message, else at the broker.
//!
//! A seek at the broker outdates what is in the queue at once, but leaves it there: the queue does not become empty, so it
//! does not announce what comes next. Whoever seeks therefore has the queue read once more.

use std::sync::Arc;

use super::{Partition, Request};
use crate::batch::Batch;
use crate::phase::Input;
use crate::ready::Taker;

/// Where a move ended.
pub(super) enum Landing {
    /// At these messages.
    Memory(Batch),
    /// Where the queue goes on anyway.
    Queue,
    /// At the broker: the queue has to be read to learn of what comes.
    Broker,
}

impl Partition {
    /// Delivery goes on at `target` (librdkafka's logical offsets included) when the running job has ended.
    pub fn seek(self: &Arc<Self>, target: i64) -> Request {
        if self.is_lost() {
            return Request::Lost;
        }
        let effect = {
            let mut state = self.state.lock();
            if state.phase.is_leaving() {
                return Request::Done;
            }
            state.wanted = Some(target);
            self.advance(&mut state, Input::Filled)
        };
        self.perform(effect, Taker::Waiting);
        Request::Done
    }

    /// The offset with which the next delivery begins; `None` if it is not known.
    pub fn position(&self) -> Option<i64> {
        let state = self.state.lock();
        match (state.wanted, &state.held) {
            (Some(wanted), _) => (wanted >= 0).then_some(wanted),
            (None, Some(held)) if !held.is_empty() => held.first_offset(),
            _ => state.reading.tail,
        }
    }

    /// For who has the lease: goes where the application wants. Returns what comes before the queue's messages.
    pub(super) fn arrive(&self) -> Option<Batch> {
        let (held, wanted) = {
            let mut state = self.state.lock();
            (state.held.take(), state.wanted.take())
        };
        let Some(wanted) = wanted else { return held };
        match self.go_to(wanted, held.as_ref()) {
            Landing::Memory(batch) => Some(batch),
            Landing::Queue | Landing::Broker => None,
        }
    }

    /// For who has the lease: has delivery go on at `target`. `memory` is the batch that was read last.
    pub(super) fn go_to(&self, target: i64, memory: Option<&Batch>) -> Landing {
        let (is_read, tail) = {
            let reading = &self.state.lock().reading;
            (reading.has(target), reading.tail)
        };
        if tail == Some(target) {
            return Landing::Queue;
        }
        // A notice of the end is a batch too, but not the one that was read last.
        match memory.filter(|memory| !memory.is_empty()) {
            Some(memory) if is_read => Landing::Memory(memory.from_offset(target)),
            _ => self.seek_at_broker(target),
        }
    }

    /// For who has the lease: has the queue go on at `offset`, which it has brought already.
    pub(super) fn fetch_again_from(self: &Arc<Self>, offset: i64) {
        if let Some(Err(code)) = self.link.read().as_ref().map(|link| link.seek(offset)) {
            self.report(code, &format!("fetching {} again from {offset}", self.label()));
        }
        self.announce();
    }

    fn seek_at_broker(&self, target: i64) -> Landing {
        let sought = self.link.read().as_ref().map(|link| link.seek(target));
        match sought {
            Some(Ok(())) => {
                self.state.lock().reading.moved(target);
            }
            Some(Err(code)) => self.report(code, &format!("seeking {} in {}", target, self.label())),
            // It is gone: nothing is delivered any more.
            None => {}
        }
        Landing::Broker
    }
}
