//! The allocators that can stand behind scrubjay.

/// The system's allocator: `std::alloc::System`.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// Any other global allocator. Nothing is asked of it but what `GlobalAlloc`
/// promises, so blocks grow and shrink by copying.
#[derive(Clone, Copy, Debug, Default)]
pub struct Over<A>(pub(crate) A);
