//! `Karafka::Native::Batch`: messages in native memory, read one by one.

use std::ops::Range;
use std::sync::Arc;

use karafka_engine::batch::Batch as EngineBatch;
use karafka_engine::sync::Mutex;
use magnus::typed_data::Obj;
use magnus::{
    DataTypeFunctions, Error, RArray, RClass, RHash, RModule, RString, Ruby, TypedData, Value, method, prelude::*,
};

use crate::boundary::guard;
use crate::message::{self, Messages};
use crate::pressure;

/// A batch. Ruby's garbage collector is told what it holds.
#[derive(TypedData)]
#[magnus(class = "Karafka::Native::Batch", free_immediately, size)]
pub(crate) struct Batch {
    inner: EngineBatch,
    told_bytes: isize,
    /// What its messages keep: as long as one of them is alive, so is the batch.
    messages: Mutex<Vec<Arc<Messages>>>,
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
    /// # Errors
    /// What [`pressure::allocated`] returns.
    pub(crate) fn new(ruby: &Ruby, inner: EngineBatch) -> Result<Self, Error> {
        let told_bytes = isize::try_from(inner.memory_bytes()).unwrap_or(isize::MAX);
        pressure::allocated(ruby, told_bytes)?;
        Ok(Self { inner, told_bytes, messages: Mutex::default() })
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

    /// An Array of `klass` instances, one for each message; `initialize` is not called.
    fn messages(ruby: &Ruby, rb_self: Obj<Self>, klass: RClass) -> RArray {
        Self::make(ruby, rb_self, klass, 0..rb_self.inner.len())
    }

    /// The message at `index`, made like those of [`Batch::messages`].
    fn message(ruby: &Ruby, rb_self: Obj<Self>, klass: RClass, index: usize) -> Result<Value, Error> {
        Self::make(ruby, rb_self, klass, index..index + 1).entry(0)
    }

    fn make(ruby: &Ruby, rb_self: Obj<Self>, klass: RClass, indexes: Range<usize>) -> RArray {
        let (list, messages) = message::of(ruby, rb_self, &rb_self.inner, klass, indexes);
        rb_self.messages.lock().push(messages);
        list
    }
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
    class.define_method("raw_key", method!(Batch::raw_key, 1))?;
    class.define_method("raw_headers", method!(Batch::raw_headers, 1))?;
    class.define_method("messages", method!(Batch::messages, 1))?;
    class.define_method("message", method!(Batch::message, 2))?;
    Ok(())
}
