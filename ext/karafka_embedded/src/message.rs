//! `Karafka::Native::Message`: what a message keeps, without an instance variable.
//!
//! Ruby looks an instance variable up by its name each time that native code sets one, and three for each message took
//! as long as a string does. So a message is one object of Ruby that points to its place in memory which its batch owns
//! and frees: a message keeps its batch alive, and has nothing to free itself, which would take as long as making it.

use std::cell::Cell;
use std::ffi::c_void;
use std::ops::Range;
use std::ptr::null;
use std::sync::Arc;

use karafka_engine::batch::Batch as EngineBatch;
use magnus::rb_sys::{AsRawValue, FromRawValue};
use magnus::typed_data::Obj;
use magnus::value::ReprValue;
use magnus::{Error, RArray, RClass, RModule, Ruby, Value, method, prelude::*};
use rb_sys::{VALUE, rb_data_type_t, rbimpl_typeddata_flags};

use crate::batch::Batch;
use crate::quick;

/// Something that Ruby's collector finds through a message, or nothing yet.
struct Kept(Cell<VALUE>);

impl Kept {
    const NOTHING: VALUE = rb_sys::Qundef as VALUE;

    const fn nothing() -> Self {
        Self(Cell::new(Self::NOTHING))
    }

    fn get(&self) -> Option<VALUE> {
        let value = self.0.get();
        (value != Self::NOTHING).then_some(value)
    }

    fn set(&self, owner: VALUE, value: VALUE) {
        self.0.set(value);
        if !rb_sys::macros::SPECIAL_CONST_P(value) {
            // SAFETY: called with the GVL and two live objects, the first of which has the second from now on.
            unsafe { rb_sys::rb_gc_writebarrier(owner, value) };
        }
    }

    fn mark(&self) {
        // SAFETY: only called by the collector. It passes over what is no object, as nothing is.
        unsafe { rb_sys::rb_gc_mark(self.0.get()) };
    }
}

/// What one message keeps.
struct Place {
    messages: *const Messages,
    index: usize,
    raw_payload: Kept,
    payload: Kept,
    metadata: Kept,
}

impl Place {
    fn messages(&self) -> &Messages {
        // SAFETY: it owns its places.
        unsafe { &*self.messages }
    }

    /// The offset at which it was read. `None` for one that was built, and once there are metadata: they count then.
    fn read_at(&self) -> Option<i64> {
        if self.metadata.get().is_some() { None } else { self.messages().source.offset(self.index) }
    }
}

/// What the messages of a batch that were made together have in common, and what each of them keeps. Owned by the
/// batch; that of a message which an application built, by that message.
pub(crate) struct Messages {
    /// `Native::Batch`, or nil.
    batch: VALUE,
    source: EngineBatch,
    places: Box<[Place]>,
}

// SAFETY: it is used with the GVL only, as Ruby's collector and all methods are.
unsafe impl Send for Messages {}
// SAFETY: as above.
unsafe impl Sync for Messages {}

impl Messages {
    fn new(batch: VALUE, source: EngineBatch, indexes: Range<usize>) -> Arc<Self> {
        Arc::new_cyclic(|messages| {
            let place = |index| Place {
                messages: messages.as_ptr(),
                index,
                raw_payload: Kept::nothing(),
                payload: Kept::nothing(),
                metadata: Kept::nothing(),
            };
            Self { batch, source, places: indexes.map(place).collect() }
        })
    }
}

struct DataType(rb_data_type_t);

// SAFETY: it is never changed, and what it points to is static.
unsafe impl Sync for DataType {}

impl DataType {
    const fn new(free: rb_sys::RUBY_DATA_FUNC, parent: *const rb_data_type_t) -> Self {
        // SAFETY: a C struct of pointers and flags, for which zeros stand for what is not used.
        let mut data_type: rb_data_type_t = unsafe { std::mem::zeroed() };
        data_type.wrap_struct_name = c"Karafka::Native::Message".as_ptr();
        data_type.function.dmark = Some(mark);
        data_type.function.dfree = free;
        data_type.parent = parent;
        data_type.flags = (rbimpl_typeddata_flags::RUBY_TYPED_FREE_IMMEDIATELY as VALUE)
            | (rbimpl_typeddata_flags::RUBY_TYPED_WB_PROTECTED as VALUE);
        Self(data_type)
    }

    /// A Ruby object for what is at `place`.
    ///
    /// # Safety
    /// To be called with the GVL. The place has to live as long as the object, or until its batch is freed.
    unsafe fn wrap(&self, klass: VALUE, place: &Place) -> VALUE {
        let data = (&raw const *place).cast_mut().cast();
        // SAFETY: as promised by the caller.
        unsafe { rb_sys::rb_data_typed_object_wrap(klass, data, &raw const self.0) }
    }
}

static MESSAGE: DataType = DataType::new(None, null());
static BUILT_MESSAGE: DataType = DataType::new(Some(free), &raw const MESSAGE.0);

/// # Safety
/// For Ruby's collector: `data` is what a message was made with that is alive.
unsafe extern "C" fn mark(data: *mut c_void) {
    // SAFETY: only Ruby calls it, for an object that is alive, with what that was made with.
    unsafe {
        let place = &*data.cast::<Place>();
        rb_sys::rb_gc_mark(place.messages().batch);
        for kept in [&place.raw_payload, &place.payload, &place.metadata] {
            kept.mark();
        }
    }
}

/// # Safety
/// For Ruby's collector: `data` is what a message was made with that an application built, and that is gone.
unsafe extern "C" fn free(data: *mut c_void) {
    // SAFETY: a message that was built owns what it points to.
    unsafe { drop(Arc::from_raw((*data.cast::<Place>()).messages)) }
}

/// # Safety
/// For Ruby, with the GVL: `klass` is the class or one that inherits from it.
unsafe extern "C" fn allocate(klass: VALUE) -> VALUE {
    let messages = Arc::into_raw(Messages::new(rb_sys::Qnil as VALUE, EngineBatch::default(), 0..1));
    // SAFETY: Ruby calls it with the GVL; the object owns the reference, and drops it when it is freed.
    unsafe { BUILT_MESSAGE.wrap(klass, &(&(*messages).places)[0]) }
}

/// Where `message` keeps what it has. Ruby raises a `TypeError` if it is none.
fn place_of<'a>(message: VALUE) -> &'a Place {
    // SAFETY: called with the GVL, on behalf of a method whose receiver is alive until it returns. Callers hold nothing
    // that needs dropping, should Ruby raise.
    unsafe { &*rb_sys::rb_check_typeddata(message, &raw const MESSAGE.0).cast::<Place>() }
}

/// Messages that are handed to their array together: one by one that takes as long as making them.
const PUSHED_AT_ONCE: usize = 32;

/// An Array of `klass` instances for a part of a batch, and what the batch has to own; `initialize` is not called.
pub(crate) fn of(
    ruby: &Ruby,
    batch: Obj<Batch>,
    source: &EngineBatch,
    klass: RClass,
    indexes: Range<usize>,
) -> (RArray, Arc<Messages>) {
    let list = ruby.ary_new_capa(indexes.len());
    let klass = klass.as_value().as_raw();
    let messages = Messages::new(batch.as_value().as_raw(), source.clone(), indexes);
    let mut made = [rb_sys::Qnil as VALUE; PUSHED_AT_ONCE];
    for places in messages.places.chunks(PUSHED_AT_ONCE) {
        // SAFETY: called with the GVL. The objects are reachable from this frame until they are from the list. Should
        // Ruby raise for memory, what they point to is leaked.
        unsafe {
            for (object, place) in made.iter_mut().zip(places) {
                *object = MESSAGE.wrap(klass, place);
            }
            rb_sys::rb_ary_cat(list.as_value().as_raw(), made.as_ptr(), places.len() as _);
        }
    }
    (list, messages)
}

/// A new string. magnus's own call is protected against an exception that can only be `NoMemoryError`, which costs as
/// much as the string.
fn string(bytes: &[u8]) -> VALUE {
    // SAFETY: called with the GVL, with readable bytes; callers hold nothing that needs dropping, should Ruby raise.
    unsafe { rb_sys::rb_str_new(bytes.as_ptr().cast(), bytes.len() as _) }
}

/// The bytes of the payload; nil for a tombstone. Read once, so that who changes the string finds it changed.
///
/// # Safety
/// For Ruby, with the GVL: `message` is the receiver of the method.
unsafe extern "C" fn raw_payload(message: VALUE) -> VALUE {
    let place = place_of(message);
    place.raw_payload.get().unwrap_or_else(|| {
        let payload = place.messages().source.payload(place.index).map_or(rb_sys::Qnil as VALUE, string);
        place.raw_payload.set(message, payload);
        payload
    })
}

/// What its metadata say, once there are some; until then the offset at which it was read.
///
/// # Safety
/// For Ruby, with the GVL: `message` is the receiver of the method.
unsafe extern "C" fn offset(message: VALUE) -> VALUE {
    let place = place_of(message);
    // SAFETY: called with the GVL.
    unsafe {
        match (place.metadata.get(), place.read_at()) {
            (Some(metadata), _) => ask_offset(metadata),
            (None, Some(offset)) => rb_sys::rb_ll2inum(offset),
            (None, None) => rb_sys::Qnil as VALUE,
        }
    }
}

/// What `message` says its offset is. One that was consumed and has no metadata yet is not called for that: it takes as
/// long as marking it.
///
/// # Safety
/// To be called with the GVL, on behalf of a method that holds nothing that needs dropping: Ruby raises whatever
/// `offset` does, or a `TypeError` if that is no number.
pub(crate) unsafe fn offset_of(message: VALUE) -> i64 {
    // SAFETY: as promised by the caller.
    unsafe {
        let is_ours = rb_sys::rb_typeddata_is_kind_of(message, &raw const MESSAGE.0) != 0;
        match is_ours.then(|| place_of(message)).and_then(Place::read_at) {
            Some(offset) => offset,
            None => rb_sys::rb_num2ll(ask_offset(message)),
        }
    }
}

/// # Safety
/// As of [`offset_of`].
unsafe fn ask_offset(object: VALUE) -> VALUE {
    // SAFETY: as promised by the caller.
    unsafe { rb_sys::rb_funcallv(object, rb_sys::rb_intern(c"offset".as_ptr()), 0, null()) }
}

fn set_raw_payload(message: Value, bytes: Value) -> Result<(), Error> {
    message.check_frozen()?;
    let message = message.as_raw();
    place_of(message).raw_payload.set(message, bytes.as_raw());
    Ok(())
}

fn batch(message: Value) -> Value {
    value(place_of(message.as_raw()).messages().batch)
}

fn metadata(message: Value) -> Option<Value> {
    place_of(message.as_raw()).metadata.get().map(value)
}

fn set_metadata(message: Value, metadata: Value) -> Value {
    let message = message.as_raw();
    let known = if metadata.is_nil() { Kept::NOTHING } else { metadata.as_raw() };
    place_of(message).metadata.set(message, known);
    metadata
}

fn payload(message: Value) -> Option<Value> {
    place_of(message.as_raw()).payload.get().map(value)
}

fn set_payload(message: Value, payload: Value) -> Value {
    let message = message.as_raw();
    place_of(message).payload.set(message, payload.as_raw());
    payload
}

fn is_deserialized(message: Value) -> bool {
    place_of(message.as_raw()).payload.get().is_some()
}

fn value(raw: VALUE) -> Value {
    // SAFETY: what a message keeps is marked by it, and the message is alive while one of its methods runs.
    unsafe { Value::from_raw(raw) }
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Message", ruby.class_object())?;
    // SAFETY: the function makes an object of the class that it is given.
    unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), Some(allocate)) };
    quick::define_nullary(class, c"raw_payload", raw_payload);
    quick::define_nullary(class, c"offset", offset);
    class.define_method("raw_payload=", method!(set_raw_payload, 1))?;
    class.define_method("deserialized?", method!(is_deserialized, 0))?;
    class.define_private_method("native_batch", method!(batch, 0))?;
    class.define_private_method("native_metadata", method!(metadata, 0))?;
    class.define_private_method("native_metadata=", method!(set_metadata, 1))?;
    class.define_private_method("native_payload", method!(payload, 0))?;
    class.define_private_method("native_payload=", method!(set_payload, 1))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use karafka_engine::batch::Batch as EngineBatch;
    use magnus::value::ReprValue;
    use magnus::{Module, RArray, RClass, Ruby, Value};
    use rb_sys_test_helpers::ruby_test;

    use super::define;
    use crate::batch::{self, Batch};

    fn class(ruby: &Ruby) -> RClass {
        let native = ruby.define_module("Karafka").unwrap().define_module("Native").unwrap();
        batch::define(ruby, &native).unwrap();
        define(ruby, &native).unwrap();
        native.const_get("Message").unwrap()
    }

    #[ruby_test]
    fn an_empty_batch_has_no_messages() {
        let ruby = Ruby::get().unwrap();
        let class = class(&ruby);
        let batch = ruby.obj_wrap(Batch::new(&ruby, EngineBatch::default()).unwrap());
        let messages: RArray = batch.funcall("messages", (class,)).unwrap();
        assert!(messages.is_empty());
    }

    #[ruby_test]
    fn a_message_that_was_not_read_keeps_what_it_is_given() {
        let ruby = Ruby::get().unwrap();
        let message: Value = class(&ruby).funcall("new", ()).unwrap();
        let nothing: (Value, Value) =
            (message.funcall("raw_payload", ()).unwrap(), message.funcall("offset", ()).unwrap());
        assert!(nothing.0.is_nil() && nothing.1.is_nil());
        let _: Value = message.funcall("raw_payload=", (ruby.str_new("a".repeat(100).as_str()),)).unwrap();
        let _: Value = message.funcall("native_payload=", (ruby.qnil(),)).unwrap();
        ruby.gc_start();
        assert_eq!(message.funcall::<_, _, String>("raw_payload", ()).unwrap().len(), 100);
        assert!(message.funcall::<_, _, bool>("deserialized?", ()).unwrap());
    }

    #[ruby_test]
    fn strings_are_binary_and_may_be_changed() {
        let string = super::value(super::string(b"\xff\x00a"));
        assert!(!string.is_frozen());
        let encoding: String = string.funcall::<_, _, Value>("encoding", ()).unwrap().funcall("to_s", ()).unwrap();
        assert_eq!(encoding, "ASCII-8BIT");
    }
}
