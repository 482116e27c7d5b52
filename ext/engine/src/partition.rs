//! One assigned partition: its phase, its offsets and its link to librdkafka.
//!
//! Locks, in the order in which they may be held: `link` (read) → `offsets`; `state` innermost, with the timers alone behind
//! it and behind `offsets`. librdkafka calls [`QueueListener::queue_filled`] with its own locks held, so nothing may call librdkafka while it
//! holds `state`.
//!
//! Only who has the lease (a worker, or the control thread while it looks into a wait window) reads the partition's queue
//! or seeks. What others ask for meanwhile is noted in `state` and done by who has the lease next.

mod commit;
mod delivery;
mod link;
mod marking;
mod pausing;
#[cfg(test)]
mod property;
mod query;
mod reading;
mod seeking;
mod settling;
mod turn;
mod window;

pub use commit::PendingCommit;
pub use marking::MarkOutcome;
pub use pausing::Request;

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::sync::{Mutex, RwLock};

use crate::batch::Batch;
use crate::config::TopicConfig;
use crate::error::{EngineError, Result};
use crate::group::GroupShared;
use crate::hub::Hub;
use crate::kafka::{Client, QueueListener};
use crate::lease::Job;
use crate::offsets::Offsets;
use crate::phase::{Circumstances, Consumer, Delivery, Effect, Hook, Input, Phase, Rest};
use crate::ready::Taker;
use crate::timers::Alarm;
use link::{BrokerLink, Link};
use pausing::Pause;
use reading::Reading;
use window::WINDOW_LOOK;

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

/// Whether the ready list has the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    No,
    Yes,
}

struct State {
    phase: Phase,
    listed: Listed,
    /// Taken from the queue, and not delivered or to be delivered again: comes before what is in the queue.
    held: Option<Batch>,
    reading: Reading,
    /// Where the application wants delivery to go on.
    wanted: Option<i64>,
    pause: Option<Pause>,
    /// Whether the user paused it during the present job.
    user: pausing::User,
    /// Failed attempts at the present batch.
    failures: u32,
    /// How often in a row the consumer was not even given the present batch.
    postponements: u32,
    /// Leases in a row that were given back.
    interruptions: u32,
    window_closes: Option<Instant>,
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
    link: RwLock<Option<Box<dyn Link>>>,
    /// What a message of its last batch took, 0 before the first.
    message_bytes: AtomicUsize,
    /// Whether its last batch was all that was there.
    emptied: AtomicBool,
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
                listed: Listed::No,
                held: None,
                reading: Reading::default(),
                wanted: None,
                pause: None,
                user: pausing::User::Silent,
                failures: 0,
                postponements: 0,
                interruptions: 0,
                window_closes: None,
                lease: None,
                consumer: Consumer::Absent,
                last_delivery: None,
            }),
            offsets: Mutex::new(Offsets::default()),
            link: RwLock::new(None),
            message_bytes: AtomicUsize::new(0),
            emptied: AtomicBool::new(false),
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
        let backlog = self.group.upgrade().map(|group| Arc::clone(&group.backlog)).unwrap_or_default();
        let drain = backlog.join(queue.gauge());
        queue.listen(Arc::clone(self));
        // What a former assignment left in the queue was announced to that one only.
        let is_empty = queue.is_empty();
        if let Some(group) = self.group.upgrade() {
            self.offsets.lock().commit_by(group.auto_commit());
        }
        let link = BrokerLink::new(Arc::clone(client), queue, &self.place, drain);
        *self.link.write() = Some(Box::new(link));
        self.hub.ration.join();
        if !is_empty {
            self.announce();
        }
        Ok(())
    }

    /// Lets go of librdkafka. Marks are refused afterwards.
    pub fn disconnect(&self) {
        self.lose();
        let link = self.link.write().take();
        if link.is_some() {
            self.hub.ration.leave();
        }
        drop(link);
        self.hub.timers.forget(self);
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

    // ---- transitions -----------------------------------------------------------------------------------------

    /// Applies an input to the locked state; the effect has to be [performed](Partition::perform) after unlocking.
    fn advance(&self, state: &mut State, input: Input) -> Effect {
        let delivery = if self.place.window.is_zero() { Delivery::Immediate } else { Delivery::Windowed };
        let rest = if state.pause.is_some() { Rest::Set } else { Rest::Unset };
        let so = Circumstances { delivery, consumer: state.consumer, rest };
        let (phase, effect) = state.phase.transition(input, so);
        state.phase = phase;
        match effect {
            Effect::OpenWindow => state.window_closes = Some(Instant::now() + self.place.window),
            Effect::Enqueue => match std::mem::replace(&mut state.listed, Listed::Yes) {
                Listed::No => {}
                Listed::Yes => return Effect::None,
            },
            _ => {}
        }
        effect
    }

    fn perform(self: &Arc<Self>, effect: Effect, taker: Taker) {
        match effect {
            Effect::Enqueue => self.hub.ready.push(Arc::clone(self), taker),
            Effect::OpenWindow => {
                let first_look = Instant::now() + self.place.window.min(WINDOW_LOOK);
                self.hub.schedule(first_look, Alarm::Window, Arc::clone(self));
            }
            Effect::Report => self.report_gone(),
            Effect::None | Effect::Look | Effect::Grant | Effect::GrantHook(_) => {}
        }
    }

    fn apply(self: &Arc<Self>, input: Input, taker: Taker) -> Effect {
        let effect = self.advance(&mut self.state.lock(), input);
        self.perform(effect, taker);
        effect
    }

    fn report_gone(&self) {
        if let Some(group) = self.group.upgrade() {
            group.wake();
        }
        self.hub.wake_control();
    }

    // ---- departure -------------------------------------------------------------------------------------------

    /// Whether only its consumer's last hook is left to be run.
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase(), Phase::HookReady(_))
    }

    /// The partition is to leave; a consumer that exists is told with `hook` when its job is done.
    pub fn depart(self: &Arc<Self>, hook: Hook) {
        let (effect, held) = {
            let mut state = self.state.lock();
            let effect = self.advance(&mut state, Input::Depart(hook));
            let held = if state.phase.is_leaving() { state.stay_silent() } else { None };
            (effect, held)
        };
        drop(held);
        self.hub.timers.cancel(Alarm::Pause, self);
        self.perform(effect, Taker::Waiting);
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
            Alarm::Pause => self.end_pause(now),
            Alarm::Window => self.look_into_window(now),
            Alarm::StoreMark => self.store_late_marks(now),
        }
    }
}

impl State {
    /// No batch will be delivered any more. Returns what was held, to be dropped when the lock is not.
    fn stay_silent(&mut self) -> Option<Batch> {
        self.pause = None;
        self.wanted = None;
        self.held.take()
    }
}

impl QueueListener for Partition {
    fn queue_filled(self: &Arc<Self>) {
        self.announce();
    }
}

#[cfg(test)]
impl Partition {
    /// A partition of no group.
    pub(crate) fn for_tests() -> Arc<Self> {
        let topic = TopicConfig {
            name: "orders".into(),
            max_messages: 100,
            max_wait_time_ms: 0,
            offsets: crate::config::OffsetManagement::Automatic,
            pause: crate::config::PauseConfig::default(),
            eofed: false,
        };
        let place = Place { assignment: 0, group: 0, topic_index: 0, topic, partition: 0, window: Duration::ZERO };
        Self::new(place, Hub::for_tests(), Weak::new())
    }
}
