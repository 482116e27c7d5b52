//! What librdkafka has to say, as an enum.

use rdkafka::types::RDKafkaErrorCode;

use super::{PartitionList, Secrets, outcome, string, sys};
use crate::producer::DeliveryReport;

/// Which way partitions go in a rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebalanceKind {
    /// Partitions come.
    Assign,
    /// Partitions go.
    Revoke,
}

/// One event of a client's queue.
pub enum Event {
    /// The group's assignment changes; librdkafka waits for assign or unassign.
    Rebalance(RebalanceKind, PartitionList),
    /// An error of the client or the group.
    Error {
        /// librdkafka's code.
        code: RDKafkaErrorCode,
        /// Its own words.
        reason: String,
        /// Whether the client is unusable from now on.
        severity: Severity,
    },
    /// The statistics document, as JSON.
    Statistics(String),
    /// A line of librdkafka's log.
    Log {
        /// Syslog level, 0 to 7.
        level: i32,
        /// What part of librdkafka speaks.
        facility: String,
        /// The line.
        line: String,
    },
    /// A commit ended.
    Committed(Result<(), RDKafkaErrorCode>, PartitionList),
    /// The client asks for a new OAUTHBEARER token.
    TokenRefresh,
    /// Messages of a producer were answered, or given up.
    Deliveries(Vec<DeliveryReport>),
    /// Something the engine did not ask for.
    Other,
}

/// Whether a client survives an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// librdkafka goes on and retries.
    Passing,
    /// The client has to be replaced.
    Fatal,
}

impl Event {
    /// Decodes and frees an event.
    ///
    /// # Safety
    /// `raw` is NULL or an event which the caller owns.
    pub(super) unsafe fn take(raw: *mut sys::rd_kafka_event_t) -> Option<Self> {
        if raw.is_null() {
            return None;
        }
        // SAFETY: the event is live until the destroy below; what is read from it is copied.
        unsafe {
            let event = Self::decode(raw);
            sys::rd_kafka_event_destroy(raw);
            Some(event)
        }
    }

    /// Takes secrets out of what librdkafka says.
    pub(super) fn mask(self, secrets: &Secrets) -> Self {
        match self {
            Self::Error { code, reason, severity } => Self::Error { code, reason: secrets.mask(reason), severity },
            Self::Log { level, facility, line } => Self::Log { level, facility, line: secrets.mask(line) },
            other => other,
        }
    }

    /// # Safety
    /// As [`Event::take`], but not NULL.
    unsafe fn decode(raw: *mut sys::rd_kafka_event_t) -> Self {
        // SAFETY: the caller's event is live; each accessor is used only for the event types that have it.
        unsafe {
            match sys::rd_kafka_event_type(raw) {
                sys::RD_KAFKA_EVENT_REBALANCE => Self::rebalance(raw),
                sys::RD_KAFKA_EVENT_ERROR => Self::Error {
                    code: sys::rd_kafka_event_error(raw).into(),
                    reason: string(sys::rd_kafka_event_error_string(raw)),
                    severity: match sys::rd_kafka_event_error_is_fatal(raw) {
                        0 => Severity::Passing,
                        _ => Severity::Fatal,
                    },
                },
                sys::RD_KAFKA_EVENT_STATS => Self::Statistics(string(sys::rd_kafka_event_stats(raw))),
                sys::RD_KAFKA_EVENT_LOG => Self::log(raw),
                sys::RD_KAFKA_EVENT_OFFSET_COMMIT => {
                    Self::Committed(outcome(sys::rd_kafka_event_error(raw)), Self::partitions(raw))
                }
                sys::RD_KAFKA_EVENT_DR => Self::Deliveries(DeliveryReport::read_all(raw)),
                sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH => Self::TokenRefresh,
                _ => Self::Other,
            }
        }
    }

    /// # Safety
    /// As [`Event::take`], for an event of the kind that the name says.
    unsafe fn rebalance(raw: *mut sys::rd_kafka_event_t) -> Self {
        // SAFETY: a rebalance event carries a code and a partition list.
        unsafe {
            let kind = match sys::rd_kafka_event_error(raw).into() {
                RDKafkaErrorCode::AssignPartitions => RebalanceKind::Assign,
                _ => RebalanceKind::Revoke,
            };
            Self::Rebalance(kind, Self::partitions(raw))
        }
    }

    /// # Safety
    /// As [`Event::take`], for an event of the kind that the name says.
    unsafe fn partitions(raw: *mut sys::rd_kafka_event_t) -> PartitionList {
        // SAFETY: the list belongs to the live event, or is NULL; it is copied.
        unsafe {
            let list = sys::rd_kafka_event_topic_partition_list(raw);
            if list.is_null() { PartitionList::new() } else { PartitionList::copy_of(list) }
        }
    }

    /// # Safety
    /// As [`Event::take`], for an event of the kind that the name says.
    unsafe fn log(raw: *mut sys::rd_kafka_event_t) -> Self {
        let (mut facility, mut line, mut level) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: the out-pointers are written by the call and stay valid as long as the event.
        unsafe {
            sys::rd_kafka_event_log(raw, &mut facility, &mut line, &mut level);
            Self::Log { level, facility: string(facility), line: string(line) }
        }
    }
}
