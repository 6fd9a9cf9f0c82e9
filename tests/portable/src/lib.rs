//! What the claims about both allocators share. They run over the one that the
//! target has, and on Linux over either: `--cfg scrubjay_elsewhere` asks for the
//! small one.

/// Numbers that look random.
#[path = "../../src/random.rs"]
pub mod random;

/// Whether this is the small allocator.
pub const IS_ELSEWHERE: bool = cfg!(any(
    scrubjay_elsewhere,
    not(all(target_os = "linux", target_endian = "little", target_pointer_width = "64"))
));
