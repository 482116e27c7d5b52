//! Memory for batches, in pages of its own.
//!
//! Batches are some kilobytes, die in another order than they were made in, and are made by several threads, each with an
//! arena of malloc: what lives of one keeps the pages of many that do not. With 500 partitions the arenas grew to three
//! times of what was in them. Pages that are mapped go back as a whole.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};

/// A list whose memory is mapped when it is large.
pub(crate) type Buffer<T> = allocator_api2::vec::Vec<T, Pages>;

/// Copies `bytes` behind what is in the buffer. Its own `extend_from_slice` goes byte by byte.
pub(crate) fn append(buffer: &mut Buffer<u8>, bytes: &[u8]) {
    buffer.reserve(bytes.len());
    let len = buffer.len();
    // SAFETY: there is room for `bytes`, which are not in the buffer: it is borrowed mutably. They are initialized then.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.as_mut_ptr().add(len), bytes.len());
        buffer.set_len(len + bytes.len());
    }
}

/// Less than this comes from malloc, which has room for it in pages of others.
const LEAST_BYTES: usize = 8 << 10;
const PAGE: usize = 4096;
/// Where in its first page mapped memory begins. What malloc was asked for in its place begins with a page.
const OFFSET: usize = 64;

/// Maps memory. Where the system does not (a process may have 65,530 mappings), it comes from malloc.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pages;

impl Pages {
    fn is_for_malloc(layout: Layout) -> bool {
        layout.size() < LEAST_BYTES || layout.align() > OFFSET
    }

    fn mapped_bytes(layout: Layout) -> usize {
        (layout.size() + OFFSET).next_multiple_of(PAGE)
    }

    fn in_place_of_mapping(layout: Layout) -> Result<Layout, AllocError> {
        layout.align_to(PAGE).map_err(|_| AllocError)
    }
}

// SAFETY: what `allocate` returns stays valid, wherever the allocator is moved or copied to, until `deallocate` is given
// it; a copy of the allocator frees what the other has allocated, since neither has a state.
unsafe impl Allocator for Pages {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if Self::is_for_malloc(layout) {
            return Global.allocate(layout);
        }
        // SAFETY: a private mapping at an address of the system's choice touches nothing that is there.
        let mapping = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Self::mapped_bytes(layout),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if mapping == libc::MAP_FAILED {
            return Global.allocate(Self::in_place_of_mapping(layout)?);
        }
        // SAFETY: the mapping is longer than this.
        let begin = NonNull::new(unsafe { mapping.cast::<u8>().add(OFFSET) }).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(begin, layout.size()))
    }

    unsafe fn deallocate(&self, begin: NonNull<u8>, layout: Layout) {
        if Self::is_for_malloc(layout) {
            // SAFETY: promised by the caller; `allocate` made the same choice.
            return unsafe { Global.deallocate(begin, layout) };
        }
        if begin.addr().get() % PAGE == OFFSET {
            // SAFETY: only what is mapped begins there; nobody uses it any more, as the caller promises.
            let done = unsafe { libc::munmap(begin.as_ptr().sub(OFFSET).cast(), Self::mapped_bytes(layout)) };
            debug_assert_eq!(done, 0);
            return;
        }
        if let Ok(layout) = Self::in_place_of_mapping(layout) {
            // SAFETY: it was allocated with this layout.
            unsafe { Global.deallocate(begin, layout) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_what_is_in_it_while_it_grows() {
        let mut buffer: Buffer<u64> = Buffer::new_in(Pages);
        buffer.extend(0..100_000);
        assert!(buffer.iter().copied().eq(0..100_000));
        buffer.truncate(10);
        buffer.shrink_to_fit();
        assert!(buffer.iter().copied().eq(0..10));
    }

    #[test]
    fn large_memory_is_mapped_and_small_is_not() {
        let buffers = |bytes: usize| (0..64).map(|_| Buffer::<u8>::with_capacity_in(bytes, Pages)).collect::<Vec<_>>();
        let begins_as_mapped = |buffer: &Buffer<u8>| buffer.as_ptr().addr() % PAGE == OFFSET;
        assert!(buffers(LEAST_BYTES).iter().all(begins_as_mapped));
        assert!(!buffers(LEAST_BYTES - 1).iter().all(begins_as_mapped));
    }

    #[test]
    fn bytes_are_copied_behind_those_that_are_there() {
        let mut buffer = Buffer::new_in(Pages);
        [&b"or"[..], b"", b"ders"].into_iter().for_each(|bytes| append(&mut buffer, bytes));
        assert_eq!(&buffer[..], b"orders");
    }

    #[test]
    fn what_could_not_be_mapped_is_freed_as_what_it_is() {
        let layout = Layout::from_size_align(LEAST_BYTES, 8).unwrap();
        let begin = Global.allocate(Pages::in_place_of_mapping(layout).unwrap()).unwrap().cast::<u8>();
        // SAFETY: allocated with the layout that `allocate` has in place of a mapping.
        unsafe { Pages.deallocate(begin, layout) };
    }
}
