//! How the allocator treats what is freed.

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
    }
}
