//! How an engine is, at a moment.

use std::sync::OnceLock;
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

/// Whether an engine does anything: what a watchdog looks at once a second, and so without the partitions.
#[derive(Debug, Clone, Serialize)]
pub struct Pulse {
    /// State of the engine.
    pub state: &'static str,
    /// How often the control thread came round.
    pub control_turns: u64,
    /// Its groups.
    pub groups: Vec<GroupPulse>,
    /// Workers that wait for a job.
    pub idle_workers: usize,
    /// Partitions that wait for a worker.
    pub ready_partitions: usize,
}

/// Whether a subscription group does anything.
#[derive(Debug, Clone, Serialize)]
pub struct GroupPulse {
    /// Subscription group id.
    pub id: String,
    /// How often the poll thread came round; none once it has ended.
    pub poll_turns: Option<u64>,
    /// Jobs that run.
    pub running: Vec<JobPulse>,
}

/// A job that runs, told from the next one of its partition.
#[derive(Debug, Clone, Serialize)]
pub struct JobPulse {
    /// The job.
    #[serde(flatten)]
    pub job: RunningJob,
    /// When it began, in microseconds of a clock that begins anywhere.
    pub since_us: u128,
}

impl GroupPulse {
    /// Looks at a group.
    pub fn of(group: &GroupShared) -> Self {
        Self {
            id: group.config.id.clone(),
            poll_turns: (!group.is_closed()).then(|| group.poll_turns()),
            running: RunningJob::of_group(group)
                .into_iter()
                .map(|job| JobPulse { since_us: since_first_look(job.since), job })
                .collect(),
        }
    }
}

fn since_first_look(at: Instant) -> u128 {
    static FIRST_LOOK: OnceLock<Instant> = OnceLock::new();
    // Before the first look counts from the other side; no job begins twice at one time.
    let first = *FIRST_LOOK.get_or_init(Instant::now);
    at.checked_duration_since(first).unwrap_or_else(|| first.duration_since(at)).as_micros()
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
