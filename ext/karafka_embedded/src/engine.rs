//! `Karafka::Native::Engine`: one run of the consumer loop.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::{Duration, Instant};

use karafka_engine::events::{EngineEvent, Next};
use karafka_engine::lifecycle::State;
use karafka_engine::statistics::Document;
use karafka_engine::{Engine as CoreEngine, EngineConfig, Fault, Joined};
use magnus::value::ReprValue;
use magnus::{Error, IntoValue, RModule, Ruby, Symbol, Value, function, method, prelude::*};
use serde::Serialize;

use crate::boundary::{exception, guard};
use crate::client::Client;
use crate::gvl;

/// How long one wait without the GVL lasts before interrupts are looked at again.
const SLICE: Duration = Duration::from_millis(50);
/// Statistics come in documents of about so many bytes: what Ruby parses in a millisecond, then others have a turn.
const STATISTICS_CHUNK: usize = 64 << 10;

/// How long a thread that is made to stall does nothing: longer than specs have it watched.
const STALL: Duration = Duration::from_secs(5);

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
            let deadline = Instant::now() + Duration::from_millis(timeout_ms);
            gvl::in_slices(ruby, || {
                let left = deadline.saturating_duration_since(Instant::now());
                match rb_self.inner.join_threads(left.min(SLICE)) {
                    Joined::All => Some(0),
                    Joined::LeftBehind(count) => left.is_zero().then_some(count),
                }
            })
        })
    }

    fn report(ruby: &Ruby, rb_self: &Self) -> Result<String, Error> {
        guard(ruby, || json(ruby, &gvl::without_briefly(|| rb_self.inner.report())))
    }

    fn health(ruby: &Ruby, rb_self: &Self) -> Result<String, Error> {
        guard(ruby, || json(ruby, &gvl::without_briefly(|| rb_self.inner.health())))
    }

    /// Looks once a second, without the GVL, until there is something else to know than in the `known` version: a JSON
    /// document; sooner, or nil, when Ruby wants the thread to look up.
    fn watch(ruby: &Ruby, rb_self: &Self, known: u64, longest_ms: u64) -> Result<Option<String>, Error> {
        guard(ruby, || {
            let watchdog = rb_self.inner.watchdog();
            let longest = Duration::from_millis(longest_ms);
            let news = gvl::without(|| watchdog.news(known, longest), &|| watchdog.nudge());
            news.map(|news| json(ruby, &news)).transpose()
        })
    }

    /// Has a `watch` that waits, or the next one, look at once and return.
    fn nudge_watchdog(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || {
            rb_self.inner.nudge_watchdog();
            Ok(())
        })
    }

    /// How often the watchdog looked.
    fn looks(&self) -> u64 {
        self.inner.watchdog().looks()
    }

    /// There are to be so many workers.
    fn want_workers(ruby: &Ruby, rb_self: &Self, count: usize) -> Result<(), Error> {
        guard(ruby, || {
            rb_self.inner.want_workers(count);
            Ok(())
        })
    }

    /// Waits for the next event: a JSON document, nil for none in time, `:closed` when none will come. Statistics are an
    /// Array of the group's index and JSON documents: all but the partitions, then those.
    fn next_event(ruby: &Ruby, rb_self: &Self, timeout_ms: u64) -> Result<Value, Error> {
        guard(ruby, || {
            let timeout = Duration::from_millis(timeout_ms);
            let next = gvl::without(|| Told::of(rb_self.inner.next_event(timeout)), &|| rb_self.inner.nudge_events());
            next.unwrap_or(Told::Nothing).into_ruby(ruby)
        })
    }

    /// Makes a `next_event` that waits, or the next one, return early.
    fn nudge_events(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        guard(ruby, || {
            rb_self.inner.nudge_events();
            Ok(())
        })
    }

    /// What the application asks the client of the group with this index.
    fn client(ruby: &Ruby, rb_self: &Self, group: usize) -> Result<Client, Error> {
        let client = rb_self.inner.group_client(group);
        client.map(Client::new).ok_or_else(|| Error::new(ruby.exception_arg_error(), format!("no group {group}")))
    }

    /// Jobs that run, and partitions that wait for a worker.
    fn job_counts(ruby: &Ruby, rb_self: &Self) -> Result<(usize, usize), Error> {
        guard(ruby, || Ok(rb_self.inner.job_counts()))
    }

    /// How many times each group's poll thread came round.
    fn poll_turns(ruby: &Ruby, rb_self: &Self) -> Result<Vec<u64>, Error> {
        guard(ruby, || Ok(rb_self.inner.poll_turns()))
    }

    fn want_statistics(&self) {
        self.inner.want_statistics();
    }

    /// Provokes a fault, to test what follows.
    fn provoke(ruby: &Ruby, rb_self: &Self, fault: Symbol) -> Result<(), Error> {
        guard(ruby, || {
            match &*fault.name()? {
                "control_panic" => rb_self.inner.provoke(Fault::ControlPanic),
                "control_stall" => rb_self.inner.provoke(Fault::ControlStall(STALL)),
                "poll_stall" => rb_self.inner.provoke(Fault::PollStall(STALL)),
                "poll_panic" => rb_self.inner.provoke(Fault::PollPanic),
                "crash" => rb_self.inner.provoke(Fault::Crash),
                "refusal" => rb_self.inner.provoke(Fault::Refusal),
                "fatal_error" => rb_self.inner.provoke(Fault::FatalError),
                #[allow(clippy::panic)] // The point of the fault.
                "binding_panic" => panic!("asked to"),
                other => return Err(Error::new(ruby.exception_arg_error(), format!("unknown fault {other}"))),
            }
            Ok(())
        })
    }
}

/// An event as Ruby takes it. It is made without the GVL.
enum Told {
    Json(serde_json::Result<String>),
    Statistics(usize, Arc<Document>, Vec<String>),
    Nothing,
    Closed,
}

impl Told {
    fn of(next: Next) -> Self {
        match next {
            Next::Event(EngineEvent::Statistics { group, document }) => {
                let chunks = document.chunks(STATISTICS_CHUNK);
                Self::Statistics(group, document, chunks)
            }
            Next::Event(event) => Self::Json(serde_json::to_string(&event)),
            Next::Nothing => Self::Nothing,
            Next::Closed => Self::Closed,
        }
    }

    fn into_ruby(self, ruby: &Ruby) -> Result<Value, Error> {
        Ok(match self {
            Self::Json(json) => {
                json.map_err(|e| Error::new(ruby.exception_runtime_error(), e.to_string()))?.into_value_with(ruby)
            }
            Self::Statistics(group, document, chunks) => {
                let list = ruby.ary_new_capa(chunks.len() + 2);
                list.push(group)?;
                list.push(document.frame.as_str())?;
                for chunk in chunks {
                    list.push(chunk)?;
                }
                list.as_value()
            }
            Self::Nothing => ruby.qnil().as_value(),
            Self::Closed => ruby.sym_new("closed").as_value(),
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
    class.define_method("watch", method!(Engine::watch, 2))?;
    class.define_method("nudge_watchdog", method!(Engine::nudge_watchdog, 0))?;
    class.define_method("looks", method!(Engine::looks, 0))?;
    class.define_method("want_workers", method!(Engine::want_workers, 1))?;
    class.define_method("next_event", method!(Engine::next_event, 1))?;
    class.define_method("nudge_events", method!(Engine::nudge_events, 0))?;
    class.define_method("client", method!(Engine::client, 1))?;
    class.define_method("job_counts", method!(Engine::job_counts, 0))?;
    class.define_method("poll_turns", method!(Engine::poll_turns, 0))?;
    class.define_method("want_statistics", method!(Engine::want_statistics, 0))?;
    class.define_method("provoke", method!(Engine::provoke, 1))?;
    Ok(())
}
