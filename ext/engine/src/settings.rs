//! What the engine asks of librdkafka beyond what the user set.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::GroupConfig;

/// What a user may override: chosen for a consumer that shares its process with a web server.
const DEFAULTS: &[(&str, &str)] = &[
    // A consumer slower than the fetcher would otherwise wait a whole second each time its queue is full.
    ("fetch.queue.backoff.ms", "1"),
    // With the store interval of marks below the second of work that a crash may repeat.
    ("auto.commit.interval.ms", "900"),
    ("queued.max.messages.kbytes", "4096"),
    ("statistics.interval.ms", "5000"),
];

/// What nobody may override: the engine's promises stand on it.
const FORCED: &[(&str, &str)] = &[
    // Marks store offsets, delivery does not.
    ("enable.auto.offset.store", "false"),
    ("log.queue", "true"),
];

const MAX_POLL_INTERVAL_MS: u64 = 300_000;

/// The settings of one group's client.
pub struct GroupSettings {
    librdkafka: BTreeMap<String, String>,
}

impl GroupSettings {
    /// The user's settings of a group with the engine's.
    pub fn of(config: &GroupConfig) -> Self {
        let mut librdkafka = config.kafka.clone();
        librdkafka.entry("group.id".into()).or_insert_with(|| config.group_id.clone());
        for (name, value) in DEFAULTS {
            librdkafka.entry((*name).into()).or_insert_with(|| (*value).into());
        }
        for (name, value) in FORCED {
            librdkafka.insert((*name).into(), (*value).into());
        }
        Self { librdkafka }
    }

    /// For librdkafka.
    pub fn librdkafka(&self) -> &BTreeMap<String, String> {
        &self.librdkafka
    }

    /// How long a job may hold up a rebalance.
    pub fn max_poll_interval(&self) -> Duration {
        let set = self.librdkafka.get("max.poll.interval.ms").and_then(|v| v.parse().ok());
        Duration::from_millis(set.unwrap_or(MAX_POLL_INTERVAL_MS))
    }
}
