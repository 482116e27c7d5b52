//! A batch of messages, copied out of librdkafka into one allocation of its own.
//!
//! Copying is done by the worker without the GVL and costs a few microseconds a batch. In return a message that
//! the application keeps pins its batch, not a fetch buffer of a megabyte; the memory a batch holds is known
//! exactly; freeing one is a plain deallocation, safe in a garbage collector and in a forked process; and a client
//! can be destroyed while its messages are still read.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::kafka::{outcome, sys};
use crate::recycling::Recycler;

/// Where a byte string lies in a batch's memory.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    len: usize,
}

impl Span {
    /// A nil payload, key or header value: not the same as an empty one.
    const NIL: Self = Self { start: usize::MAX, len: 0 };

    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        (self.start != usize::MAX).then(|| &bytes[self.start..self.start + self.len])
    }
}

#[derive(Debug)]
struct Entry {
    offset: i64,
    timestamp_ms: i64,
    payload: Span,
    key: Span,
    /// Range in `headers`.
    headers: Range<u32>,
}

#[derive(Debug, Default)]
struct Memory {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    headers: Vec<(Span, Span)>,
    received_at_ms: i64,
}

static BYTES: Recycler<u8> = Recycler::new();
static ENTRIES: Recycler<Entry> = Recycler::new();

/// Lets go of the memory that is kept for the next batches.
pub(crate) fn forget_buffers() {
    BYTES.clear();
    ENTRIES.clear();
}

impl Drop for Memory {
    fn drop(&mut self) {
        BYTES.give(std::mem::take(&mut self.bytes));
        ENTRIES.give(std::mem::take(&mut self.entries));
    }
}

/// A notice that came instead of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The end of the partition was reached (only with `enable.partition.eof`).
    EndOfPartition,
    /// The partition can't be read at the moment.
    Error(RDKafkaErrorCode),
}

/// Messages of one partition, in offset order. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    memory: Arc<Memory>,
    first: usize,
    notice: Option<Notice>,
}

thread_local! {
    // The array librdkafka fills; kept by each worker thread so that a batch needs no allocation for it.
    static SLOTS: RefCell<Vec<*mut sys::rd_kafka_message_t>> = const { RefCell::new(Vec::new()) };
}

impl Batch {
    /// Lets `fill` put at most `max_messages` librdkafka messages into an array, then copies and frees them.
    pub(crate) fn read(max_messages: usize, fill: impl FnOnce(&mut [*mut sys::rd_kafka_message_t]) -> usize) -> Self {
        SLOTS.with_borrow_mut(|slots| {
            slots.resize(max_messages.max(slots.len()), std::ptr::null_mut());
            let slots = &mut slots[..max_messages];
            let taken = fill(slots).min(max_messages);
            let batch = Self::copy_of(&slots[..taken]);
            for message in &slots[..taken] {
                // SAFETY: librdkafka gave us these messages; each is freed once, after it was copied.
                unsafe { sys::rd_kafka_message_destroy(*message) }
            }
            batch
        })
    }

    fn copy_of(messages: &[*mut sys::rd_kafka_message_t]) -> Self {
        if messages.is_empty() {
            return Self::default();
        }
        let mut builder = Builder::with_room_for(messages);
        let mut notice = None;
        for message in messages {
            // SAFETY: the messages are live until `read` frees them.
            let message = unsafe { &**message };
            match message.err {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => builder.add(message),
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => notice = Some(Notice::EndOfPartition),
                other => notice = outcome(other).err().map(Notice::Error),
            }
        }
        Self { memory: Arc::new(builder.memory), first: 0, notice }
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.memory.entries.len() - self.first
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What came instead of, or after, the messages.
    pub fn notice(&self) -> Option<Notice> {
        self.notice
    }

    /// Offset of the first message.
    pub fn first_offset(&self) -> Option<i64> {
        self.entry(0).map(|e| e.offset)
    }

    /// Offset of the last message.
    pub fn last_offset(&self) -> Option<i64> {
        self.memory.entries[self.first..].last().map(|e| e.offset)
    }

    /// Milliseconds since the epoch at which the batch was taken.
    pub fn received_at_ms(&self) -> i64 {
        self.memory.received_at_ms
    }

    /// Bytes of memory the batch holds.
    pub fn memory_bytes(&self) -> usize {
        self.memory.bytes.capacity()
            + self.memory.entries.capacity() * size_of::<Entry>()
            + self.memory.headers.capacity() * size_of::<(Span, Span)>()
    }

    fn entry(&self, index: usize) -> Option<&Entry> {
        self.memory.entries.get(self.first + index)
    }

    /// Offset of the message at `index`.
    pub fn offset(&self, index: usize) -> Option<i64> {
        self.entry(index).map(|e| e.offset)
    }

    /// Timestamp of the message at `index`, in milliseconds since the epoch; -1 if it has none.
    pub fn timestamp_ms(&self, index: usize) -> Option<i64> {
        self.entry(index).map(|e| e.timestamp_ms)
    }

    /// Payload of the message at `index`; `None` for a nil payload or an index past the end.
    pub fn payload(&self, index: usize) -> Option<&[u8]> {
        self.entry(index).and_then(|e| e.payload.of(&self.memory.bytes))
    }

    /// Key of the message at `index`; `None` for a nil key or an index past the end.
    pub fn key(&self, index: usize) -> Option<&[u8]> {
        self.entry(index).and_then(|e| e.key.of(&self.memory.bytes))
    }

    /// Headers of the message at `index`, in their order, with repeated names (KIP-82) as they came.
    pub fn headers(&self, index: usize) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let range = self.entry(index).map_or(0..0, |e| e.headers.start as usize..e.headers.end as usize);
        let bytes = &self.memory.bytes;
        self.memory.headers[range].iter().map(|(name, value)| (name.of(bytes).unwrap_or_default(), value.of(bytes)))
    }

    /// The messages from `offset` on. A gap in the offsets starts at the next message there is.
    pub fn from_offset(&self, offset: i64) -> Self {
        let skipped = self.memory.entries[self.first..].partition_point(|e| e.offset < offset);
        Self { memory: Arc::clone(&self.memory), first: self.first + skipped, notice: self.notice }
    }
}

struct Builder {
    memory: Memory,
}

impl Builder {
    fn with_room_for(messages: &[*mut sys::rd_kafka_message_t]) -> Self {
        let bytes = messages
            .iter()
            // SAFETY: the messages are live for the call.
            .map(|m| unsafe { (**m).len + (**m).key_len })
            .sum();
        let received_at_ms =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        Self {
            memory: Memory {
                bytes: BYTES.take(bytes),
                entries: ENTRIES.take(messages.len()),
                headers: Vec::new(),
                received_at_ms,
            },
        }
    }

    fn add(&mut self, message: &sys::rd_kafka_message_t) {
        // SAFETY: payload and key of a live message are NULL or `len` readable bytes; the timestamp call only reads.
        let (payload, key, timestamp_ms) = unsafe {
            (
                self.copy(message.payload.cast(), message.len),
                self.copy(message.key.cast(), message.key_len),
                sys::rd_kafka_message_timestamp(message, std::ptr::null_mut()),
            )
        };
        let headers = self.copy_headers(message);
        self.memory.entries.push(Entry { offset: message.offset, timestamp_ms, payload, key, headers });
    }

    /// # Safety
    /// `data` is NULL or points to `len` readable bytes.
    unsafe fn copy(&mut self, data: *const u8, len: usize) -> Span {
        if data.is_null() {
            return Span::NIL;
        }
        let start = self.memory.bytes.len();
        // SAFETY: promised by the caller.
        self.memory.bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(data, len) });
        Span { start, len }
    }

    fn copy_headers(&mut self, message: &sys::rd_kafka_message_t) -> Range<u32> {
        let start = self.memory.headers.len() as u32;
        if is_known_without_headers(message) {
            return start..start;
        }
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message is live; the headers belong to it and live as long.
        let found = outcome(unsafe { sys::rd_kafka_message_headers(message, &mut headers) });
        if found.is_ok() {
            // SAFETY: `headers` was just set by librdkafka and belongs to the live message.
            unsafe { self.copy_each_header(headers) };
        }
        start..self.memory.headers.len() as u32
    }

    /// # Safety
    /// `headers` is a live header list.
    unsafe fn copy_each_header(&mut self, headers: *const sys::rd_kafka_headers_t) {
        for index in 0.. {
            let (mut name, mut value, mut len) = (std::ptr::null(), std::ptr::null(), 0);
            // SAFETY: the list is live; past its end the call fails and writes nothing.
            let got = unsafe { sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut len) };
            if outcome(got).is_err() {
                return;
            }
            // SAFETY: a header's name is NUL-terminated, its value NULL or `len` readable bytes.
            let pair = unsafe {
                let name_len = libc::strlen(name);
                (self.copy(name.cast(), name_len), self.copy(value.cast(), len))
            };
            self.memory.headers.push(pair);
        }
    }
}

/// Whether a message surely has no headers.
///
/// Asking librdkafka makes it allocate a parser for each message, a fifth of what a batch costs. In a record of the
/// present format (the only one with headers, and with a leader epoch) the number of headers follows the value
/// (https://kafka.apache.org/documentation/#record), and librdkafka's payload points into the fetched record. A zero
/// there is "none"; anything else is asked about. The header tests, on every codec, guard the assumption.
fn is_known_without_headers(message: &sys::rd_kafka_message_t) -> bool {
    // SAFETY: the call only reads the live message.
    if message.payload.is_null() || unsafe { sys::rd_kafka_message_leader_epoch(message) } < 0 {
        return false;
    }
    // SAFETY: a record has at least the one byte of its header count behind its value, in the same buffer.
    unsafe { *message.payload.cast::<u8>().add(message.len) == 0 }
}

#[cfg(test)]
impl Batch {
    /// A batch of empty messages at the given offsets.
    pub(crate) fn at_offsets(offsets: impl IntoIterator<Item = i64>) -> Self {
        let entry = |offset| Entry { offset, timestamp_ms: -1, payload: Span::NIL, key: Span::NIL, headers: 0..0 };
        let mut memory = Memory::default();
        memory.entries.extend(offsets.into_iter().map(entry));
        Self { memory: Arc::new(memory), first: 0, notice: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_from_an_offset_starts_at_the_next_message_there_is() {
        let batch = Batch::at_offsets([3, 4, 8, 9]);
        assert_eq!(batch.from_offset(4).first_offset(), Some(4));
        assert_eq!(batch.from_offset(5).first_offset(), Some(8));
        assert_eq!(batch.from_offset(5).from_offset(9).len(), 1);
        assert!(batch.from_offset(10).is_empty());
        assert_eq!(batch.from_offset(0).len(), 4);
    }

    #[test]
    fn an_empty_batch_has_no_offsets() {
        let batch = Batch::default();
        assert_eq!((batch.first_offset(), batch.last_offset(), batch.payload(0)), (None, None, None));
    }
}
