//! What there is not, and that it is said: in one line, once, by a constructor
//! or a call, and never within an allocation.

use core::alloc::Layout;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::path::{Path, PathBuf};

use super::begin;
use crate::config::{Mode, ModeError};
use crate::line::Line;

/// Says once what is missing here.
pub(super) fn say() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.load(Ordering::Relaxed) && !SAID.swap(true, Ordering::Relaxed) {
        Line::new()
            .text("on this system it counts per tag and wipes, and has no log, no stacks, ")
            .text("no leak checks, no guarded memory, and no view of C's memory; ")
            .text("budgets are not enforced")
            .say();
    }
}

/// Runs before main. If this allocator is the program's, it decides now, and
/// says what it lacks.
extern "C" fn constructor() {
    let layout = Layout::new::<u64>();
    // SAFETY: the layout has a size.
    let block = core::hint::black_box(unsafe { std::alloc::alloc(layout) });
    if !block.is_null() {
        // SAFETY: allocated just now with this layout.
        unsafe { std::alloc::dealloc(block, layout) };
    }
    if begin::has_begun() {
        say();
    }
}

// Where neither holds, the first call says it.
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
#[cfg_attr(
    all(unix, not(target_vendor = "apple"), not(target_os = "aix")),
    unsafe(link_section = ".init_array")
)]
static CONSTRUCTOR: extern "C" fn() = constructor;

/// Would start a log of the process.
///
/// # Errors
/// Always, on this target: of the kind [`io::ErrorKind::Unsupported`].
pub fn start_log(name: impl AsRef<Path>) -> io::Result<PathBuf> {
    no_log(name.as_ref())
}

/// Would write a log of this moment.
///
/// # Errors
/// As for [`start_log`].
pub fn dump(name: impl AsRef<Path>) -> io::Result<PathBuf> {
    no_log(name.as_ref())
}

fn no_log(name: &Path) -> io::Result<PathBuf> {
    say();
    let what = format!("no log {}: scrubjay has logs on 64-bit Linux alone", name.display());
    Err(io::Error::new(io::ErrorKind::Unsupported, what))
}

/// Would say something about the program in its log. On this target there is
/// none, and nothing happens.
pub fn note(_name: &str, _value: &str) {
    say();
}

/// Would have the process record in another mode. Answers the mode before.
///
/// # Errors
/// On this target there is the mode [`Mode::Count`] alone.
pub fn set_mode(mode: Mode) -> Result<Mode, ModeError> {
    say();
    if mode == Mode::Count { Ok(Mode::Count) } else { Err(ModeError::NoJournal) }
}

/// Would overwrite the calling thread's stack below the caller. On this target
/// nothing is known of stacks: nothing is done, and the answer is 0.
pub fn scrub_stack(_bytes: usize) -> usize {
    say();
    0
}
