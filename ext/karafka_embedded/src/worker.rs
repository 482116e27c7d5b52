//! `Karafka::Native::Worker`: a Ruby worker thread's side of the engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use karafka_engine::worker::{Taken, Worker as EngineWorker};
use magnus::value::ReprValue;
use magnus::{Error, IntoValue, RModule, Ruby, Value, function, method, prelude::*};

use crate::boundary::guard;
use crate::engine::Engine;
use crate::gvl;
use crate::lease::Lease;

/// A worker; used by one thread.
#[magnus::wrap(class = "Karafka::Native::Worker", free_immediately, size)]
pub(crate) struct Worker {
    inner: EngineWorker,
}

impl Worker {
    fn new(engine: &Engine) -> Self {
        Self { inner: Arc::clone(engine.inner()).worker() }
    }

    /// Takes the next job of the same turn, or waits without the GVL for one: a `Lease`, `:interrupted` when Ruby wants
    /// the thread to look up, `:closed` when none will come. Interrupts are not looked at in here, so that none falls
    /// between a job and its return.
    fn take(ruby: &Ruby, rb_self: &Self) -> Result<Value, Error> {
        guard(ruby, || {
            if !rb_self.inner.is_home() {
                return Ok(ruby.sym_new("closed").as_value());
            }
            if let Some(lease) = rb_self.inner.take_in_turn() {
                lease.go_on();
                return Ok(Lease::new(lease, Duration::ZERO).into_value_with(ruby));
            }
            // An interrupt that Ruby has looked at and put off would not end the wait. Nobody can send another one between
            // this and the wait, since that takes the GVL.
            if ruby.thread_current().funcall("pending_interrupt?", ())? {
                return Ok(ruby.sym_new("interrupted").as_value());
            }
            let taken = gvl::without(|| (rb_self.inner.take(), Instant::now()), &|| rb_self.inner.interrupt());
            Ok(match taken {
                Some((Taken::Lease(lease), ready_at)) => {
                    let waited = ready_at.elapsed();
                    lease.begin(waited);
                    Lease::new(lease, waited).into_value_with(ruby)
                }
                Some((Taken::Closed, _)) => ruby.sym_new("closed").as_value(),
                Some((Taken::Interrupted, _)) | None => ruby.sym_new("interrupted").as_value(),
            })
        })
    }

    /// It counts as a worker no longer, and a `take` that waits, or the next one, returns `:interrupted`. What the thread does
    /// otherwise is not disturbed.
    fn retire(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || {
            if rb_self.inner.is_home() {
                rb_self.inner.retire();
            }
            Ok(())
        })
    }

    /// The thread takes nothing more: others are woken for what it would have taken.
    fn leave(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || {
            if rb_self.inner.is_home() {
                rb_self.inner.leave();
            }
            Ok(())
        })
    }
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Worker", ruby.class_object())?;
    class.define_singleton_method("new", function!(Worker::new, 1))?;
    class.define_method("take", method!(Worker::take, 0))?;
    class.define_method("retire", method!(Worker::retire, 0))?;
    class.define_method("leave", method!(Worker::leave, 0))?;
    Ok(())
}
