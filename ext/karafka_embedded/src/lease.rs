//! `Karafka::Native::Lease`: a job that a worker holds. Collecting one that was not settled gives it back.

use std::sync::Arc;
use std::time::Duration;

use karafka_engine::batch::Ending;
use karafka_engine::lease::{Job, Lease as EngineLease};
use magnus::symbol::IntoSymbol;
use magnus::value::LazyId;
use magnus::{Error, RModule, Ruby, Symbol, method, prelude::*};

use crate::batch::Batch;
use crate::boundary::guard;
use crate::partition::Partition;

/// A lease.
#[magnus::wrap(class = "Karafka::Native::Lease", free_immediately, size)]
pub(crate) struct Lease {
    inner: EngineLease,
    gvl_wait: Duration,
}

impl Lease {
    pub(crate) fn new(inner: EngineLease, gvl_wait: Duration) -> Self {
        Self { inner, gvl_wait }
    }

    /// In a fork the lease is its parent's, which settles it.
    fn at_home<T>(&self, elsewhere: T, settle: impl FnOnce(&EngineLease) -> T) -> T {
        if self.inner.partition().is_home() { settle(&self.inner) } else { elsewhere }
    }

    fn kind(ruby: &Ruby, rb_self: &Self) -> Symbol {
        kind_of(rb_self.inner.job()).into_symbol_with(ruby)
    }

    fn partition(&self) -> Partition {
        Partition::new(Arc::clone(self.inner.partition()))
    }

    fn assignment(&self) -> u64 {
        self.inner.partition().place().assignment
    }

    fn group(&self) -> usize {
        self.inner.partition().place().group
    }

    fn topic(&self) -> usize {
        self.inner.partition().place().topic_index
    }

    fn batch(ruby: &Ruby, rb_self: &Self) -> Result<Batch, Error> {
        Batch::new(ruby, rb_self.inner.batch().clone())
    }

    fn size(&self) -> usize {
        self.inner.batch().len()
    }

    fn attempt(&self) -> u32 {
        self.inner.attempt()
    }

    /// Microseconds the worker waited for the GVL after its batch was ready.
    fn gvl_wait_us(&self) -> u64 {
        u64::try_from(self.gvl_wait.as_micros()).unwrap_or(u64::MAX)
    }

    fn succeed(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || {
            rb_self.at_home((), |lease| lease.succeed());
            Ok(())
        })
    }

    /// Whether the partition ended behind the batch, as far as was known when the batch was taken.
    fn is_at_the_end(&self) -> bool {
        self.inner.batch().ending() == Ending::EndOfPartition
    }

    /// Backoff in milliseconds; nil for a job that is not repeated.
    fn fail(ruby: &Ruby, rb_self: &Self) -> Result<Option<u64>, Error> {
        guard(ruby, || Ok(rb_self.at_home(None, |lease| lease.fail().map(milliseconds))))
    }

    /// Backoff in milliseconds, as of `fail`.
    fn postpone(ruby: &Ruby, rb_self: &Self) -> Result<Option<u64>, Error> {
        guard(ruby, || Ok(rb_self.at_home(None, |lease| lease.postpone().map(milliseconds))))
    }

    /// Pause in milliseconds, after which delivery goes on at `next_offset`.
    fn dead_letter(ruby: &Ruby, rb_self: &Self, next_offset: i64) -> Result<Option<u64>, Error> {
        guard(ruby, || Ok(rb_self.at_home(None, |lease| lease.dead_letter(next_offset).map(milliseconds))))
    }

    fn give_back(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || {
            rb_self.at_home((), |lease| lease.give_back());
            Ok(())
        })
    }
}

/// Ruby's name of a job, looked up once: the look-up takes three times as long as the call that wants it.
fn kind_of(job: Job) -> &'static LazyId {
    static CONSUME: LazyId = LazyId::new(Job::Consume.name());
    static EOFED: LazyId = LazyId::new(Job::Eofed.name());
    static REVOKED: LazyId = LazyId::new(Job::Revoked.name());
    static SHUTDOWN: LazyId = LazyId::new(Job::Shutdown.name());
    match job {
        Job::Consume => &CONSUME,
        Job::Eofed => &EOFED,
        Job::Revoked => &REVOKED,
        Job::Shutdown => &SHUTDOWN,
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Lease", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("kind", method!(Lease::kind, 0))?;
    class.define_method("partition", method!(Lease::partition, 0))?;
    class.define_method("assignment", method!(Lease::assignment, 0))?;
    class.define_method("group", method!(Lease::group, 0))?;
    class.define_method("topic", method!(Lease::topic, 0))?;
    class.define_method("batch", method!(Lease::batch, 0))?;
    class.define_method("size", method!(Lease::size, 0))?;
    class.define_method("attempt", method!(Lease::attempt, 0))?;
    class.define_method("gvl_wait_us", method!(Lease::gvl_wait_us, 0))?;
    class.define_method("succeed", method!(Lease::succeed, 0))?;
    class.define_method("fail", method!(Lease::fail, 0))?;
    class.define_method("postpone", method!(Lease::postpone, 0))?;
    class.define_method("dead_letter", method!(Lease::dead_letter, 1))?;
    class.define_method("eof?", method!(Lease::is_at_the_end, 0))?;
    class.define_method("give_back", method!(Lease::give_back, 0))?;
    Ok(())
}
