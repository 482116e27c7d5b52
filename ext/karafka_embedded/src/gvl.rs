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

/// # Safety
/// Called by Ruby, once, with the `Call` of these types that [`without`] passed.
unsafe extern "C" fn run<R, F: FnOnce() -> R>(call: *mut c_void) -> *mut c_void {
    // SAFETY: `without` passes its own `Call` of these types, alive and used by nobody else until it returns.
    let call = unsafe { &mut *call.cast::<Call<F, R>>() };
    if let Some(work) = call.work.take() {
        call.result = Some(catch_unwind(AssertUnwindSafe(work)));
    }
    std::ptr::null_mut()
}

/// # Safety
/// Called by Ruby with the `U` that [`without`] passed, while `run` runs.
unsafe extern "C" fn wake<U: Fn() + Sync>(unblock: *mut c_void) {
    // SAFETY: `without` passes a reference to its caller's `U`, alive until the call returns.
    let unblock = unsafe { &*unblock.cast_const().cast::<U>() };
    let _ = catch_unwind(AssertUnwindSafe(unblock));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use magnus::{Ruby, Value};
    use rb_sys_test_helpers::ruby_test;

    use super::{in_slices, without, without_briefly};

    fn ruby() -> Ruby {
        Ruby::get().unwrap()
    }

    #[ruby_test]
    fn another_ruby_thread_runs_meanwhile() {
        let counter: Value = ruby().eval("$count = 0; Thread.new { loop { $count += 1 } }").unwrap();
        let before: i64 = ruby().eval("$count").unwrap();
        without(|| std::thread::sleep(Duration::from_millis(300)), &|| ());
        let after: i64 = ruby().eval("$count").unwrap();
        let _: Value = magnus::value::ReprValue::funcall(counter, "kill", ()).unwrap();
        assert!(after > before, "{before} {after}");
    }

    #[ruby_test]
    fn a_wake_up_ends_the_wait_and_keeps_its_result() {
        let woken = AtomicBool::new(false);
        let _: Value = ruby().eval("main = Thread.current; Thread.new { sleep 0.1; main.wakeup }").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let work = || {
            while !woken.load(Ordering::SeqCst) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            "a result"
        };
        // Something may be pending before the work begins: then it is not run at all.
        let result = loop {
            match without(work, &|| woken.store(true, Ordering::SeqCst)) {
                None => ruby().thread_check_ints().unwrap(),
                some => break some,
            }
        };
        assert_eq!(result, Some("a result"));
        assert!(Instant::now() < deadline);
    }

    #[ruby_test]
    fn a_panic_comes_out_where_the_work_was_called() {
        let panic = catch_unwind(AssertUnwindSafe(|| without_briefly(|| panic!("inside")))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"inside"));
    }

    #[ruby_test]
    fn slices_go_on_until_one_brings_something() {
        let slices = Cell::new(0);
        let result = in_slices(&ruby(), || {
            slices.set(slices.get() + 1);
            (slices.get() == 3).then_some("third")
        });
        assert_eq!(result.unwrap(), "third");
    }
}
