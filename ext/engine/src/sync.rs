//! Locks that a fork does not break.
//!
//! They are std's, which consist of nothing but themselves. Others keep one table of all waiting threads of a process:
//! in a forked child it leads to the stacks of threads that are not there, and the child's first wait crashes.
//!
//! Poisoning is not looked at: a panic is caught where its thread begins, and the engine counts as crashed from then on.

use std::sync::{self, PoisonError};
use std::time::Instant;

pub use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// A mutex.
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    /// A mutex that nobody holds.
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock for many readers or one writer.
#[derive(Debug, Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    /// A lock that nobody holds.
    pub const fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }

    /// Waits until there is no writer.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is nobody else.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it guards; there is nobody to wait for.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Somebody notified, or nobody: the condition has to be looked at again.
    Maybe,
    /// The time was over.
    AtDeadline,
}

/// A condition to wait for.
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

impl Condvar {
    /// A condition that nobody waits for.
    pub const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    /// Lets go of the lock and waits.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the lock and waits, until this time at the latest.
    pub fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, deadline: Instant) -> (MutexGuard<'a, T>, Woken) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return (guard, Woken::AtDeadline);
        }
        let (guard, waited) = self.0.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner);
        (guard, if waited.timed_out() { Woken::AtDeadline } else { Woken::Maybe })
    }

    /// Waits until `reached`, until this time at the latest.
    pub fn wait_for<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Instant,
        reached: impl Fn(&T) -> bool,
    ) -> MutexGuard<'a, T> {
        let mut woken = Woken::Maybe;
        while !reached(&guard) && woken == Woken::Maybe {
            (guard, woken) = self.wait_until(guard, deadline);
        }
        guard
    }

    /// Wakes one that waits.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_lock_whose_holder_panicked_can_be_had() {
        let mutex = std::sync::Arc::new(Mutex::new(1));
        let held = std::sync::Arc::clone(&mutex);
        let panicked = std::thread::spawn(move || {
            let _guard = held.lock();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*mutex.lock(), 1);
    }

    #[test]
    fn a_wait_ends_at_its_deadline_and_when_it_is_reached() {
        let (mutex, condvar) = (Mutex::new(0), Condvar::new());
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(*condvar.wait_for(mutex.lock(), deadline, |n| *n == 1), 0);
        assert!(Instant::now() >= deadline);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                *mutex.lock() = 1;
                condvar.notify_all();
            });
            let far = Instant::now() + Duration::from_secs(60);
            assert_eq!(*condvar.wait_for(mutex.lock(), far, |n| *n == 1), 1);
        });
    }
}
