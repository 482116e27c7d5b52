//! A group's rebalances, served between polls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{COMMIT_PATIENCE, Poller};
use crate::error::{EngineError, Result};
use crate::events::{EngineEvent, ErrorSeverity, RebalanceStep, TopicPartition};
use crate::group::Connection;
use crate::kafka::PartitionList;
use crate::lifecycle::State;
use crate::membership::{Loss, Membership, Revocation};
use crate::partition::{Partition, Place};
use crate::phase::Hook;

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
        if self.closing.is_some() {
            let _ = self.client.assign(None);
            return;
        }
        self.group.set_connection(Connection::Up);
        self.tell(RebalanceStep::Assign, list);
        for (topic, partition, _) in list.entries() {
            if let Err(error) = self.adopt(&topic, partition) {
                self.group.report(ErrorSeverity::Passing, 0, error.to_string());
            }
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

    /// Splits a partition's queue off before it is assigned: librdkafka keeps it split from then on.
    pub(super) fn adopt(&self, topic: &str, partition: i32) -> Result<()> {
        let group = &self.group;
        let Some(index) = group.config.topics.iter().position(|t| t.name == topic) else {
            return Err(EngineError::Configuration(format!("{}: assigned unknown topic {topic}", group.config.id)));
        };
        let place = Place {
            assignment: group.hub().next_assignment(),
            group: group.index,
            topic_index: index,
            topic: group.config.topics[index].clone(),
            partition,
            window: Duration::from_millis(group.config.max_wait_time_ms),
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
        let loss = if self.client.assignment_lost() { Loss::Lost } else { Loss::Regular };
        self.tell(RebalanceStep::Revoke, &list);
        for partition in self.revoked(&list) {
            if loss == Loss::Lost {
                partition.lose();
            }
            partition.depart(Hook::Revoked);
        }
        let patience = if self.closing.is_some() { Duration::ZERO } else { self.settings.max_poll_interval() };
        let revocation = Revocation { partitions: list, loss, deadline: Instant::now() + patience };
        if self.closing.is_some() {
            self.finish_revocation(revocation);
        } else {
            self.membership = Membership::Draining(revocation);
        }
    }

    pub(super) fn revoked(&self, list: &PartitionList) -> Vec<Arc<Partition>> {
        list.entries().filter_map(|(topic, partition, _)| self.group.find(&topic, partition)).collect()
    }

    pub(super) fn commit_revoked(&mut self, revocation: Revocation) {
        if revocation.loss == Loss::Lost {
            self.finish_revocation(revocation);
            return;
        }
        for partition in self.revoked(&revocation.partitions) {
            partition.store_marks();
        }
        let reply = self.client.new_queue();
        match self.client.commit(None, &reply) {
            Ok(()) => {
                let until = Instant::now() + COMMIT_PATIENCE;
                self.membership = Membership::Committing { revocation, reply, until };
            }
            Err(_) => self.finish_revocation(revocation),
        }
    }

    pub(super) fn finish_revocation(&mut self, revocation: Revocation) {
        let list = &revocation.partitions;
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
        for (topic, partition, _) in list.entries() {
            if let Some(partition) = self.group.remove(&topic, partition) {
                partition.disconnect();
            }
        }
        self.tell(RebalanceStep::Revoked, list);
        self.membership = self.closing.map_or(Membership::Steady, Membership::Leaving);
    }
}
