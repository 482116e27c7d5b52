//! A thin, owned layer over librdkafka's C API: handles that free themselves, events as an enum.
//!
//! rdkafka's safe consumers fetch one message a call, close without a deadline and redirect queues on their own;
//! the engine needs the calls below them. Nothing here decides anything.

mod client;
mod event;
mod fetches;
mod mock_cluster;
mod partition_list;
mod producing;
mod queries;
mod queue;
mod secrets;
mod settings;
mod spent;

pub use client::{Client, ClientRole};
pub use event::{Event, RebalanceKind, Severity};
pub use fetches::{FetchListener, NextFetch};
pub use mock_cluster::MockCluster;
pub use partition_list::PartitionList;
pub use producing::{ANY_PARTITION, Partitioner, Record};
pub use queries::Token;
pub use queue::{Gauge, Queue, QueueListener};
pub use secrets::Secrets;
pub use settings::Settings;
pub(crate) use spent::ENTRY_BYTES;

use std::ffi::{CStr, CString, c_char};

pub(crate) use rdkafka::bindings as sys;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

/// librdkafka's English text for an error code.
pub fn error_text(code: i32) -> String {
    RDKafkaRespErr::try_from(code).map_or_else(
        |_| format!("unknown error {code}"),
        // SAFETY: rd_kafka_err2str returns a static, NUL-terminated string for every code.
        |e| unsafe { string(sys::rd_kafka_err2str(e)) },
    )
}

/// Copies a C string; an absent one is empty.
///
/// # Safety
/// `text` is NULL or points to a NUL-terminated string that stays valid for the call.
pub(crate) unsafe fn string(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller promises a NUL-terminated string.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A C string; what follows an inner NUL is cut, since no Kafka name may hold one.
pub(crate) fn c_string(text: &str) -> CString {
    let upto = text.find('\0').unwrap_or(text.len());
    CString::new(&text.as_bytes()[..upto]).unwrap_or_default()
}

/// `Ok` for "no error", the code otherwise.
pub(crate) fn outcome(err: RDKafkaRespErr) -> Result<(), RDKafkaErrorCode> {
    match err {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        other => Err(other.into()),
    }
}

/// Takes librdkafka's error object and frees it.
///
/// # Safety
/// `error` is NULL or an error object that the caller owns.
pub(crate) unsafe fn take_error(error: *mut sys::rd_kafka_error_t) -> Result<(), RDKafkaErrorCode> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the caller owns the object; it is read once and then destroyed.
    let code = unsafe {
        let code = sys::rd_kafka_error_code(error);
        sys::rd_kafka_error_destroy(error);
        code
    };
    outcome(code)
}
