//! What a client does as a producer.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;

use super::{Client, Queue, c_string, outcome, sys, take_error};
use crate::producer::Ticket;

type Kafka<T> = std::result::Result<T, RDKafkaErrorCode>;

/// Lets librdkafka's partitioner choose the partition.
pub const ANY_PARTITION: i32 = -1;

/// A message to send. Everything is copied before [`Client::produce`] returns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record<'a> {
    /// Name of the topic.
    pub topic: &'a str,
    /// Partition, or [`ANY_PARTITION`].
    pub partition: i32,
    /// Payload; `None` is a tombstone, which is not the same as an empty one.
    pub payload: Option<&'a [u8]>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Headers in their order; a name may come several times (KIP-82).
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
    /// Milliseconds since the epoch; 0 stands for the time it is sent.
    pub timestamp_ms: i64,
}

/// How a key leads to a partition: librdkafka's partitioners, by their names in its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partitioner {
    /// CRC32 of the key (`consistent`, `consistent_random`).
    #[default]
    Crc32,
    /// Murmur2 of the key, as Java clients do it (`murmur2`, `murmur2_random`).
    Murmur2,
    /// FNV-1a of the key (`fnv1a`, `fnv1a_random`).
    Fnv1a,
    /// Whatever the key is (`random`).
    Random,
}

impl Partitioner {
    /// The partitioner of a name in librdkafka's configuration. Those with `_random` differ for empty keys only.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "consistent" | "consistent_random" => Some(Self::Crc32),
            "murmur2" | "murmur2_random" => Some(Self::Murmur2),
            "fnv1a" | "fnv1a_random" => Some(Self::Fnv1a),
            "random" => Some(Self::Random),
            _ => None,
        }
    }

    /// The partition of a key among `partitions`; `None` leaves the choice to librdkafka.
    pub fn partition(self, key: &[u8], partitions: i32) -> Option<i32> {
        if partitions < 1 {
            return None;
        }
        let hash = match self {
            Self::Crc32 => sys::rd_kafka_msg_partitioner_consistent,
            Self::Murmur2 => sys::rd_kafka_msg_partitioner_murmur2,
            Self::Fnv1a => sys::rd_kafka_msg_partitioner_fnv1a,
            Self::Random => return None,
        };
        let nothing = std::ptr::null_mut();
        // SAFETY: these three hash the key and look at nothing else (rdkafka_msg.c); the count is at least 1.
        Some(unsafe { hash(std::ptr::null(), key.as_ptr().cast(), key.len(), partitions, nothing, nothing) })
    }
}

/// Headers on their way to librdkafka, which takes them over when it takes the message.
struct Headers(*mut sys::rd_kafka_headers_t);

impl Headers {
    fn new(headers: &[(&[u8], Option<&[u8]>)]) -> Self {
        // SAFETY: returns an owned list, freed in Drop unless librdkafka took it over.
        let list = Self(unsafe { sys::rd_kafka_headers_new(headers.len()) });
        for (name, value) in headers {
            let (value, length) = value.map_or((std::ptr::null(), 0), |v| (v.as_ptr().cast::<c_void>(), v.len()));
            // SAFETY: the list is live; name and value have the lengths given and are copied.
            unsafe {
                sys::rd_kafka_header_add(list.0, name.as_ptr().cast(), name.len() as isize, value, length as isize);
            }
        }
        list
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        // SAFETY: owned: `produce` forgets the list when librdkafka took it over.
        unsafe { sys::rd_kafka_headers_destroy(self.0) }
    }
}

type Field = sys::rd_kafka_vu_s__bindgen_ty_1;
type Memory = sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1;

fn field(vtype: sys::rd_kafka_vtype_t, value: Field) -> sys::rd_kafka_vu_t {
    sys::rd_kafka_vu_t { vtype, u: value }
}

fn memory(bytes: Option<&[u8]>) -> Field {
    let (ptr, size) = bytes.map_or((std::ptr::null_mut(), 0), |b| (b.as_ptr().cast_mut().cast(), b.len()));
    Field { mem: Memory { ptr, size } }
}

impl Client {
    /// The queue of a producer's delivery reports and of the client's own events and logs.
    pub fn main_queue(self: &Arc<Self>) -> Queue {
        // SAFETY: the client is live; the queue reference is owned by the returned handle; NULL means the main queue.
        unsafe {
            sys::rd_kafka_set_log_queue(self.as_ptr(), std::ptr::null_mut());
            Queue::from_raw(sys::rd_kafka_queue_get_main(self.as_ptr()), Arc::clone(self))
        }
    }

    /// Copies a message into the client's queue, and never waits for room in it: `QueueFull` says there is none.
    /// The answer comes to `ticket` with an [`super::Event::Deliveries`].
    pub fn produce(&self, record: &Record<'_>, ticket: Arc<Ticket>) -> Kafka<()> {
        use sys::rd_kafka_vtype_t as vtype;
        let topic = c_string(record.topic);
        let opaque = Arc::into_raw(ticket);
        let headers = (!record.headers.is_empty()).then(|| Headers::new(record.headers));
        let fields = [
            field(vtype::RD_KAFKA_VTYPE_TOPIC, Field { cstr: topic.as_ptr() }),
            field(vtype::RD_KAFKA_VTYPE_PARTITION, Field { i32_: record.partition }),
            field(vtype::RD_KAFKA_VTYPE_MSGFLAGS, Field { i: sys::RD_KAFKA_MSG_F_COPY }),
            field(vtype::RD_KAFKA_VTYPE_VALUE, memory(record.payload)),
            field(vtype::RD_KAFKA_VTYPE_KEY, memory(record.key)),
            field(vtype::RD_KAFKA_VTYPE_TIMESTAMP, Field { i64_: record.timestamp_ms }),
            field(vtype::RD_KAFKA_VTYPE_OPAQUE, Field { ptr: opaque.cast_mut().cast() }),
            // The last one: left out when there are none.
            field(
                vtype::RD_KAFKA_VTYPE_HEADERS,
                Field { headers: headers.as_ref().map_or(std::ptr::null_mut(), |h| h.0) },
            ),
        ];
        let count = if headers.is_some() { fields.len() } else { fields.len() - 1 };
        // SAFETY: the client is live; each field has the value its type asks for; what they point to lives until the
        // call returns, by when librdkafka has copied it. The error object is ours.
        let taken = unsafe { take_error(sys::rd_kafka_produceva(self.as_ptr(), fields.as_ptr(), count)) };
        match taken {
            Ok(()) => std::mem::forget(headers),
            // SAFETY: librdkafka refused the message, so the reference it carried is ours again.
            Err(_) => drop(unsafe { Arc::from_raw(opaque) }),
        }
        taken
    }

    /// Waits up to `timeout` until every message is answered; whether that is so. Batches are not waited for meanwhile.
    pub fn flush(&self, timeout: Duration) -> bool {
        let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is live. With delivery events the call only waits; the poll thread serves the queue.
        outcome(unsafe { sys::rd_kafka_flush(self.as_ptr(), timeout) }).is_ok()
    }

    /// Gives up every message that is not answered yet. Their reports follow, with `PurgeQueue` or `PurgeInflight`.
    pub fn purge(&self) -> Kafka<()> {
        let what = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT | sys::RD_KAFKA_PURGE_F_NON_BLOCKING;
        // SAFETY: the client is live.
        outcome(unsafe { sys::rd_kafka_purge(self.as_ptr(), what) })
    }

    /// Asks a broker how many partitions a topic has; `None` if there is no such topic (yet). Blocks up to `timeout`.
    pub fn partition_count(&self, topic: &str, timeout: Duration) -> Kafka<Option<i32>> {
        let topic = c_string(topic);
        let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let mut metadata = std::ptr::null();
        // SAFETY: client and topic handle are live during the call; metadata is ours if the call succeeded, has as many
        // topics as it says, and is freed once.
        unsafe {
            let handle = sys::rd_kafka_topic_new(self.as_ptr(), topic.as_ptr(), std::ptr::null_mut());
            if handle.is_null() {
                return Err(sys::rd_kafka_last_error().into());
            }
            let asked = sys::rd_kafka_metadata(self.as_ptr(), 0, handle, &mut metadata, timeout);
            sys::rd_kafka_topic_destroy(handle);
            outcome(asked)?;
            let count = ((*metadata).topic_cnt > 0).then(|| {
                let found = &*(*metadata).topics;
                if outcome(found.err).is_ok() { found.partition_cnt } else { 0 }
            });
            sys::rd_kafka_metadata_destroy(metadata);
            Ok(count.filter(|count| *count > 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitioners_have_librdkafkas_names() {
        assert_eq!(Partitioner::named("consistent_random"), Some(Partitioner::Crc32));
        assert_eq!(Partitioner::named("murmur2_random"), Some(Partitioner::Murmur2));
        assert_eq!(Partitioner::named("sticky"), None);
    }

    #[test]
    fn a_key_has_one_partition_and_it_exists() {
        for partitioner in [Partitioner::Crc32, Partitioner::Murmur2, Partitioner::Fnv1a] {
            for key in ["a", "order-17", "\u{fc}"] {
                let partition = partitioner.partition(key.as_bytes(), 7);
                assert_eq!(partition, partitioner.partition(key.as_bytes(), 7));
                assert!(partition.is_some_and(|p| (0..7).contains(&p)), "{partitioner:?} {key} {partition:?}");
            }
        }
        assert_eq!(Partitioner::Random.partition(b"a", 7), None);
        assert_eq!(Partitioner::Crc32.partition(b"a", 0), None);
    }

    #[test]
    fn crc32_is_that_of_the_standard() {
        // CRC-32 of "123456789" is 0xCBF43926, the check value of its specification.
        assert_eq!(Partitioner::Crc32.partition(b"123456789", 1_000), Some((0xCBF4_3926_u32 % 1_000) as i32));
    }
}
