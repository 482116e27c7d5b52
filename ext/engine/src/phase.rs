//! The state machine of one assigned partition.
//!
//! | phase | input | next | effect |
//! |---|---|---|---|
//! | Idle | Filled | Ready (Gathering with a wait window) | Enqueue (OpenWindow) |
//! | Gathering | WindowClosed | Ready | Enqueue |
//! | Ready | Take | Leased | Grant |
//! | Leased | Filled | LeasedMore | – |
//! | Leased | Succeeded, TookNothing | Idle | – |
//! | LeasedMore | Succeeded, TookNothing | Ready (Gathering) | Enqueue (OpenWindow) |
//! | Leased, LeasedMore | Failed | Backoff | StartTimer |
//! | Leased, LeasedMore | GivenBack | Ready | Enqueue |
//! | Backoff | TimerFired | Ready | Enqueue |
//! | Idle, Gathering, Ready, Backoff | Depart(hook) | HookReady(hook); Gone without a consumer | Enqueue; Report |
//! | Leased, LeasedMore | Depart(hook) | Draining(hook) | – |
//! | Draining | Succeeded, Failed, GivenBack, TookNothing | HookReady; Gone without a consumer | Enqueue; Report |
//! | HookReady | Take | HookLeased | GrantHook |
//! | HookLeased | Succeeded, Failed | Gone | Report |
//! | HookLeased | GivenBack | HookReady | Enqueue |
//! | Gone | anything | Gone | – |
//!
//! What the table does not list leaves the phase as it is: a wake-up that came late, a timer that was overtaken,
//! a second revocation of a partition that is leaving.

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
    /// A worker has a batch, and the queue was empty when it took it.
    Leased,
    /// A worker has a batch, and there is more in the queue.
    LeasedMore,
    /// A batch failed and waits to be delivered again.
    Backoff,
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
    /// Its queue has messages.
    Filled,
    /// The wait window ended, or a full batch is there before its end.
    WindowClosed,
    /// A worker is free for it.
    Take,
    /// The worker that took it found no messages.
    TookNothing,
    /// The worker finished.
    Succeeded,
    /// The consumer raised.
    Failed,
    /// The worker died or was interrupted before it finished.
    GivenBack,
    /// The backoff is over.
    TimerFired,
    /// The partition is to leave, after this hook if a consumer exists.
    Depart(Hook),
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
    /// Hand a batch to the worker that asked.
    Grant,
    /// Hand the hook to the worker that asked.
    GrantHook(Hook),
    /// Start the backoff.
    StartTimer,
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
    /// No message came yet.
    Absent,
    /// It was handed a batch.
    Present,
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
    pub fn transition(self, input: Input, delivery: Delivery, consumer: Consumer) -> (Self, Effect) {
        match (self, input) {
            (Self::Idle, Input::Filled) => delivery.wake_up(),
            (Self::Gathering, Input::WindowClosed) | (Self::Backoff, Input::TimerFired) => {
                (Self::Ready, Effect::Enqueue)
            }
            (Self::Ready, Input::Take) => (Self::Leased, Effect::Grant),
            (Self::HookReady(hook), Input::Take) => (Self::HookLeased(hook), Effect::GrantHook(hook)),

            (Self::Leased, Input::Filled) => (Self::LeasedMore, Effect::None),
            (Self::Leased, Input::Succeeded | Input::TookNothing) => (Self::Idle, Effect::None),
            (Self::LeasedMore, Input::Succeeded | Input::TookNothing) => delivery.wake_up(),
            (Self::Leased | Self::LeasedMore, Input::Failed) => (Self::Backoff, Effect::StartTimer),
            (Self::Leased | Self::LeasedMore, Input::GivenBack) => (Self::Ready, Effect::Enqueue),
            (Self::Leased | Self::LeasedMore, Input::Depart(hook)) => (Self::Draining(hook), Effect::None),

            (Self::Draining(hook), Input::Succeeded | Input::Failed | Input::GivenBack | Input::TookNothing) => {
                Self::leave(hook, consumer)
            }
            (Self::HookLeased(_), Input::Succeeded | Input::Failed) => (Self::Gone, Effect::Report),
            (Self::HookLeased(hook), Input::GivenBack) => (Self::HookReady(hook), Effect::Enqueue),

            (Self::Idle | Self::Gathering | Self::Ready | Self::Backoff, Input::Depart(hook)) => {
                Self::leave(hook, consumer)
            }

            (phase, _) => (phase, Effect::None),
        }
    }

    fn leave(hook: Hook, consumer: Consumer) -> (Self, Effect) {
        match consumer {
            Consumer::Present => (Self::HookReady(hook), Effect::Enqueue),
            Consumer::Absent => (Self::Gone, Effect::Report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Consumer::{Absent, Present};
    use Delivery::{Immediate, Windowed};

    const REVOKED: Hook = Hook::Revoked;

    #[test]
    fn the_table_row_by_row() {
        use Input::*;
        let rows: &[(Phase, Input, Delivery, Consumer, Phase, Effect)] = &[
            (Phase::Idle, Filled, Immediate, Present, Phase::Ready, Effect::Enqueue),
            (Phase::Idle, Filled, Windowed, Present, Phase::Gathering, Effect::OpenWindow),
            (Phase::Gathering, WindowClosed, Windowed, Present, Phase::Ready, Effect::Enqueue),
            (Phase::Ready, Take, Immediate, Present, Phase::Leased, Effect::Grant),
            (Phase::Leased, Filled, Immediate, Present, Phase::LeasedMore, Effect::None),
            (Phase::Leased, Succeeded, Immediate, Present, Phase::Idle, Effect::None),
            (Phase::Leased, TookNothing, Immediate, Present, Phase::Idle, Effect::None),
            (Phase::LeasedMore, Succeeded, Immediate, Present, Phase::Ready, Effect::Enqueue),
            (Phase::LeasedMore, TookNothing, Immediate, Present, Phase::Ready, Effect::Enqueue),
            (Phase::LeasedMore, Succeeded, Windowed, Present, Phase::Gathering, Effect::OpenWindow),
            (Phase::Leased, Failed, Immediate, Present, Phase::Backoff, Effect::StartTimer),
            (Phase::LeasedMore, Failed, Immediate, Present, Phase::Backoff, Effect::StartTimer),
            (Phase::Leased, GivenBack, Immediate, Present, Phase::Ready, Effect::Enqueue),
            (Phase::LeasedMore, GivenBack, Windowed, Present, Phase::Ready, Effect::Enqueue),
            (Phase::Backoff, TimerFired, Immediate, Present, Phase::Ready, Effect::Enqueue),
            (Phase::Idle, Depart(REVOKED), Immediate, Absent, Phase::Gone, Effect::Report),
            (Phase::Idle, Depart(REVOKED), Immediate, Present, Phase::HookReady(Hook::Revoked), Effect::Enqueue),
            (Phase::Gathering, Depart(REVOKED), Windowed, Absent, Phase::Gone, Effect::Report),
            (Phase::Ready, Depart(REVOKED), Immediate, Present, Phase::HookReady(Hook::Revoked), Effect::Enqueue),
            (Phase::Backoff, Depart(REVOKED), Immediate, Present, Phase::HookReady(Hook::Revoked), Effect::Enqueue),
            (Phase::Leased, Depart(REVOKED), Immediate, Present, Phase::Draining(REVOKED), Effect::None),
            (Phase::LeasedMore, Depart(REVOKED), Immediate, Absent, Phase::Draining(REVOKED), Effect::None),
            (Phase::Draining(REVOKED), Succeeded, Immediate, Present, Phase::HookReady(Hook::Revoked), Effect::Enqueue),
            (Phase::Draining(REVOKED), Failed, Immediate, Present, Phase::HookReady(Hook::Revoked), Effect::Enqueue),
            (Phase::Draining(REVOKED), GivenBack, Immediate, Absent, Phase::Gone, Effect::Report),
            (Phase::Draining(REVOKED), TookNothing, Immediate, Absent, Phase::Gone, Effect::Report),
            (
                Phase::HookReady(Hook::Shutdown),
                Take,
                Immediate,
                Present,
                Phase::HookLeased(Hook::Shutdown),
                Effect::GrantHook(Hook::Shutdown),
            ),
            (Phase::HookLeased(Hook::Shutdown), Succeeded, Immediate, Present, Phase::Gone, Effect::Report),
            (Phase::HookLeased(Hook::Shutdown), Failed, Immediate, Present, Phase::Gone, Effect::Report),
            (
                Phase::HookLeased(Hook::Revoked),
                GivenBack,
                Immediate,
                Present,
                Phase::HookReady(Hook::Revoked),
                Effect::Enqueue,
            ),
        ];
        for (phase, input, delivery, consumer, next, effect) in rows {
            assert_eq!(phase.transition(*input, *delivery, *consumer), (*next, *effect), "{phase:?} on {input:?}");
        }
    }

    #[test]
    fn what_comes_late_changes_nothing() {
        let late = [
            (Phase::Ready, Input::Filled),
            (Phase::Ready, Input::WindowClosed),
            (Phase::Idle, Input::Take),
            (Phase::Leased, Input::Take),
            (Phase::LeasedMore, Input::Filled),
            (Phase::Backoff, Input::Filled),
            (Phase::Draining(REVOKED), Input::Filled),
            (Phase::Draining(REVOKED), Input::Take),
            (Phase::HookReady(Hook::Shutdown), Input::Depart(REVOKED)),
            (Phase::HookLeased(Hook::Shutdown), Input::Take),
            (Phase::Gone, Input::Take),
            (Phase::Gone, Input::Filled),
            (Phase::Gone, Input::Depart(REVOKED)),
            (Phase::Gone, Input::Succeeded),
        ];
        for (phase, input) in late {
            assert_eq!(phase.transition(input, Immediate, Present), (phase, Effect::None), "{phase:?} on {input:?}");
        }
    }
}
