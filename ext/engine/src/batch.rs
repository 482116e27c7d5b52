//! A batch of messages, copied out of librdkafka into one allocation of its own.
//!
//! Copying is done by the worker without the GVL and costs a few microseconds a batch. In return a message that
//! the application keeps pins its batch, not a fetch buffer of a megabyte; the memory a batch holds is known
//! to a page; freeing one is a plain deallocation, safe in a garbage collector and in a forked process; and a client
//! can be destroyed while its messages are still read.

mod haul;

use std::ops::Range;
use std::sync::Arc;

pub use haul::{Haul, Leftover, Run};

use crate::pages::{Buffer, Pages, append};
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

    fn moved(self, by: usize) -> Self {
        Self { start: self.start.saturating_add(by), ..self }
    }
}

#[derive(Debug, Clone)]
struct Entry {
    offset: i64,
    timestamp_ms: i64,
    payload: Span,
    key: Span,
    /// Range in `headers`.
    headers: Range<u32>,
}

#[derive(Debug)]
struct Memory {
    bytes: Buffer<u8>,
    entries: Buffer<Entry>,
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

impl Default for Memory {
    fn default() -> Self {
        Self { bytes: Buffer::new_in(Pages), entries: Buffer::new_in(Pages), headers: Vec::new(), received_at_ms: 0 }
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.append(self, 0);
        copy
    }
}

impl Memory {
    fn append(&mut self, next: &Self, first: usize) {
        if self.entries.is_empty() {
            self.received_at_ms = next.received_at_ms;
        }
        let (bytes, headers) = (self.bytes.len(), self.headers.len() as u32);
        append(&mut self.bytes, &next.bytes);
        self.headers.extend(next.headers.iter().map(|(name, value)| (name.moved(bytes), value.moved(bytes))));
        self.entries.extend(next.entries[first..].iter().map(|entry| Entry {
            payload: entry.payload.moved(bytes),
            key: entry.key.moved(bytes),
            headers: entry.headers.start + headers..entry.headers.end + headers,
            ..*entry
        }));
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        BYTES.give(std::mem::replace(&mut self.bytes, Buffer::new_in(Pages)));
        ENTRIES.give(std::mem::replace(&mut self.entries, Buffer::new_in(Pages)));
    }
}

/// What is behind a batch, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// More, or nothing yet.
    #[default]
    Open,
    /// The end of the partition (only with `enable.partition.eof`).
    EndOfPartition,
}

/// Messages of one partition, in offset order. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    memory: Arc<Memory>,
    first: usize,
    ending: Ending,
}

impl Batch {
    /// Number of messages.
    pub fn len(&self) -> usize {
        self.memory.entries.len() - self.first
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is behind the messages.
    pub fn ending(&self) -> Ending {
        self.ending
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

    /// Bytes of a message's payload, key and headers, on average.
    pub fn average_content(&self) -> usize {
        self.memory.bytes.len().checked_div(self.memory.entries.len()).unwrap_or(0)
    }

    /// Bytes that a message takes in it, on average; 0 in an empty one.
    pub fn average_bytes(&self) -> usize {
        if self.memory.entries.is_empty() { 0 } else { self.average_content() + size_of::<Entry>() }
    }

    fn entry(&self, index: usize) -> Option<&Entry> {
        self.memory.entries.get(self.first + index)
    }

    /// Where the message with this offset is. Most logs have no gaps: then it is where it would be expected.
    pub fn index_of(&self, offset: i64) -> Option<usize> {
        let expected = usize::try_from(offset.checked_sub(self.first_offset()?)?).ok()?;
        if self.offset(expected) == Some(offset) {
            return Some(expected);
        }
        self.memory.entries[self.first..].binary_search_by_key(&offset, |entry| entry.offset).ok()
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

    /// The messages of its memory from `offset` on, those too that an earlier call left out. A gap in the offsets
    /// starts at the next message there is.
    pub fn from_offset(&self, offset: i64) -> Self {
        let first = self.memory.entries.partition_point(|e| e.offset < offset);
        Self { memory: Arc::clone(&self.memory), first, ending: self.ending }
    }

    /// This batch with the next one of its partition behind it. What was left out of it is not in its memory any more.
    pub(crate) fn join(mut self, next: &Self) -> Self {
        if self.first > 0 {
            let mut memory = Memory::default();
            memory.append(&self.memory, self.first);
            (self.memory, self.first) = (Arc::new(memory), 0);
        }
        if !next.is_empty() {
            Arc::make_mut(&mut self.memory).append(&next.memory, next.first);
        }
        if !next.is_empty() || next.ending == Ending::EndOfPartition {
            self.ending = next.ending;
        }
        self
    }
}

#[cfg(test)]
impl Batch {
    /// A batch of messages at the given offsets, with their offsets as times and payloads.
    pub(crate) fn at_offsets(offsets: impl IntoIterator<Item = i64>) -> Self {
        let mut memory = Memory::default();
        for offset in offsets {
            let (text, start) = (offset.to_string(), memory.bytes.len());
            memory.bytes.extend_from_slice(text.as_bytes());
            let payload = Span { start, len: text.len() };
            memory.entries.push(Entry { offset, timestamp_ms: offset, payload, key: Span::NIL, headers: 0..0 });
        }
        Self { memory: Arc::new(memory), ..Self::default() }
    }

    /// The same, at the end of the partition.
    pub(crate) fn at_the_end(self) -> Self {
        Self { ending: Ending::EndOfPartition, ..self }
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
        assert_eq!(batch.from_offset(9).from_offset(4).len(), 3, "what was left out is still there");
        assert!(batch.from_offset(10).is_empty());
        assert_eq!(batch.from_offset(0).len(), 4);
    }

    #[test]
    fn a_message_is_found_by_its_offset() {
        let batch = Batch::at_offsets([3, 4, 8, 9, i64::MAX]).from_offset(4);
        let found = [4, 8, 9, i64::MAX].map(|offset| batch.index_of(offset));
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!([3, 5, 10, -1, i64::MIN].map(|offset| batch.index_of(offset)), [None; 5]);
        assert_eq!(Batch::default().index_of(0), None);
    }

    #[test]
    fn joined_batches_are_one() {
        let parts = Batch::at_offsets([3, 4]).at_the_end();
        let joined = parts.clone().join(&Batch::at_offsets([5, 6, 9]).from_offset(6));
        let payloads: Vec<_> = (0..joined.len()).map(|i| joined.payload(i).unwrap()).collect();
        assert_eq!(payloads, [b"3", b"4", b"6", b"9"]);
        assert_eq!((joined.ending(), joined.key(2)), (Ending::Open, None));
        assert_eq!((parts.len(), parts.ending()), (2, Ending::EndOfPartition), "who shares it sees no change");
        assert_eq!(joined.clone().join(&Batch::default().at_the_end()).ending(), Ending::EndOfPartition);
        assert_eq!(joined.from_offset(6).join(&Batch::default()).from_offset(0).len(), 2);
    }

    #[test]
    fn an_empty_batch_has_no_offsets() {
        let batch = Batch::default();
        assert_eq!((batch.first_offset(), batch.last_offset(), batch.payload(0)), (None, None, None));
    }
}
