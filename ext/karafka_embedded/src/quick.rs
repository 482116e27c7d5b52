//! Methods that consumers call for each message, defined without what magnus does around one: to protect the check of a
//! receiver against an exception takes 30 ns, about as long as the shortest of them.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use magnus::rb_sys::AsRawValue;
use magnus::{RClass, Ruby, TypedData};
use rb_sys::{VALUE, rb_data_type_t};

use crate::boundary::panic_error;

/// A method without arguments.
pub(crate) type Nullary = unsafe extern "C" fn(VALUE) -> VALUE;
/// A method with one argument.
pub(crate) type Unary = unsafe extern "C" fn(VALUE, VALUE) -> VALUE;
/// What Ruby takes for a method of any arity.
type Any = unsafe extern "C" fn() -> VALUE;

/// Defines a method without arguments.
pub(crate) fn define_nullary(class: RClass, name: &CStr, method: Nullary) {
    // SAFETY: what takes the receiver alone has an arity of 0.
    unsafe { define(class, name, std::mem::transmute::<Nullary, Any>(method), 0) }
}

/// Defines a method with one argument.
pub(crate) fn define_unary(class: RClass, name: &CStr, method: Unary) {
    // SAFETY: what takes the receiver and an argument has an arity of 1.
    unsafe { define(class, name, std::mem::transmute::<Unary, Any>(method), 1) }
}

/// # Safety
/// The method has to take the receiver and as many arguments as `arity` says.
unsafe fn define(class: RClass, name: &CStr, method: Any, arity: i32) {
    // SAFETY: as promised by the caller.
    unsafe { rb_sys::rb_define_method(class.as_raw(), name.as_ptr(), Some(method), arity) }
}

/// What magnus wrapped in `object`. Ruby raises a `TypeError` if it is of another class.
///
/// # Safety
/// To be called with the GVL, on behalf of a method that has `object` as its receiver, and holds nothing that needs
/// dropping.
pub(crate) unsafe fn receiver<'a, T: TypedData>(object: VALUE) -> &'a T {
    // A `DataType` is one of Ruby's, transparently.
    let data_type = (&raw const *T::data_type()).cast::<rb_data_type_t>();
    // SAFETY: as promised by the caller; magnus has the object point to a `T`.
    unsafe { &*rb_sys::rb_check_typeddata(object, data_type).cast::<T>() }
}

/// Runs a method's body. A panic is raised as `Karafka::Native::PanicError`, as by [`crate::boundary::guard`].
///
/// # Safety
/// To be called with the GVL, by a method that holds nothing that needs dropping.
pub(crate) unsafe fn guard<R>(body: impl FnOnce() -> R) -> R {
    let (class, text) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => return result,
        Err(panic) => {
            // SAFETY: as promised by the caller.
            let (class, text) = panic_error(&unsafe { Ruby::get_unchecked() }, &*panic);
            // SAFETY: as above, with readable bytes. Should Ruby raise for memory, the text is leaked.
            (class.as_raw(), unsafe { rb_sys::rb_str_new(text.as_ptr().cast(), text.len() as _) })
        }
    };
    // SAFETY: as promised by the caller; what the panic carried is dropped.
    unsafe { rb_sys::rb_exc_raise(rb_sys::rb_exc_new_str(class, text)) }
}

#[cfg(test)]
mod tests {
    use magnus::{Class, Ruby, Value, prelude::*};
    use rb_sys::VALUE;
    use rb_sys_test_helpers::ruby_test;

    #[magnus::wrap(class = "Counter")]
    struct Counter(usize);

    unsafe extern "C" fn panics(_: VALUE) -> VALUE {
        // SAFETY: called by Ruby; nothing is held.
        unsafe { super::guard(|| panic!("on purpose")) }
    }

    unsafe extern "C" fn counts(counter: VALUE, _: VALUE) -> VALUE {
        // SAFETY: as above.
        unsafe { rb_sys::rb_uint2inum(super::receiver::<Counter>(counter).0 as _) }
    }

    #[ruby_test]
    fn a_panic_is_raised() {
        let ruby = Ruby::get().unwrap();
        let class = ruby.define_class("Panicking", ruby.class_object()).unwrap();
        super::define_nullary(class, c"call", panics);
        let error = class.new_instance(()).unwrap().funcall::<_, _, Value>("call", ()).unwrap_err();
        assert!(error.to_string().contains("the native extension panicked: on purpose"), "{error}");
    }

    #[ruby_test]
    fn only_what_magnus_wrapped_is_a_receiver() {
        let ruby = Ruby::get().unwrap();
        let class = ruby.define_class("Counter", ruby.class_object()).unwrap();
        let other = ruby.define_class("Impostor", ruby.class_object()).unwrap();
        super::define_unary(class, c"counts", counts);
        super::define_unary(other, c"counts", counts);
        let counter: Value = ruby.obj_wrap(Counter(7)).as_value();
        assert_eq!(counter.funcall::<_, _, usize>("counts", (1,)).unwrap(), 7);
        let error = other.new_instance(()).unwrap().funcall::<_, _, Value>("counts", (1,)).unwrap_err();
        assert!(error.is_kind_of(ruby.exception_type_error()), "{error}");
    }
}
