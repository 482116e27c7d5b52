//! What the engine asks of librdkafka beyond what the user set.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use crate::config::GroupConfig;
use crate::fetching::{Limits, Sharing};

/// What a user may override: chosen for a consumer that shares its process with a web server.
const DEFAULTS: &[(&str, &str)] = &[
    // A consumer slower than the fetcher would otherwise wait a whole second each time its queue is full; and while it
    // is full librdkafka's thread wakes that often, which a host with few cores notices.
    ("fetch.queue.backoff.ms", "3"),
    // With the store interval of marks below the second of work that a crash may repeat.
    ("auto.commit.interval.ms", "900"),
    ("statistics.interval.ms", "5000"),
];

/// What nobody may override: the engine's promises stand on it.
const FORCED: &[(&str, &str)] = &[
    // Marks store offsets, delivery does not.
    ("enable.auto.offset.store", "false"),
    ("log.queue", "true"),
];

/// A fetch brings at most this many partitions' shares.
const FETCH_SHARE: usize = 16;
const LEAST_FETCH: usize = 1 << 20;
/// A response is one buffer, read before the next is asked for: larger ones leave the queues dry meanwhile.
const MOST_FETCH: usize = 2 << 20;

const MAX_POLL_INTERVAL_MS: u64 = 300_000;
// librdkafka's defaults
const FETCH_WAIT_MS: u64 = 500;
const QUEUE_MESSAGES: usize = 100_000;
const QUEUE_BACKOFF_MS: u64 = 1_000;

/// What says how much is prefetched.
const PREFETCHING: [&str; 3] = ["queued.max.messages.kbytes", "fetch.message.max.bytes", "fetch.max.bytes"];
/// As large as a producer's batches are at most, unless it was told otherwise. Where the share of a partition is smaller, all
/// have the memory in common, and batches may come as large as they are.
const LEAST_SHARE_KBYTES: usize = 1_024;
/// Most bytes of one partition in a fetch there.
const POOLED_FETCH: usize = LEAST_SHARE_KBYTES << 10;

/// What librdkafka may prefetch for one partition. What may wait in a queue is a limit of each, and fixed when a client is
/// made, so a total has to be divided by the partitions that are to be expected.
///
/// librdkafka counts payloads only; with its own structures a message of 200 bytes takes two to three times that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefetch {
    /// Kilobytes that may wait in a partition's queue.
    queue_kbytes: usize,
    /// Most bytes of one partition in a fetch, where each has its part.
    fetch_bytes: usize,
    sharing: Sharing,
}

impl Prefetch {
    /// More than this does not make a partition faster.
    const QUEUE_KBYTES: usize = 2_048;
    const FETCH_BYTES: usize = 256 << 10;
    /// A queue is filled by about so many fetches: one that was full takes part in the next soon.
    const FETCHES: usize = 10;
    /// A partition that gets less spends its time asking.
    const LEAST_KBYTES: usize = 16;

    /// Divides `total` bytes over `partitions`. A queue that is just below its limit gets one more fetch.
    pub fn divide(total: usize, partitions: usize) -> Self {
        let share_kbytes = total / 1024 / partitions.max(1);
        let fetch_kbytes = (share_kbytes / Self::FETCHES).clamp(Self::LEAST_KBYTES, Self::FETCH_BYTES / 1024);
        let queue_kbytes = share_kbytes.saturating_sub(fetch_kbytes).clamp(Self::LEAST_KBYTES, Self::QUEUE_KBYTES);
        let sharing = if share_kbytes < LEAST_SHARE_KBYTES { Sharing::Pooled } else { Sharing::Divided };
        Self { queue_kbytes, fetch_bytes: fetch_kbytes * 1024, sharing }
    }
}

/// The settings of one group's client.
#[derive(Clone)]
pub struct GroupSettings {
    librdkafka: BTreeMap<String, String>,
    user: BTreeMap<String, String>,
    prefetch_bytes: usize,
    prefetch: Prefetch,
}

impl GroupSettings {
    /// The user's settings of a group with the engine's.
    pub fn of(config: &GroupConfig, prefetch_bytes: usize) -> Self {
        let mut librdkafka = config.kafka.clone();
        librdkafka.entry("group.id".into()).or_insert_with(|| config.group_id.clone());
        for (name, value) in DEFAULTS {
            librdkafka.entry((*name).into()).or_insert_with(|| (*value).into());
        }
        for (name, value) in FORCED {
            librdkafka.insert((*name).into(), (*value).into());
        }
        let prefetch = Prefetch::divide(prefetch_bytes, 1);
        let mut settings = Self { librdkafka, user: config.kafka.clone(), prefetch_bytes, prefetch };
        settings.set_prefetch(prefetch);
        settings
    }

    fn set_prefetch(&mut self, prefetch: Prefetch) {
        self.prefetch = prefetch;
        let fetch_bytes = match self.sharing() {
            Sharing::Pooled => POOLED_FETCH,
            Sharing::Divided => prefetch.fetch_bytes,
        };
        let limits = [
            ("queued.max.messages.kbytes", prefetch.queue_kbytes.to_string()),
            ("fetch.message.max.bytes", fetch_bytes.to_string()),
            // A fetch of many partitions is one buffer, freed when the last message of it is.
            (
                "fetch.max.bytes",
                (FETCH_SHARE * prefetch.fetch_bytes)
                    .clamp(LEAST_FETCH, MOST_FETCH)
                    .max(self.largest_message())
                    .to_string(),
            ),
        ];
        for (name, value) in limits {
            if !self.is_set_by_user(name) {
                self.librdkafka.insert(name.into(), value);
            }
        }
    }

    /// What the user set for it, in bytes: librdkafka refuses fetches that are smaller.
    fn largest_message(&self) -> usize {
        self.number("message.max.bytes").unwrap_or(0)
    }

    fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.librdkafka.get(name)?.parse().ok()
    }

    fn is_set_by_user(&self, name: &str) -> bool {
        self.user.contains_key(name)
            || (name == "fetch.message.max.bytes" && self.user.contains_key("max.partition.fetch.bytes"))
    }

    /// Divides the memory for prefetching over this many partitions; returns whether that changes a setting.
    pub fn expect_partitions(&mut self, partitions: usize) -> Sizing {
        let prefetch = Prefetch::divide(self.prefetch_bytes, partitions);
        if prefetch == self.prefetch {
            return Sizing::Fits;
        }
        self.set_prefetch(prefetch);
        Sizing::Changed
    }

    /// For librdkafka.
    pub fn librdkafka(&self) -> &BTreeMap<String, String> {
        &self.librdkafka
    }

    /// How the client fetches.
    pub fn limits(&self) -> Limits {
        let sharing = self.sharing();
        let set = self.number("fetch.message.max.bytes").or_else(|| self.number("max.partition.fetch.bytes"));
        Limits {
            queue_messages: self.number("queued.min.messages").unwrap_or(QUEUE_MESSAGES),
            // librdkafka counts payloads, in thousands.
            queue_bytes: self.number("queued.max.messages.kbytes").unwrap_or(Prefetch::QUEUE_KBYTES) * 1_000,
            queue_backoff: Duration::from_millis(self.number("fetch.queue.backoff.ms").unwrap_or(QUEUE_BACKOFF_MS)),
            fetch_bytes: set.unwrap_or(Prefetch::FETCH_BYTES),
            fetch_wait: Duration::from_millis(self.number("fetch.wait.max.ms").unwrap_or(FETCH_WAIT_MS)),
            // The other half is for what a fetch brings beyond that, and for what consumers had last, which they keep.
            memory_bytes: if self.prefetches_as_the_user_says() { usize::MAX } else { self.prefetch_bytes / 2 },
            sharing,
        }
    }

    fn sharing(&self) -> Sharing {
        if self.prefetches_as_the_user_says() { Sharing::Divided } else { self.prefetch.sharing }
    }

    /// A limit that the user set is one a partition.
    fn prefetches_as_the_user_says(&self) -> bool {
        PREFETCHING.iter().any(|name| self.is_set_by_user(name))
    }

    /// Whether topics are created by being asked for.
    pub fn creates_topics(&self) -> bool {
        self.librdkafka.get("allow.auto.create.topics").is_some_and(|v| v == "true")
    }

    /// The id of a static member (KIP-345).
    pub fn instance_id(&self) -> Option<&str> {
        self.librdkafka.get("group.instance.id").map(String::as_str).filter(|id| !id.is_empty())
    }

    /// How long a job may take, and hold up a rebalance.
    pub fn max_poll_interval(&self) -> Duration {
        Duration::from_millis(self.number("max.poll.interval.ms").unwrap_or(MAX_POLL_INTERVAL_MS))
    }
}

/// Whether settings changed with the number of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizing {
    /// They stay.
    Fits,
    /// A client has to be made anew to have them.
    Changed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kafka: &[(&str, &str)]) -> GroupSettings {
        let kafka: BTreeMap<_, _> = kafka.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let config = GroupConfig {
            id: "g".into(),
            group_id: "g".into(),
            name: "g".into(),
            kafka,
            max_messages: 1,
            topics: Vec::new(),
        };
        GroupSettings::of(&config, 16 << 20)
    }

    #[test]
    fn few_partitions_share_without_noticing_and_many_get_less() {
        let mut settings = settings(&[]);
        assert_eq!(settings.expect_partitions(4), Sizing::Fits);
        assert_eq!(settings.expect_partitions(16), Sizing::Changed);
        assert_eq!(settings.librdkafka()["queued.max.messages.kbytes"], "922");
        assert_eq!(settings.librdkafka()["fetch.message.max.bytes"], "104448");
        let Limits { queue_messages, queue_bytes, fetch_bytes, memory_bytes, sharing, .. } = settings.limits();
        assert_eq!((queue_messages, queue_bytes, fetch_bytes), (100_000, 922_000, 104_448));
        assert_eq!((memory_bytes, sharing), (8 << 20, Sharing::Divided));
    }

    #[test]
    fn many_partitions_have_their_memory_in_common() {
        let mut settings = settings(&[]);
        assert_eq!(settings.expect_partitions(250), Sizing::Changed);
        assert_eq!(settings.librdkafka()["queued.max.messages.kbytes"], "49");
        assert_eq!(settings.librdkafka()["fetch.message.max.bytes"], "1048576");
        assert_eq!((settings.limits().fetch_bytes, settings.limits().sharing), (1 << 20, Sharing::Pooled));
    }

    #[test]
    fn a_limit_that_the_user_set_stays() {
        let mut settings = settings(&[("queued.max.messages.kbytes", "1000"), ("max.partition.fetch.bytes", "5000")]);
        settings.expect_partitions(500);
        assert_eq!(settings.librdkafka()["queued.max.messages.kbytes"], "1000");
        assert!(!settings.librdkafka().contains_key("fetch.message.max.bytes"));
        assert_eq!((settings.limits().fetch_bytes, settings.limits().memory_bytes), (5_000, usize::MAX));
        assert_eq!(settings.limits().sharing, Sharing::Divided);
    }

    #[test]
    fn a_fetch_has_room_for_the_largest_message() {
        let mut settings = settings(&[("message.max.bytes", "5000000")]);
        settings.expect_partitions(500);
        assert_eq!(settings.librdkafka()["fetch.max.bytes"], "5000000");
    }

    #[test]
    fn what_the_promises_stand_on_can_not_be_overridden() {
        assert_eq!(settings(&[("enable.auto.offset.store", "true")]).librdkafka()["enable.auto.offset.store"], "false");
    }
}
