//! The binding of karafka_engine to Ruby: one file per Ruby class, all of them in `Karafka::Native`.
#![allow(missing_docs)] // Private but for the Init function, which the macro writes.

mod batch;
mod boundary;
mod broker;
mod delivery;
mod engine;
mod gvl;
mod lease;
mod partition;
mod pressure;
mod producer;
mod worker;

use magnus::{Error, Ruby, prelude::*};

/// Called by Ruby when the extension is loaded. Defines classes and starts nothing.
#[magnus::init]
fn init(ruby: &Ruby) -> Result<(), Error> {
    let native = ruby.define_module("Karafka")?.define_module("Native")?;
    batch::define(ruby, &native)?;
    broker::define(ruby, &native)?;
    delivery::define(ruby, &native)?;
    engine::define(ruby, &native)?;
    lease::define(ruby, &native)?;
    partition::define(ruby, &native)?;
    producer::define(ruby, &native)?;
    worker::define(ruby, &native)?;
    Ok(())
}
