//! The consumer loop of `karafka_embedded`.
//!
//! A reader follows a message: [`kafka`] queue → [`partition`] → [`lease`] → [`worker`] → the application →
//! acknowledgement → [`offsets`]. What a rebalance does is in [`membership`] and [`poller`], what quiet and stop do
//! in [`control`]. No Ruby in here: the integration tests drive the engine with a Rust worker.

pub mod batch;
pub mod broker;
pub mod certificates;
pub mod config;
pub mod control;
pub mod engine;
pub mod error;
pub mod events;
pub mod fetching;
mod group;
pub mod health;
pub mod hints;
pub mod hub;
pub mod inquiry;
pub mod kafka;
pub mod lease;
pub mod lifecycle;
pub mod membership;
pub mod offsets;
pub mod pacing;
mod pages;
pub mod partition;
pub mod phase;
pub mod poller;
pub mod process;
pub mod producer;
pub mod ration;
pub mod ready;
mod recycling;
pub mod report;
pub mod settings;
pub mod severity;
pub mod statistics;
pub mod sync;
pub mod timers;
pub mod trouble;
pub mod watchdog;
pub mod worker;

pub use config::EngineConfig;
pub use engine::{Engine, Fault, Joined};
pub use error::{EngineError, Result, panic_text};
