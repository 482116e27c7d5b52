//! The one error type of the crate.

use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::Secrets;

/// What can go wrong in the engine, with what failed, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The configuration handed to [`crate::Engine::new`] is not what the engine understands.
    #[error("engine configuration is invalid: {0}")]
    Configuration(String),

    /// librdkafka refused a setting of a subscription group.
    #[error("{group}: kafka setting `{setting}`: {reason}")]
    Setting {
        /// Subscription group id.
        group: String,
        /// Name of the librdkafka property.
        setting: String,
        /// librdkafka's own words.
        reason: String,
    },

    /// librdkafka could not create a client from an accepted configuration.
    #[error("{group}: the Kafka client could not be created: {reason}")]
    ClientCreation {
        /// Subscription group id, or the producer's name.
        group: String,
        /// librdkafka's own words.
        reason: String,
    },

    /// A librdkafka call failed.
    #[error("{operation} failed: {} ({code:?})", code_text(*.code))]
    Kafka {
        /// What was attempted, with its topic and partition where there is one.
        operation: String,
        /// librdkafka's error code.
        code: RDKafkaErrorCode,
    },

    /// A call reached its deadline.
    #[error("{operation} did not finish within {timeout_ms} ms")]
    Timeout {
        /// What was attempted.
        operation: String,
        /// The deadline that passed, in milliseconds.
        timeout_ms: u64,
    },

    /// The handle belongs to the process it was made in; this is a fork of it.
    #[error("this engine was started in process {owner}; process {current} has to start its own")]
    ForeignProcess {
        /// Process the handle was made in.
        owner: u32,
        /// Process that used it.
        current: u32,
    },

    /// A lifecycle call that the current state does not allow.
    #[error("the engine is {state}, it cannot {call}")]
    Lifecycle {
        /// Name of the current state.
        state: &'static str,
        /// What was asked.
        call: &'static str,
    },

    /// A producer was used after its close.
    #[error("producer {name} is closed, it cannot {call}")]
    ProducerClosed {
        /// The producer's name.
        name: String,
        /// What was asked.
        call: &'static str,
    },

    /// The operating system refused a thread.
    #[error("thread {name} could not be started: {source}")]
    Thread {
        /// Name of the thread.
        name: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

impl EngineError {
    /// librdkafka's code; 0 where there is none.
    pub fn code(&self) -> i32 {
        match self {
            Self::Kafka { code, .. } => *code as i32,
            _ => 0,
        }
    }

    /// Takes secrets out of what librdkafka said of a setting.
    pub(crate) fn mask(self, secrets: &Secrets) -> Self {
        match self {
            Self::Setting { group, setting, reason } => Self::Setting { group, setting, reason: secrets.mask(reason) },
            other => other,
        }
    }
}

/// librdkafka's English description of an error code.
pub fn code_text(code: RDKafkaErrorCode) -> String {
    crate::kafka::error_text(code as i32)
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

/// Result of the engine's fallible calls.
pub type Result<T> = std::result::Result<T, EngineError>;
