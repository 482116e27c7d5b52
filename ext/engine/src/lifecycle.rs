//! The state of an engine.
//!
//! | state | call | next |
//! |---|---|---|
//! | Stopped | Start | Starting |
//! | Starting | Started | Running |
//! | Starting, Running | Quiet | Quieting |
//! | Quieting | Drained | Quiet |
//! | Starting, Running, Quieting, Quiet, Crashed | Stop | Stopping |
//! | Stopping | Closed | Stopped |
//! | Starting, Running, Quieting, Quiet, Stopping | Crash | Crashed |
//!
//! Any other call leaves the state as it is.

use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

/// State of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Not started, or stopped.
    #[default]
    Stopped,
    /// Threads and clients come up.
    Starting,
    /// Messages are handed out.
    Running,
    /// No new batches; running ones end.
    Quieting,
    /// Nothing runs; partitions are kept.
    Quiet,
    /// Running batches end, the groups are left.
    Stopping,
    /// A thread of the engine died or a client became unusable.
    Crashed,
}

/// What moves an engine from state to state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Start.
    Start,
    /// Every thread is up.
    Started,
    /// Take no new work.
    Quiet,
    /// Every lease ended.
    Drained,
    /// Drain and leave.
    Stop,
    /// Every group was left, or the deadline passed.
    Closed,
    /// A thread died.
    Crash,
}

impl State {
    /// The one place that decides what follows; `None` where a call changes nothing.
    pub fn transition(self, call: Call) -> Option<Self> {
        use State::{Crashed, Quiet, Quieting, Running, Starting, Stopped, Stopping};
        match (self, call) {
            (Stopped, Call::Start) => Some(Starting),
            (Starting, Call::Started) => Some(Running),
            (Starting | Running, Call::Quiet) => Some(Quieting),
            (Quieting, Call::Drained) => Some(Quiet),
            (Starting | Running | Quieting | Quiet | Crashed, Call::Stop) => Some(Stopping),
            (Stopping, Call::Closed) => Some(Stopped),
            (Starting | Running | Quieting | Quiet | Stopping, Call::Crash) => Some(Crashed),
            _ => None,
        }
    }

    /// The name that users read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Quieting => "quieting",
            Self::Quiet => "quiet",
            Self::Stopping => "stopping",
            Self::Crashed => "crashed",
        }
    }
}

/// A state that can be waited for.
#[derive(Default)]
pub struct Lifecycle {
    state: Mutex<State>,
    changed: Condvar,
}

impl Lifecycle {
    /// The present state.
    pub fn state(&self) -> State {
        *self.state.lock()
    }

    /// Applies a call; returns the new state if it changed.
    pub fn apply(&self, call: Call) -> Option<State> {
        let mut state = self.state.lock();
        let next = state.transition(call)?;
        *state = next;
        self.changed.notify_all();
        Some(next)
    }

    /// Waits up to `timeout` until `reached` says so; returns the state it ended with.
    pub fn wait(&self, timeout: Duration, reached: impl Fn(State) -> bool) -> State {
        let deadline = Instant::now() + timeout;
        *self.changed.wait_for(self.state.lock(), deadline, |state| reached(*state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::*;

    #[test]
    fn the_table_row_by_row() {
        let rows = [
            (Stopped, Call::Start, Starting),
            (Starting, Call::Started, Running),
            (Starting, Call::Quiet, Quieting),
            (Running, Call::Quiet, Quieting),
            (Quieting, Call::Drained, Quiet),
            (Starting, Call::Stop, Stopping),
            (Running, Call::Stop, Stopping),
            (Quieting, Call::Stop, Stopping),
            (Quiet, Call::Stop, Stopping),
            (Crashed, Call::Stop, Stopping),
            (Stopping, Call::Closed, Stopped),
            (Starting, Call::Crash, Crashed),
            (Running, Call::Crash, Crashed),
            (Quieting, Call::Crash, Crashed),
            (Quiet, Call::Crash, Crashed),
            (Stopping, Call::Crash, Crashed),
        ];
        for (state, call, next) in rows {
            assert_eq!(state.transition(call), Some(next), "{state:?} on {call:?}");
        }
        let every = [Call::Start, Call::Started, Call::Quiet, Call::Drained, Call::Stop, Call::Closed, Call::Crash];
        for state in [Stopped, Starting, Running, Quieting, Quiet, Stopping, Crashed] {
            for call in every {
                let listed = rows.iter().any(|(from, by, _)| (*from, *by) == (state, call));
                assert_eq!(state.transition(call).is_some(), listed, "{state:?} on {call:?}");
            }
        }
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.wait(Duration::from_millis(5), |s| s == Running), Stopped);
    }
}
