//! Fetches, heard of before librdkafka reads the response.
//!
//! librdkafka asks its interceptors not to call it. What is called here is the freeing of messages, after a request was sent:
//! no lock is held there, and nothing of the broker's thread is under way that a message could belong to.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::types::RDKafkaRespErr;
use rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;

use super::spent::Spent;
use super::{Settings, c_string, sys};
use crate::sync::Mutex;

/// Fetch in the protocol's list of requests (<https://kafka.apache.org/protocol#protocol_api_keys>).
const FETCH: i16 = 1;
const NAME: &CStr = c"karafka_embedded.fetches";

/// What a client asks brokers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextFetch {
    /// How many bytes it may bring; as the client was made, where none are said. The producer's batch that comes first is
    /// brought whatever its size (KIP-74).
    pub most_bytes: Option<usize>,
    /// How long the broker waits where it has nothing.
    pub wait: Duration,
}

/// The settings of fetches as they were written last, in bytes and milliseconds; none as the client was made.
#[derive(Debug, Default)]
struct Prepared {
    most_bytes: Option<usize>,
    wait: Option<u128>,
}

/// Hears of fetches.
pub trait FetchListener: Send + Sync + 'static {
    /// A broker's response of so many bytes is there. This is librdkafka's thread for the broker it came from: it reads the
    /// response and asks for the next one after this returned. That one, and those of other brokers from here on, are for
    /// what this says, or as before.
    fn fetched(&self, bytes: usize) -> Option<NextFetch>;
}

/// A listener with an address that librdkafka can keep; it has to outlive the client.
pub(super) struct FetchHook {
    listener: Arc<dyn FetchListener>,
    spent: Spent,
    /// What brokers are asked for.
    prepared: Mutex<Prepared>,
    /// Whether a client was begun with it.
    known: AtomicBool,
}

impl FetchHook {
    pub(super) fn new(listener: Arc<dyn FetchListener>) -> Box<Self> {
        Box::new(Self { listener, spent: Spent::default(), prepared: Mutex::default(), known: AtomicBool::new(false) })
    }

    /// Messages that were read, to be freed by the thread of their broker.
    pub(super) fn spent(&self) -> &Spent {
        &self.spent
    }

    /// Whether librdkafka has begun to make a client of the settings. Should that come to nothing, it has freed its list
    /// of interceptors, and `rd_kafka_conf_destroy` would once more: both have a copy of the same (`rd_kafka_new`, 2.12).
    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Has the client that is made of `settings` tell of its fetches.
    pub(super) fn add_to(&self, settings: &Settings) {
        let opaque = std::ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the settings are live, the name is static and the hook outlives the client. This fails only for a name
        // that was added before, and the settings are new.
        unsafe {
            sys::rd_kafka_conf_interceptor_add_on_new(settings.as_ptr(), NAME.as_ptr(), Some(client_made), opaque);
        }
    }
}

/// # Safety
/// Called by librdkafka with the opaque of [`FetchHook::add_to`], before the client has threads.
unsafe extern "C" fn client_made(
    client: *mut sys::rd_kafka_t,
    _conf: *const sys::rd_kafka_conf_t,
    opaque: *mut c_void,
    _reason: *mut c_char,
    _reason_size: usize,
) -> RDKafkaRespErr {
    // SAFETY: the hook outlives the client, and is only read; the client is live, the name static.
    unsafe {
        (*opaque.cast_const().cast::<FetchHook>()).known.store(true, Ordering::Relaxed);
        sys::rd_kafka_interceptor_add_on_request_sent(client, NAME.as_ptr(), Some(requested), opaque);
        sys::rd_kafka_interceptor_add_on_response_received(client, NAME.as_ptr(), Some(responded), opaque)
    }
}

/// # Safety
/// Called by librdkafka with the opaque of [`FetchHook::add_to`] while the client lives.
unsafe extern "C" fn requested(
    _client: *mut sys::rd_kafka_t,
    _socket: c_int,
    _name: *const c_char,
    broker: i32,
    api_key: i16,
    _api_version: i16,
    _correlation_id: i32,
    _size: usize,
    opaque: *mut c_void,
) -> RDKafkaRespErr {
    if api_key != FETCH {
        return NO_ERROR;
    }
    // SAFETY: librdkafka calls with the opaque of `add_to`.
    unsafe { tell(opaque, |hook| hook.spent.free(broker)) }
}

/// # Safety
/// Called by librdkafka with the opaque of [`FetchHook::add_to`] while the client lives.
unsafe extern "C" fn responded(
    client: *mut sys::rd_kafka_t,
    _socket: c_int,
    _name: *const c_char,
    _broker: i32,
    api_key: i16,
    _api_version: i16,
    _correlation_id: i32,
    size: usize,
    _round_trip_us: i64,
    err: RDKafkaRespErr,
    opaque: *mut c_void,
) -> RDKafkaRespErr {
    if api_key != FETCH || err != NO_ERROR {
        return NO_ERROR;
    }
    // SAFETY: as above, and the client lives.
    unsafe {
        tell(opaque, |hook| {
            if let Some(next) = hook.listener.fetched(size) {
                hook.prepared.lock().change(client, next);
            }
        })
    }
}

impl Prepared {
    /// Has the client ask for this from here on. What does not change is not written: librdkafka looks for a setting among
    /// all of them, which takes an idle process longer than the fetch.
    ///
    /// # Safety
    /// The client is live, and this one of its threads for brokers.
    unsafe fn change(&mut self, client: *mut sys::rd_kafka_t, next: NextFetch) {
        let most_bytes = next.most_bytes.filter(|bytes| self.most_bytes.replace(*bytes) != Some(*bytes));
        let wait = next.wait.as_millis();
        let wait = (self.wait.replace(wait) != Some(wait)).then_some(wait);
        // SAFETY: promised by the caller.
        unsafe {
            most_bytes.into_iter().for_each(|bytes| set(client, c"fetch.max.bytes", &bytes.to_string()));
            wait.into_iter().for_each(|wait| set(client, c"fetch.wait.max.ms", &wait.to_string()));
        }
    }
}

/// Changes a setting of fetches in a client that was made.
///
/// librdkafka has no call for it. It reads both settings each time it asks for a fetch (`rd_kafka_broker_fetch_toppars`, 2.12),
/// from the configuration that `rd_kafka_conf` hands out for reading. So this writes two aligned `int`s that nobody but the
/// threads of brokers reads, from one of these, and sets the bits that say that these two were changed, which nobody reads
/// in a client that was made. `tests/fetching.rs` fails for a librdkafka that keeps copies.
///
/// # Safety
/// The client is live, and this one of its threads for brokers.
unsafe fn set(client: *mut sys::rd_kafka_t, name: &CStr, value: &str) {
    let value = c_string(value);
    // SAFETY: the client is live. Without a buffer the reason of a refusal is not told; the former value stays then.
    unsafe {
        let settings = sys::rd_kafka_conf(client).cast_mut();
        sys::rd_kafka_conf_set(settings, name.as_ptr(), value.as_ptr(), std::ptr::null_mut(), 0);
    }
}

/// An unwind must not cross into C. librdkafka logs what this returns, and goes on.
///
/// # Safety
/// `opaque` is the one of [`FetchHook::add_to`], and its hook lives.
unsafe fn tell(opaque: *mut c_void, what: impl FnOnce(&FetchHook)) -> RDKafkaRespErr {
    // SAFETY: promised by the caller; the hook is only read.
    let hook = unsafe { &*opaque.cast_const().cast::<FetchHook>() };
    match catch_unwind(AssertUnwindSafe(|| what(hook))) {
        Ok(()) => NO_ERROR,
        Err(_) => RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kafka::Client;

    struct Deaf;

    impl FetchListener for Deaf {
        fn fetched(&self, _bytes: usize) -> Option<NextFetch> {
            None
        }
    }

    #[test]
    fn a_client_that_could_not_be_made_is_freed_once() {
        let settings = [("security.protocol", "ssl"), ("ssl.ca.location", "/nowhere/ca.pem")];
        let settings: BTreeMap<_, _> = settings.map(|(name, value)| (name.to_string(), value.to_string())).into();
        for _ in 0..20 {
            let refused = Client::consumer("orders", &settings, Arc::new(Deaf)).map(drop).unwrap_err().to_string();
            assert!(refused.contains("ssl.ca.location"), "{refused}");
        }
    }
}
