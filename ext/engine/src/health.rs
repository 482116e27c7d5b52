//! How an engine is, at a moment.

use std::time::Instant;

use serde::Serialize;

use crate::group::{Connection, GroupShared};
use crate::pacing::PacingHealth;
use crate::report::RunningJob;

/// Health of one subscription group.
#[derive(Debug, Clone, Serialize)]
pub struct GroupHealth {
    /// Subscription group id.
    pub id: String,
    /// Kafka consumer group.
    pub group_id: String,
    /// Whether a broker answers; none before the first word of one.
    pub connected: Option<bool>,
    /// Assigned partitions.
    pub assigned: Vec<PartitionHealth>,
    /// Messages not consumed yet, as far as known.
    pub lag: i64,
    /// Milliseconds since the poll thread last came round.
    pub last_poll_ms_ago: Option<u64>,
    /// Milliseconds since a batch was last handed out.
    pub last_message_ms_ago: Option<u64>,
    /// Jobs that run.
    pub running: Vec<RunningJob>,
    /// How often its client was lost, so that another one had to take its place.
    pub restarts: u64,
    /// An error that stands until somebody mends it.
    pub critical_error: Option<String>,
    /// The last error.
    pub last_error: Option<String>,
    /// Milliseconds since the last error.
    pub last_error_ms_ago: Option<u64>,
}

/// Health of one assigned partition.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionHealth {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Where processing continues.
    pub next_offset: Option<i64>,
    /// Messages not consumed yet; none before the first fetch.
    pub lag: Option<i64>,
}

/// Health of an engine.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// State of the engine.
    pub state: &'static str,
    /// Its groups.
    pub groups: Vec<GroupHealth>,
    /// Workers that wait for a job.
    pub idle_workers: usize,
    /// Partitions that wait for a worker.
    pub ready_partitions: usize,
    /// How much of its host the engine takes.
    pub pacing: PacingHealth,
    /// Events that were dropped because nobody read them.
    pub dropped_events: u64,
}

impl GroupHealth {
    /// Looks at a group.
    pub fn of(group: &GroupShared) -> Self {
        let status = group.status();
        let partitions = group.partitions();
        let mut assigned: Vec<PartitionHealth> = partitions
            .iter()
            .map(|p| PartitionHealth {
                topic: p.place().topic.name.clone(),
                partition: p.place().partition,
                next_offset: p.next_offset(),
                lag: p.lag(),
            })
            .collect();
        assigned.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Self {
            id: group.config.id.clone(),
            group_id: group.config.group_id.clone(),
            connected: match status.connection {
                Connection::Pending => None,
                Connection::Up => Some(true),
                Connection::Down => Some(false),
            },
            lag: assigned.iter().filter_map(|p| p.lag).sum(),
            assigned,
            last_poll_ms_ago: status.last_poll.map(ms_ago),
            last_message_ms_ago: partitions.iter().filter_map(|p| p.last_delivery()).max().map(ms_ago),
            running: RunningJob::of_group(group),
            restarts: status.restarts,
            critical_error: group.critical_error(),
            last_error_ms_ago: status.last_error.as_ref().map(|(at, _)| ms_ago(*at)),
            last_error: status.last_error.map(|(_, message)| message),
        }
    }
}

fn ms_ago(at: Instant) -> u64 {
    u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)
}
