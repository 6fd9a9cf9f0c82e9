//! A global allocator that remembers.
