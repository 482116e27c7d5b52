//! What a stop left, and what runs at the moment.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::group::GroupShared;

/// A job that a worker has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningJob {
    /// Subscription group id.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// consume, revoked or shutdown.
    pub job: &'static str,
    /// First offset of its batch.
    pub first_offset: Option<i64>,
    /// Last offset of its batch.
    pub last_offset: Option<i64>,
    /// How long it runs, in milliseconds.
    pub age_ms: u64,
    /// When it began.
    #[serde(skip)]
    pub since: Instant,
}

impl RunningJob {
    /// Every job of the groups.
    pub fn of_groups(groups: &[Arc<GroupShared>]) -> Vec<Self> {
        groups.iter().flat_map(|g| Self::of_group(g)).collect()
    }

    /// Every job of a group.
    pub fn of_group(group: &GroupShared) -> Vec<Self> {
        let running = group.working().into_iter().filter_map(|partition| {
            let note = partition.lease_note()?;
            let place = partition.place();
            Some(Self {
                group: group.config.id.clone(),
                topic: place.topic.name.clone(),
                partition: place.partition,
                job: note.job.name(),
                first_offset: note.offsets.map(|(first, _)| first),
                last_offset: note.offsets.map(|(_, last)| last),
                age_ms: u64::try_from(note.since.elapsed().as_millis()).unwrap_or(u64::MAX),
                since: note.since,
            })
        });
        running.collect()
    }

    fn is_same_work(&self, other: &Self) -> bool {
        (&self.group, &self.topic, self.partition, self.first_offset)
            == (&other.group, &other.topic, other.partition, other.first_offset)
    }
}

/// What a stop did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StopReport {
    /// From the request to the end, in milliseconds.
    pub duration_ms: u64,
    /// Jobs that ran when the stop was asked for and ended.
    pub drained: Vec<RunningJob>,
    /// Jobs that did not end in time; their messages will be delivered again.
    pub abandoned: Vec<RunningJob>,
    /// Groups that were not left in time; the broker notices when their session times out.
    pub groups_not_left: Vec<String>,
    #[serde(skip)]
    running_at_begin: Vec<RunningJob>,
    #[serde(skip)]
    began_at: Option<Instant>,
}

impl StopReport {
    /// The stop begins with these jobs running.
    pub fn begin(&mut self, running: Vec<RunningJob>) {
        self.began_at = Some(Instant::now());
        self.running_at_begin = running;
    }

    /// The drain is over; these jobs still run.
    pub fn abandon(&mut self, running: Vec<RunningJob>) {
        self.drained = std::mem::take(&mut self.running_at_begin);
        self.drained.retain(|job| !running.iter().any(|r| r.is_same_work(job)));
        self.abandoned = running;
    }

    /// The stop is over.
    pub fn end(&mut self, groups_not_left: Vec<String>) {
        let took = self.began_at.map(|at| at.elapsed().as_millis()).unwrap_or_default();
        self.duration_ms = u64::try_from(took).unwrap_or(u64::MAX);
        self.groups_not_left = groups_not_left;
    }
}
