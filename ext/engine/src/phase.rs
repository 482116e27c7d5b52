//! The state machine of one assigned partition.
//!
//! | phase | input | next | effect |
//! |---|---|---|---|
//! | Idle | Filled | Ready (Gathering with a wait window) | Enqueue (OpenWindow) |
//! | Gathering | Look | Leased | Look |
//! | Ready | Take | Leased | Grant |
//! | Idle, Gathering, Ready | Pause | Paused | – |
//! | Paused | Resume | Ready | Enqueue |
//! | Leased | Filled | LeasedMore | – |
//! | Leased, LeasedMore | Settled(any), while a pause is set | Paused | – |
//! | Leased, LeasedMore | Settled(Again) | Ready | Enqueue |
//! | Leased, LeasedMore | Settled(Gather) | Gathering | – |
//! | Leased | Settled(GoOn) | Idle | – |
//! | LeasedMore | Settled(GoOn) | Ready (Gathering) | Enqueue (OpenWindow) |
//! | Idle, Gathering, Ready, Paused | Depart(hook) | HookReady(hook); Gone without a consumer | Enqueue; Report |
//! | Leased, LeasedMore | Depart(hook) | Draining(hook) | – |
//! | Draining | Settled(any) | HookReady; Gone without a consumer | Enqueue; Report |
//! | HookReady | Take | HookLeased | GrantHook |
//! | HookLeased | Settled(GoOn) | Gone | Report |
//! | HookLeased | Settled(Again) | HookReady | Enqueue |
//! | Gone | anything | Gone | – |
//!
//! What the table does not list leaves the phase as it is: a wake-up that came late, a timer that was overtaken,
//! a second revocation of a partition that is leaving, a pause of a partition whose lease has not ended (it is kept beside
//! the phase, and holds when the lease ends).

/// What a consumer is told when its partition leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// The partition goes to another member, or was lost.
    Revoked,
    /// The consumer stops.
    Shutdown,
}

/// Where a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing to deliver.
    Idle,
    /// Messages gather until the wait window closes.
    Gathering,
    /// Waiting for a free worker.
    Ready,
    /// Somebody has its messages, and the queue was empty when they were taken.
    Leased,
    /// Somebody has its messages, and there is more in the queue.
    LeasedMore,
    /// Nothing is delivered before the pause ends: the user's, or the one after a failure.
    Paused,
    /// The partition is to leave as soon as its lease ends.
    Draining(Hook),
    /// The consumer's last hook waits for a free worker.
    HookReady(Hook),
    /// A worker runs the consumer's last hook.
    HookLeased(Hook),
    /// Nothing more is delivered from this assignment.
    Gone,
}

/// What happens to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Its queue has messages, or delivery is to go on elsewhere.
    Filled,
    /// The control thread looks what has gathered in the wait window.
    Look,
    /// A worker is free for it.
    Take,
    /// The lease ended.
    Settled(After),
    /// A pause was set.
    Pause,
    /// The pause is over.
    Resume,
    /// The partition is to leave, after this hook if a consumer exists.
    Depart(Hook),
}

/// How delivery goes on when a lease has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// With what the queue has, or gets.
    GoOn,
    /// At once: there is something to deliver, or it has to be looked whether there is.
    Again,
    /// The wait window stays open.
    Gather,
}

/// What has to be done after a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Put the partition into the ready list.
    Enqueue,
    /// Start the wait window.
    OpenWindow,
    /// Look what has gathered.
    Look,
    /// Hand a batch to the worker that asked.
    Grant,
    /// Hand the hook to the worker that asked.
    GrantHook(Hook),
    /// Tell those who wait that the partition has gone.
    Report,
}

/// Whether a partition delivers at once or gathers first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// A batch starts as soon as there are a message and a worker.
    Immediate,
    /// A batch starts when its wait window closes.
    Windowed,
}

/// Whether the application has a consumer for the partition: only then somebody has to be told of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    /// It was handed nothing yet.
    Absent,
    /// It was handed a batch.
    Present,
}

/// Whether a pause is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// None is.
    Unset,
    /// Nothing is delivered before it ends.
    Set,
}

/// What a transition depends on beside phase and input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// How it delivers.
    pub delivery: Delivery,
    /// Whether there is a consumer.
    pub consumer: Consumer,
    /// Whether there is a pause.
    pub rest: Rest,
}

impl Delivery {
    fn wake_up(self) -> (Phase, Effect) {
        match self {
            Self::Immediate => (Phase::Ready, Effect::Enqueue),
            Self::Windowed => (Phase::Gathering, Effect::OpenWindow),
        }
    }
}

impl Phase {
    /// The one place that decides what follows.
    pub fn transition(self, input: Input, so: Circumstances) -> (Self, Effect) {
        match (self, input) {
            (Self::Idle, Input::Filled) => so.delivery.wake_up(),
            (Self::Gathering, Input::Look) => (Self::Leased, Effect::Look),
            (Self::Ready, Input::Take) => (Self::Leased, Effect::Grant),
            (Self::HookReady(hook), Input::Take) => (Self::HookLeased(hook), Effect::GrantHook(hook)),
            (Self::Idle | Self::Gathering | Self::Ready, Input::Pause) => (Self::Paused, Effect::None),
            (Self::Paused, Input::Resume) => (Self::Ready, Effect::Enqueue),
            (Self::Leased, Input::Filled) => (Self::LeasedMore, Effect::None),

            (Self::Leased | Self::LeasedMore, Input::Settled(after)) => self.settled(after, so),
            (Self::Draining(hook), Input::Settled(_)) => Self::leave(hook, so.consumer),
            (Self::HookLeased(hook), Input::Settled(After::Again)) => (Self::HookReady(hook), Effect::Enqueue),
            (Self::HookLeased(_), Input::Settled(_)) => (Self::Gone, Effect::Report),

            (Self::Leased | Self::LeasedMore, Input::Depart(hook)) => (Self::Draining(hook), Effect::None),
            (Self::Idle | Self::Gathering | Self::Ready | Self::Paused, Input::Depart(hook)) => {
                Self::leave(hook, so.consumer)
            }

            (phase, _) => (phase, Effect::None),
        }
    }

    fn settled(self, after: After, so: Circumstances) -> (Self, Effect) {
        match (after, so.rest) {
            (_, Rest::Set) => (Self::Paused, Effect::None),
            (After::Again, Rest::Unset) => (Self::Ready, Effect::Enqueue),
            (After::Gather, Rest::Unset) => (Self::Gathering, Effect::None),
            (After::GoOn, Rest::Unset) if self == Self::LeasedMore => so.delivery.wake_up(),
            (After::GoOn, Rest::Unset) => (Self::Idle, Effect::None),
        }
    }

    fn leave(hook: Hook, consumer: Consumer) -> (Self, Effect) {
        match consumer {
            Consumer::Present => (Self::HookReady(hook), Effect::Enqueue),
            Consumer::Absent => (Self::Gone, Effect::Report),
        }
    }

    /// Whether no batch will be delivered any more once a lease that there may be has ended.
    pub fn is_leaving(self) -> bool {
        matches!(self, Self::Draining(_) | Self::HookReady(_) | Self::HookLeased(_) | Self::Gone)
    }
}

#[cfg(test)]
mod tests;
