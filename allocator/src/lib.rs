//! A global allocator that remembers every block it hands out, by tag, and
//! wipes every block it takes back; its log outlives the process.
//!
//! See the repository's README for the tour. In short:
//!
//! ```
//! use scrubjay::{Report, Scrubjay, Tag};
//!
//! #[global_allocator]
//! static ALLOCATOR: Scrubjay = Scrubjay::new();
//!
//! static WEIGHTS: Tag = Tag::new("model/weights");
//!
//! let weights = {
//!     let _scope = WEIGHTS.enter();
//!     vec![0.5_f32; 1_000]
//! };
//! assert_eq!(Report::now().tag("model/weights").unwrap().live_bytes, 4_000);
//! # drop(weights);
//! ```
//!
//! # What is promised
//!
//! After a block is released, none of the bytes that the program wrote in it
//! can be found in that block, whichever of `dealloc` and `realloc` released
//! it, on whichever thread, in release builds, too. Not reachable from an
//! allocator: registers and stacks, copies made by moves, memory of C code (but
//! see below) or mapped by others, swap, core dumps made before the release.
//!
//! # Memory of C and C++
//!
//! With the feature `c-heap`, which is off by default, the executable defines
//! `malloc` and its family: what C and C++ code frees in the same process is
//! wiped and counted, too, under the tag `c-heap`. It needs glibc, linked
//! dynamically, and cannot be combined with a sanitizer. Blocks from before the
//! program's constructors ran, and blocks whose check word an overflow has
//! destroyed, are passed through, unwiped, and counted apart.
//!
//! # Edge cases
//!
//! - A block keeps the tag that it was born with, also through `realloc`,
//!   whoever frees it.
//! - A successful realloc frees the old size, allocates the new one, and is one
//!   more block, as Valgrind's DHAT counts.
//! - A refused allocation is null, so that `try_reserve` gives `Err`; it is
//!   counted as failed, and not as live.
//! - Frees that come after a thread's end hook (from destructors of C thread
//!   keys) are counted in a shared slot.
//! - A forked child starts with what was live and totals of zero, and gets a
//!   log of its own if its parent has one by its settings.
//! - Blocks of vault tags are not there in a forked child: a release of one does
//!   nothing, a `realloc` gives null, a touch is a fault.
#![deny(clippy::disallowed_types, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(all(feature = "c-heap", any(not(target_env = "gnu"), target_feature = "crt-static")))]
compile_error!("scrubjay's feature c-heap needs glibc, and linked dynamically");

#[cfg(not(target_has_atomic = "64"))]
compile_error!("scrubjay counts in atomic words of 64 bits, which this target lacks");

/// One of two sets of modules. It has this name because rustfmt looks for
/// modules' files in no other macro.
macro_rules! cfg_if {
    (if #[cfg($where:meta)] { $($here:item)* } else { $($elsewhere:item)* }) => {
        $(#[cfg($where)] $here)*
        $(#[cfg(not($where))] $elsewhere)*
    };
}

cfg_if! {
if #[cfg(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64",
    not(scrubjay_elsewhere)
))] {

mod admission;
#[expect(unsafe_code, reason = "the four methods are unsafe by their trait")]
mod allocator;
mod bill;
mod budget;
#[allow(clippy::disallowed_types, reason = "runs outside of the four methods")]
mod budgets;
#[cfg(feature = "c-heap")]
#[expect(unsafe_code, reason = "stands in for the C library's functions")]
mod c_heap;
#[expect(unsafe_code, reason = "reads the stack")]
mod capture;
mod carried;
#[allow(dead_code, reason = "the machine's memory is asked by nobody yet")]
mod cgroup;
#[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "reads the time stamp counter"))]
mod clock;
mod config;
mod context;
mod control;
#[expect(unsafe_code, reason = "copies a block")]
mod copy;
#[expect(unsafe_code, reason = "looks at the bytes of a damaged block")]
mod damage;
mod dump;
#[cfg(any(
    feature = "open-metrics",
    feature = "metrics",
    feature = "opentelemetry",
    feature = "metrics-page"
))]
#[allow(clippy::disallowed_types, reason = "runs outside of the four methods")]
pub mod exports;
mod external;
#[expect(unsafe_code, reason = "projects a pin")]
mod following;
mod frames;
#[expect(unsafe_code, reason = "calls the C library's functions")]
mod heap;
mod helper;
#[cfg(all(feature = "leak-check", target_env = "gnu"))]
#[expect(unsafe_code, reason = "stands in for the C library's function")]
mod inherit;
#[expect(unsafe_code, reason = "calls the wrapped allocator")]
mod inner;
mod journal;
mod json;
mod keyed_hash;
mod late;
#[cfg(feature = "leak-check")]
#[allow(clippy::disallowed_types, reason = "runs outside of the four methods")]
#[expect(unsafe_code, reason = "says which of its types are plain")]
mod leak_check;
mod lease;
mod ledger;
mod limits;
mod line;
mod listing;
// What records is the same in every build; what reads it comes with the feature.
#[cfg_attr(not(feature = "leak-check"), allow(dead_code, reason = "read by leak checks alone"))]
#[expect(unsafe_code, reason = "turns a mapping into records")]
mod live;
mod log_name;
#[expect(unsafe_code, reason = "maps and moves the pages of large blocks")]
mod mapped;
mod maps;
mod modules;
mod note;
#[expect(unsafe_code, reason = "calls the system")]
mod os;
mod own;
#[expect(unsafe_code, reason = "turns a mapping into places for owners")]
mod owner;
mod pressure;
#[expect(unsafe_code, reason = "the constructor asks whose the global allocator is")]
mod process;
#[cfg(feature = "profile")]
#[allow(clippy::disallowed_types, reason = "runs outside of the four methods")]
mod profile;
mod protection;
#[expect(unsafe_code, reason = "turns a pointer that was set back into a reference")]
mod published;
#[expect(unsafe_code, reason = "looks at blocks that it holds back")]
mod quarantine;
// Without the feature nothing but `let_in` is called, by the helper thread.
#[expect(unsafe_code, reason = "reads all memory, and registers")]
#[cfg_attr(
    not(any(test, feature = "leak-check")),
    allow(dead_code, unused_imports, reason = "asked by leak checks alone")
)]
mod reach;
#[expect(unsafe_code, reason = "moves blocks")]
mod realloc;
mod recorder;
mod register;
#[expect(unsafe_code, reason = "clears them")]
mod registers;
mod registry;
#[expect(unsafe_code, reason = "hands blocks back to the wrapped allocator")]
mod release;
mod report;
#[expect(unsafe_code, reason = "searches on memory of its own")]
mod residue;
mod ring;
mod sampling;
#[cfg(feature = "leak-check")]
#[allow(clippy::disallowed_types, reason = "runs outside of the four methods")]
mod scan;
mod scope;
#[expect(unsafe_code, reason = "allocates, and hands blocks back")]
mod self_test;
#[expect(unsafe_code, reason = "turns mappings into tables")]
mod site;
mod snapshot;
#[cfg(feature = "tracing")]
mod span_tags;
#[expect(unsafe_code, reason = "overwrites what lies below its own frame")]
mod stack;
#[expect(unsafe_code, reason = "turns mappings into slices of atomics")]
mod store;
mod switch;
mod tag;
mod tag_family;
#[expect(unsafe_code, reason = "takes blocks from the wrapped allocator")]
mod take;
mod thinning;
#[expect(unsafe_code, reason = "turns a mapping into slots, and inlines thread-local access")]
mod thread;
mod thread_blocks;
#[cfg(feature = "tokio")]
pub mod tokio;
mod touched;
#[expect(unsafe_code, reason = "reads and writes behind a block")]
mod trailer;
#[expect(unsafe_code, reason = "hands blocks back that were held")]
mod trim;
#[expect(unsafe_code, reason = "maps and protects the pages of guarded blocks")]
mod vault;
mod vault_tag;
#[expect(unsafe_code, reason = "turns a mapping into a list")]
mod vitals;
#[expect(unsafe_code, reason = "overwrites a block")]
mod wipe;
mod wrapped;
mod writer;

/// The README, whose examples run as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The same of the page for people who come from Python.
#[cfg(all(doctest, feature = "leak-check", feature = "profile"))]
#[doc = include_str!("../COMING_FROM_PYTHON.md")]
pub struct ComingFromPython;

pub use allocator::Scrubjay;
pub use bill::{Bill, TagBill};
pub use budget::Budget;
pub use budgets::{
    BudgetStatus, Headroom, Pressure, PressureCause, PressureWatch, budgets, on_pressure,
    set_budget,
};
pub use carried::{Carried, spawn, spawn_by};
pub use config::{AtLimit, Config, Mode, ModeError, OnCorruption, WhenFull, Wipe};
pub use context::{Adopted, Context};
pub use dump::{dump, start_log};
#[cfg(feature = "open-metrics")]
pub use exports::open_metrics::open_metrics;
#[cfg(feature = "metrics-page")]
pub use exports::page::{MetricsPage, MetricsPageError};
pub use external::{External, OverBudget};
pub use following::{Following, Tagged};
pub use inner::{Over, System};
#[cfg(feature = "leak-check")]
pub use leak_check::{
    Cycle, Descriptor, DescriptorKind, Exceeded, Frame, HeldBy, Leak, LeakCheck, LeakCheckError,
    LeakGuard, LeakKind, LeakReport, Limit, Member, Outcome, Signals, assert_bounded, orphans,
};
pub use lease::{Lease, Pending};
pub use note::note;
#[cfg(feature = "profile")]
pub use profile::{Profile, Profiled, Profiles, profiles};
pub use protection::{Frozen, Vault, VaultError, VaultStatus};
pub use report::{Report, TagStats};
pub use residue::{Place, Residue, ResidueBlock, ResidueSearch, assert_no_residue, find_residue};
#[cfg(feature = "leak-check")]
pub use scan::{
    HeldCycle, HeldSite, HeldTag, ScanError, ScanReport, ScanTimer, scan, scan_every,
    scan_every_within, scan_within,
};
pub use scope::Scope;
#[cfg(feature = "leak-check")]
pub use scrubjay_macros::leak_check;
#[cfg(feature = "profile")]
pub use scrubjay_macros::profile;
pub use self_test::{LeftBehind, ReleasePath, SelfTest, SelfTestError, wipe_self_test};
pub use snapshot::tags;
#[cfg(feature = "tracing")]
pub use span_tags::SpanTags;
pub use stack::scrub_stack;
pub use switch::set_mode;
pub use tag::Tag;
pub use tag_family::TagFamily;
pub use trim::{Trimmed, trim};
pub use vitals::{CgroupVitals, MallocVitals, VitalParts, Vitals, vitals, vitals_with_parts};

} else {

// A small allocator, and what it has in common with the one above.
#[allow(dead_code, reason = "budgets are taken here, and not enforced")]
#[path = "budget/declared.rs"]
mod budget;
#[allow(dead_code, reason = "settings without meaning here are taken all the same")]
mod config;
#[expect(unsafe_code, reason = "is an allocator, and calls the C library")]
mod elsewhere;
mod json;
#[allow(dead_code, reason = "most are of what is not here")]
mod limits;
#[allow(dead_code, reason = "says less here")]
mod line;
#[allow(dead_code, reason = "there is no guarded memory here")]
mod protection;
#[allow(dead_code, reason = "nothing is taken back here")]
#[expect(unsafe_code, reason = "turns a pointer that was set back into a reference")]
mod published;
mod report;
#[allow(dead_code, reason = "there is no log here to declare tags in")]
mod tag;
#[allow(dead_code, reason = "nothing is in a hurry here")]
#[expect(unsafe_code, reason = "reads and writes behind a block")]
mod trailer;

// What these ask for by such names.
use elsewhere::{live, os, wipe};

pub use budget::Budget;
pub use config::{AtLimit, Config, Mode, ModeError, OnCorruption, WhenFull, Wipe};
pub use elsewhere::{
    Over, Scope, Scrubjay, System, dump, note, scrub_stack, set_mode, start_log, tags,
};
pub use protection::{Frozen, Vault, VaultError, VaultStatus};
pub use report::{Report, TagStats};
pub use tag::Tag;

}
}
