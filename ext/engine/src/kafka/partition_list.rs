//! Owned `rd_kafka_topic_partition_list_t`.

use rdkafka::types::RDKafkaErrorCode;

use super::{c_string, outcome, string, sys};

/// A list of topic partitions with their offsets.
pub struct PartitionList {
    raw: *mut sys::rd_kafka_topic_partition_list_t,
}

// SAFETY: the list is plain memory with one owner; librdkafka keeps no thread-local state in it.
unsafe impl Send for PartitionList {}

impl PartitionList {
    /// An empty list.
    pub fn new() -> Self {
        // SAFETY: returns an owned list; the size is a hint.
        Self { raw: unsafe { sys::rd_kafka_topic_partition_list_new(1) } }
    }

    /// A list of one partition at `offset`.
    pub fn of(topic: &str, partition: i32, offset: i64) -> Self {
        let mut list = Self::new();
        list.add(topic, partition, offset);
        list
    }

    /// Copies a list that somebody else owns.
    ///
    /// # Safety
    /// `raw` points to a live list.
    pub(super) unsafe fn copy_of(raw: *const sys::rd_kafka_topic_partition_list_t) -> Self {
        // SAFETY: the caller promises a live list; the copy is ours.
        Self { raw: unsafe { sys::rd_kafka_topic_partition_list_copy(raw) } }
    }

    /// Adds a partition at `offset`.
    pub fn add(&mut self, topic: &str, partition: i32, offset: i64) {
        let topic = c_string(topic);
        // SAFETY: the list is live; librdkafka copies the name; the returned element is live until the next change.
        unsafe {
            let element = sys::rd_kafka_topic_partition_list_add(self.raw, topic.as_ptr(), partition);
            (*element).offset = offset;
        }
    }

    /// Number of partitions.
    pub fn len(&self) -> usize {
        // SAFETY: the list is live.
        usize::try_from(unsafe { (*self.raw).cnt }).unwrap_or(0)
    }

    /// Whether the list has no partitions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn element(&self, index: usize) -> &sys::rd_kafka_topic_partition_t {
        debug_assert!(index < self.len());
        // SAFETY: callers stay below `len`; the elements are an array of `cnt`, borrowed as long as the list.
        unsafe { &*(*self.raw).elems.add(index) }
    }

    /// Each partition as (topic, partition, offset).
    pub fn entries(&self) -> impl Iterator<Item = (String, i32, i64)> + '_ {
        (0..self.len()).map(|i| {
            let element = self.element(i);
            // SAFETY: the topic of an element is a NUL-terminated string owned by the list.
            (unsafe { string(element.topic) }, element.partition, element.offset)
        })
    }

    /// The first error that librdkafka noted on a partition of the list.
    pub fn first_error(&self) -> Result<(), RDKafkaErrorCode> {
        (0..self.len()).try_for_each(|i| outcome(self.element(i).err))
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.raw
    }
}

impl Default for PartitionList {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: owned and not given away.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.raw) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_added() {
        let mut list = PartitionList::of("orders", 3, 42);
        list.add("refunds", 0, 7);
        let entries: Vec<_> = list.entries().collect();
        assert_eq!(entries, [("orders".to_string(), 3, 42), ("refunds".to_string(), 0, 7)]);
        assert!(list.first_error().is_ok());
    }
}
