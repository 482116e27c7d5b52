//! A group's rebalances, served between polls.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{COMMIT_PATIENCE, Poller};
use crate::error::{EngineError, Result};
use crate::events::{EngineEvent, RebalanceStep, TopicPartition};
use crate::group::Connection;
use crate::kafka::PartitionList;
use crate::lifecycle::State;
use crate::membership::{Loss, Membership, Revocation};
use crate::partition::{Partition, Place};
use crate::phase::Hook;
use crate::poller::recovery::Outage;
use crate::trouble::Scope;

impl Poller {
    pub(super) fn tell(&self, step: RebalanceStep, list: &PartitionList) {
        let partitions = list
            .entries()
            .map(|(topic, partition, offset)| TopicPartition {
                topic,
                partition,
                offset: (offset >= 0).then_some(offset),
            })
            .collect();
        self.group.hub().events.push(EngineEvent::Rebalance { group: self.group.index, step, partitions });
    }

    pub(super) fn assign(&mut self, list: &PartitionList) {
        if self.is_on_its_way_out() {
            self.decline(list);
            return;
        }
        self.group.set_connection(Connection::Up);
        self.group.heal(|scope| *scope == Scope::Membership);
        self.tell(RebalanceStep::Assign, list);
        let adopted = list.entries().try_for_each(|(topic, partition, _)| self.adopt(&topic, partition));
        // Nobody would read a partition that was assigned all the same: another client gets another try.
        if let Err(error) = adopted {
            self.fail(Outage::refused(&error));
            return;
        }
        let assigned = if self.client.rebalances_incrementally() {
            self.client.incremental_assign(list)
        } else {
            self.client.assign(Some(list))
        };
        match assigned {
            Ok(()) => self.tell(RebalanceStep::Assigned, list),
            Err(code) => self.group.report_kafka_error(code, "assigning partitions"),
        }
    }

    fn is_on_its_way_out(&self) -> bool {
        self.closing.is_some() || matches!(self.membership, Membership::Parting(..) | Membership::Away)
    }

    /// Answers an assignment that comes too late: librdkafka goes on when it has an answer, and takes it back then.
    fn decline(&self, list: &PartitionList) {
        let declined = if self.client.rebalances_incrementally() {
            self.client.incremental_assign(list)
        } else {
            self.client.assign(None)
        };
        if let Err(code) = declined {
            self.group.report_kafka_error(code, "declining partitions");
        }
    }

    /// Splits a partition's queue off before it is assigned: librdkafka keeps it split from then on.
    pub(super) fn adopt(&self, topic: &str, partition: i32) -> Result<()> {
        let group = &self.group;
        let Some(index) = group.config.topics.iter().position(|t| t.name == topic) else {
            return Err(EngineError::Configuration(format!("{}: assigned unknown topic {topic}", group.config.id)));
        };
        let topic = group.config.topics[index].clone();
        let place = Place {
            assignment: group.hub().next_assignment(),
            group: group.index,
            topic_index: index,
            window: Duration::from_millis(topic.max_wait_time_ms),
            topic,
            partition,
        };
        let adopted = Partition::new(place, Arc::clone(group.hub()), Arc::downgrade(group));
        adopted.connect(&self.client)?;
        group.insert(Arc::clone(&adopted));
        // Inserted first: whoever quiets the engine now either finds the partition or was seen here.
        if !matches!(group.hub().lifecycle.state(), State::Starting | State::Running) {
            adopted.depart(Hook::Shutdown);
        }
        Ok(())
    }

    pub(super) fn begin_revocation(&mut self, list: PartitionList) {
        self.tell(RebalanceStep::Revoke, &list);
        if self.is_on_its_way_out() {
            self.release(&list);
            return;
        }
        let list = self.join_pending(list);
        let loss = if self.client.assignment_lost() { Loss::Lost } else { Loss::Regular };
        for partition in self.revoked(&list) {
            if loss == Loss::Lost {
                partition.lose();
            }
            partition.depart(Hook::Revoked);
        }
        let deadline = Instant::now() + self.settings.max_poll_interval();
        self.membership = Membership::Draining(Revocation { partitions: list, loss, deadline });
    }

    /// The partitions of this revocation and of the one under way, if there is one: where a topic is gone, librdkafka takes
    /// its partitions back without waiting for the answer to an incremental rebalance (2.12,
    /// `rd_kafka_cgrp_metadata_update_check`), and one answer has to do for both.
    fn join_pending(&mut self, mut list: PartitionList) -> PartitionList {
        if let Membership::Draining(pending) | Membership::Committing(pending, _) =
            std::mem::replace(&mut self.membership, Membership::Steady)
        {
            let revoked: HashSet<_> = list.entries().map(|(topic, partition, _)| (topic, partition)).collect();
            for (topic, partition, offset) in pending.partitions.entries() {
                if !revoked.contains(&(topic.clone(), partition)) {
                    list.add(&topic, partition, offset);
                }
            }
        }
        list
    }

    pub(super) fn revoked(&self, list: &PartitionList) -> Vec<Arc<Partition>> {
        list.entries().filter_map(|(topic, partition, _)| self.group.find(&topic, partition)).collect()
    }

    pub(super) fn commit_revoked(&mut self, revocation: Revocation) {
        if revocation.loss == Loss::Lost {
            self.release(&revocation.partitions);
            return;
        }
        for partition in self.revoked(&revocation.partitions) {
            partition.store_last_marks();
        }
        match self.commit(Instant::now() + COMMIT_PATIENCE) {
            Some(reply) => self.membership = Membership::Committing(revocation, reply),
            None => self.release(&revocation.partitions),
        }
    }

    /// Gives partitions up: the group may hand them to others from now on.
    pub(super) fn release(&self, list: &PartitionList) {
        for partition in self.revoked(list) {
            partition.lose();
        }
        let unassigned = if self.client.rebalances_incrementally() {
            self.client.incremental_unassign(list)
        } else {
            self.client.assign(None)
        };
        if let Err(code) = unassigned {
            self.group.report_kafka_error(code, "giving up partitions");
        }
        self.part_with(list);
        self.tell(RebalanceStep::Revoked, list);
    }

    /// Lets go of what is native of partitions. The group remembers those whose jobs run.
    pub(super) fn part_with(&self, list: &PartitionList) {
        for (topic, partition, _) in list.entries() {
            if let Some(partition) = self.group.evict(&topic, partition) {
                partition.disconnect();
            }
        }
    }
}
