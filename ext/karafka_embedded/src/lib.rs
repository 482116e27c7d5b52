//! The binding of karafka_engine to Ruby: one file per Ruby class, all of them in `Karafka::Native`.
#![allow(missing_docs)] // Private but for the Init function, which the macro writes.

mod batch;
mod boundary;
mod broker;
mod client;
mod delivery;
mod engine;
mod gvl;
mod lease;
mod message;
mod partition;
mod pressure;
mod producer;
mod quick;
mod worker;

use magnus::{Error, Ruby, TypedData, prelude::*};

/// Called by Ruby when the extension is loaded. Defines classes and starts nothing.
#[magnus::init]
fn init(ruby: &Ruby) -> Result<(), Error> {
    let native = ruby.define_module("Karafka")?.define_module("Native")?;
    batch::define(ruby, &native)?;
    broker::define(ruby, &native)?;
    client::define(ruby, &native)?;
    delivery::define(ruby, &native)?;
    engine::define(ruby, &native)?;
    lease::define(ruby, &native)?;
    message::define(ruby, &native)?;
    partition::define(ruby, &native)?;
    pressure::define(ruby, &native)?;
    producer::define(ruby, &native)?;
    worker::define(ruby, &native)?;
    look_up_classes(ruby);
    Ok(())
}

/// Has magnus look up the class of each wrapped type now, while one thread loads the extension.
///
/// Left to the first use, it calls Ruby inside a `OnceLock`. Ruby may switch threads in that call, and when the next
/// one needs the same class it waits for the lock with the GVL, and the first one for the GVL with the lock: for ever.
fn look_up_classes(ruby: &Ruby) {
    batch::Batch::class(ruby);
    broker::Broker::class(ruby);
    client::Client::class(ruby);
    delivery::Delivery::class(ruby);
    engine::Engine::class(ruby);
    lease::Lease::class(ruby);
    partition::Partition::class(ruby);
    producer::Producer::class(ruby);
    worker::Worker::class(ruby);
}
