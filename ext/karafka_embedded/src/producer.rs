//! `Karafka::Native::Producer`: messages to Kafka.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use karafka_engine::EngineError;
use karafka_engine::producer::{Fed, Interest, Partitioner, Producer as CoreProducer, ProducerEvent, Record};
use karafka_engine::sync::Mutex;
use magnus::{Error, IntoValue, RArray, RModule, RString, Ruby, Symbol, Value, function, method, prelude::*};
use serde::Deserialize;

use crate::boundary::{exception, guard};
use crate::client::token;
use crate::delivery::Delivery;
use crate::gvl;

/// How long one wait without the GVL lasts before interrupts are looked at again.
const SLICE: Duration = Duration::from_millis(50);

/// The first and the longest wait for a broker's answer before interrupts are looked at again: each is a request, and
/// one that is given up before its answer came brings nothing.
const QUESTION: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

#[derive(Deserialize)]
struct Config {
    name: String,
    kafka: BTreeMap<String, String>,
}

/// A producer. Collecting one only tells its thread, which sends what is queued and then ends.
#[magnus::wrap(class = "Karafka::Native::Producer", free_immediately, size)]
pub(crate) struct Producer {
    inner: CoreProducer,
}

/// A header's name and value.
type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// The bytes of a Ruby string.
///
/// # Safety
/// Nothing may run Ruby code, and the string has to be reachable from a live Ruby object, while the bytes are used.
unsafe fn bytes<'a>(string: RString) -> &'a [u8] {
    // SAFETY: the caller promises that the string neither changes nor goes.
    let bytes = unsafe { string.as_slice() };
    // SAFETY: as above; the lifetime is cut loose from the handle, not from the string.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) }
}

/// The bytes of headers, which come from Ruby as one list: name, value, name, value.
///
/// # Safety
/// As [`bytes`], for every string of the list.
unsafe fn header_bytes<'a>(ruby: &Ruby, headers: RArray) -> Result<Vec<Header<'a>>, Error> {
    let mut pairs = Vec::with_capacity(headers.len() / 2);
    let mut name = None;
    for element in headers {
        let string = RString::from_value(element)
            .ok_or_else(|| Error::new(ruby.exception_type_error(), "headers are made of Strings"))?;
        // SAFETY: the caller's promise.
        let string = unsafe { bytes(string) };
        match name.take() {
            None => name = Some(string),
            Some(name) => pairs.push((name, Some(string))),
        }
    }
    Ok(pairs)
}

impl Producer {
    fn new(ruby: &Ruby, config: String) -> Result<Self, Error> {
        guard(ruby, || {
            let config: Config = serde_json::from_str(&config)
                .map_err(|e| exception(ruby, &EngineError::Configuration(format!("producer: {e}"))))?;
            let inner = gvl::without_briefly(|| CoreProducer::new(&config.name, &config.kafka));
            Ok(Self { inner: inner.map_err(|e| exception(ruby, &e))? })
        })
    }

    fn client_name(ruby: &Ruby, rb_self: &Self) -> Result<String, Error> {
        guard(ruby, || rb_self.inner.client_name().map_err(|e| exception(ruby, &e)))
    }

    /// Copies the message and returns at once: a `Delivery`, or librdkafka's code if it was not taken. Keeps the GVL, so
    /// that the strings can not change; librdkafka only appends to a list.
    #[allow(clippy::too_many_arguments)] // One call a message: a Hash would have to be taken apart in here.
    fn produce(
        ruby: &Ruby,
        rb_self: &Self,
        topic: RString,
        payload: Option<RString>,
        key: Option<RString>,
        partition: i32,
        timestamp_ms: i64,
        headers: RArray,
        label: u64,
    ) -> Result<Value, Error> {
        guard(ruby, || {
            let topic_name = topic.to_string()?;
            // SAFETY: no Ruby code runs before `produce` returned, and the strings are arguments of this method, or
            // elements of one.
            let produced = unsafe {
                let headers = header_bytes(ruby, headers)?;
                rb_self.inner.produce(
                    &Record {
                        topic: &topic_name,
                        partition,
                        payload: payload.map(|p| bytes(p)),
                        key: key.map(|k| bytes(k)),
                        headers: &headers,
                        timestamp_ms,
                    },
                    label,
                )
            };
            match produced {
                Ok(delivery) => Ok(Delivery::new(delivery).into_value_with(ruby)),
                Err(EngineError::Kafka { code, .. }) => Ok((code as i32).into_value_with(ruby)),
                Err(error) => Err(exception(ruby, &error)),
            }
        })
    }

    /// Partitions of a topic, 0 where there is no such topic; nil if no broker said so within `timeout_ms`.
    fn partition_count(ruby: &Ruby, rb_self: &Self, topic: String, timeout_ms: u64) -> Result<Option<i32>, Error> {
        Self::ask(ruby, timeout_ms, |slice| rb_self.inner.partition_count(&topic, slice))
    }

    /// Partition that a key leads to, -1 where librdkafka decides; nil if no broker told within `timeout_ms` how many
    /// there are. `partitioner` is a name in librdkafka's configuration; nil stands for the producer's own.
    fn partition_of_key(
        ruby: &Ruby,
        rb_self: &Self,
        topic: String,
        key: RString,
        partitioner: Option<String>,
        timeout_ms: u64,
    ) -> Result<Option<i32>, Error> {
        let partitioner = match partitioner {
            None => None,
            Some(name) => Some(
                Partitioner::named(&name)
                    .ok_or_else(|| Error::new(ruby.exception_arg_error(), format!("there is no partitioner {name}")))?,
            ),
        };
        // SAFETY: copied before anything else happens.
        let key = unsafe { bytes(key) }.to_vec();
        Self::ask(ruby, timeout_ms, |slice| rb_self.inner.partition_of_key(&topic, &key, partitioner, slice))
    }

    fn ask(
        ruby: &Ruby,
        timeout_ms: u64,
        question: impl Fn(Duration) -> karafka_engine::Result<Option<i32>>,
    ) -> Result<Option<i32>, Error> {
        guard(ruby, || {
            let deadline = Instant::now() + Duration::from_millis(timeout_ms);
            let slice = Cell::new(QUESTION.0);
            let answer = gvl::in_slices(ruby, || {
                let left = deadline.saturating_duration_since(Instant::now());
                let answer = question(left.min(slice.get()));
                slice.set((slice.get() * 2).min(QUESTION.1));
                (left.is_zero() || !matches!(answer, Ok(None))).then_some(answer)
            })?;
            answer.map_err(|e| exception(ruby, &e))
        })
    }

    /// Whether every message is answered, after `timeout_ms` at the latest.
    fn flush(ruby: &Ruby, rb_self: &Self, timeout_ms: u64) -> Result<bool, Error> {
        guard(ruby, || {
            let deadline = Instant::now() + Duration::from_millis(timeout_ms);
            let flushed = gvl::in_slices(ruby, || {
                let left = deadline.saturating_duration_since(Instant::now());
                let flushed = rb_self.inner.flush(left.min(SLICE));
                (left.is_zero() || !matches!(flushed, Ok(false))).then_some(flushed)
            })?;
            flushed.map_err(|e| exception(ruby, &e))
        })
    }

    fn purge(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || gvl::without_briefly(|| rb_self.inner.purge()).map_err(|e| exception(ruby, &e)))
    }

    /// Takes the extensions as a JSON object.
    fn set_token(
        ruby: &Ruby,
        rb_self: &Self,
        value: String,
        lifetime_ms: i64,
        principal: String,
        extensions: String,
    ) -> Result<(), Error> {
        guard(ruby, || {
            let token = Mutex::new(token(ruby, value, lifetime_ms, principal, &extensions)?);
            gvl::without_briefly(|| rb_self.inner.set_token(&token.lock())).map_err(|e| exception(ruby, &e))
        })
    }

    fn set_token_failure(ruby: &Ruby, rb_self: &Self, reason: String) -> Result<(), Error> {
        guard(ruby, || {
            gvl::without_briefly(|| rb_self.inner.set_token_failure(&reason)).map_err(|e| exception(ruby, &e))
        })
    }

    fn queue_size(ruby: &Ruby, rb_self: &Self) -> Result<usize, Error> {
        guard(ruby, || rb_self.inner.queue_len().map_err(|e| exception(ruby, &e)))
    }

    /// Gives up what is not answered, and ends; how many messages that were. Flush first, which can be interrupted.
    fn close(ruby: &Ruby, rb_self: &Self) -> Result<usize, Error> {
        guard(ruby, || Ok(gvl::without_briefly(|| rb_self.inner.close(Duration::ZERO)).purged))
    }

    /// From now on, `:acknowledgements` or `:dispatch_errors` are among the events.
    fn want(ruby: &Ruby, rb_self: &Self, interest: Symbol) -> Result<(), Error> {
        let interest = match &*interest.name()? {
            "acknowledgements" => Interest::Acknowledgements,
            "dispatch_errors" => Interest::DispatchErrors,
            other => return Err(Error::new(ruby.exception_arg_error(), format!("unknown interest {other}"))),
        };
        rb_self.inner.feed().want(interest);
        Ok(())
    }

    /// Waits for events: an Array of Arrays, nil for none in time, `:closed` when none will come.
    fn events(ruby: &Ruby, rb_self: &Self, limit: usize, timeout_ms: u64) -> Result<Value, Error> {
        guard(ruby, || {
            if !rb_self.inner.is_home() {
                return Ok(ruby.sym_new("closed").as_value());
            }
            let feed = rb_self.inner.feed();
            let fed = gvl::without(|| feed.next(limit, Duration::from_millis(timeout_ms)), &|| feed.nudge());
            match fed {
                Some(Fed::Events(events)) => {
                    let array = ruby.ary_new_capa(events.len());
                    for event in events {
                        array.push(event_array(ruby, event)?)?;
                    }
                    Ok(array.as_value())
                }
                Some(Fed::Closed) => Ok(ruby.sym_new("closed").as_value()),
                Some(Fed::Nothing) | None => Ok(ruby.qnil().as_value()),
            }
        })
    }
}

/// An event as Ruby gets it: its name, then what it carries.
fn event_array(ruby: &Ruby, event: ProducerEvent) -> Result<RArray, Error> {
    let array = ruby.ary_new();
    match event {
        ProducerEvent::Delivery { label, topic, partition, offset, code } => {
            array.push(ruby.sym_new("delivery"))?;
            array.push((label, topic, partition, offset, code))?;
        }
        ProducerEvent::Error { code, message, fatal } => {
            array.push(ruby.sym_new("error"))?;
            array.push((code, message, fatal))?;
        }
        ProducerEvent::Statistics(json) => {
            array.push(ruby.sym_new("statistics"))?;
            array.push((json,))?;
        }
        ProducerEvent::Log(level, line) => {
            array.push(ruby.sym_new("log"))?;
            array.push((level, line))?;
        }
        ProducerEvent::TokenRefresh => {
            array.push(ruby.sym_new("token_refresh"))?;
            array.push(ruby.ary_new())?;
        }
    }
    Ok(array)
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Producer", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("new", function!(Producer::new, 1))?;
    class.define_method("client_name", method!(Producer::client_name, 0))?;
    class.define_method("produce", method!(Producer::produce, 7))?;
    class.define_method("partition_count", method!(Producer::partition_count, 2))?;
    class.define_method("partition_of_key", method!(Producer::partition_of_key, 4))?;
    class.define_method("flush", method!(Producer::flush, 1))?;
    class.define_method("purge", method!(Producer::purge, 0))?;
    class.define_method("set_token", method!(Producer::set_token, 4))?;
    class.define_method("set_token_failure", method!(Producer::set_token_failure, 1))?;
    class.define_method("queue_size", method!(Producer::queue_size, 0))?;
    class.define_method("close", method!(Producer::close, 0))?;
    class.define_method("want", method!(Producer::want, 1))?;
    class.define_method("events", method!(Producer::events, 2))?;
    Ok(())
}
