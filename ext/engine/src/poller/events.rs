//! What a client's events mean.

use std::collections::HashMap;

use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Deserialize;

use super::{METADATA_PATIENCE, Outage, Poller};
use crate::error::code_text;
use crate::events::EngineEvent;
use crate::group::Connection;
use crate::kafka::{Event, PartitionList, RebalanceKind, Severity};
use crate::trouble::Scope;

/// How librdkafka's text begins where it was refused the offsets at which partitions are to be read on. Most errors it does
/// not ask again after: the partitions stay assigned, and are not read (2.12, `rd_kafka_assignment_handle_OffsetFetch`,
/// `rd_kafka_assignment_apply_offsets`).
const NO_COMMITTED_OFFSETS: &str = "Failed to fetch committed offset";

impl Poller {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Rebalance(RebalanceKind::Assign, list) => self.assign(&list),
            Event::Rebalance(RebalanceKind::Revoke, list) => self.begin_revocation(list),
            Event::Error { code, reason, severity } => self.error(code, &reason, severity),
            Event::Statistics(json) => self.statistics(&json),
            Event::Log { level, facility, line } => {
                let line = format!("{facility}: {line}");
                self.group.hub().events.push(EngineEvent::Log { group: self.group.index, level, line });
            }
            Event::Committed(result, list) => self.committed(result, &list),
            Event::TokenRefresh => {
                self.group.hub().events.push(EngineEvent::TokenRefresh { group: self.group.index });
            }
            Event::Deliveries(_) | Event::Other => {}
        }
    }

    pub(super) fn committed(&self, result: std::result::Result<(), Code>, list: &PartitionList) {
        let accepted = result.and_then(|()| list.first_error()).is_ok();
        // Of what is assigned and had nothing to commit the offset is a logical one.
        for (topic, partition, offset) in list.entries().filter(|(_, _, offset)| *offset >= 0) {
            if let Some(partition) = self.group.find(&topic, partition) {
                partition.commit_answered(offset, accepted);
            }
        }
        match result {
            Ok(()) => {
                self.group.set_connection(Connection::Up);
                self.group.heal(|scope| *scope == Scope::Committing);
            }
            // A fatal error has an event of its own, which says what it is.
            Err(Code::NoOffset | Code::Fatal) => {}
            // It is asked for again, by librdkafka or by us, or the partition is somebody else's: a rebalance tells.
            Err(Code::RebalanceInProgress | Code::IllegalGeneration | Code::StaleMemberEpoch) => {}
            Err(code) => {
                let reason = format!("committing offsets: {}", code_text(code));
                self.group.report_client_error(code, &reason, Some(Scope::Committing));
            }
        }
    }

    fn error(&mut self, code: Code, reason: &str, severity: Severity) {
        match (severity, code) {
            (Severity::Fatal, _) => {
                let (code, reason) = self.client.fatal_error().unwrap_or((code, reason.to_string()));
                self.fail(Outage::fatal(&self.group, code, &reason));
            }
            // The subscription asks for the topic's creation; it is there in a moment.
            (Severity::Passing, Code::UnknownTopicOrPartition) if self.settings.creates_topics() => {}
            (Severity::Passing, code) if reason.starts_with(NO_COMMITTED_OFFSETS) => {
                self.fail(Outage::unusable(&self.group, code, reason));
            }
            (Severity::Passing, Code::AllBrokersDown) => self.group.went_down(reason),
            (Severity::Passing, code) => self.group.report_client_error(code, reason, None),
        }
    }

    /// Looks after what was wrong.
    pub(super) fn review(&mut self) {
        self.group.review_reading();
        self.client.free_stale_messages();
        if self.closing.is_none() && self.group.is_unencrypted() && self.certificates.have_changed() {
            self.fail(Outage::outdated(&self.group));
        }
        if self.group.is_token_due() {
            self.group.hub().events.push(EngineEvent::TokenRefresh { group: self.group.index });
        }
    }

    /// librdkafka doesn't say when a topic that could not be seen can be: the metadata does.
    fn review_subscriptions(&self) {
        for topic in self.group.unsubscribed() {
            if matches!(self.client.partition_count(&topic, METADATA_PATIENCE), Ok(Some(_))) {
                self.group.heal(|scope| *scope == Scope::Subscription(topic.clone()));
            }
        }
    }

    fn statistics(&self, json: &str) {
        #[derive(Deserialize)]
        struct Statistics {
            brokers: HashMap<String, Broker>,
        }
        #[derive(Deserialize)]
        struct Broker {
            state: String,
        }
        if let Ok(statistics) = serde_json::from_str::<Statistics>(json)
            && statistics.brokers.values().any(|b| b.state == "UP")
        {
            self.group.set_connection(Connection::Up);
            self.review_subscriptions();
        }
        self.group.statistics(&self.client.name(), json);
    }
}
