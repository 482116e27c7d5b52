//! `Karafka::Native::Delivery`: a message on its way.

use std::time::{Duration, Instant};

use karafka_engine::producer::{Answer, Delivery as CoreDelivery};
use magnus::{Error, RModule, Ruby, method, prelude::*};

use crate::boundary::{exception, guard};
use crate::gvl;

/// How long one wait without the GVL lasts before interrupts are looked at again.
const SLICE: Duration = Duration::from_millis(50);

/// A delivery. It holds plain memory: collecting one is safe anywhere, and changes nothing for the message.
#[magnus::wrap(class = "Karafka::Native::Delivery", free_immediately, size)]
pub(crate) struct Delivery {
    inner: CoreDelivery,
}

impl Delivery {
    pub(crate) fn new(inner: CoreDelivery) -> Self {
        Self { inner }
    }

    /// Whether the answer came, after `timeout_ms` at the latest.
    fn wait(ruby: &Ruby, rb_self: &Self, timeout_ms: u64) -> Result<bool, Error> {
        guard(ruby, || {
            rb_self.inner.check().map_err(|e| exception(ruby, &e))?;
            if rb_self.inner.answer().is_some() {
                return Ok(true);
            }
            let deadline = Instant::now() + Duration::from_millis(timeout_ms);
            gvl::in_slices(ruby, || {
                let left = deadline.saturating_duration_since(Instant::now());
                let answered = rb_self.inner.wait(left.min(SLICE)).is_some();
                (answered || left.is_zero()).then_some(answered)
            })
        })
    }

    fn is_pending(&self) -> bool {
        self.inner.answer().is_none()
    }

    /// librdkafka's code, 0 for a message that was taken; nil while there is no answer.
    fn error(&self) -> Option<i32> {
        self.inner.answer().map(|answer| answer.outcome.err().map_or(0, |code| code as i32))
    }

    /// nil while there is no answer, and for a message that never got a partition.
    fn partition(&self) -> Option<i32> {
        self.inner.answer().map(|Answer { partition, .. }| partition).filter(|partition| *partition >= 0)
    }

    /// nil while there is no answer, and where the broker told none.
    fn offset(&self) -> Option<i64> {
        self.inner.answer().map(|Answer { offset, .. }| offset).filter(|offset| *offset >= 0)
    }
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Delivery", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("wait", method!(Delivery::wait, 1))?;
    class.define_method("pending?", method!(Delivery::is_pending, 0))?;
    class.define_method("error", method!(Delivery::error, 0))?;
    class.define_method("partition", method!(Delivery::partition, 0))?;
    class.define_method("offset", method!(Delivery::offset, 0))?;
    Ok(())
}
