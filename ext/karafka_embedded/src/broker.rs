//! `Karafka::Native::Broker`: the embedded broker.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::time::Duration;

use karafka_engine::broker::{Broker as CoreBroker, Request};
use magnus::{Error, RModule, Ruby, Symbol, function, method, prelude::*};

use crate::boundary::{exception, guard};
use crate::gvl;

/// A broker. Collecting one that was not stopped frees nothing: its end waits for a thread, which the collector must
/// not do, and clients may still be connected.
#[magnus::wrap(class = "Karafka::Native::Broker", free_immediately, size)]
pub(crate) struct Broker {
    inner: ManuallyDrop<CoreBroker>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.inner.is_stopped() {
            // SAFETY: dropped once, here; `inner` is not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.inner) }
        }
    }
}

impl Broker {
    fn start(ruby: &Ruby, brokers: i32, topics: HashMap<String, i32>) -> Result<Self, Error> {
        guard(ruby, || {
            let topics = topics.into_iter().collect();
            let started = gvl::without_briefly(|| CoreBroker::start_cluster(brokers, &topics));
            Ok(Self { inner: ManuallyDrop::new(started.map_err(|e| exception(ruby, &e))?) })
        })
    }

    fn ask(ruby: &Ruby, call: impl Fn() -> karafka_engine::Result<()>) -> Result<(), Error> {
        guard(ruby, || gvl::without_briefly(call).map_err(|e| exception(ruby, &e)))
    }

    fn bootstrap_servers(&self) -> String {
        self.inner.bootstrap_servers().into()
    }

    fn is_running(&self) -> bool {
        self.inner.is_running()
    }

    fn create_topic(ruby: &Ruby, rb_self: &Self, topic: String, partitions: i32) -> Result<(), Error> {
        Self::ask(ruby, || rb_self.inner.create_topic(&topic, partitions))
    }

    fn stop(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        Self::ask(ruby, || {
            rb_self.inner.stop();
            Ok(())
        })
    }

    /// nil stands for all brokers.
    fn broker_down(ruby: &Ruby, rb_self: &Self, id: Option<i32>) -> Result<(), Error> {
        Self::ask(ruby, || rb_self.inner.broker_down(id))
    }

    /// nil stands for all brokers.
    fn broker_up(ruby: &Ruby, rb_self: &Self, id: Option<i32>) -> Result<(), Error> {
        Self::ask(ruby, || rb_self.inner.broker_up(id))
    }

    fn round_trip_time(ruby: &Ruby, rb_self: &Self, delay_ms: u64) -> Result<(), Error> {
        Self::ask(ruby, || rb_self.inner.round_trip_time(Duration::from_millis(delay_ms)))
    }

    /// Fails the next requests of a kind (`:produce`, `:fetch`, ...) with these codes, one each.
    fn request_errors(ruby: &Ruby, rb_self: &Self, request: Symbol, codes: Vec<i32>) -> Result<(), Error> {
        let name = request.name()?.into_owned();
        let request = Request::named(&name)
            .ok_or_else(|| Error::new(ruby.exception_arg_error(), format!("unknown request {name}")))?;
        Self::ask(ruby, || rb_self.inner.request_errors(request, &codes))
    }

    /// Moves a partition to another broker; nil leaves it without a leader.
    fn partition_leader(
        ruby: &Ruby,
        rb_self: &Self,
        topic: String,
        partition: i32,
        id: Option<i32>,
    ) -> Result<(), Error> {
        Self::ask(ruby, || rb_self.inner.partition_leader(&topic, partition, id))
    }
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Broker", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("start", function!(Broker::start, 2))?;
    class.define_method("bootstrap_servers", method!(Broker::bootstrap_servers, 0))?;
    class.define_method("running?", method!(Broker::is_running, 0))?;
    class.define_method("create_topic", method!(Broker::create_topic, 2))?;
    class.define_method("stop", method!(Broker::stop, 0))?;
    class.define_method("broker_down", method!(Broker::broker_down, 1))?;
    class.define_method("broker_up", method!(Broker::broker_up, 1))?;
    class.define_method("round_trip_time", method!(Broker::round_trip_time, 1))?;
    class.define_method("request_errors", method!(Broker::request_errors, 2))?;
    class.define_method("partition_leader", method!(Broker::partition_leader, 3))?;
    Ok(())
}
