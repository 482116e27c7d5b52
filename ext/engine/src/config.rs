//! What the engine is told: subscription groups, their topics and their librdkafka settings.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::error::{EngineError, Result};

/// Whole configuration of one engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Name of this client in the brokers' logs.
    pub client_id: String,
    /// Bytes of messages that may be prefetched in all, divided over the groups and their partitions.
    #[serde(default = "default_prefetch_bytes")]
    pub prefetch_bytes: usize,
    /// What the workers may use of one processor while the host is busy, in percent; 100 never paces them.
    #[serde(default = "default_host_share")]
    pub host_share: f64,
    /// After how long without a sign of life something counts as a stall, in milliseconds; two seconds at least.
    #[serde(default = "default_stall_timeout_ms")]
    pub stall_timeout_ms: u64,
    /// One Kafka client is made for each.
    pub groups: Vec<GroupConfig>,
}

/// One subscription group: one librdkafka client and the topics it subscribes to.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Unique id of the subscription group.
    pub id: String,
    /// Kafka consumer group it joins.
    pub group_id: String,
    /// Name of the subscription group.
    pub name: String,
    /// librdkafka settings. They may hold secrets: never printed.
    pub kafka: BTreeMap<String, String>,
    /// Most messages of a batch.
    pub max_messages: usize,
    /// Topics of the group.
    pub topics: Vec<TopicConfig>,
}

fn default_host_share() -> f64 {
    100.0
}

fn default_stall_timeout_ms() -> u64 {
    30_000
}

fn default_prefetch_bytes() -> usize {
    16 << 20
}

// The librdkafka settings hold passwords and keys.
impl fmt::Debug for GroupConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupConfig").field("id", &self.id).field("topics", &self.topics).finish_non_exhaustive()
    }
}

/// One topic of a subscription group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// Name of the topic.
    pub name: String,
    /// Most messages of a batch of this topic.
    pub max_messages: usize,
    /// How long a batch gathers, in milliseconds; 0 starts it with the first message.
    #[serde(default)]
    pub max_wait_time_ms: u64,
    /// Whether only the consumer's own marks move the offset.
    #[serde(default)]
    pub offsets: OffsetManagement,
    /// Backoff after a failed batch.
    #[serde(default)]
    pub pause: PauseConfig,
    /// Whether the consumer is told of the end of a partition where no message came before it.
    #[serde(default)]
    pub eofed: bool,
}

/// Who marks messages as consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OffsetManagement {
    /// The engine, when a batch succeeded.
    #[default]
    Automatic,
    /// The consumer alone.
    Manual,
}

/// Backoff after a failed batch.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseConfig {
    /// First step, in milliseconds.
    pub timeout_ms: u64,
    /// Longest backoff, in milliseconds.
    pub max_timeout_ms: u64,
    /// How it grows.
    pub growth: BackoffGrowth,
}

/// How a backoff grows with the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffGrowth {
    /// The same each time.
    Flat,
    /// Doubled by each attempt.
    Exponential,
}

impl Default for PauseConfig {
    fn default() -> Self {
        Self { timeout_ms: 1_000, max_timeout_ms: 30_000, growth: BackoffGrowth::Exponential }
    }
}

impl PauseConfig {
    /// The pause after which delivery goes on behind a message that was given up.
    pub fn first(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Backoff after the failed `attempt` (1 for the first). The first exponential step is already doubled,
    /// as users of the framework know it.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let ms = match self.growth {
            BackoffGrowth::Flat => self.timeout_ms,
            BackoffGrowth::Exponential => {
                self.timeout_ms.saturating_mul(1u64.checked_shl(attempt.min(63)).unwrap_or(u64::MAX))
            }
        };
        Duration::from_millis(ms.min(self.max_timeout_ms))
    }
}

impl EngineConfig {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// [`EngineError::Configuration`] naming the field that is missing, unknown or out of range.
    pub fn from_json(json: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(json).map_err(|e| EngineError::Configuration(e.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// One group's part of the memory for prefetching.
    pub fn prefetch_bytes_per_group(&self) -> usize {
        self.prefetch_bytes / self.groups.len().max(1)
    }

    fn validate(&self) -> Result<()> {
        let invalid = |text: String| Err(EngineError::Configuration(text));
        if self.groups.is_empty() {
            return invalid("no subscription group: draw at least one topic with a consumer".into());
        }
        for group in &self.groups {
            if group.topics.is_empty() {
                return invalid(format!("subscription group {} has no topics", group.id));
            }
            if let Some(topic) = group.topics.iter().find(|t| t.max_messages == 0) {
                return invalid(format!("{}: topic {}: max_messages has to be at least 1", group.id, topic.name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_exponential_backoff_is_twice_the_timeout_and_the_maximum_caps_it() {
        let pause = PauseConfig { timeout_ms: 100, max_timeout_ms: 1_000, growth: BackoffGrowth::Exponential };
        let steps: Vec<u64> = (1..=5).map(|a| pause.backoff(a).as_millis() as u64).collect();
        assert_eq!(steps, [200, 400, 800, 1_000, 1_000]);
        assert_eq!(pause.backoff(u32::MAX), Duration::from_millis(1_000));
    }

    #[test]
    fn a_flat_backoff_stays() {
        let pause = PauseConfig { timeout_ms: 100, max_timeout_ms: 1_000, growth: BackoffGrowth::Flat };
        assert_eq!(pause.backoff(7), Duration::from_millis(100));
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = EngineConfig::from_json(r#"{"client_id":"a","groups":[],"tpyo":1}"#);
        assert!(error.unwrap_err().to_string().contains("tpyo"));
    }

    #[test]
    fn debug_shows_no_settings() {
        let json = r#"{"client_id":"a","groups":[{"id":"g","group_id":"g","name":"n",
            "kafka":{"sasl.password":"hunter2"},"max_messages":1,
            "topics":[{"name":"t","max_messages":1}]}]}"#;
        let config = EngineConfig::from_json(json).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
