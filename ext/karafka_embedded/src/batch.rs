//! `Karafka::Native::Batch`: messages in native memory, read one by one.

use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use karafka_engine::batch::Batch as EngineBatch;
use magnus::rb_sys::{AsRawValue, FromRawValue};
use magnus::typed_data::Obj;
use magnus::value::ReprValue;
use magnus::{
    DataTypeFunctions, Error, RArray, RClass, RHash, RModule, RString, Ruby, TypedData, Value, method, prelude::*,
};
use rb_sys::{ID, VALUE};

use crate::boundary::guard;
use crate::pressure;

/// A batch. Ruby's garbage collector is told what it holds.
#[derive(TypedData)]
#[magnus(class = "Karafka::Native::Batch", free_immediately, size)]
pub(crate) struct Batch {
    inner: EngineBatch,
    told_bytes: isize,
    /// Larger ones have their payloads made one by one.
    largest_in_advance: usize,
    first_payload_read: AtomicBool,
}

impl DataTypeFunctions for Batch {
    fn size(&self) -> usize {
        size_of::<Self>() + self.inner.memory_bytes()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        pressure::freed(self.told_bytes);
    }
}

impl Batch {
    pub(crate) fn new(ruby: &Ruby, inner: EngineBatch, largest_in_advance: usize) -> Self {
        let told_bytes = isize::try_from(inner.memory_bytes()).unwrap_or(isize::MAX);
        pressure::allocated(ruby, told_bytes);
        Self { inner, told_bytes, largest_in_advance, first_payload_read: AtomicBool::new(false) }
    }

    fn size(&self) -> usize {
        self.inner.len()
    }

    fn total_bytes(&self) -> usize {
        self.inner.memory_bytes()
    }

    fn first_offset(&self) -> Option<i64> {
        self.inner.first_offset()
    }

    fn last_offset(&self) -> Option<i64> {
        self.inner.last_offset()
    }

    fn received_at_ms(&self) -> i64 {
        self.inner.received_at_ms()
    }

    fn timestamp_ms(&self, offset: i64) -> Option<i64> {
        self.inner.timestamp_ms(self.inner.index_of(offset)?)
    }

    fn raw_payload(&self, offset: i64) -> Option<Value> {
        let index = self.inner.index_of(offset)?;
        if index == 0 {
            self.first_payload_read.store(true, Ordering::Relaxed);
        }
        self.inner.payload(index).map(string)
    }

    /// Whether the payload was read that is never made in advance. Who reads the first one reads the others, too.
    fn are_payloads_read(&self) -> bool {
        self.first_payload_read.load(Ordering::Relaxed)
    }

    fn raw_key(ruby: &Ruby, rb_self: &Self, offset: i64) -> Option<RString> {
        rb_self.inner.key(rb_self.inner.index_of(offset)?).map(|bytes| ruby.str_from_slice(bytes))
    }

    /// A frozen Hash of name to value; a repeated name has an Array (KIP-82).
    fn raw_headers(ruby: &Ruby, rb_self: &Self, offset: i64) -> Result<RHash, Error> {
        guard(ruby, || {
            let headers = ruby.hash_new();
            for (name, value) in
                rb_self.inner.index_of(offset).into_iter().flat_map(|index| rb_self.inner.headers(index))
            {
                let name = ruby.enc_str_new(name, ruby.utf8_encoding());
                let value: Value = value.map_or_else(|| ruby.qnil().as_value(), |v| ruby.str_from_slice(v).as_value());
                match headers.get(name) {
                    None => headers.aset(name, value)?,
                    Some(former) => match RArray::from_value(former) {
                        Some(values) => values.push(value)?,
                        None => headers.aset(name, ruby.ary_new_from_values(&[former, value]))?,
                    },
                }
            }
            headers.freeze();
            Ok(headers)
        })
    }

    /// An Array of `klass` instances that know this batch and their offset; `initialize` is not called.
    fn messages(ruby: &Ruby, rb_self: Obj<Self>, klass: RClass) -> RArray {
        allocate(ruby, rb_self, klass, 0..rb_self.inner.len(), |_, _| ())
    }

    /// The same, each with the payload in it that it would have to ask for, but for the first: whether that one asks
    /// tells what to do with the next batch. A batch that is large has its payloads made one by one all the same.
    fn messages_with_payloads(ruby: &Ruby, rb_self: Obj<Self>, klass: RClass) -> RArray {
        if rb_self.inner.memory_bytes() > rb_self.largest_in_advance {
            return Self::messages(ruby, rb_self, klass);
        }
        let id = MESSAGE_IVARS.raw_payload;
        allocate(ruby, rb_self, klass, 0..rb_self.inner.len(), |message, index| {
            if index > 0
                && let Some(bytes) = rb_self.inner.payload(index)
            {
                // SAFETY: called with the GVL; the message is reachable, and the string from it at once.
                unsafe { rb_sys::rb_ivar_set(message, id, raw(string(bytes))) };
            }
        })
    }

    /// The message at `index`, made like those of [`Batch::messages`].
    fn message(ruby: &Ruby, rb_self: Obj<Self>, klass: RClass, index: usize) -> Result<Value, Error> {
        allocate(ruby, rb_self, klass, index..index + 1, |_, _| ()).entry(0)
    }
}

/// Messages that are handed to their array together: one by one that takes as long as a quarter of what makes them.
const PUSHED_AT_ONCE: usize = 32;

fn allocate(
    ruby: &Ruby,
    batch: Obj<Batch>,
    klass: RClass,
    indexes: Range<usize>,
    furnish: impl Fn(VALUE, usize),
) -> RArray {
    // With the payload these are the three variables that Ruby keeps inside of the object; a fourth would cost an
    // allocation a message.
    let ids = &*MESSAGE_IVARS;
    let messages = ruby.ary_new_capa(indexes.len());
    let (klass, origin) = (raw(klass.as_value()), raw(batch.as_value()));
    // SAFETY: called with the GVL; it only looks the function up.
    let new = unsafe { rb_sys::rb_get_alloc_func(klass) }.unwrap_or(rb_sys::rb_obj_alloc);
    let mut made = [raw(ruby.qnil().as_value()); PUSHED_AT_ONCE];
    for first in indexes.clone().step_by(PUSHED_AT_ONCE) {
        let several = first..indexes.end.min(first + PUSHED_AT_ONCE);
        // SAFETY: called with the GVL. A new object is reachable from this frame, as the array and the arguments are,
        // until it is from the array; nothing here needs dropping, should Ruby raise for memory.
        unsafe {
            for (place, index) in made.iter_mut().zip(several.clone()) {
                *place = new(klass);
                rb_sys::rb_ivar_set(*place, ids.batch, origin);
                rb_sys::rb_ivar_set(
                    *place,
                    ids.offset,
                    rb_sys::rb_ll2inum(batch.inner.offset(index).unwrap_or_default()),
                );
                furnish(*place, index);
            }
            rb_sys::rb_ary_cat(raw(messages.as_value()), made.as_ptr(), several.len() as _);
        }
    }
    messages
}

struct MessageIvars {
    batch: ID,
    offset: ID,
    raw_payload: ID,
}

static MESSAGE_IVARS: LazyLock<MessageIvars> = LazyLock::new(|| {
    // SAFETY: interning static names; first used by a thread that holds the GVL.
    unsafe {
        MessageIvars {
            batch: rb_sys::rb_intern(c"@batch".as_ptr()),
            offset: rb_sys::rb_intern(c"@offset".as_ptr()),
            raw_payload: rb_sys::rb_intern(c"@raw_payload".as_ptr()),
        }
    }
});

/// A new string. magnus's own call is protected against an exception that can only be `NoMemoryError`, which costs as
/// much as the string.
fn string(bytes: &[u8]) -> Value {
    // SAFETY: called with the GVL, with readable bytes; callers hold nothing that needs dropping, should Ruby raise.
    unsafe { Value::from_raw(rb_sys::rb_str_new(bytes.as_ptr().cast(), bytes.len() as _)) }
}

fn raw(value: Value) -> VALUE {
    value.as_raw()
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Batch", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("size", method!(Batch::size, 0))?;
    class.define_method("total_bytes", method!(Batch::total_bytes, 0))?;
    class.define_method("first_offset", method!(Batch::first_offset, 0))?;
    class.define_method("last_offset", method!(Batch::last_offset, 0))?;
    class.define_method("received_at_ms", method!(Batch::received_at_ms, 0))?;
    class.define_method("timestamp_ms", method!(Batch::timestamp_ms, 1))?;
    class.define_method("raw_payload", method!(Batch::raw_payload, 1))?;
    class.define_method("raw_key", method!(Batch::raw_key, 1))?;
    class.define_method("raw_headers", method!(Batch::raw_headers, 1))?;
    class.define_method("messages", method!(Batch::messages, 1))?;
    class.define_method("messages_with_payloads", method!(Batch::messages_with_payloads, 1))?;
    class.define_method("message", method!(Batch::message, 2))?;
    class.define_method("payloads_read?", method!(Batch::are_payloads_read, 0))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use karafka_engine::batch::Batch as EngineBatch;
    use magnus::value::ReprValue;
    use magnus::{Module, RArray, RClass, Ruby, Value};
    use rb_sys_test_helpers::ruby_test;

    use super::{Batch, define};

    #[ruby_test]
    fn an_empty_batch_has_no_messages_and_no_payloads() {
        let ruby = Ruby::get().unwrap();
        let native = ruby.define_module("Karafka").unwrap().define_module("Native").unwrap();
        define(&ruby, &native).unwrap();
        let batch = ruby.obj_wrap(Batch::new(&ruby, EngineBatch::default(), 0));
        let klass: RClass = ruby.eval("Class.new").unwrap();
        let messages: RArray = batch.funcall("messages", (klass,)).unwrap();
        let payload: Value = batch.funcall("raw_payload", (0,)).unwrap();
        assert!(messages.is_empty() && payload.is_nil());
    }

    #[ruby_test]
    fn strings_are_binary_and_may_be_changed() {
        let string = super::string(b"\xff\x00a");
        assert!(!string.is_frozen());
        let encoding: String = string.funcall::<_, _, Value>("encoding", ()).unwrap().funcall("to_s", ()).unwrap();
        assert_eq!(encoding, "ASCII-8BIT");
    }
}
