//! A worker's side of the engine: ask for a lease, work, settle it, ask again.

use std::sync::Arc;

use crate::hub::Hub;
use crate::lease::Lease;
use crate::ready::{Popped, Seat};

/// What asking for a lease brought.
pub enum Taken {
    /// A job.
    Lease(Lease),
    /// [`Worker::interrupt`] was called.
    Interrupted,
    /// The engine stopped; no job will come.
    Closed,
}

/// One worker. Its thread is the application's.
pub struct Worker {
    hub: Arc<Hub>,
    seat: Arc<Seat>,
}

impl Worker {
    /// A worker of the engine behind `hub`.
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { seat: hub.ready.seat(), hub }
    }

    /// Waits for the next job.
    pub fn take(&self) -> Taken {
        loop {
            match self.hub.ready.pop(&self.seat) {
                Popped::Partition(partition) => {
                    if let Some(lease) = partition.take() {
                        return Taken::Lease(lease);
                    }
                }
                Popped::Interrupted => return Taken::Interrupted,
                Popped::Closed => return Taken::Closed,
            }
        }
    }

    /// The job that the worker goes on with in a host where letting Ruby's lock go costs more than the job; `None` where
    /// it is to [`Worker::take`]. Does not wait.
    pub fn take_in_turn(&self) -> Option<Lease> {
        self.hub.ready.next_in_turn(&self.seat)?.take()
    }

    /// Makes a [`Worker::take`] that waits, or the next one, return early.
    pub fn interrupt(&self) {
        self.hub.ready.interrupt(&self.seat);
    }

    /// It is to leave after its job: it does not count any more, and a [`Worker::take`] that waits, or the next one, returns
    /// early.
    pub fn retire(&self) {
        self.hub.ready.retire(&self.seat);
    }

    /// No more is taken here: somebody else is called for what is ready.
    pub fn leave(&self) {
        self.hub.ready.leave(&self.seat);
    }

    /// Whether this is the process the engine runs in.
    pub fn is_home(&self) -> bool {
        self.hub.process.is_home()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.is_home() {
            self.leave();
        }
    }
}
