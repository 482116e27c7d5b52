//! What may not cross into Ruby: panics, and errors without a class.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use karafka_engine::{EngineError, panic_text};
use magnus::{Error, ExceptionClass, RClass, RModule, Ruby, prelude::*};

/// Runs a method's body. A panic becomes `Karafka::Native::PanicError`: magnus would raise `fatal`, which nothing
/// rescues and which ends the process.
///
/// # Errors
/// What `body` returns, or the panic.
pub(crate) fn guard<R>(ruby: &Ruby, body: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let (class, text) = panic_error(ruby, &*panic);
        Err(Error::new(class, text))
    })
}

/// What a panic is in Ruby: the class of the exception, and its message.
pub(crate) fn panic_error(ruby: &Ruby, panic: &(dyn Any + Send)) -> (ExceptionClass, String) {
    (class(ruby, "PanicError"), format!("the native extension panicked: {}", panic_text(panic)))
}

/// The Ruby exception of an engine error.
pub(crate) fn exception(ruby: &Ruby, error: &EngineError) -> Error {
    let name = match error {
        EngineError::Configuration(_) | EngineError::Setting { .. } => "ConfigurationError",
        EngineError::ClientCreation { .. } => "ClientCreationError",
        EngineError::Kafka { .. } => "KafkaError",
        EngineError::Timeout { .. } => "TimeoutError",
        EngineError::ForeignProcess { .. } => "ForeignProcessError",
        EngineError::Lifecycle { .. } | EngineError::ProducerClosed { .. } => "LifecycleError",
        EngineError::Thread { .. } => "ThreadError",
    };
    let class = class(ruby, name);
    let made = class.new_instance((error.to_string(),)).and_then(|exception| {
        exception.funcall::<_, _, magnus::Value>("code=", (error.code(),))?;
        Ok(exception)
    });
    match made {
        Ok(exception) => Error::from(exception),
        Err(error) => error,
    }
}

/// An exception class of `Karafka::Native`, defined in lib/karafka/native.rb; `RuntimeError` should it be gone.
fn class(ruby: &Ruby, name: &str) -> ExceptionClass {
    let native =
        ruby.class_object().const_get::<_, RModule>("Karafka").and_then(|k| k.const_get::<_, RModule>("Native"));
    native
        .and_then(|native| native.const_get::<_, RClass>(name))
        .ok()
        .and_then(|class| ExceptionClass::from_value(class.as_value()))
        .unwrap_or_else(|| ruby.exception_runtime_error())
}
