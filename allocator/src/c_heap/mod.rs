//! `malloc` and its family, for C and C++ code in the same process: what it
//! frees is wiped and counted, too, under the tag `c-heap`.
//!
//! The executable defines the functions, so the loader hands them to every
//! library, the C library included. Behind them stand the C library's own
//! ([`crate::heap`]), which Rust's blocks come from directly.
//!
//! C tells no size when it frees. So a C block's trailer lies in the last eight
//! bytes of what the C library gave, and `malloc_usable_size`, which says how
//! much that is, answers eight less: that is the block's size wherever it is
//! counted, wiped or reported.
//!
//! A block without a trailer is a stray: from before the process began, or of
//! the loader's own. It is passed through and counted. So is a block whose
//! trailer was destroyed, by more than one byte: nothing tells the two apart.

mod errno;
mod functions;
mod look;
mod resize;
mod take;

use core::sync::atomic::{AtomicU32, Ordering};

use scrubjay_log_format::process as words_of;

use crate::config::Config;
use crate::control::control;
use crate::heap::{self, Ruler};
use crate::inner::System;
use crate::line::Line;
use crate::tag::Tag;
use crate::wrapped::Wrapped;
use crate::{process, store};

/// What C blocks are for, as far as anybody knows, whatever scope is active.
static TAG: Tag = Tag::new("c-heap");

/// Where C blocks come from. The settings are never asked: C blocks have no
/// trailer before the process has begun with the program's own.
static OVER: Wrapped<System> = Wrapped { inner: System, config: Config::new() };

static STAGE: AtomicU32 = AtomicU32::new(ASLEEP);
const ASLEEP: u32 = 0;
/// The loader is being asked; what it allocates meanwhile is passed through.
const WAKING: u32 = 1;
const DECIDED: u32 = 2;

/// The ruler, if C blocks have trailers.
#[inline(always)]
fn ruler() -> Option<Ruler> {
    heap::ruler().or_else(wake)
}

/// Before the process has begun nothing can be counted, and nothing is known
/// of the program's settings: every block is a stray.
#[cold]
fn wake() -> Option<Ruler> {
    if !process::has_begun()
        // Whoever has the lock may be this very thread, starting a log.
        || control().tags.try_once().is_none()
        || STAGE.compare_exchange(ASLEEP, WAKING, Ordering::AcqRel, Ordering::Relaxed).is_err()
    {
        return None;
    }
    let found = Ruler::find();
    match found {
        Some(ruler) => {
            // Registered before the first block has its site.
            TAG.index();
            heap::set_ruler(ruler);
        }
        None => Line::new()
            .text("another allocator is loaded before the C library's: C blocks are passed through")
            .say(),
    }
    STAGE.store(DECIDED, Ordering::Release);
    found
}

/// Counts a stray that is released.
#[cold]
fn count_stray(size: usize) {
    if let Some(store) = store::current() {
        let words = store.process();
        words[words_of::PASSED_THROUGH_COUNT].fetch_add(1, Ordering::Relaxed);
        words[words_of::PASSED_THROUGH_BYTES].fetch_add(size as u64, Ordering::Relaxed);
    }
}
