//! Releasing the GVL. The only place with unsafe GVL calls.
//!
//! `rb_thread_call_without_gvl2` neither checks interrupts after the function returned, which would lose its result,
//! nor runs the function when an interrupt is pending. Callers look at interrupts themselves, when they hold nothing.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use magnus::{Error, Ruby};

struct Call<F, R> {
    work: Option<F>,
    result: Option<Result<R, Box<dyn Any + Send>>>,
}

/// Runs `work` without the GVL; `None` if it was not run because an interrupt is pending. `unblock` is called from
/// another thread when `work` should return early: for an interrupt, a wake-up or a signal. `work` must not touch Ruby.
pub(crate) fn without<R, F: FnOnce() -> R, U: Fn() + Sync>(work: F, unblock: &U) -> Option<R> {
    let mut call = Call { work: Some(work), result: None };
    // SAFETY: `run` and `wake` get the pointers of their own types, which outlive the call; `run` catches panics, so
    // nothing unwinds into C; the thread holds the GVL, since it has come here from Ruby.
    unsafe {
        rb_sys::rb_thread_call_without_gvl2(
            Some(run::<R, F>),
            (&raw mut call).cast(),
            Some(wake::<U>),
            std::ptr::from_ref(unblock).cast_mut().cast(),
        );
    }
    match call.result {
        Some(Ok(result)) => Some(result),
        // Panics go on where the boundary turns them into an exception.
        Some(Err(panic)) => resume_unwind(panic),
        None => None,
    }
}

/// Runs short `work` that needs no early return, without the GVL; with it if an interrupt is pending.
pub(crate) fn without_briefly<R>(work: impl Fn() -> R) -> R {
    without(&work, &|| ()).unwrap_or_else(work)
}

/// Repeats `slice`, a wait of a few milliseconds, until it brings something, looking at interrupts in between.
///
/// # Errors
/// The exception of an interrupt.
pub(crate) fn in_slices<R>(ruby: &Ruby, slice: impl Fn() -> Option<R>) -> Result<R, Error> {
    loop {
        if let Some(Some(result)) = without(&slice, &|| ()) {
            return Ok(result);
        }
        ruby.thread_check_ints()?;
    }
}

unsafe extern "C" fn run<R, F: FnOnce() -> R>(call: *mut c_void) -> *mut c_void {
    // SAFETY: `without` passes its own `Call` of these types, alive and used by nobody else until it returns.
    let call = unsafe { &mut *call.cast::<Call<F, R>>() };
    if let Some(work) = call.work.take() {
        call.result = Some(catch_unwind(AssertUnwindSafe(work)));
    }
    std::ptr::null_mut()
}

unsafe extern "C" fn wake<U: Fn() + Sync>(unblock: *mut c_void) {
    // SAFETY: `without` passes a reference to its caller's `U`, alive until the call returns.
    let unblock = unsafe { &*unblock.cast_const().cast::<U>() };
    let _ = catch_unwind(AssertUnwindSafe(unblock));
}
