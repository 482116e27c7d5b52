//! What a worker holds while it works: the engine owns the batch until the worker settles the lease.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::batch::Batch;
use crate::partition::Partition;
use crate::phase::Hook;
use crate::ready::Waited;

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
    waits_before: OnceLock<i64>,
}

impl Lease {
    pub(crate) fn new(partition: Arc<Partition>, job: Job, batch: Batch, attempt: u32) -> Self {
        Self { partition, job, batch, attempt, settled: AtomicBool::new(false), waits_before: OnceLock::new() }
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

    /// The job begins on the calling thread, which settles it too. Whether jobs wait for something decides how many
    /// workers are worth waking.
    pub fn begin(&self) {
        let _ = self.waits_before.set(voluntary_switches());
    }

    fn observe(&self) {
        if let Some(before) = self.waits_before.get() {
            let waited = if voluntary_switches() == *before { Waited::No } else { Waited::Yes };
            self.partition.observe(waited);
        }
    }

    fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }

    /// The job is done.
    pub fn succeed(&self) {
        if self.settle() {
            self.observe();
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

/// How often the calling thread gave the processor up by itself; constant where the system does not tell.
fn voluntary_switches() -> i64 {
    // SAFETY: the structure is plain numbers, for which zero is valid; the call fills it in.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        #[cfg(target_os = "linux")]
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage.ru_nvcsw
    }
}
