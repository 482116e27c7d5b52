//! How a client's life ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{COMMIT_PATIENCE, Poller, Round};
use crate::events::RebalanceStep;
use crate::group::Connection;
use crate::kafka::PartitionList;
use crate::membership::{Loss, Membership, Revocation};
use crate::phase::Hook;

/// How long a client that can't go on may take to leave its group.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

impl Poller {
    pub(super) fn begin_close(&mut self, deadline: Instant) {
        self.closing = Some(deadline);
        let revocation = match std::mem::replace(&mut self.membership, Membership::Steady) {
            Membership::Draining(revocation)
            | Membership::Committing(revocation, _)
            | Membership::Parting(Some(revocation), _) => self.keep_until_committed(revocation),
            _ => None,
        };
        for partition in self.group.partitions() {
            partition.store_last_marks();
        }
        match self.commit(deadline.min(Instant::now() + COMMIT_PATIENCE)) {
            Some(reply) => self.membership = Membership::Farewell(revocation, reply),
            None => self.bid_farewell(revocation),
        }
    }

    /// What others own already is given up at once; what they wait for, when its marks are committed.
    fn keep_until_committed(&self, revocation: Revocation) -> Option<Revocation> {
        if revocation.loss == Loss::Regular {
            return Some(revocation);
        }
        self.release(&revocation.partitions);
        None
    }

    pub(super) fn bid_farewell(&mut self, revocation: Option<Revocation>) {
        if let Some(revocation) = revocation {
            self.release(&revocation.partitions);
        }
        self.leave();
    }

    fn leave(&mut self) {
        // librdkafka leads the consumer queue into the one given: it has to be another one.
        let last = Arc::new(self.client.new_queue());
        self.group.set_queue(Some(Arc::clone(&last)));
        self.queue = last;
        self.membership = Membership::Leaving;
        if let Err(code) = self.client.close(&self.queue) {
            // After a fatal error librdkafka does not leave; destroying the client is all that remains.
            if self.client.fatal_error().is_none() {
                self.group.report_kafka_error(code, "leaving the group");
            }
            self.closing = Some(Instant::now());
        }
    }

    /// The client can't go on: the group's partitions go to others, and their jobs end without it.
    pub(super) fn forsake(&mut self) {
        self.group.set_connection(Connection::Down);
        self.lose_all();
        // A panic may come again.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            self.begin_close(Instant::now() + LEAVE_PATIENCE);
            while self.round() == Round::Again {}
        }));
    }

    /// Marks count no more, and each consumer is told as soon as its job ends. What was marked before can be committed.
    pub(super) fn lose_all(&self) {
        for partition in self.group.partitions() {
            partition.store_last_marks();
            partition.lose();
            partition.depart(Hook::Revoked);
        }
    }

    /// Lets go of everything native. A client that is not closed is destroyed without waiting for the group.
    pub(super) fn let_go(self, hook: Hook) {
        let mut left = PartitionList::new();
        for partition in self.group.partitions() {
            partition.depart(hook);
            left.add(&partition.place().topic.name, partition.place().partition, -1);
        }
        if !left.is_empty() {
            self.tell(RebalanceStep::Revoke, &left);
            self.part_with(&left);
            self.tell(RebalanceStep::Revoked, &left);
        }
        self.group.set_queue(None);
    }
}
