//! `Karafka::Native::Engine`: one run of the consumer loop.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::{Duration, Instant};

use karafka_engine::events::Next;
use karafka_engine::lifecycle::State;
use karafka_engine::{Engine as CoreEngine, EngineConfig, Fault, Joined};
use magnus::value::ReprValue;
use magnus::{Error, IntoValue, RModule, Ruby, Symbol, Value, function, method, prelude::*};
use serde::Serialize;

use crate::boundary::{exception, guard};
use crate::gvl;

/// How long one wait without the GVL lasts before interrupts are looked at again.
const SLICE: Duration = Duration::from_millis(50);

/// An engine. Collecting one stops nothing and frees nothing in a fork of its process.
#[magnus::wrap(class = "Karafka::Native::Engine", free_immediately, size)]
pub(crate) struct Engine {
    inner: ManuallyDrop<Arc<CoreEngine>>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.inner.is_home() && self.inner.state() == State::Stopped {
            // SAFETY: dropped once, here; `inner` is not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.inner) }
        }
    }
}

fn json(ruby: &Ruby, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::new(ruby.exception_runtime_error(), e.to_string()))
}

impl Engine {
    pub(crate) fn inner(&self) -> &Arc<CoreEngine> {
        &self.inner
    }

    fn new(ruby: &Ruby, config: String) -> Result<Self, Error> {
        guard(ruby, || {
            let engine = gvl::without_briefly(|| EngineConfig::from_json(&config).and_then(CoreEngine::new));
            let inner = engine.map_err(|e| exception(ruby, &e))?;
            Ok(Self { inner: ManuallyDrop::new(Arc::new(inner)) })
        })
    }

    fn start(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || gvl::without_briefly(|| rb_self.inner.start()).map_err(|e| exception(ruby, &e)))
    }

    fn state(ruby: &Ruby, rb_self: &Self) -> Symbol {
        ruby.to_symbol(rb_self.inner.state().name())
    }

    fn quiet(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || {
            rb_self.inner.quiet();
            Ok(())
        })
    }

    fn stop(ruby: &Ruby, rb_self: &Self, timeout_ms: u64) -> Result<(), Error> {
        guard(ruby, || {
            rb_self.inner.stop(Duration::from_millis(timeout_ms));
            Ok(())
        })
    }

    /// Waits until stopped; whether it is, after `timeout_ms` at the latest.
    fn wait_until_stopped(ruby: &Ruby, rb_self: &Self, timeout_ms: u64) -> Result<bool, Error> {
        guard(ruby, || {
            let deadline = Instant::now() + Duration::from_millis(timeout_ms);
            gvl::in_slices(ruby, || {
                let left = deadline.saturating_duration_since(Instant::now());
                let stopped = rb_self.inner.wait_until_stopped(left.min(SLICE)) == State::Stopped;
                (stopped || left.is_zero()).then_some(stopped)
            })
        })
    }

    /// Waits for the engine's own threads; how many are stuck and were left.
    fn join_threads(ruby: &Ruby, rb_self: &Self, timeout_ms: u64) -> Result<usize, Error> {
        guard(ruby, || {
            Ok(match gvl::without_briefly(|| rb_self.inner.join_threads(Duration::from_millis(timeout_ms))) {
                Joined::All => 0,
                Joined::LeftBehind(count) => count,
            })
        })
    }

    fn report(ruby: &Ruby, rb_self: &Self) -> Result<String, Error> {
        guard(ruby, || json(ruby, &gvl::without_briefly(|| rb_self.inner.report())))
    }

    fn health(ruby: &Ruby, rb_self: &Self) -> Result<String, Error> {
        guard(ruby, || json(ruby, &gvl::without_briefly(|| rb_self.inner.health())))
    }

    /// Waits for the next event: a JSON document, nil for none in time, `:closed` when none will come.
    fn next_event(ruby: &Ruby, rb_self: &Self, timeout_ms: u64) -> Result<Value, Error> {
        guard(ruby, || {
            let timeout = Duration::from_millis(timeout_ms);
            let next = gvl::without(|| rb_self.inner.next_event(timeout), &|| rb_self.inner.nudge_events());
            Ok(match next {
                Some(Next::Event(event)) => json(ruby, &event)?.into_value_with(ruby),
                Some(Next::Closed) => ruby.sym_new("closed").as_value(),
                Some(Next::Nothing) | None => ruby.qnil().as_value(),
            })
        })
    }

    fn want_statistics(&self) {
        self.inner.want_statistics();
    }

    /// Provokes a fault, to test what follows.
    fn provoke(ruby: &Ruby, rb_self: &Self, fault: Symbol) -> Result<(), Error> {
        guard(ruby, || {
            match &*fault.name()? {
                "control_panic" => rb_self.inner.provoke(Fault::ControlPanic),
                "poll_panic" => rb_self.inner.provoke(Fault::PollPanic),
                "fatal_error" => rb_self.inner.provoke(Fault::FatalError),
                #[allow(clippy::panic)] // The point of the fault.
                "binding_panic" => panic!("asked to"),
                other => return Err(Error::new(ruby.exception_arg_error(), format!("unknown fault {other}"))),
            }
            Ok(())
        })
    }
}

/// Defines the class.
///
/// # Errors
/// What Ruby raises.
pub(crate) fn define(ruby: &Ruby, native: &RModule) -> Result<(), Error> {
    let class = native.define_class("Engine", ruby.class_object())?;
    class.define_singleton_method("new", function!(Engine::new, 1))?;
    class.define_method("start", method!(Engine::start, 0))?;
    class.define_method("state", method!(Engine::state, 0))?;
    class.define_method("quiet", method!(Engine::quiet, 0))?;
    class.define_method("stop", method!(Engine::stop, 1))?;
    class.define_method("wait_until_stopped", method!(Engine::wait_until_stopped, 1))?;
    class.define_method("join_threads", method!(Engine::join_threads, 1))?;
    class.define_method("report", method!(Engine::report, 0))?;
    class.define_method("health", method!(Engine::health, 0))?;
    class.define_method("next_event", method!(Engine::next_event, 1))?;
    class.define_method("want_statistics", method!(Engine::want_statistics, 0))?;
    class.define_method("provoke", method!(Engine::provoke, 1))?;
    Ok(())
}
