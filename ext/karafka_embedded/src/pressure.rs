//! How much native memory dead batches may hold before they are collected.
//!
//! Ruby counts native memory towards its own limits, but sweeps lazily: a consumer that makes few objects drags two
//! collections' worth of dead batches along. Past [`SLACK`] more than the last collection left alive, a minor
//! collection sweeps at once. Batches that the application keeps move that base line, so keeping many costs nothing.

use std::sync::atomic::{AtomicIsize, Ordering};

use magnus::value::ReprValue;
use magnus::{KwArgs, Ruby, Value, kwargs};

/// Bytes of batches, alive or dead, beyond what was alive after the last collection.
const SLACK: isize = 8 << 20;

static HELD: AtomicIsize = AtomicIsize::new(0);
static BASE: AtomicIsize = AtomicIsize::new(0);

/// A batch of `bytes` is about to be handed to Ruby.
pub(crate) fn allocated(ruby: &Ruby, bytes: isize) {
    ruby.gc_adjust_memory_usage(bytes);
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if held - BASE.load(Ordering::Relaxed) > SLACK {
        collect(ruby);
        BASE.store(HELD.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Ruby collected a batch of `bytes`.
pub(crate) fn freed(bytes: isize) {
    HELD.fetch_sub(bytes, Ordering::Relaxed);
    // SAFETY: batches are freed by the garbage collector, that is with the GVL; the call only counts.
    unsafe { rb_sys::rb_gc_adjust_memory_usage(-(bytes as rb_sys::ssize_t)) }
}

fn collect(ruby: &Ruby) {
    let minor: KwArgs = kwargs!(ruby, "full_mark" => false, "immediate_sweep" => true);
    // Should the application have disabled or redefined it, Ruby's own limits still count the bytes.
    let _: Result<Value, _> = ruby.module_gc().funcall("start", (minor,));
}
