//! What a client asks its brokers, and the tokens it shows them.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;

use super::{Client, PartitionList, Queue, c_string, outcome, string, sys};

type Kafka<T> = std::result::Result<T, RDKafkaErrorCode>;

const REASON_SIZE: usize = 512;

/// An OAUTHBEARER token.
pub struct Token {
    /// The token itself.
    pub value: String,
    /// When it ends, in milliseconds since the epoch.
    pub lifetime_ms: i64,
    /// Whom it stands for.
    pub principal: String,
    /// SASL extensions (RFC 7628), names and values.
    pub extensions: Vec<(String, String)>,
}

impl Client {
    /// Asks the broker for the low and high watermark of a partition. Blocks up to `timeout`.
    pub fn query_watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Kafka<(i64, i64)> {
        let topic = c_string(topic);
        let (mut low, mut high) = (0, 0);
        // SAFETY: the client is live; the out-pointers are to our own integers.
        outcome(unsafe {
            sys::rd_kafka_query_watermark_offsets(
                self.as_ptr(),
                topic.as_ptr(),
                partition,
                &mut low,
                &mut high,
                milliseconds(timeout),
            )
        })
        .map(|()| (low, high))
    }

    /// Asks the group's coordinator for committed offsets and writes them into the list. Blocks up to `timeout`.
    pub fn committed(&self, list: &mut PartitionList, timeout: Duration) -> Kafka<()> {
        // SAFETY: client and list are live; the list is ours alone.
        outcome(unsafe { sys::rd_kafka_committed(self.as_ptr(), list.as_ptr(), milliseconds(timeout)) })
            .and_then(|()| list.first_error())
    }

    /// Replaces each time of the list, in milliseconds, by the first offset from that time on. Blocks up to `timeout`.
    pub fn offsets_for_times(&self, list: &mut PartitionList, timeout: Duration) -> Kafka<()> {
        // SAFETY: as in `committed`.
        outcome(unsafe { sys::rd_kafka_offsets_for_times(self.as_ptr(), list.as_ptr(), milliseconds(timeout)) })
            .and_then(|()| list.first_error())
    }

    /// Asks the coordinator for the instance ids (KIP-345) of a group's members. Blocks up to `timeout`.
    pub fn instance_ids(self: &Arc<Self>, group: &str, timeout: Duration) -> Kafka<Vec<String>> {
        let replies = self.new_queue();
        self.describe_group(group, timeout, &replies);
        // SAFETY: the queue is live; the event is ours, NULL without an answer in time, and destroyed once.
        unsafe {
            let event = sys::rd_kafka_queue_poll(replies.as_ptr(), milliseconds(timeout));
            if event.is_null() {
                return Err(RDKafkaErrorCode::OperationTimedOut);
            }
            let ids = Self::described_instance_ids(event);
            sys::rd_kafka_event_destroy(event);
            ids
        }
    }

    fn describe_group(&self, group: &str, timeout: Duration, replies: &Queue) {
        let group = c_string(group);
        let mut groups = [group.as_ptr()];
        // SAFETY: client and queue are live, the name outlives the call, the options are ours and destroyed once. A
        // timeout that is refused leaves librdkafka's own.
        unsafe {
            let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
            let options = sys::rd_kafka_AdminOptions_new(self.as_ptr(), kind);
            sys::rd_kafka_AdminOptions_set_request_timeout(options, milliseconds(timeout), std::ptr::null_mut(), 0);
            sys::rd_kafka_DescribeConsumerGroups(
                self.as_ptr(),
                groups.as_mut_ptr(),
                groups.len(),
                options,
                replies.as_ptr(),
            );
            sys::rd_kafka_AdminOptions_destroy(options);
        }
    }

    /// # Safety
    /// `event` is live and the answer to [`Client::describe_group`].
    unsafe fn described_instance_ids(event: *mut sys::rd_kafka_event_t) -> Kafka<Vec<String>> {
        // SAFETY: what is read belongs to the live event; the result has one group, since one was asked for.
        unsafe {
            outcome(sys::rd_kafka_event_error(event))?;
            let mut count = 0;
            let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event);
            let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
            if count == 0 {
                return Ok(Vec::new());
            }
            let group = *groups;
            outcome(sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(group)))?;
            let members = 0..sys::rd_kafka_ConsumerGroupDescription_member_count(group);
            Ok(members
                .map(|index| sys::rd_kafka_ConsumerGroupDescription_member(group, index))
                .map(|member| string(sys::rd_kafka_MemberDescription_group_instance_id(member)))
                .collect())
        }
    }

    /// Hands the client the token that it asked for.
    ///
    /// # Errors
    /// librdkafka's code with its reason.
    pub fn set_token(&self, token: &Token) -> std::result::Result<(), (RDKafkaErrorCode, String)> {
        self.secrets().add_token(&token.value);
        let (value, principal) = (c_string(&token.value), c_string(&token.principal));
        let extensions: Vec<_> = token.extensions.iter().flat_map(|(n, v)| [c_string(n), c_string(v)]).collect();
        let mut pointers: Vec<*const c_char> = extensions.iter().map(|text| text.as_ptr()).collect();
        let mut reason = [0 as c_char; REASON_SIZE];
        // SAFETY: the client is live, the texts outlive the call and are copied, the buffer has the size given.
        let code = unsafe {
            sys::rd_kafka_oauthbearer_set_token(
                self.as_ptr(),
                value.as_ptr(),
                token.lifetime_ms,
                principal.as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len(),
                reason.as_mut_ptr(),
                REASON_SIZE,
            )
        };
        // SAFETY: the call NUL-terminated what it wrote into the buffer, which is zeroed otherwise.
        outcome(code).map_err(|code| (code, self.secrets().mask(unsafe { string(reason.as_ptr()) })))
    }

    /// Tells the client that there is no token; it asks again in ten seconds.
    pub fn set_token_failure(&self, reason: &str) -> Kafka<()> {
        let reason = c_string(reason);
        // SAFETY: the client is live; the reason is copied.
        outcome(unsafe { sys::rd_kafka_oauthbearer_set_token_failure(self.as_ptr(), reason.as_ptr()) })
    }
}

fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
