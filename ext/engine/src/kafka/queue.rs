//! Owned librdkafka queues.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use super::{Client, Event, sys};
use crate::batch::Haul;
use crate::sync::Mutex;

/// Told when a queue that was empty has something in it.
///
/// Called on a librdkafka thread with the queue's lock held: it may hand over, and never calls librdkafka.
pub trait QueueListener: Send + Sync + 'static {
    /// The queue was empty and is not any more.
    fn queue_filled(self: &Arc<Self>);
}

/// How much is in a queue, for somebody who must not keep the queue and its client alive.
#[derive(Debug, Default)]
pub struct Gauge {
    measured: Mutex<Measured>,
}

/// What a gauge is at.
#[derive(Debug, Default)]
enum Measured {
    Queue(*mut sys::rd_kafka_queue_t),
    #[default]
    Gone,
    #[cfg(test)]
    Number(usize),
}

// SAFETY: the pointer is only used under the lock, by calls that any thread may make.
unsafe impl Send for Gauge {}
// SAFETY: as above.
unsafe impl Sync for Gauge {}

impl Gauge {
    /// Number of entries in the queue, 0 when it is gone.
    pub fn entries(&self) -> usize {
        match *self.measured.lock() {
            // SAFETY: the queue is not destroyed before it is taken out here.
            Measured::Queue(raw) => unsafe { sys::rd_kafka_queue_length(raw) },
            Measured::Gone => 0,
            #[cfg(test)]
            Measured::Number(entries) => entries,
        }
    }

    /// A gauge that shows a number.
    #[cfg(test)]
    pub(crate) fn showing(entries: usize) -> Self {
        Self { measured: Mutex::new(Measured::Number(entries)) }
    }
}

/// A librdkafka queue; it keeps its client alive.
pub struct Queue {
    raw: *mut sys::rd_kafka_queue_t,
    gauge: Arc<Gauge>,
    client: Arc<Client>,
    listener: Option<*const c_void>,
    release: fn(*const c_void),
}

// SAFETY: librdkafka's queues are locked inside and may be used from any thread; the listener pointer is only
// given back to `Arc::from_raw` of its own type, by the owner.
unsafe impl Send for Queue {}
// SAFETY: as above; no method hands out interior references.
unsafe impl Sync for Queue {}

impl Queue {
    /// Takes over a queue reference that librdkafka handed out.
    ///
    /// # Safety
    /// `raw` is a queue reference of `client` which the caller owns.
    pub(super) unsafe fn from_raw(raw: *mut sys::rd_kafka_queue_t, client: Arc<Client>) -> Self {
        let gauge = Arc::new(Gauge { measured: Mutex::new(Measured::Queue(raw)) });
        Self { raw, gauge, client, listener: None, release: |_| () }
    }

    /// Splits the queue off, so that what arrives for it stays in it.
    pub fn split_off(&self) {
        // SAFETY: both arguments are what the API asks for: a live queue, and NULL for "no forwarding".
        unsafe { sys::rd_kafka_queue_forward(self.raw, std::ptr::null_mut()) }
    }

    /// Has `listener` called each time the queue goes from empty to non-empty, until the queue is dropped.
    pub fn listen<L: QueueListener>(&mut self, listener: Arc<L>) {
        self.silence();
        let opaque = Arc::into_raw(listener).cast::<c_void>();
        self.listener = Some(opaque);
        self.release = |opaque| {
            // SAFETY: `opaque` came from `Arc::into_raw` of this very type, and is released once.
            drop(unsafe { Arc::from_raw(opaque.cast::<L>()) });
        };
        // SAFETY: the opaque stays alive until `silence` has taken the queue's lock to unset it.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.raw, Some(queue_filled::<L>), opaque.cast_mut()) }
    }

    fn silence(&mut self) {
        if let Some(opaque) = self.listener.take() {
            // SAFETY: unsetting takes the queue's lock, under which the callback runs: afterwards no call is running.
            unsafe { sys::rd_kafka_queue_cb_event_enable(self.raw, None, std::ptr::null_mut()) };
            (self.release)(opaque);
        }
    }

    /// Waits up to `timeout` for the next event.
    pub fn poll(&self, timeout: Duration) -> Option<Event> {
        let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is live; the returned event is owned by us.
        let raw = unsafe { sys::rd_kafka_queue_poll(self.raw, ms) };
        // SAFETY: `raw` is NULL or an event that we own.
        unsafe { Event::take(raw) }.map(|event| event.mask(self.client.secrets()))
    }

    /// Makes a `poll` that runs, or the next one, return at once.
    pub fn wake(&self) {
        // SAFETY: the queue is live.
        unsafe { sys::rd_kafka_queue_yield(self.raw) }
    }

    /// Takes what is queued now, at most `max_messages`, without waiting.
    pub fn take_batch(&self, max_messages: usize) -> Haul {
        let fill = |slots: &mut [*mut sys::rd_kafka_message_t]| {
            // SAFETY: `slots` is a writable array of the length given; librdkafka fills as many as it returns.
            let taken = unsafe { sys::rd_kafka_consume_batch_queue(self.raw, 0, slots.as_mut_ptr(), slots.len()) };
            usize::try_from(taken).unwrap_or(0)
        };
        // SAFETY: librdkafka gave us these messages; they come here once, after they were copied.
        Haul::read(max_messages, fill, |broker, messages| unsafe { self.client.free_messages(broker, messages) })
    }

    /// Number of entries in the queue.
    pub fn len(&self) -> usize {
        // SAFETY: the queue is live.
        unsafe { sys::rd_kafka_queue_length(self.raw) }
    }

    /// Tells how much is in the queue as long as it lives.
    pub fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    /// Whether the queue has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The client it belongs to.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.raw
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if !self.client.process().is_home() {
            return; // The threads that own its locks exist in the parent process only.
        }
        self.silence();
        *self.gauge.measured.lock() = Measured::Gone;
        // SAFETY: owned, and its client is still alive: the field drops after this.
        unsafe { sys::rd_kafka_queue_destroy(self.raw) }
    }
}

/// # Safety
/// Called by librdkafka with the opaque that [`Queue::listen`] set for this type.
unsafe extern "C" fn queue_filled<L: QueueListener>(_client: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // An unwind must not cross into C; a listener that panics loses one wake-up, which the next one repairs.
    let _ = std::panic::catch_unwind(|| {
        // SAFETY: `listen` keeps the Arc behind the opaque alive while the callback is set, and it is not dropped here.
        let listener = ManuallyDrop::new(unsafe { Arc::from_raw(opaque.cast_const().cast::<L>()) });
        listener.queue_filled();
    });
}
