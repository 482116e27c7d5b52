//! Memory of batches that nobody refers to any more, kept for the next ones.
//!
//! A backlog makes and drops hundreds of megabytes of batches a second. Given back to the allocator, their pages would be
//! returned to the system and cleared again for the next batch, and each thread's share of the heap would keep its own.

use std::sync::Mutex;
use std::sync::TryLockError;

/// Bytes that are kept at most.
const KEPT: usize = 4 << 20;
/// A larger buffer came from an unusual batch.
const LARGEST: usize = 1 << 20;

/// Buffers of one kind.
pub(crate) struct Recycler<T> {
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    buffers: Vec<Vec<T>>,
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
    pub(crate) fn take(&self, len: usize) -> Vec<T> {
        let kept = self.try_with(|kept| {
            let buffer = kept.buffers.pop()?;
            kept.bytes -= buffer.capacity() * size_of::<T>();
            Some(buffer)
        });
        let mut buffer = kept.flatten().unwrap_or_default();
        buffer.reserve(len);
        buffer
    }

    /// Keeps a buffer for later, if there is room for it.
    pub(crate) fn give(&self, mut buffer: Vec<T>) {
        let bytes = buffer.capacity() * size_of::<T>();
        if bytes == 0 || bytes > LARGEST {
            return;
        }
        buffer.clear();
        self.try_with(|kept| {
            if kept.bytes + bytes <= KEPT {
                kept.bytes += bytes;
                kept.buffers.push(buffer);
            }
        });
    }

    /// Keeps nothing any more.
    pub(crate) fn clear(&self) {
        let kept = self.try_with(|kept| std::mem::replace(kept, Kept { buffers: Vec::new(), bytes: 0 }));
        drop(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty() {
        let recycler = Recycler::new();
        recycler.give(vec![1_u8; 1_000]);
        let buffer = recycler.take(10);
        assert!(buffer.is_empty() && buffer.capacity() >= 1_000);
        assert!(recycler.take(5).capacity() < 1_000, "the kept one was taken already");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let recycler = Recycler::new();
        for _ in 0..20 {
            recycler.give(Vec::<u8>::with_capacity(LARGEST));
        }
        recycler.give(Vec::<u8>::with_capacity(LARGEST + 1));
        let kept = recycler.kept.lock().unwrap();
        assert_eq!((kept.bytes, kept.buffers.len()), (KEPT, KEPT / LARGEST));
    }

    #[test]
    fn what_was_kept_can_be_let_go() {
        let recycler = Recycler::new();
        recycler.give(vec![1_u8; 1_000]);
        recycler.clear();
        assert!(recycler.take(5).capacity() < 1_000);
    }
}
