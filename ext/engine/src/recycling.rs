//! Memory of batches that nobody refers to any more, kept for the next ones.
//!
//! A backlog makes and drops hundreds of megabytes of batches a second. Given back to the allocator, their pages would be
//! returned to the system and cleared again for the next batch, and each thread's share of the heap would keep its own.

use std::sync::Mutex;
use std::sync::TryLockError;

use crate::pages::{Buffer, Pages};

/// Bytes that are kept at most: what a collection of Ruby's frees at once.
const KEPT: usize = 8 << 20;
/// A larger buffer came from an unusual batch.
const LARGEST: usize = 1 << 20;
/// A buffer is not used for less than this part of it: a consumer without further messages would keep all of it.
const LEAST_USE: usize = 4;
/// What is small anyway may be used for less.
const SMALL_BYTES: usize = 4 << 10;
/// So many of those that were kept last are looked at for one that fits.
const LOOKED_AT: usize = 8;

/// Buffers of one kind.
pub(crate) struct Recycler<T> {
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    buffers: Vec<Buffer<T>>,
    bytes: usize,
}

impl<T> Recycler<T> {
    pub(crate) const fn new() -> Self {
        Self { kept: Mutex::new(Kept { buffers: Vec::new(), bytes: 0 }) }
    }

    /// Uses what is kept, unless another thread does: then nobody waits. In a fork that thread may not exist.
    fn try_with<R>(&self, work: impl FnOnce(&mut Kept<T>) -> R) -> Option<R> {
        match self.kept.try_lock() {
            Ok(mut kept) => Some(work(&mut kept)),
            Err(TryLockError::Poisoned(poisoned)) => Some(work(&mut poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// An empty buffer with room for `len` elements.
    pub(crate) fn take(&self, len: usize) -> Buffer<T> {
        let most = (len * LEAST_USE).max(SMALL_BYTES / size_of::<T>());
        let fitting = self.try_with(|kept| {
            let looked_at = kept.buffers.len().saturating_sub(LOOKED_AT)..kept.buffers.len();
            let at = looked_at.rev().find(|at| (len..=most).contains(&kept.buffers[*at].capacity()))?;
            let buffer = kept.buffers.remove(at);
            kept.bytes -= bytes_of(&buffer);
            Some(buffer)
        });
        fitting.flatten().unwrap_or_else(|| Buffer::with_capacity_in(len, Pages))
    }

    /// Keeps a buffer for later, in the place of those that nobody wanted for longest.
    pub(crate) fn give(&self, mut buffer: Buffer<T>) {
        let bytes = bytes_of(&buffer);
        if bytes == 0 || bytes > LARGEST {
            return;
        }
        buffer.clear();
        // Freed when the lock is not held any more.
        let _unwanted = self.try_with(|kept| {
            let mut unwanted = 0;
            while kept.bytes + bytes > KEPT {
                kept.bytes -= bytes_of(&kept.buffers[unwanted]);
                unwanted += 1;
            }
            let unwanted: Vec<_> = kept.buffers.drain(..unwanted).collect();
            kept.bytes += bytes;
            kept.buffers.push(buffer);
            unwanted
        });
    }

    /// Keeps nothing any more.
    pub(crate) fn clear(&self) {
        let kept = self.try_with(|kept| std::mem::replace(kept, Kept { buffers: Vec::new(), bytes: 0 }));
        drop(kept);
    }
}

fn bytes_of<T>(buffer: &Buffer<T>) -> usize {
    buffer.capacity() * size_of::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(capacity: usize) -> Buffer<u8> {
        Buffer::with_capacity_in(capacity, Pages)
    }

    #[test]
    fn a_buffer_comes_back_empty() {
        let recycler = Recycler::new();
        let mut used = buffer(1_000);
        used.push(1);
        recycler.give(used);
        let again = recycler.take(10);
        assert!(again.is_empty() && again.capacity() >= 1_000);
        assert!(recycler.take(5).capacity() < 1_000, "the kept one was taken already");
    }

    #[test]
    fn a_buffer_that_fits_is_used() {
        let recycler = Recycler::new();
        [100_000, 20_000, 10_000].into_iter().for_each(|capacity| recycler.give(buffer(capacity)));
        assert!(recycler.take(15_000).capacity() == 20_000, "the last one is too small");
        assert!(recycler.take(100).capacity() < 10_000, "all are too large");
        assert!(recycler.take(3_000).capacity() == 10_000);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let recycler = Recycler::new();
        for _ in 0..20 {
            recycler.give(buffer(LARGEST));
        }
        recycler.give(buffer(LARGEST + 1));
        let kept = recycler.kept.lock().unwrap();
        assert_eq!((kept.bytes, kept.buffers.len()), (KEPT, KEPT / LARGEST));
    }

    #[test]
    fn what_nobody_wants_makes_room() {
        let recycler = Recycler::new();
        recycler.give(buffer(100));
        (0..KEPT / LARGEST).for_each(|_| recycler.give(buffer(LARGEST)));
        assert_eq!(recycler.kept.lock().unwrap().buffers.iter().map(Buffer::capacity).min(), Some(LARGEST));
    }

    #[test]
    fn what_was_kept_can_be_let_go() {
        let recycler = Recycler::new();
        recycler.give(buffer(1_000));
        recycler.clear();
        assert!(recycler.take(5).capacity() < 1_000);
    }
}
