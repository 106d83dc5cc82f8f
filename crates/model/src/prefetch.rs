//! A hint to the processor: where tables are larger than its caches, waiting for memory is most of
//! the cost.

/// Bytes that come from memory together.
pub const LINE: usize = 64;

/// Asks for a line of memory that will be used soon.
#[inline(always)]
pub fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program sees, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for lines that follow each other; they need not exist.
#[inline(always)]
pub fn prefetch_lines<T>(at: *const T, lines: usize) {
    for line in 0..lines {
        prefetch(at.cast::<u8>().wrapping_add(line * LINE));
    }
}
