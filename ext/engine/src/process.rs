//! Which process a native handle belongs to.
//!
//! After a fork the child holds copies of handles whose threads live in the parent only: using or freeing one
//! hangs or corrupts. Every handle remembers its process and is inert in any other.

use crate::error::{EngineError, Result};

/// The process a handle was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessGuard {
    owner: u32,
}

impl ProcessGuard {
    /// Remembers the current process.
    pub fn here() -> Self {
        Self { owner: std::process::id() }
    }

    /// Whether this is still the process of [`ProcessGuard::here`].
    pub fn is_home(self) -> bool {
        std::process::id() == self.owner
    }

    /// # Errors
    /// [`EngineError::ForeignProcess`] in a fork of the owner.
    pub fn check(self) -> Result<()> {
        if self.is_home() {
            Ok(())
        } else {
            Err(EngineError::ForeignProcess { owner: self.owner, current: std::process::id() })
        }
    }
}
