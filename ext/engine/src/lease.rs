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
    /// Tell the consumer that the partition ended before another message came.
    Eofed,
    /// Tell the consumer that its partition was revoked.
    Revoked,
    /// Tell the consumer that the engine stops.
    Shutdown,
}

impl Job {
    /// The name that users read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Eofed => "eofed",
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

/// A job with its partition. Settled once, by the first of [`Lease::succeed`], [`Lease::fail`], [`Lease::postpone`],
/// [`Lease::dead_letter`] and [`Lease::give_back`]; dropping an unsettled lease gives it back.
pub struct Lease {
    partition: Arc<Partition>,
    job: Job,
    batch: Batch,
    attempt: u32,
    settled: AtomicBool,
    began: OnceLock<Usage>,
}

impl Lease {
    pub(crate) fn new(partition: Arc<Partition>, job: Job, batch: Batch, attempt: u32) -> Self {
        Self { partition, job, batch, attempt, settled: AtomicBool::new(false), began: OnceLock::new() }
    }

    /// What to do.
    pub fn job(&self) -> Job {
        self.job
    }

    /// The partition.
    pub fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// The messages; empty where the job is another one than to consume.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Which attempt at this batch it is, 1 for the first.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The job begins on the calling thread, which settles it too, and which waited so long to run: for Ruby's lock.
    /// Whether jobs wait for something decides how many workers are worth waking; what they use of the processor, and
    /// how busy the others are, decides when the next one begins.
    pub fn begin(&self, waited: Duration) {
        self.partition.turn_began(waited);
        self.go_on();
    }

    /// The same for a job that the worker went on with in the same turn.
    pub fn go_on(&self) {
        let _ = self.began.set(Usage::of_this_thread());
    }

    fn observe(&self) {
        if let Some(began) = self.began.get() {
            let now = Usage::of_this_thread();
            let waited = if now.switches == began.switches { Waited::No } else { Waited::Yes };
            self.partition.job_ended(waited, now.cpu.saturating_sub(began.cpu));
        }
    }

    fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }

    /// The job is done.
    pub fn succeed(&self) {
        if self.settle() {
            self.observe();
            self.partition.succeeded(self.job, &self.batch);
        }
    }

    /// The consumer raised. Returns how long the partition waits before what was not marked is delivered again;
    /// `None` for jobs that are not repeated (all but consume), and for a lease that was settled before.
    pub fn fail(&self) -> Option<Duration> {
        self.settle_failed(|| self.partition.failed(&self.batch))
    }

    /// The consumer was not given the batch. As [`Lease::fail`], but it was no attempt.
    pub fn postpone(&self) -> Option<Duration> {
        self.settle_failed(|| self.partition.postponed(&self.batch))
    }

    /// The consumer raised too often over the message before `next_offset`: delivery goes on there after the pause that
    /// is returned, as a first attempt. Nothing is marked by it. `None` as of [`Lease::fail`].
    pub fn dead_letter(&self, next_offset: i64) -> Option<Duration> {
        self.settle_failed(|| self.partition.dead_lettered(&self.batch, next_offset))
    }

    fn settle_failed(&self, consume: impl FnOnce() -> Duration) -> Option<Duration> {
        if !self.settle() {
            return None;
        }
        self.observe();
        if self.job == Job::Consume {
            return Some(consume());
        }
        self.partition.succeeded(self.job, &self.batch);
        None
    }

    /// The worker could not finish; somebody else will.
    pub fn give_back(&self) {
        if self.settle() {
            self.partition.given_back(self.job, &self.batch);
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

/// What a thread has used until now.
struct Usage {
    /// How often it gave the processor up by itself; constant where the system does not tell.
    switches: i64,
    cpu: Duration,
}

impl Usage {
    #[cfg(target_os = "linux")]
    fn of_this_thread() -> Self {
        // SAFETY: the structure is plain numbers, for which zero is valid; the call fills it in.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
            usage
        };
        let time = |of: libc::timeval| {
            Duration::from_secs(of.tv_sec.unsigned_abs()) + Duration::from_micros(of.tv_usec.unsigned_abs())
        };
        Self { switches: usage.ru_nvcsw, cpu: time(usage.ru_utime) + time(usage.ru_stime) }
    }

    #[cfg(not(target_os = "linux"))]
    fn of_this_thread() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes the struct that it is given.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        let cpu = Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0));
        Self { switches: 0, cpu }
    }
}
