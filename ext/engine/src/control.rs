//! The control thread: deadlines of partitions, and the steps of quiet and stop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::sync::Mutex;

use crate::error::{EngineError, Result, panic_text};
use crate::events::{EngineEvent, ErrorSeverity};
use crate::group::{Failure, GroupCommand, GroupShared};
use crate::hub::Hub;
use crate::lifecycle::{Call, State};
use crate::phase::Hook;
use crate::report::{RunningJob, StopReport};

/// Longest sleep of the control thread.
const ROUND: Duration = Duration::from_secs(1);
/// Name of its thread.
pub const THREAD: &str = "karafka.control";
/// Panics after which the control thread gives up.
const PANICS: usize = 3;
/// How long groups may take to be left when nobody said.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// What the application asked of the control thread.
#[derive(Default)]
pub struct Requests {
    /// Drain and leave before this time.
    pub stop: Mutex<Option<Instant>>,
    /// Fail, to test what follows.
    pub failure: Mutex<Option<Failure>>,
}

/// Where a stop stands.
enum Plan {
    /// Messages flow, or the engine is quiet.
    Serve,
    /// Running leases and last hooks end.
    Drain,
    /// The groups are left.
    Leave,
    /// Everything is closed.
    Done,
}

/// State of the control thread.
pub struct Control {
    hub: Arc<Hub>,
    groups: Vec<Arc<GroupShared>>,
    requests: Arc<Requests>,
    report: Arc<Mutex<StopReport>>,
    plan: Plan,
    asked_at: Option<Instant>,
}

impl Control {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`EngineError::Thread`].
    pub fn spawn(
        hub: Arc<Hub>,
        groups: Vec<Arc<GroupShared>>,
        requests: Arc<Requests>,
        report: Arc<Mutex<StopReport>>,
    ) -> Result<JoinHandle<()>> {
        let failed = |source| EngineError::Thread { name: THREAD.into(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let mut control = Self { hub, groups, requests, report, plan: Plan::Serve, asked_at: None };
        std::thread::Builder::new().name(THREAD.into()).spawn(move || control.run(&runtime)).map_err(failed)
    }

    fn run(&mut self, runtime: &tokio::runtime::Runtime) {
        for _ in 0..PANICS {
            let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.serve())));
            let Err(panic) = ended else { return };
            let message = format!("control thread panicked: {}", panic_text(&*panic));
            // Whoever hears of the error finds the engine crashed.
            self.hub.crash();
            self.hub.report_error(None, ErrorSeverity::Critical, message);
        }
        self.close();
        runtime.block_on(self.await_stop());
        self.end();
    }

    /// Waits until the stop is asked for, and then for the groups.
    async fn await_stop(&self) {
        while self.requests.stop.lock().is_none() {
            self.hub.control_woken().await;
        }
        self.report.lock().begin(self.running_jobs());
        while let Some(left) = self.time_to_leave() {
            let _ = tokio::time::timeout(left, self.hub.control_woken()).await;
        }
        self.report.lock().abandon(self.running_jobs());
    }

    /// Of a stop, as long as a group is to be left.
    fn time_to_leave(&self) -> Option<Duration> {
        let left = (*self.requests.stop.lock())?.saturating_duration_since(Instant::now());
        let is_open = self.groups.iter().any(|group| !group.is_closed());
        Some(left).filter(|left| is_open && !left.is_zero())
    }

    async fn serve(&mut self) {
        while !matches!(self.plan, Plan::Done) {
            let next = self.next_look();
            let next = self.hub.ready.look().map_or(next, |at| at.min(next));
            let wait = next.saturating_duration_since(Instant::now());
            // Ends early when something changed.
            let _ = tokio::time::timeout(wait, self.hub.control_woken()).await;
            self.hub.control_turned();
            self.fail_if_asked();
            self.fire_alarms();
            self.step();
        }
    }

    fn fail_if_asked(&self) {
        let asked = self.requests.failure.lock().take();
        match asked {
            None => {}
            #[allow(clippy::panic)] // The point of the request.
            Some(Failure::Panic) => panic!("asked to"),
            Some(Failure::Stall(length)) => std::thread::sleep(length),
        }
    }

    fn next_look(&self) -> Instant {
        let round = Instant::now() + ROUND;
        let timer = self.hub.timers.next_at().unwrap_or(round);
        let deadline = self.deadline().unwrap_or(round);
        round.min(timer).min(deadline)
    }

    /// The next time at which the plan changes by itself.
    fn deadline(&self) -> Option<Instant> {
        let stop = (*self.requests.stop.lock())?;
        Some(match self.plan {
            Plan::Drain => self.drain_deadline(stop),
            _ => stop,
        })
    }

    /// A quarter of the time, at most two seconds, is kept for leaving the groups.
    fn drain_deadline(&self, stop: Instant) -> Instant {
        let asked_at = self.asked_at.unwrap_or(stop);
        let reserve = (stop.saturating_duration_since(asked_at) / 4).min(Duration::from_secs(2));
        stop - reserve
    }

    fn fire_alarms(&self) {
        let now = Instant::now();
        while let Some((alarm, partition)) = self.hub.timers.pop_due(now) {
            partition.ring(alarm, now);
        }
    }

    // ---- quiet and stop --------------------------------------------------------------------------------------

    fn step(&mut self) {
        let now = Instant::now();
        let stop = *self.requests.stop.lock();
        match (&self.plan, stop) {
            (Plan::Serve, None) => self.step_quiet(),
            (Plan::Serve, Some(_)) => {
                self.asked_at = Some(now);
                self.report.lock().begin(self.running_jobs());
                self.depart_all();
                self.plan = Plan::Drain;
                self.step();
            }
            (Plan::Drain, Some(stop)) if self.is_drained() || now >= self.drain_deadline(stop) => {
                self.report.lock().abandon(self.running_jobs());
                self.hub.events.push(EngineEvent::Leaving);
                for group in &self.groups {
                    group.send(GroupCommand::Close(stop));
                }
                self.plan = Plan::Leave;
                self.step();
            }
            (Plan::Leave, Some(stop)) if self.groups.iter().all(|g| g.is_closed()) || now >= stop => {
                self.close();
                self.end();
            }
            _ => {}
        }
    }

    fn step_quiet(&self) {
        match self.hub.lifecycle.state() {
            State::Quieting => {
                self.depart_all();
                if self.is_drained() {
                    self.hub.change(Call::Drained);
                }
            }
            // What still runs may end; nothing new is handed out.
            State::Crashed => self.depart_all(),
            _ => {}
        }
    }

    fn depart_all(&self) {
        for group in &self.groups {
            group.depart_all(Hook::Shutdown);
        }
    }

    fn is_drained(&self) -> bool {
        self.groups.iter().all(|g| g.is_drained())
    }

    fn running_jobs(&self) -> Vec<RunningJob> {
        RunningJob::of_groups(&self.groups)
    }

    /// Hands out nothing more, and has every group left.
    fn close(&mut self) {
        // Whoever was not asked to leave would stay in its group, and keep partitions that nobody reads.
        let stop = (*self.requests.stop.lock()).unwrap_or_else(|| Instant::now() + LEAVE_PATIENCE);
        self.groups.iter().filter(|group| !group.is_closed()).for_each(|group| group.send(GroupCommand::Close(stop)));
        self.hub.ready.close();
        self.hub.timers.clear();
        self.plan = Plan::Done;
    }

    /// The stop that was asked for is done, whatever crashed on the way.
    fn end(&self) {
        let open = self.groups.iter().filter(|g| !g.is_closed()).map(|g| g.config.id.clone()).collect();
        self.report.lock().end(open);
        self.hub.change(Call::Stop);
        self.hub.change(Call::Closed);
        self.hub.events.push(EngineEvent::State { state: State::Stopped.name() });
        self.hub.events.close();
    }
}
