//! What a worker holds while it works: the engine owns the batch until the worker settles the lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::batch::Batch;
use crate::partition::Partition;
use crate::phase::Hook;

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Consume a batch.
    Consume,
    /// Tell the consumer that its partition was revoked.
    Revoked,
    /// Tell the consumer that the engine stops.
    Shutdown,
}

impl Job {
    /// The name that users read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Revoked => "revoked",
            Self::Shutdown => "shutdown",
        }
    }
}

impl From<Hook> for Job {
    fn from(hook: Hook) -> Self {
        match hook {
            Hook::Revoked => Self::Revoked,
            Hook::Shutdown => Self::Shutdown,
        }
    }
}

/// A job with its partition. Settled once, by the first of [`Lease::succeed`], [`Lease::fail`] and
/// [`Lease::give_back`]; dropping an unsettled lease gives it back.
pub struct Lease {
    partition: Arc<Partition>,
    job: Job,
    batch: Batch,
    attempt: u32,
    settled: AtomicBool,
}

impl Lease {
    pub(crate) fn new(partition: Arc<Partition>, job: Job, batch: Batch, attempt: u32) -> Self {
        Self { partition, job, batch, attempt, settled: AtomicBool::new(false) }
    }

    /// What to do.
    pub fn job(&self) -> Job {
        self.job
    }

    /// The partition.
    pub fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// The messages; empty for a hook.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Which attempt at this batch it is, 1 for the first.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }

    /// The job is done.
    pub fn succeed(&self) {
        if self.settle() {
            self.partition.succeeded(self.job, self.batch.last_offset());
        }
    }

    /// The consumer raised. Returns how long the partition waits before what was not marked is delivered again;
    /// `None` for a hook, which is not repeated, and for a lease that was settled before.
    pub fn fail(&self) -> Option<Duration> {
        if !self.settle() {
            return None;
        }
        match self.job {
            Job::Consume => Some(self.partition.failed(&self.batch)),
            Job::Revoked | Job::Shutdown => {
                self.partition.succeeded(self.job, None);
                None
            }
        }
    }

    /// The worker could not finish; somebody else will.
    pub fn give_back(&self) {
        if self.settle() {
            self.partition.given_back(&self.batch);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.partition.is_home() {
            self.give_back();
        }
    }
}
