//! Taking messages out of librdkafka: what came at once, copied run by run.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::{BYTES, Batch, ENTRIES, Ending, Entry, Memory, Span};
use crate::kafka::{outcome, sys};
use crate::pages::append;

/// Messages in offset order, as they came.
#[derive(Debug, Default)]
pub struct Run {
    /// The messages.
    pub batch: Batch,
    /// Leader epochs of the first and the last message (KIP-320), -1 where the log does not tell.
    pub leader_epochs: (i32, i32),
}

/// What taking from a partition's queue brought.
#[derive(Debug, Default)]
pub struct Haul {
    /// The messages; those behind the point where librdkafka went back are in `later`.
    pub run: Run,
    /// What came after it, each run beginning at an offset that is not above the last one of the run before.
    pub later: Vec<Run>,
    /// Why the partition can't be read at the moment.
    pub error: Option<RDKafkaErrorCode>,
    /// Whether there may be more in the queue.
    pub leftover: Leftover,
}

/// Whether a queue was emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leftover {
    /// Nothing was left.
    #[default]
    None,
    /// There was no room to take it all.
    Possible,
}

thread_local! {
    // The array librdkafka fills; kept by each worker thread so that a batch needs no allocation for it.
    static SLOTS: RefCell<Vec<*mut sys::rd_kafka_message_t>> = const { RefCell::new(Vec::new()) };
}

impl Haul {
    /// Lets `fill` put at most `max_messages` librdkafka messages into an array, copies them, and lets `free` free them.
    /// It is told the broker that the last one came from.
    pub(crate) fn read(
        max_messages: usize,
        fill: impl FnOnce(&mut [*mut sys::rd_kafka_message_t]) -> usize,
        free: impl FnOnce(i32, &[*mut sys::rd_kafka_message_t]),
    ) -> Self {
        SLOTS.with_borrow_mut(|slots| {
            slots.resize(max_messages.max(slots.len()), std::ptr::null_mut());
            let slots = &mut slots[..max_messages];
            let taken = fill(slots).min(max_messages);
            let messages = &slots[..taken];
            let mut haul = Self {
                leftover: if taken == max_messages { Leftover::Possible } else { Leftover::None },
                ..Self::default()
            };
            for (number, run) in runs_of(messages).enumerate() {
                let run = copy_of(run, &mut haul.error);
                if number == 0 { haul.run = run } else { haul.later.push(run) }
            }
            if let Some(last) = messages.last() {
                // SAFETY: the messages are live until `free` gets them.
                free(unsafe { sys::rd_kafka_message_broker_id(*last) }, messages);
            }
            haul
        })
    }
}

fn copy_of(messages: &[*mut sys::rd_kafka_message_t], error: &mut Option<RDKafkaErrorCode>) -> Run {
    let mut builder = Builder::with_room_for(messages);
    let mut ending = Ending::Open;
    let mut leader_epochs = None;
    for message in messages {
        // SAFETY: the messages are live until `read` has them freed.
        let message = unsafe { &**message };
        match message.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {
                ending = Ending::Open;
                let epoch = builder.add(message);
                leader_epochs.get_or_insert((epoch, epoch)).1 = epoch;
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => ending = Ending::EndOfPartition,
            other => note(error, outcome(other).err()),
        }
    }
    let batch = Batch { memory: Arc::new(builder.memory), first: 0, ending };
    Run { batch, leader_epochs: leader_epochs.unwrap_or((-1, -1)) }
}

/// The latest error counts, but that one which is to be answered is not forgotten over it.
fn note(error: &mut Option<RDKafkaErrorCode>, code: Option<RDKafkaErrorCode>) {
    if *error != Some(RDKafkaErrorCode::AutoOffsetReset) {
        *error = code;
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

    /// Returns the message's leader epoch.
    fn add(&mut self, message: &sys::rd_kafka_message_t) -> i32 {
        // SAFETY: payload and key of a live message are NULL or `len` readable bytes; the calls only read.
        let (payload, key, timestamp_ms, leader_epoch) = unsafe {
            (
                self.copy(message.payload.cast(), message.len),
                self.copy(message.key.cast(), message.key_len),
                sys::rd_kafka_message_timestamp(message, std::ptr::null_mut()),
                sys::rd_kafka_message_leader_epoch(message),
            )
        };
        let headers = self.copy_headers(message, leader_epoch);
        self.memory.entries.push(Entry { offset: message.offset, timestamp_ms, payload, key, headers });
        leader_epoch
    }

    /// # Safety
    /// `data` is NULL or points to `len` readable bytes.
    unsafe fn copy(&mut self, data: *const u8, len: usize) -> Span {
        if data.is_null() {
            return Span::NIL;
        }
        let start = self.memory.bytes.len();
        // SAFETY: promised by the caller.
        append(&mut self.memory.bytes, unsafe { std::slice::from_raw_parts(data, len) });
        Span { start, len }
    }

    fn copy_headers(&mut self, message: &sys::rd_kafka_message_t, leader_epoch: i32) -> Range<u32> {
        let start = self.memory.headers.len() as u32;
        if is_known_without_headers(message, leader_epoch) {
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

/// Cuts what was taken where a message's offset is not above that of the one before.
fn runs_of(messages: &[*mut sys::rd_kafka_message_t]) -> impl Iterator<Item = &[*mut sys::rd_kafka_message_t]> {
    let offset = |message: &*mut sys::rd_kafka_message_t| {
        // SAFETY: the messages are live until `read` has them freed.
        let message = unsafe { &**message };
        (message.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(message.offset)
    };
    let mut last = None;
    messages.chunk_by(move |one, next| {
        last = offset(one).or(last);
        let ascends = last.zip(offset(next)).is_none_or(|(last, next)| next > last);
        if !ascends {
            last = None;
        }
        ascends
    })
}

/// Whether a message surely has no headers.
///
/// Asking librdkafka makes it allocate a parser for each message, a fifth of what a batch costs. In a record of the
/// present format (the only one with headers, and with a leader epoch) the number of headers follows the value
/// (<https://kafka.apache.org/documentation/#record>), and librdkafka's payload points into the fetched record, unless it
/// is empty (2.12, `rd_kafka_buf_read_kbytes`). A zero there is "none"; anything else is asked about. The header tests,
/// on every codec, guard the assumption.
fn is_known_without_headers(message: &sys::rd_kafka_message_t, leader_epoch: i32) -> bool {
    if message.payload.is_null() || message.len == 0 || leader_epoch < 0 {
        return false;
    }
    // SAFETY: a record has at least the one byte of its header count behind its value, in the same buffer.
    unsafe { *message.payload.cast::<u8>().add(message.len) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_to_be_answered_is_not_forgotten_over_another() {
        use RDKafkaErrorCode::{AutoOffsetReset, TopicAuthorizationFailed, UnknownTopicOrPartition};
        let mut error = None;
        let noted = [UnknownTopicOrPartition, TopicAuthorizationFailed, AutoOffsetReset, UnknownTopicOrPartition]
            .map(|code| (note(&mut error, Some(code)), error).1);
        let last = Some(AutoOffsetReset);
        assert_eq!(noted, [Some(UnknownTopicOrPartition), Some(TopicAuthorizationFailed), last, last]);
    }

    #[test]
    fn what_was_taken_is_cut_where_offsets_do_not_ascend() {
        const END: i64 = -1;
        let mut taken = [3, 5, END, 3, 4, END, 4, 9].map(|offset| {
            // SAFETY: zero is valid for each field: null pointers, numbers, and "no error".
            let mut message: sys::rd_kafka_message_t = unsafe { std::mem::zeroed() };
            message.offset = offset;
            if offset == END {
                message.err = RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF;
            }
            message
        });
        let messages = taken.each_mut().map(std::ptr::from_mut);
        assert_eq!(runs_of(&messages).map(<[_]>::len).collect::<Vec<_>>(), [3, 3, 2]);
        assert_eq!(runs_of(&[]).count(), 0);
    }
}
