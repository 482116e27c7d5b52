//! What the threads of one engine share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Notify;

use crate::events::{EngineEvent, ErrorSeverity, Events};
use crate::lifecycle::{Call, Lifecycle, State};
use crate::pacing::Pacing;
use crate::partition::Partition;
use crate::process::ProcessGuard;
use crate::ration::Ration;
use crate::ready::ReadyList;
use crate::timers::{Alarm, Earliest, Timers};

/// Shared by the control thread, the poll threads, the workers and the handles of the application.
pub struct Hub {
    /// Partitions that wait for a worker.
    pub ready: ReadyList,
    /// Memory for batches.
    pub ration: Ration,
    /// Deadlines of partitions.
    pub timers: Timers,
    /// Events for the host.
    pub events: Events,
    /// The engine's state.
    pub lifecycle: Lifecycle,
    /// The process all of this lives in.
    pub process: ProcessGuard,
    control: Arc<Notify>,
    control_turns: AtomicU64,
    statistics_wanted: AtomicBool,
    assignments: AtomicU64,
}

impl Hub {
    /// A hub of an engine that was not started, with workers of this pace.
    pub fn new(pacing: Pacing, ration: Ration) -> Arc<Self> {
        let control = Arc::new(Notify::new());
        Arc::new(Self {
            ready: ReadyList::new(Arc::clone(&control), pacing),
            ration,
            timers: Timers::default(),
            events: Events::default(),
            lifecycle: Lifecycle::default(),
            process: ProcessGuard::here(),
            control,
            control_turns: AtomicU64::new(0),
            statistics_wanted: AtomicBool::new(false),
            assignments: AtomicU64::new(0),
        })
    }

    /// A hub without limits.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Arc<Self> {
        Self::new(Pacing::new(100.0), Ration::new(usize::MAX))
    }

    /// Has the control thread look at everything again.
    pub fn wake_control(&self) {
        self.control.notify_one();
    }

    /// Ends when [`Hub::wake_control`] was called.
    pub async fn control_woken(&self) {
        self.control.notified().await;
    }

    /// The control thread came round.
    pub fn control_turned(&self) {
        self.control_turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the control thread came round.
    pub fn control_turns(&self) -> u64 {
        self.control_turns.load(Ordering::Relaxed)
    }

    /// Sets a partition's alarm.
    pub fn schedule(&self, at: Instant, alarm: Alarm, partition: Arc<Partition>) {
        if self.timers.schedule(at, alarm, partition) == Earliest::Changed {
            self.wake_control();
        }
    }

    /// Number of the next assignment; never repeats within an engine.
    pub fn next_assignment(&self) -> u64 {
        self.assignments.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on statistics documents are handed to the host.
    pub fn want_statistics(&self) {
        self.statistics_wanted.store(true, Ordering::Relaxed);
    }

    /// Whether somebody reads statistics.
    pub fn statistics_wanted(&self) -> bool {
        self.statistics_wanted.load(Ordering::Relaxed)
    }

    /// Applies a lifecycle call and tells the host of the new state.
    pub fn change(&self, call: Call) -> Option<State> {
        let state = self.lifecycle.apply(call)?;
        if state != State::Stopped {
            self.events.push(EngineEvent::State { state: state.name() });
        }
        Some(state)
    }

    /// The engine can't go on: nothing more is handed out, and the host hears of it.
    pub fn crash(&self) {
        self.change(Call::Crash);
        self.wake_control();
    }

    /// Tells the host of an error that is not librdkafka's.
    pub fn report_error(&self, group: Option<usize>, severity: ErrorSeverity, message: String) {
        self.events.push(EngineEvent::Error { group, code: 0, message, severity });
    }
}
