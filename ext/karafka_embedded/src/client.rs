//! `Karafka::Native::Client`: what an application asks a subscription group's client.

use std::collections::BTreeMap;
use std::time::Duration;

use karafka_engine::inquiry::{FoundOffset, GroupClient, Inquiry};
use karafka_engine::kafka::Token;
use karafka_engine::sync::Mutex;
use magnus::{Error, RModule, Ruby, method, prelude::*};
use serde::{Deserialize, Serialize};

use crate::boundary::{exception, guard};
use crate::gvl;

/// A client. It keeps nothing of librdkafka alive.
#[magnus::wrap(class = "Karafka::Native::Client", free_immediately, size)]
pub(crate) struct Client {
    inner: GroupClient,
}

/// A partition in the JSON that comes from Ruby.
#[derive(Deserialize)]
struct Asked {
    topic: String,
    partition: i32,
    /// Milliseconds since the epoch.
    #[serde(default)]
    timestamp: i64,
}

/// A partition in the JSON that goes to Ruby.
#[derive(Serialize)]
struct Answered {
    topic: String,
    partition: i32,
    offset: Option<i64>,
}

fn read(ruby: &Ruby, json: &str) -> Result<Vec<Asked>, Error> {
    serde_json::from_str(json).map_err(|e| Error::new(ruby.exception_arg_error(), e.to_string()))
}

fn write(ruby: &Ruby, offsets: Vec<FoundOffset>) -> Result<String, Error> {
    let answers: Vec<_> =
        offsets.into_iter().map(|(topic, partition, offset)| Answered { topic, partition, offset }).collect();
    serde_json::to_string(&answers).map_err(|e| Error::new(ruby.exception_runtime_error(), e.to_string()))
}

/// A token as Ruby has it; the extensions are a JSON object.
pub(crate) fn token(
    ruby: &Ruby,
    value: String,
    lifetime_ms: i64,
    principal: String,
    extensions: &str,
) -> Result<Token, Error> {
    let extensions: BTreeMap<String, String> = serde_json::from_str(extensions)
        .map_err(|e| Error::new(ruby.exception_arg_error(), format!("extensions: {e}")))?;
    Ok(Token { value, lifetime_ms, principal, extensions: extensions.into_iter().collect() })
}

impl Client {
    pub(crate) fn new(inner: GroupClient) -> Self {
        Self { inner }
    }

    /// Runs a question and waits for its answer without the GVL, looking at interrupts.
    fn ask<T: Send + 'static>(
        ruby: &Ruby,
        question: impl Fn() -> karafka_engine::Result<Inquiry<T>>,
    ) -> Result<T, Error> {
        let inquiry = gvl::without_briefly(question).map_err(|e| exception(ruby, &e))?;
        gvl::in_slices(ruby, || inquiry.wait_a_while())?.map_err(|e| exception(ruby, &e))
    }

    fn name(ruby: &Ruby, rb_self: &Self) -> Result<Option<String>, Error> {
        guard(ruby, || Ok(gvl::without_briefly(|| rb_self.inner.name())))
    }

    fn is_assignment_lost(ruby: &Ruby, rb_self: &Self) -> Result<bool, Error> {
        guard(ruby, || Ok(gvl::without_briefly(|| rb_self.inner.is_assignment_lost())))
    }

    /// Low and high watermark, by the broker.
    fn query_watermarks(
        ruby: &Ruby,
        rb_self: &Self,
        topic: String,
        partition: i32,
        timeout_ms: u64,
    ) -> Result<(i64, i64), Error> {
        let timeout = Duration::from_millis(timeout_ms);
        guard(ruby, || Self::ask(ruby, || rb_self.inner.query_watermarks(&topic, partition, timeout)))
    }

    /// Takes `[{"topic", "partition"}]`; returns the same with `"offset"`, null where nothing was committed.
    fn committed(ruby: &Ruby, rb_self: &Self, list: String, timeout_ms: u64) -> Result<String, Error> {
        let timeout = Duration::from_millis(timeout_ms);
        guard(ruby, || {
            let places: Vec<_> = read(ruby, &list)?.into_iter().map(|asked| (asked.topic, asked.partition)).collect();
            write(ruby, Self::ask(ruby, || rb_self.inner.committed(&places, timeout))?)
        })
    }

    /// Takes `[{"topic", "partition", "timestamp"}]`; returns the partitions with `"offset"`, null past the end.
    fn offsets_for_times(ruby: &Ruby, rb_self: &Self, list: String, timeout_ms: u64) -> Result<String, Error> {
        let timeout = Duration::from_millis(timeout_ms);
        guard(ruby, || {
            let times: Vec<_> =
                read(ruby, &list)?.into_iter().map(|asked| (asked.topic, asked.partition, asked.timestamp)).collect();
            write(ruby, Self::ask(ruby, || rb_self.inner.offsets_for_times(&times, timeout))?)
        })
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
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Client", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("name", method!(Client::name, 0))?;
    class.define_method("assignment_lost?", method!(Client::is_assignment_lost, 0))?;
    class.define_method("query_watermarks", method!(Client::query_watermarks, 3))?;
    class.define_method("committed", method!(Client::committed, 2))?;
    class.define_method("offsets_for_times", method!(Client::offsets_for_times, 2))?;
    class.define_method("set_token", method!(Client::set_token, 4))?;
    class.define_method("set_token_failure", method!(Client::set_token_failure, 1))?;
    Ok(())
}
