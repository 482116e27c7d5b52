//! `Karafka::Native::Batch`: messages in native memory, read one by one.

use std::sync::LazyLock;

use karafka_engine::batch::Batch as EngineBatch;
use magnus::rb_sys::{AsRawValue, FromRawValue};
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
    pub(crate) fn new(ruby: &Ruby, inner: EngineBatch) -> Self {
        let told_bytes = isize::try_from(inner.memory_bytes()).unwrap_or(isize::MAX);
        pressure::allocated(ruby, told_bytes);
        Self { inner, told_bytes }
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

    fn offset(&self, index: usize) -> Option<i64> {
        self.inner.offset(index)
    }

    fn timestamp_ms(&self, index: usize) -> Option<i64> {
        self.inner.timestamp_ms(index)
    }

    fn raw_payload(&self, index: usize) -> Option<Value> {
        self.inner.payload(index).map(string)
    }

    fn raw_key(ruby: &Ruby, rb_self: &Self, index: usize) -> Option<RString> {
        rb_self.inner.key(index).map(|bytes| ruby.str_from_slice(bytes))
    }

    /// A frozen Hash of name to value; a repeated name has an Array (KIP-82).
    fn raw_headers(ruby: &Ruby, rb_self: &Self, index: usize) -> Result<RHash, Error> {
        guard(ruby, || {
            let headers = ruby.hash_new();
            for (name, value) in rb_self.inner.headers(index) {
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

    /// An Array of `klass` instances that know this batch and their index; `initialize` is not called.
    fn messages(ruby: &Ruby, rb_self: magnus::typed_data::Obj<Self>, klass: RClass) -> RArray {
        Self::allocate(ruby, rb_self, klass, 0..rb_self.inner.len())
    }

    /// The message at `index`, made like those of [`Batch::messages`].
    fn message(
        ruby: &Ruby,
        rb_self: magnus::typed_data::Obj<Self>,
        klass: RClass,
        index: usize,
    ) -> Result<Value, Error> {
        Self::allocate(ruby, rb_self, klass, index..index + 1).entry(0)
    }

    fn allocate(
        ruby: &Ruby,
        batch: magnus::typed_data::Obj<Self>,
        klass: RClass,
        indexes: std::ops::Range<usize>,
    ) -> RArray {
        // With the payload that is read later these are the three variables that Ruby keeps inside of the object; a fourth
        // would cost an allocation a message.
        let ids = &*MESSAGE_IVARS;
        let messages = ruby.ary_new_capa(indexes.len());
        let (klass, batch) = (raw(klass.as_value()), raw(batch.as_value()));
        for index in indexes {
            // SAFETY: called with the GVL. The new object is reachable from the array before the next allocation, the
            // array and the arguments from this frame; nothing here needs dropping, should Ruby raise for memory.
            unsafe {
                let message = rb_sys::rb_obj_alloc(klass);
                rb_sys::rb_ary_push(raw(messages.as_value()), message);
                rb_sys::rb_ivar_set(message, ids.batch, batch);
                rb_sys::rb_ivar_set(message, ids.index, rb_sys::rb_uint2inum(index as _));
            }
        }
        messages
    }
}

struct MessageIvars {
    batch: ID,
    index: ID,
}

static MESSAGE_IVARS: LazyLock<MessageIvars> = LazyLock::new(|| {
    // SAFETY: interning static names; first used by a thread that holds the GVL.
    unsafe {
        MessageIvars { batch: rb_sys::rb_intern(c"@batch".as_ptr()), index: rb_sys::rb_intern(c"@index".as_ptr()) }
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
    class.define_method("offset", method!(Batch::offset, 1))?;
    class.define_method("timestamp_ms", method!(Batch::timestamp_ms, 1))?;
    class.define_method("raw_payload", method!(Batch::raw_payload, 1))?;
    class.define_method("raw_key", method!(Batch::raw_key, 1))?;
    class.define_method("raw_headers", method!(Batch::raw_headers, 1))?;
    class.define_method("messages", method!(Batch::messages, 1))?;
    class.define_method("message", method!(Batch::message, 2))?;
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
        let batch = ruby.obj_wrap(Batch::new(&ruby, EngineBatch::default()));
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
