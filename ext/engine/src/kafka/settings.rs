//! librdkafka settings, checked one by one so that the refused one can be named.

use std::collections::BTreeMap;
use std::ffi::c_char;

use rdkafka::bindings::rd_kafka_conf_res_t;

use super::{Secrets, c_string, string, sys};
use crate::error::{EngineError, Result};

const REASON_SIZE: usize = 512;

/// An owned `rd_kafka_conf_t`.
pub struct Settings {
    raw: *mut sys::rd_kafka_conf_t,
}

impl Settings {
    /// Applies `settings` in their order.
    ///
    /// # Errors
    /// [`EngineError::Setting`] naming the first property that librdkafka refuses.
    pub fn new(owner: &str, settings: &BTreeMap<String, String>) -> Result<Self> {
        // SAFETY: returns an owned configuration, freed in Drop or handed to rd_kafka_new.
        let conf = Self { raw: unsafe { sys::rd_kafka_conf_new() } };
        for (name, value) in settings {
            // librdkafka quotes what it refuses.
            conf.set(owner, name, value).map_err(|error| error.mask(&Secrets::of(settings)))?;
        }
        Ok(conf)
    }

    fn set(&self, owner: &str, name: &str, value: &str) -> Result<()> {
        let mut reason = [0 as c_char; REASON_SIZE];
        let (c_name, c_value) = (c_string(name), c_string(value));
        // SAFETY: `raw` is live, the strings are NUL-terminated, the buffer has the size given.
        let result = unsafe {
            sys::rd_kafka_conf_set(self.raw, c_name.as_ptr(), c_value.as_ptr(), reason.as_mut_ptr(), REASON_SIZE)
        };
        if result == rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
            return Ok(());
        }
        // SAFETY: librdkafka NUL-terminates what it writes into the buffer.
        let reason = unsafe { string(reason.as_ptr()) };
        Err(EngineError::Setting { group: owner.into(), setting: name.into(), reason })
    }

    /// Chooses which things librdkafka reports as events: a mask of `RD_KAFKA_EVENT_*`.
    pub(super) fn report(&self, events: i32) {
        // SAFETY: `raw` is live.
        unsafe { sys::rd_kafka_conf_set_events(self.raw, events) }
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_conf_t {
        self.raw
    }

    /// Gives the configuration away, to `rd_kafka_new`.
    pub(super) fn into_raw(self) -> *mut sys::rd_kafka_conf_t {
        let raw = self.raw;
        std::mem::forget(self);
        raw
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        // SAFETY: `raw` was not given away, else Drop would not run.
        unsafe { sys::rd_kafka_conf_destroy(self.raw) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> String {
        let settings = BTreeMap::from([(name.to_string(), value.to_string())]);
        Settings::new("orders", &settings).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_refused_setting_is_named_with_its_group() {
        let message = refused("session.timeout.ms", "soon");
        assert!(message.contains("orders") && message.contains("session.timeout.ms"), "{message}");
    }

    #[test]
    fn a_secret_that_librdkafka_quotes_is_masked() {
        let settings = [("sasl.password", "open-sesame"), ("security.protocol", "open-sesame")];
        let settings = settings.map(|(name, value)| (name.to_string(), value.to_string()));
        let message = Settings::new("orders", &BTreeMap::from(settings)).map(drop).unwrap_err().to_string();
        assert!(message.contains("[FILTERED]") && !message.contains("sesame"), "{message}");
    }

    #[test]
    fn an_unknown_setting_is_named() {
        assert!(refused("sesion.timeout.ms", "1").contains("sesion.timeout.ms"));
    }
}
