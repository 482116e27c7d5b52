//! How much native memory dead batches may hold before they are collected.
//!
//! Ruby counts native memory towards its own limits, but sweeps lazily: a consumer that makes few objects drags two
//! collections' worth of dead batches along. Past [`SLACK`] more than the last collection left alive, a minor
//! collection sweeps at once. Batches that the application keeps move that base line, so keeping many costs nothing.
//!
//! A minor collection frees no old object, and takes for old what an old one refers to: the batch that a consumer has
//! just then, with its messages and their payloads, would stay until the next major one. So objects that live long and
//! refer to one job after the other say so ([`refers_to_jobs`]).

use std::sync::atomic::{AtomicIsize, Ordering};

use magnus::rb_sys::AsRawValue;
use magnus::value::ReprValue;
use magnus::{Error, KwArgs, RModule, Ruby, Value, function, kwargs, prelude::*};

/// Bytes of batches, alive or dead, beyond what was alive after the last collection.
const SLACK: isize = 8 << 20;

static HELD: AtomicIsize = AtomicIsize::new(0);
static BASE: AtomicIsize = AtomicIsize::new(0);

/// A batch of `bytes` is about to be handed to Ruby.
///
/// # Errors
/// What reaches this thread in a collection: an interrupt, a kill. The batch does not count then.
pub(crate) fn allocated(ruby: &Ruby, bytes: isize) -> Result<(), Error> {
    ruby.gc_adjust_memory_usage(bytes);
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if held - BASE.load(Ordering::Relaxed) <= SLACK {
        return Ok(());
    }
    let collected = collect(ruby);
    BASE.store(HELD.load(Ordering::Relaxed), Ordering::Relaxed);
    if collected.is_err() {
        freed(bytes);
    }
    collected
}

/// Ruby collected a batch of `bytes`, or does not get it.
pub(crate) fn freed(bytes: isize) {
    HELD.fetch_sub(bytes, Ordering::Relaxed);
    // SAFETY: batches are made by Ruby's threads and freed by its collector, that is with the GVL; the call only counts.
    unsafe { rb_sys::rb_gc_adjust_memory_usage(-(bytes as rb_sys::ssize_t)) }
}

/// Has Ruby's collector never take `object` for old. It looks at it, and at what it refers to, in each collection.
/// What is no object on the heap (an application's `new` may return anything) is left as it is.
fn refers_to_jobs(object: Value) -> Value {
    if !rb_sys::macros::SPECIAL_CONST_P(object.as_raw()) {
        // SAFETY: called with the GVL, with a live object on the heap.
        unsafe { rb_sys::rb_gc_writebarrier_unprotect(object.as_raw()) }
    }
    object
}

/// Defines the module function.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(_: &Ruby, native: &RModule) -> Result<(), Error> {
    native.define_singleton_method("refers_to_jobs", function!(refers_to_jobs, 1))
}

/// Ruby looks at interrupts at the end of the call.
fn collect(ruby: &Ruby) -> Result<(), Error> {
    let minor: KwArgs = kwargs!(ruby, "full_mark" => false, "immediate_sweep" => true);
    let collected: Result<Value, _> = ruby.module_gc().funcall("start", (minor,));
    match collected {
        // Should the application have undefined or redefined it, Ruby's own limits still count the bytes.
        Err(error) if is_of_another_method(ruby, &error) => Ok(()),
        collected => collected.map(drop),
    }
}

fn is_of_another_method(ruby: &Ruby, error: &Error) -> bool {
    error.is_kind_of(ruby.exception_no_method_error()) || error.is_kind_of(ruby.exception_arg_error())
}
