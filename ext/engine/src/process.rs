//! Which process a native handle belongs to.
//!
//! After a fork the child holds copies of handles whose threads live in the parent only: using or freeing one
//! hangs or corrupts. Every handle remembers its process and is inert in any other.
//!
//! The question is asked for each mark of a message, and asking the system for the process id would cost more than
//! the mark. So a fork is noticed when it happens, by the handler that `fork` calls in the child.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{EngineError, Result};

/// How many forks lie between the process in which the first handle was made and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);
static WATCH: Once = Once::new();

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

fn watch_forks() {
    WATCH.call_once(|| {
        // SAFETY: the handler is a function of this library, which is never unloaded, and touches an atomic only.
        let registered = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        debug_assert_eq!(registered, 0, "pthread_atfork fails for want of memory only");
    });
}

/// The process a handle was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessGuard {
    owner: u32,
    forks: u32,
}

impl ProcessGuard {
    /// Remembers the current process.
    pub fn here() -> Self {
        watch_forks();
        Self { owner: std::process::id(), forks: FORKS.load(Ordering::Relaxed) }
    }

    /// Whether this is still the process of [`ProcessGuard::here`].
    pub fn is_home(self) -> bool {
        FORKS.load(Ordering::Relaxed) == self.forks
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_is_another_process() {
        let guard = ProcessGuard::here();
        assert!(guard.is_home() && guard.check().is_ok());
        // SAFETY: the child calls nothing but what is safe between fork and _exit: it reads an atomic.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(i32::from(guard.is_home()));
            }
            let mut status = -1;
            libc::waitpid(child, &mut status, 0);
            status
        };
        assert_eq!(status, 0, "the child took itself for the parent");
        assert!(guard.is_home());
    }
}
