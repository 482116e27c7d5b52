//! What a poll thread is in the middle of.
//!
//! A rebalance is served step by step between polls, never by blocking in a callback: librdkafka waits for
//! assign or unassign as long as it takes, and statistics, errors and tokens flow meanwhile.

use std::time::Instant;

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
    /// When their leases are not waited for any longer.
    pub deadline: Instant,
}

/// A close under way.
#[derive(Debug, Clone, Copy)]
pub struct Closing {
    /// When to give up.
    pub deadline: Instant,
}

/// Where a member stands in its group.
///
/// | membership | event | next |
/// |---|---|---|
/// | Steady | assign | Steady |
/// | Steady | revoke | Draining |
/// | Draining | leases ended, or deadline | Committing (Steady when lost) |
/// | Committing | committed, or deadline | Steady, after unassign |
/// | any | close | Farewell: the last commit |
/// | Farewell | committed, or deadline | Leaving |
/// | Leaving | closed, or deadline | – (the thread ends) |
pub enum Membership {
    /// Nothing is under way.
    Steady,
    /// Revoked partitions end their leases and hooks.
    Draining(Revocation),
    /// The offsets of revoked partitions are being committed.
    Committing {
        /// The revocation.
        revocation: Revocation,
        /// Where the reply comes.
        reply: Queue,
        /// When the reply is not waited for any longer.
        until: Instant,
    },
    /// The last commit before leaving.
    Farewell {
        /// The close.
        closing: Closing,
        /// Where the reply comes.
        reply: Queue,
        /// When the reply is not waited for any longer.
        until: Instant,
    },
    /// The group is being left.
    Leaving(Closing),
}
