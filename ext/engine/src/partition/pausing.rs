//! Pauses: the user's, and the one after a failure. There is one at a time, and the last one set counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Partition;
use crate::events::EngineEvent;
use crate::phase::Input;
use crate::ready::Taker;
use crate::timers::Alarm;

/// A pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    /// When it ends by itself.
    until: Option<Instant>,
}

/// What the user did during a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Nothing about pauses.
    Silent,
    /// Paused: the messages of the job are not taken for consumed at its end.
    Paused,
}

/// What became of something that was asked of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// It is done, or will be.
    Done,
    /// Another member may own the partition.
    Lost,
}

impl Partition {
    /// Nothing is delivered before `timeout` has passed (`None`: for ever), [`Partition::resume`] or the partition's end.
    /// Delivery goes on at `offset`, or behind what was delivered. A pause replaces the former one.
    pub fn pause(self: &Arc<Self>, offset: Option<i64>, timeout: Option<Duration>) -> Request {
        if self.is_lost() {
            return Request::Lost;
        }
        self.commit_stored();
        {
            let mut state = self.state.lock();
            if state.phase.is_leaving() {
                return Request::Done;
            }
            state.user = User::Paused;
            state.wanted = offset.or(state.wanted);
        }
        self.set_pause(offset, timeout);
        Request::Done
    }

    /// Ends a pause.
    pub fn resume(self: &Arc<Self>) -> Request {
        if self.is_lost() {
            return Request::Lost;
        }
        self.end_pause_if(|_| true);
        Request::Done
    }

    /// Whether a pause is set.
    pub fn is_paused(&self) -> bool {
        self.state.lock().pause.is_some()
    }

    /// The timer of a pause rang. It may be that of a former one.
    pub(super) fn end_pause(self: &Arc<Self>, now: Instant) {
        self.end_pause_if(|pause| pause.until.is_some_and(|until| until <= now));
    }

    fn end_pause_if(self: &Arc<Self>, ends: impl Fn(&Pause) -> bool) {
        let effect = {
            let mut state = self.state.lock();
            if state.pause.take_if(|pause| ends(pause)).is_none() {
                return;
            }
            self.hub.timers.cancel(Alarm::Pause, self);
            self.advance(&mut state, Input::Resume)
        };
        let place = self.place();
        self.hub.events.push(EngineEvent::Resumed {
            group: place.group,
            topic: place.topic.name.clone(),
            partition: place.partition,
        });
        self.commit_stored();
        self.perform(effect, Taker::Waiting);
    }

    /// Sets a pause, unless the partition leaves.
    pub(super) fn set_pause(self: &Arc<Self>, offset: Option<i64>, timeout: Option<Duration>) {
        // A time that no clock reaches is for ever.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let effect = {
            let mut state = self.state.lock();
            if state.phase.is_leaving() {
                return;
            }
            state.pause = Some(Pause { until });
            // Under the lock, so that the timer that is set last is the one of the pause that is set last.
            match until {
                Some(at) => self.hub.schedule(at, Alarm::Pause, Arc::clone(self)),
                None => self.hub.timers.cancel(Alarm::Pause, self),
            }
            self.advance(&mut state, Input::Pause)
        };
        let place = self.place();
        self.hub.events.push(EngineEvent::Paused {
            group: place.group,
            topic: place.topic.name.clone(),
            partition: place.partition,
            offset: offset.filter(|offset| *offset >= 0),
            timeout: timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        });
        self.perform(effect, Taker::Waiting);
    }
}
