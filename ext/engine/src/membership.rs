//! What a poll thread is in the middle of.
//!
//! A rebalance is served step by step between polls, never by blocking in a callback: librdkafka waits for
//! assign or unassign as long as it takes, and statistics, errors and tokens flow meanwhile.

use std::time::{Duration, Instant};

use crate::inquiry::Inquiry;
use crate::kafka::{PartitionList, Queue};

/// Whether the offsets of a revoked assignment may still be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The group asked for the partitions back and waits.
    Regular,
    /// The group may have given them away already.
    Lost,
}

/// A revocation under way.
pub struct Revocation {
    /// The partitions that go.
    pub partitions: PartitionList,
    /// Whether their offsets may be committed.
    pub loss: Loss,
    /// When the group stops waiting for their leases.
    pub deadline: Instant,
}

/// The reply to a commit, which is waited for.
pub struct Reply {
    /// Where it comes.
    pub queue: Queue,
    /// When it is not waited for any longer.
    pub until: Instant,
}

/// Where a member stands in its group.
///
/// | membership | event | next |
/// |---|---|---|
/// | Steady | assign | Steady |
/// | Steady | revoke | Draining |
/// | Draining, Committing | revoke | Draining, of both |
/// | Steady, Draining | a job outlived `max.poll.interval.ms` | Parting; Draining goes on when lost |
/// | Draining | leases ended | Committing (Steady, after unassign, when lost) |
/// | Committing | committed, or deadline | Steady, after unassign |
/// | Parting | committed, or deadline | Away, after unsubscribe |
/// | Away | jobs ended | Steady, after subscribe |
/// | Barred | no other member has the instance id | Steady, after subscribe |
/// | any | close | Farewell: the last commit |
/// | Farewell | committed, or deadline | Leaving, after unassign if that was asked for |
/// | Leaving | closed, or deadline | – (the client is let go of) |
///
/// Partitions that come while a member is Parting, Away or closing are declined.
pub enum Membership {
    /// Nothing is under way.
    Steady,
    /// Revoked partitions end their leases and hooks.
    Draining(Revocation),
    /// The offsets of revoked partitions are being committed.
    Committing(Revocation, Reply),
    /// A job took too long: what was marked before is committed, then the group is left.
    Parting(Option<Revocation>, Reply),
    /// The group was left until the jobs have ended.
    Away,
    /// Another member has the instance id.
    Barred(Watch),
    /// The last commit before leaving; a revocation that was under way is answered after it.
    Farewell(Option<Revocation>, Reply),
    /// The group is being left.
    Leaving,
}

/// Looks now and then whether an instance id is free.
pub struct Watch {
    /// The question under way.
    pub inquiry: Option<Inquiry<Vec<String>>>,
    /// When to ask next.
    pub next: Instant,
    /// How long to wait between two questions.
    pub pause: Duration,
}
