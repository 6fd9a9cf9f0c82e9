//! Which frames of a stack say nothing about the program, asked of frames of a
//! log.

use scrubjay_suppressions::fold;

pub use scrubjay_suppressions::fold::{About, kept};

use super::frame::Frame;

/// Whether a frame is the allocator's own, or of the standard library's
/// plumbing for allocations and for the start of programs and threads.
pub fn is_plumbing(frame: &Frame) -> bool {
    fold::is_plumbing(&asked(frame))
}

/// The frames of a stack, innermost first, without what says nothing about
/// the program.
pub fn folded<'f>(frames: impl IntoIterator<Item = &'f Frame>) -> Vec<&'f Frame> {
    let frames: Vec<&Frame> = frames.into_iter().collect();
    kept(&abouts(&frames)).into_iter().map(|at| frames[at]).collect()
}

/// What each of these frames is about: those of one address, or of several.
pub fn abouts(frames: &[&Frame]) -> Vec<About> {
    let frames: Vec<fold::Frame<'_>> = frames.iter().map(|frame| asked(frame)).collect();
    fold::abouts(&frames)
}

fn asked(frame: &Frame) -> fold::Frame<'_> {
    fold::Frame {
        function: frame.code.function.as_deref(),
        file: frame.code.file.as_deref(),
        line: frame.code.line,
        is_inlined: frame.code.is_inlined,
    }
}
