//! One assigned partition: its phase, its offsets and its link to librdkafka.
//!
//! Locks, in the order in which they may be held: `link` (read) → `offsets`; `state` innermost, alone. librdkafka calls
//! [`QueueListener::queue_filled`] with its own locks held, so nothing may call librdkafka while it holds `state`.

mod marking;

pub use marking::{MarkOutcome, PendingCommit};

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::sync::{Mutex, RwLock};

use crate::batch::{Batch, Notice};
use crate::config::{OffsetManagement, TopicConfig};
use crate::error::{EngineError, Result};
use crate::group::GroupShared;
use crate::hub::Hub;
use crate::kafka::{Client, Queue, QueueListener};
use crate::lease::{Job, Lease};
use crate::offsets::Offsets;
use crate::phase::{Consumer, Delivery, Effect, Hook, Input, Phase};
use crate::ready::{Taker, Waited};
use crate::timers::Alarm;

/// How often an open wait window looks whether a full batch is there already.
const WINDOW_LOOK: Duration = Duration::from_millis(20);

/// Where a partition belongs; never changes.
#[derive(Debug, Clone)]
pub struct Place {
    /// Unique number of this assignment of the partition.
    pub assignment: u64,
    /// Index of the subscription group.
    pub group: usize,
    /// Index of the topic in its group.
    pub topic_index: usize,
    /// Its topic's settings.
    pub topic: TopicConfig,
    /// Number of the partition.
    pub partition: i32,
    /// Wait window; zero delivers at once.
    pub window: Duration,
}

struct Link {
    client: Arc<Client>,
    queue: Queue,
}

/// What a worker works on, for reports.
#[derive(Debug, Clone)]
pub struct LeaseNote {
    /// Since when.
    pub since: Instant,
    /// What kind of job.
    pub job: Job,
    /// First and last offset of the batch.
    pub offsets: Option<(i64, i64)>,
}

struct State {
    phase: Phase,
    replay: Option<Batch>,
    /// Failed attempts at the present batch.
    failures: u32,
    /// When the backoff or window ends; alarms that ring earlier are of a former one.
    due: Option<Instant>,
    window_looks: Option<Instant>,
    lease: Option<LeaseNote>,
    consumer: Consumer,
    last_delivery: Option<Instant>,
}

/// An assigned partition.
pub struct Partition {
    place: Place,
    hub: Arc<Hub>,
    group: Weak<GroupShared>,
    state: Mutex<State>,
    offsets: Mutex<Offsets>,
    link: RwLock<Option<Link>>,
}

impl Partition {
    /// A partition about to be assigned. It receives nothing before [`Partition::connect`].
    pub fn new(place: Place, hub: Arc<Hub>, group: Weak<GroupShared>) -> Arc<Self> {
        Arc::new(Self {
            place,
            hub,
            group,
            state: Mutex::new(State {
                phase: Phase::Idle,
                replay: None,
                failures: 0,
                due: None,
                window_looks: None,
                lease: None,
                consumer: Consumer::Absent,
                last_delivery: None,
            }),
            offsets: Mutex::new(Offsets::default()),
            link: RwLock::new(None),
        })
    }

    /// Splits the partition's queue off and listens to it. Has to happen before the partition is assigned.
    pub fn connect(self: &Arc<Self>, client: &Arc<Client>) -> Result<()> {
        let topic = &self.place.topic.name;
        let mut queue = client.partition_queue(topic, self.place.partition).ok_or_else(|| EngineError::Kafka {
            operation: format!("opening the queue of {}", self.label()),
            code: rdkafka::types::RDKafkaErrorCode::UnknownPartition,
        })?;
        queue.split_off();
        queue.listen(Arc::clone(self));
        // What a former assignment left in the queue was announced to that one only.
        let is_empty = queue.is_empty();
        *self.link.write() = Some(Link { client: Arc::clone(client), queue });
        if !is_empty {
            self.apply(Input::Filled, Taker::Waiting);
        }
        Ok(())
    }

    /// Lets go of librdkafka. Marks are refused afterwards.
    pub fn disconnect(&self) {
        self.offsets.lock().lose();
        let link = self.link.write().take();
        drop(link);
    }

    /// Whether this is the process the partition was assigned in.
    pub fn is_home(&self) -> bool {
        self.hub.process.is_home()
    }

    /// Where the partition belongs.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// `topic/partition`, for messages.
    pub fn label(&self) -> String {
        format!("{}/{}", self.place.topic.name, self.place.partition)
    }

    /// Its phase.
    pub fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    /// What a worker does with it at the moment.
    pub fn lease_note(&self) -> Option<LeaseNote> {
        self.state.lock().lease.clone()
    }

    /// When its last batch was handed out.
    pub fn last_delivery(&self) -> Option<Instant> {
        self.state.lock().last_delivery
    }

    fn delivery(&self) -> Delivery {
        if self.place.window.is_zero() { Delivery::Immediate } else { Delivery::Windowed }
    }

    /// Applies an input, then does what the transition asks for.
    fn apply(self: &Arc<Self>, input: Input, taker: Taker) -> Effect {
        let effect = {
            let mut state = self.state.lock();
            let (phase, effect) = state.phase.transition(input, self.delivery(), state.consumer);
            state.phase = phase;
            if effect == Effect::OpenWindow {
                state.window_looks = Some(Instant::now() + self.place.window);
            }
            effect
        };
        match effect {
            Effect::Enqueue => self.hub.ready.push(Arc::clone(self), taker),
            Effect::OpenWindow => {
                let first_look = Instant::now() + self.place.window.min(WINDOW_LOOK);
                self.hub.schedule(first_look, Alarm::Window, Arc::clone(self));
            }
            Effect::Report => self.report_gone(),
            Effect::None | Effect::Grant | Effect::GrantHook(_) | Effect::StartTimer => {}
        }
        effect
    }

    fn report_gone(&self) {
        if let Some(group) = self.group.upgrade() {
            group.wake();
        }
        self.hub.wake_control();
    }

    // ---- leases ----------------------------------------------------------------------------------------------

    /// Called by a worker whose turn came: takes a batch or the last hook; `None` if there is nothing after all.
    pub fn take(self: &Arc<Self>) -> Option<Lease> {
        match self.apply(Input::Take, Taker::Caller) {
            Effect::Grant => self.take_batch(),
            Effect::GrantHook(hook) => Some(self.grant(Job::from(hook), Batch::default())),
            _ => None,
        }
    }

    fn take_batch(self: &Arc<Self>) -> Option<Lease> {
        let replay = self.state.lock().replay.take();
        let batch = match replay {
            // What gathered in the queue meanwhile was not announced again.
            Some(batch) => {
                self.apply(Input::Filled, Taker::Caller);
                batch
            }
            None => self.read_queue(),
        };
        match batch.first_offset() {
            Some(first) => {
                self.offsets.lock().begin(first);
                Some(self.grant(Job::Consume, batch))
            }
            None => {
                self.apply(Input::TookNothing, Taker::Caller);
                None
            }
        }
    }

    fn read_queue(self: &Arc<Self>) -> Batch {
        let max = self.place.topic.max_messages;
        let link = self.link.read();
        let batch = link.as_ref().map(|link| link.queue.take_batch(max)).unwrap_or_default();
        drop(link);
        // There may be more, which was announced before this lease and will not be again.
        if batch.len() == max {
            self.apply(Input::Filled, Taker::Caller);
        }
        if let Some(Notice::Error(code)) = batch.notice()
            && let Some(group) = self.group.upgrade()
        {
            group.report_kafka_error(code, &format!("reading {}", self.label()));
        }
        batch
    }

    fn grant(self: &Arc<Self>, job: Job, batch: Batch) -> Lease {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.lease = Some(LeaseNote { since: now, job, offsets: batch.first_offset().zip(batch.last_offset()) });
        if job == Job::Consume {
            state.consumer = Consumer::Present;
            state.last_delivery = Some(now);
        }
        let attempt = state.failures + 1;
        drop(state);
        Lease::new(Arc::clone(self), job, batch, attempt)
    }

    /// A job on the partition ended that did or did not wait.
    pub(crate) fn observe(&self, waited: Waited) {
        self.hub.ready.observe(waited);
    }

    /// The worker finished; with automatic offsets its last message counts as consumed.
    pub(crate) fn succeeded(self: &Arc<Self>, job: Job, last_offset: Option<i64>) {
        if let (Job::Consume, OffsetManagement::Automatic, Some(last)) = (job, self.place.topic.offsets, last_offset) {
            self.mark(last);
        }
        {
            let mut state = self.state.lock();
            state.failures = 0;
            state.lease = None;
        }
        self.apply(Input::Succeeded, Taker::Caller);
    }

    /// The consumer raised: what was not marked is delivered again after the backoff that is returned.
    pub(crate) fn failed(self: &Arc<Self>, batch: &Batch) -> Duration {
        let now = Instant::now();
        let replay = self.unmarked(batch);
        let (backoff, due) = {
            let mut state = self.state.lock();
            state.failures += 1;
            let backoff = self.place.topic.pause.backoff(state.failures);
            state.lease = None;
            state.replay = replay;
            state.due = Some(now + backoff);
            (backoff, now + backoff)
        };
        if self.apply(Input::Failed, Taker::Caller) == Effect::StartTimer {
            self.hub.schedule(due, Alarm::Backoff, Arc::clone(self));
        }
        backoff
    }

    /// The worker did not get to the end: what was not marked is delivered again at once.
    pub(crate) fn given_back(self: &Arc<Self>, batch: &Batch) {
        let replay = self.unmarked(batch);
        {
            let mut state = self.state.lock();
            state.lease = None;
            state.replay = replay;
        }
        self.apply(Input::GivenBack, Taker::Waiting);
    }

    fn unmarked(&self, batch: &Batch) -> Option<Batch> {
        let rest = match self.offsets.lock().next() {
            Some(next) => batch.from_offset(next),
            None => batch.clone(),
        };
        (!rest.is_empty()).then_some(rest)
    }

    // ---- departure -------------------------------------------------------------------------------------------

    /// The partition is to leave; a consumer that exists is told with `hook` when its job is done.
    pub fn depart(self: &Arc<Self>, hook: Hook) {
        self.apply(Input::Depart(hook), Taker::Waiting);
    }

    /// Another member may own the partition already: nothing of it is committed any more.
    pub fn lose(&self) {
        self.offsets.lock().lose();
    }

    /// Whether nothing more will be delivered from this assignment.
    pub fn is_gone(&self) -> bool {
        self.phase() == Phase::Gone
    }

    // ---- alarms ----------------------------------------------------------------------------------------------

    /// A deadline of this partition passed.
    pub fn ring(self: &Arc<Self>, alarm: Alarm, now: Instant) {
        match alarm {
            Alarm::Backoff => {
                if self.state.lock().due.is_some_and(|due| due <= now) {
                    self.apply(Input::TimerFired, Taker::Waiting);
                }
            }
            Alarm::Window => self.look_into_window(now),
            Alarm::StoreMark => {
                let offset = self.offsets.lock().alarm_rang(now);
                if let Some(offset) = offset {
                    self.hand_over(offset);
                }
            }
        }
    }

    fn look_into_window(self: &Arc<Self>, now: Instant) {
        let (phase, closes) = {
            let state = self.state.lock();
            (state.phase, state.window_looks)
        };
        if phase != Phase::Gathering {
            return;
        }
        let queued = self.link.read().as_ref().map_or(0, |link| link.queue.len());
        match closes {
            Some(at) if at > now && queued < self.place.topic.max_messages => {
                self.hub.schedule(at.min(now + WINDOW_LOOK), Alarm::Window, Arc::clone(self));
            }
            _ => drop(self.apply(Input::WindowClosed, Taker::Waiting)),
        }
    }
}

impl QueueListener for Partition {
    fn queue_filled(self: &Arc<Self>) {
        self.apply(Input::Filled, Taker::Waiting);
    }
}
