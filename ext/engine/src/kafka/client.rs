//! An owned librdkafka client.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::types::{RDKafkaErrorCode, RDKafkaType};

use super::fetches::{FetchHook, FetchListener};
use super::{PartitionList, Queue, Secrets, Settings, c_string, outcome, string, sys, take_error};
use crate::error::{EngineError, Result};
use crate::hints::Hints;
use crate::process::ProcessGuard;

const REASON_SIZE: usize = 512;
/// librdkafka's timeout for a call that is not waited for.
const WITHOUT_WAITING: i32 = 0;

/// What librdkafka reports to the poll thread; everything else it keeps for itself.
const REPORTED: i32 = sys::RD_KAFKA_EVENT_REBALANCE
    | sys::RD_KAFKA_EVENT_ERROR
    | sys::RD_KAFKA_EVENT_STATS
    | sys::RD_KAFKA_EVENT_LOG
    | sys::RD_KAFKA_EVENT_OFFSET_COMMIT
    | sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRole {
    /// A member of a consumer group.
    Consumer,
    /// A producer.
    Producer,
}

/// A librdkafka client, destroyed when its last reference goes, and never in a fork of its process.
pub struct Client {
    raw: *mut sys::rd_kafka_t,
    process: ProcessGuard,
    secrets: Secrets,
    hints: Hints,
    /// Of a consumer. Freed after the client, whose threads call it.
    fetches: Option<Box<FetchHook>>,
}

// SAFETY: librdkafka's client handle may be used from any thread, by its documentation.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

type Kafka<T> = std::result::Result<T, RDKafkaErrorCode>;

impl Client {
    /// Makes a producer. It connects in the background.
    ///
    /// # Errors
    /// [`EngineError::Setting`] for a refused property, [`EngineError::ClientCreation`] for settings that
    /// contradict each other.
    pub fn producer(owner: &str, settings: &BTreeMap<String, String>) -> Result<Arc<Self>> {
        Self::new(owner, ClientRole::Producer, settings, None)
    }

    /// Makes a member of a consumer group that tells of its fetches, see [`Client::producer`].
    ///
    /// # Errors
    /// As there.
    pub fn consumer(
        owner: &str,
        settings: &BTreeMap<String, String>,
        fetches: Arc<dyn FetchListener>,
    ) -> Result<Arc<Self>> {
        Self::new(owner, ClientRole::Consumer, settings, Some(FetchHook::new(fetches)))
    }

    fn new(
        owner: &str,
        role: ClientRole,
        settings: &BTreeMap<String, String>,
        fetches: Option<Box<FetchHook>>,
    ) -> Result<Arc<Self>> {
        let (secrets, hints) = (Secrets::of(settings), Hints::new(owner, role, settings));
        let settings = Settings::new(owner, settings)?;
        let (kind, reported) = match role {
            ClientRole::Consumer => (RDKafkaType::RD_KAFKA_CONSUMER, REPORTED),
            ClientRole::Producer => (RDKafkaType::RD_KAFKA_PRODUCER, REPORTED | sys::RD_KAFKA_EVENT_DR),
        };
        settings.report(reported);
        if let Some(hook) = &fetches {
            hook.add_to(&settings);
        }
        let mut reason = [0 as c_char; REASON_SIZE];
        let conf = settings.into_raw();
        // SAFETY: on success librdkafka owns `conf`, on failure we still do, see below.
        let raw = unsafe { sys::rd_kafka_new(kind, conf, reason.as_mut_ptr(), REASON_SIZE) };
        if raw.is_null() {
            // SAFETY: librdkafka NUL-terminated its reason.
            let reason = unsafe { string(reason.as_ptr()) };
            if fetches.as_ref().is_some_and(|hook| hook.is_known()) {
                // Of the configuration a part was freed, and threads of a client that was given up may go on for a while.
                std::mem::forget(fetches);
            } else {
                // SAFETY: `rd_kafka_new` failed, so `conf` is ours.
                unsafe { sys::rd_kafka_conf_destroy(conf) };
            }
            return Err(EngineError::ClientCreation { group: owner.into(), reason: secrets.mask(reason) });
        }
        Ok(Arc::new(Self { raw, process: ProcessGuard::here(), secrets, hints, fetches }))
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_t {
        self.raw
    }

    /// Frees messages of a broker that were read, or has the broker's thread do so.
    ///
    /// # Safety
    /// They are this client's, live, the caller's, and not used any more.
    pub(super) unsafe fn free_messages(&self, broker: i32, messages: &[*mut sys::rd_kafka_message_t]) {
        match &self.fetches {
            // SAFETY: promised by the caller.
            Some(hook) => unsafe { hook.spent().add(broker, messages) },
            // SAFETY: as above.
            None => messages.iter().for_each(|message| unsafe { sys::rd_kafka_message_destroy(*message) }),
        }
    }

    /// Frees messages that were left to a broker's thread a while ago, and which it has not freed.
    pub fn free_stale_messages(&self) {
        if let Some(hook) = &self.fetches {
            hook.spent().free_stale(Instant::now());
        }
    }

    /// What must not be seen of its settings.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What to look at when it fails.
    pub(crate) fn hints(&self) -> &Hints {
        &self.hints
    }

    /// The process this client lives in.
    pub fn process(&self) -> ProcessGuard {
        self.process
    }

    /// librdkafka's name for the client, such as `karafka#consumer-1`.
    pub fn name(&self) -> String {
        // SAFETY: the name lives as long as the client; it is copied.
        unsafe { string(sys::rd_kafka_name(self.raw)) }
    }

    /// The queue of group events, with the client's own events and logs led into it.
    pub fn consumer_queue(self: &Arc<Self>) -> Queue {
        // SAFETY: the client is live and a consumer; the queue reference is owned by the returned handle.
        unsafe {
            sys::rd_kafka_poll_set_consumer(self.raw);
            let queue = Queue::from_raw(sys::rd_kafka_queue_get_consumer(self.raw), Arc::clone(self));
            sys::rd_kafka_set_log_queue(self.raw, queue.as_ptr());
            queue
        }
    }

    /// A queue of its own, for replies.
    pub fn new_queue(self: &Arc<Self>) -> Queue {
        // SAFETY: the client is live; the queue reference is owned by the returned handle.
        unsafe { Queue::from_raw(sys::rd_kafka_queue_new(self.raw), Arc::clone(self)) }
    }

    /// The queue of one partition's messages; `None` if librdkafka has no such partition.
    pub fn partition_queue(self: &Arc<Self>, topic: &str, partition: i32) -> Option<Queue> {
        let topic = c_string(topic);
        // SAFETY: the client is live, the name NUL-terminated; a non-NULL reference is owned by the returned handle.
        unsafe {
            let raw = sys::rd_kafka_queue_get_partition(self.raw, topic.as_ptr(), partition);
            (!raw.is_null()).then(|| Queue::from_raw(raw, Arc::clone(self)))
        }
    }

    /// Subscribes to topics; joining the group goes on in the background.
    pub fn subscribe(&self, topics: &[String]) -> Kafka<()> {
        let mut list = PartitionList::new();
        for topic in topics {
            list.add(topic, -1, 0);
        }
        // SAFETY: client and list are live; librdkafka copies the list.
        outcome(unsafe { sys::rd_kafka_subscribe(self.raw, list.as_ptr()) })
    }

    /// Leaves the group, after the assignment was revoked by an event. The client can subscribe again.
    pub fn unsubscribe(&self) -> Kafka<()> {
        // SAFETY: the client is live.
        outcome(unsafe { sys::rd_kafka_unsubscribe(self.raw) })
    }

    /// Whether rebalances are incremental (cooperative or KIP-848) in the group's present protocol.
    pub fn rebalances_incrementally(&self) -> bool {
        // SAFETY: the client is live; the returned string is static.
        unsafe { string(sys::rd_kafka_rebalance_protocol(self.raw)) == "COOPERATIVE" }
    }

    /// Whether the assignment was lost without a revocation (KAFKA-9320 semantics: its offsets must not be committed).
    pub fn assignment_lost(&self) -> bool {
        // SAFETY: the client is live.
        unsafe { sys::rd_kafka_assignment_lost(self.raw) != 0 }
    }

    /// Replaces the assignment; `None` clears it.
    pub fn assign(&self, list: Option<&PartitionList>) -> Kafka<()> {
        let list = list.map_or(std::ptr::null_mut(), PartitionList::as_ptr);
        // SAFETY: the client is live, the list live or NULL; librdkafka copies it.
        outcome(unsafe { sys::rd_kafka_assign(self.raw, list) })
    }

    /// Adds partitions to the assignment.
    pub fn incremental_assign(&self, list: &PartitionList) -> Kafka<()> {
        // SAFETY: client and list are live; the error object is ours.
        unsafe { take_error(sys::rd_kafka_incremental_assign(self.raw, list.as_ptr())) }
    }

    /// Takes partitions out of the assignment.
    pub fn incremental_unassign(&self, list: &PartitionList) -> Kafka<()> {
        // SAFETY: client and list are live; the error object is ours.
        unsafe { take_error(sys::rd_kafka_incremental_unassign(self.raw, list.as_ptr())) }
    }

    /// Keeps an offset to be committed by the next commit. Fails with `State` for a partition that is not assigned.
    pub fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> Kafka<()> {
        let list = PartitionList::of(topic, partition, offset);
        // SAFETY: client and list are live.
        outcome(unsafe { sys::rd_kafka_offsets_store(self.raw, list.as_ptr()) }).and_then(|()| list.first_error())
    }

    /// Commits offsets (`None`: all that are stored); the result arrives as [`Event::Committed`](super::Event::Committed) on `reply`.
    pub fn commit(&self, offsets: Option<&PartitionList>, reply: &Queue) -> Kafka<()> {
        let list = offsets.map_or(std::ptr::null(), |l| l.as_ptr().cast_const());
        // SAFETY: client and queue are live, the list live or NULL; without a callback the reply is an event.
        outcome(unsafe { sys::rd_kafka_commit_queue(self.raw, list, reply.as_ptr(), None, std::ptr::null_mut()) })
    }

    /// Starts a commit whose result the consumer queue tells.
    pub fn commit_in_background(&self, offsets: &PartitionList) -> Kafka<()> {
        // SAFETY: client and list are live; the queue reference is ours, and librdkafka has its own for the reply.
        unsafe {
            let replies = sys::rd_kafka_queue_get_consumer(self.raw);
            let sent = sys::rd_kafka_commit_queue(self.raw, offsets.as_ptr(), replies, None, std::ptr::null_mut());
            sys::rd_kafka_queue_destroy(replies);
            outcome(sent)
        }
    }

    /// Has fetching of a partition go on at `offset`, or at one of librdkafka's logical ones. What was fetched before is
    /// not delivered any more from now on, but counts in the queue until that is read.
    pub fn seek(&self, topic: &str, partition: i32, offset: i64) -> Kafka<()> {
        let list = PartitionList::of(topic, partition, offset);
        // SAFETY: client and list are live; without a timeout librdkafka only notes the request, and the error object
        // is ours.
        unsafe { take_error(sys::rd_kafka_seek_partitions(self.raw, list.as_ptr(), WITHOUT_WAITING))? };
        match list.first_error() {
            Err(RDKafkaErrorCode::InProgress) => Ok(()),
            other => other,
        }
    }

    /// Low and high watermark as of the last fetch, without asking the broker; `None` before the first one.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        let topic = c_string(topic);
        let (mut low, mut high) = (0, 0);
        // SAFETY: the client is live; the out-pointers are to our own integers.
        let known = outcome(unsafe {
            sys::rd_kafka_get_watermark_offsets(self.raw, topic.as_ptr(), partition, &mut low, &mut high)
        });
        (known.is_ok() && high >= 0).then_some((low, high))
    }

    /// Starts leaving the group; what remains is served on `queue` until [`Client::is_closed`].
    pub fn close(&self, queue: &Queue) -> Kafka<()> {
        // SAFETY: client and queue are live; the error object is ours.
        unsafe { take_error(sys::rd_kafka_consumer_close_queue(self.raw, queue.as_ptr())) }
    }

    /// Whether the group was left.
    pub fn is_closed(&self) -> bool {
        // SAFETY: the client is live.
        unsafe { sys::rd_kafka_consumer_closed(self.raw) != 0 }
    }

    /// The error that made the client unusable, if there is one.
    pub fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        let mut reason = [0 as c_char; REASON_SIZE];
        // SAFETY: the client is live, the buffer has the size given and is NUL-terminated by the call.
        let (code, text) = unsafe {
            let code = sys::rd_kafka_fatal_error(self.raw, reason.as_mut_ptr(), REASON_SIZE);
            (code, string(reason.as_ptr()))
        };
        outcome(code).err().map(|code| (code, self.secrets.mask(text)))
    }

    /// Puts the client into the state of a fatal error, for tests of what follows.
    pub fn inject_fatal_error(&self, reason: &str) {
        let reason = c_string(reason);
        // SAFETY: the client is live; librdkafka copies the reason.
        unsafe {
            sys::rd_kafka_test_fatal_error(
                self.raw,
                rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED,
                reason.as_ptr(),
            );
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.process.is_home() {
            if let Some(hook) = &self.fetches {
                hook.spent().free_all();
            }
            // SAFETY: the last reference; queues keep their client alive, so none is left. Closing was done before,
            // with a deadline: destroying must not try it again.
            unsafe { sys::rd_kafka_destroy_flags(self.raw, sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }
        }
    }
}
