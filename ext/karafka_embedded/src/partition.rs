//! `Karafka::Native::Partition`: one assignment of a partition, as its consumer sees it.

use std::sync::Arc;
use std::time::Duration;

use karafka_engine::partition::{MarkOutcome, Partition as EnginePartition, Request};
use magnus::{Error, RModule, Ruby, Value, method, prelude::*};
use rb_sys::VALUE;

use crate::boundary::{exception, guard};
use crate::gvl;
use crate::{message, quick};

/// An assignment. It keeps nothing of librdkafka alive: the engine disconnects it when the partition goes.
#[magnus::wrap(class = "Karafka::Native::Partition", free_immediately, size)]
pub(crate) struct Partition {
    inner: Arc<EnginePartition>,
}

impl Partition {
    pub(crate) fn new(inner: Arc<EnginePartition>) -> Self {
        Self { inner }
    }

    /// What is locked in a fork stays locked: only the process that was assigned the partition looks.
    fn at_home<T>(&self, elsewhere: T, look: impl FnOnce(&EnginePartition) -> T) -> T {
        if self.inner.is_home() { look(&self.inner) } else { elsewhere }
    }

    fn topic(&self) -> &str {
        &self.inner.place().topic.name
    }

    fn partition(&self) -> i32 {
        self.inner.place().partition
    }

    fn assignment(&self) -> u64 {
        self.inner.place().assignment
    }

    fn keeps_mark(&self, offset: i64) -> bool {
        self.inner.is_home() && self.inner.mark(offset) == MarkOutcome::Kept
    }

    fn mark_and_commit(ruby: &Ruby, rb_self: &Self, message: Value) -> Result<bool, Error> {
        let offset = message.funcall("offset", ())?;
        guard(ruby, || {
            if !rb_self.keeps_mark(offset) {
                return Ok(false);
            }
            rb_self.commit(ruby)
        })
    }

    /// Commits what was marked and waits for the broker's answer, without the GVL.
    fn commit(&self, ruby: &Ruby) -> Result<bool, Error> {
        let started = gvl::without_briefly(|| self.inner.start_commit());
        let Some(pending) = started.map_err(|e| exception(ruby, &e))? else { return Ok(false) };
        let outcome = gvl::in_slices(ruby, || pending.wait_a_while());
        // The last reference to a closed client may be in here; letting it go waits for librdkafka's threads.
        gvl::without_briefly({
            let pending = karafka_engine::sync::Mutex::new(Some(pending));
            move || drop(pending.lock().take())
        });
        outcome?.map(|outcome| outcome == MarkOutcome::Kept).map_err(|e| exception(ruby, &e))
    }

    fn commit_and_wait(ruby: &Ruby, rb_self: &Self) -> Result<bool, Error> {
        guard(ruby, || if rb_self.inner.is_home() { rb_self.commit(ruby) } else { Ok(false) })
    }

    fn commit_in_background(ruby: &Ruby, rb_self: &Self) -> Result<bool, Error> {
        guard(ruby, || Ok(rb_self.inner.is_home() && rb_self.inner.commit_stored() == MarkOutcome::Kept))
    }

    fn pause(ruby: &Ruby, rb_self: &Self, offset: Option<i64>, timeout_ms: Option<u64>) -> Result<bool, Error> {
        if let Some(offset) = offset {
            check_offset(ruby, offset, 0)?;
        }
        let timeout = timeout_ms.map(Duration::from_millis);
        guard(ruby, || Ok(rb_self.inner.is_home() && rb_self.inner.pause(offset, timeout) == Request::Done))
    }

    fn resume(ruby: &Ruby, rb_self: &Self) -> Result<bool, Error> {
        guard(ruby, || Ok(rb_self.inner.is_home() && rb_self.inner.resume() == Request::Done))
    }

    fn is_paused(&self) -> bool {
        self.at_home(false, |partition| partition.is_paused())
    }

    fn seek(ruby: &Ruby, rb_self: &Self, offset: i64) -> Result<bool, Error> {
        check_offset(ruby, offset, EARLIEST)?;
        guard(ruby, || Ok(rb_self.inner.is_home() && rb_self.inner.seek(offset) == Request::Done))
    }

    fn position(&self) -> Option<i64> {
        self.at_home(None, |partition| partition.position())
    }

    /// The first offset whose message is not older than that; nil past the end. Asks the broker, without the GVL.
    fn offset_for_time(ruby: &Ruby, rb_self: &Self, timestamp_ms: i64, timeout_ms: u64) -> Result<Option<i64>, Error> {
        guard(ruby, || {
            if !rb_self.inner.is_home() {
                return Ok(None);
            }
            let timeout = Duration::from_millis(timeout_ms);
            let query = rb_self.inner.offset_for_time(timestamp_ms, timeout).map_err(|e| exception(ruby, &e))?;
            gvl::in_slices(ruby, || query.wait_a_while())?.map_err(|e| exception(ruby, &e))
        })
    }

    fn watermarks(&self) -> Option<(i64, i64)> {
        self.at_home(None, |partition| gvl::without_briefly(|| partition.watermarks()))
    }

    fn forget_seek_offset(&self) {
        self.at_home((), |partition| partition.set_next_offset(None));
    }

    fn reset_attempts(&self) {
        self.at_home((), |partition| partition.reset_attempts());
    }

    fn seek_offset(&self) -> Option<i64> {
        self.at_home(None, |partition| partition.next_offset())
    }

    fn set_seek_offset(&self, offset: Option<i64>) {
        self.at_home((), |partition| partition.set_next_offset(offset));
    }

    fn stored_offset(&self) -> Option<i64> {
        self.at_home(None, |partition| partition.stored_offset())
    }

    fn is_revoked(&self) -> bool {
        self.at_home(true, |partition| partition.is_lost())
    }

    fn attempt(&self) -> u32 {
        self.at_home(1, |partition| partition.attempt())
    }

    fn lag(&self) -> Option<i64> {
        self.at_home(None, |partition| gvl::without_briefly(|| partition.lag()))
    }
}

/// librdkafka's name for the earliest offset there is; one more is its name for the end.
const EARLIEST: i64 = -2;

/// `message` and all before it are consumed.
///
/// # Safety
/// For Ruby, with the GVL: `partition` is the receiver of the method.
unsafe extern "C" fn mark(partition: VALUE, message: VALUE) -> VALUE {
    // SAFETY: called with the GVL by Ruby, and holds nothing that needs dropping, should Ruby raise.
    let kept = unsafe {
        let partition = quick::receiver::<Partition>(partition);
        let offset = message::offset_of(message);
        quick::guard(|| partition.keeps_mark(offset))
    };
    if kept { rb_sys::Qtrue as VALUE } else { rb_sys::Qfalse as VALUE }
}

fn check_offset(ruby: &Ruby, offset: i64, least: i64) -> Result<(), Error> {
    if offset >= least {
        return Ok(());
    }
    Err(Error::new(ruby.exception_arg_error(), format!("{offset} is no offset: it has to be at least {least}")))
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Partition", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("topic", method!(Partition::topic, 0))?;
    class.define_method("partition", method!(Partition::partition, 0))?;
    class.define_method("assignment", method!(Partition::assignment, 0))?;
    quick::define_unary(class, c"mark", mark);
    class.define_method("mark!", method!(Partition::mark_and_commit, 1))?;
    class.define_method("commit", method!(Partition::commit_in_background, 0))?;
    class.define_method("commit!", method!(Partition::commit_and_wait, 0))?;
    class.define_method("pause", method!(Partition::pause, 2))?;
    class.define_method("resume", method!(Partition::resume, 0))?;
    class.define_method("paused?", method!(Partition::is_paused, 0))?;
    class.define_method("seek", method!(Partition::seek, 1))?;
    class.define_method("position", method!(Partition::position, 0))?;
    class.define_method("offset_for_time", method!(Partition::offset_for_time, 2))?;
    class.define_method("watermarks", method!(Partition::watermarks, 0))?;
    class.define_method("forget_seek_offset", method!(Partition::forget_seek_offset, 0))?;
    class.define_method("reset_attempts", method!(Partition::reset_attempts, 0))?;
    class.define_method("seek_offset", method!(Partition::seek_offset, 0))?;
    class.define_method("seek_offset=", method!(Partition::set_seek_offset, 1))?;
    class.define_method("stored_offset", method!(Partition::stored_offset, 0))?;
    class.define_method("revoked?", method!(Partition::is_revoked, 0))?;
    class.define_method("attempt", method!(Partition::attempt, 0))?;
    class.define_method("lag", method!(Partition::lag, 0))?;
    Ok(())
}
