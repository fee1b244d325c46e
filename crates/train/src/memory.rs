//! How the allocator treats memory.

/// Keeps freed memory in the process, where the C library can be told to: a training step frees and asks for the same
/// hundreds of megabytes again and again, and the system would take each page away and hand it out zeroed, in a
/// quarter of all processor time. The most memory that is needed stays the same.
///
/// Called once, before threads are started.
pub fn keep_what_is_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// The largest that glibc accepts; beyond it, what is freed goes back at once, as ever.
        const LARGEST_KEPT: i32 = 32 << 20;
        const NEVER: i32 = i32::MAX;
        /// The heap grows by so much at a time.
        const STEP: i32 = 64 << 20;
        // SAFETY: mallopt only sets the allocator's parameters; what it refuses stays as it was.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST_KEPT);
            libc::mallopt(libc::M_TRIM_THRESHOLD, NEVER);
            libc::mallopt(libc::M_TOP_PAD, STEP);
        }
        ask_for_large_pages();
    }
}

/// Asks for large pages in the first step of the heap, where the system gives them to those who ask: a run of a
/// thousand stages that are up to date spends an eighth of its time on the faults of small ones.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn ask_for_large_pages() {
    const LARGE: usize = 2 << 20;
    // More than the heap has: it takes its first step now.
    let heap = std::hint::black_box(Vec::<u8>::with_capacity(1 << 20));
    let start = heap.as_ptr().addr();
    // SAFETY: sbrk(0) moves nothing, and advice on pages of the heap changes no contents; a refusal is no loss.
    unsafe {
        let end = libc::sbrk(0);
        let first = start.next_multiple_of(LARGE);
        if let Some(length) = end.addr().checked_sub(first) {
            libc::madvise(end.with_addr(first), length, libc::MADV_HUGEPAGE);
        }
    }
}
