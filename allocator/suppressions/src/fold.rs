//! Which frames of a stack say nothing about the program: those of the
//! allocator, of the standard library where it allocates, and of the start of
//! programs and threads.

/// A function of a stack, as far as it is asked here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'s> {
    /// Its name, readable, where it is known.
    pub function: Option<&'s str>,
    /// Its source file.
    pub file: Option<&'s str>,
    /// The line in that.
    pub line: Option<u32>,
    /// It is inlined into the function of the next frame.
    pub is_inlined: bool,
}

/// The allocator's crates.
const ALLOCATOR: [&str; 2] = ["scrubjay", "scrubjay_log_format"];

/// Where the standard library allocates on a caller's behalf.
const CONTAINERS: [&str; 4] = ["alloc", "hashbrown", "std::alloc", "std::collections::hash"];

/// The symbols that the compiler puts between a program and its allocator,
/// and C's, where these are the allocator's.
const DOORS: [&str; 14] = [
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rust_dealloc",
    "__rg_alloc",
    "__rg_alloc_zeroed",
    "__rg_realloc",
    "__rg_dealloc",
    "__rdl_alloc",
    "__rdl_alloc_zeroed",
    "__rdl_realloc",
    "__rdl_dealloc",
    "__rustc::__rust_alloc",
    "__rustc::__rust_realloc",
];

/// Where the standard library calls a program's or a thread's first function:
/// this frame and all around it.
const BEGINNING: &str = "__rust_begin_short_backtrace";

/// What runs around a program's first function.
const START_UP: [&str; 12] = [
    "_start",
    "main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "start_thread",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "__GI___clone",
    "__GI___clone3",
];

/// Files of the standard library and of the allocator, by what their paths have
/// in the middle, where a name is not telling.
const SOURCES: [(&str, &str); 6] = [
    ("/scrubjay-", "scrubjay"),
    // A checkout.
    ("/scrubjay/allocator/src/", "scrubjay"),
    ("/library/alloc/src/", "alloc"),
    ("/library/core/src/", "core"),
    ("/library/std/src/", "std"),
    ("/hashbrown-", "hashbrown"),
];

/// What a frame is about, as far as names and files tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The allocator, or a container of the standard library.
    Allocation,
    /// A name without a path that is inlined into the allocator.
    WithinAllocator,
    /// Generic glue, which is about what it is called by.
    Glue,
    /// The rest of the standard library.
    Std,
    /// The start of the program or of a thread.
    StartUp,
    /// Where that calls its first function.
    Beginning,
    /// The program.
    Program,
}

impl About {
    fn is_plumbing(self) -> bool {
        matches!(self, Self::Allocation | Self::StartUp | Self::Beginning)
    }

    /// Whether it stands between the program and the allocator: there glue is
    /// plumbing, too.
    fn is_inner(self) -> bool {
        matches!(self, Self::Allocation | Self::WithinAllocator | Self::Glue)
    }

    /// Whether it stands around the program's first function.
    fn is_outer(self) -> bool {
        self.is_plumbing() || matches!(self, Self::Std | Self::Glue)
    }
}

/// Whether a frame is the allocator's own, or of the standard library's
/// plumbing for allocations and for the start of programs and threads.
pub fn is_plumbing(frame: &Frame<'_>) -> bool {
    about(frame).is_plumbing()
}

/// What each of these frames is about: those of one address, or of several.
pub fn abouts(frames: &[Frame<'_>]) -> Vec<About> {
    let about = |at: usize| match about(&frames[at]) {
        About::Allocation => About::Allocation,
        _ if is_within_the_allocator(&frames[at..]) => About::WithinAllocator,
        about => about,
    };
    (0..frames.len()).map(about).collect()
}

/// The places of the frames that say something, by what each is about. Where
/// nothing of the program is left, the standard library's own are; else all of
/// them.
pub fn kept(abouts: &[About]) -> Vec<usize> {
    let inner = abouts.iter().position(|about| !about.is_inner()).unwrap_or(abouts.len());
    // The outermost of them: a program may have a runtime in a runtime.
    let beginning = abouts[inner..].iter().rposition(|about| *about == About::Beginning);
    let mut end = beginning.map_or(abouts.len(), |at| inner + at);
    let starts = matches!(abouts.last(), Some(About::StartUp | About::Beginning));
    if starts || beginning.is_some() {
        while end > inner && abouts[end - 1].is_outer() {
            end -= 1;
        }
    }
    // What the standard library allocates for itself is about that.
    let candidates = [inner..end, inner..abouts.len()];
    let without_plumbing = |range: std::ops::Range<usize>| -> Vec<usize> {
        range.filter(|&at| !abouts[at].is_plumbing()).collect()
    };
    let kept = candidates.into_iter().map(without_plumbing).find(|kept| !kept.is_empty());
    kept.unwrap_or_else(|| (0..abouts.len()).collect())
}

/// Whether the first frame is inlined into a function of the allocator, where
/// its own name has no path.
fn is_within_the_allocator(frames: &[Frame<'_>]) -> bool {
    fn name<'s>(frame: &Frame<'s>) -> &'s str {
        frame.function.unwrap_or("")
    }
    if !frames[0].is_inlined || owners(name(&frames[0])).is_some() {
        return false;
    }
    let outermost = frames.iter().find(|frame| !frame.is_inlined);
    outermost.is_some_and(|outermost| is_own(name(outermost)))
}

/// Whether a function is the allocator's, or the door to it.
fn is_own(name: &str) -> bool {
    let is_own = |path: &str| ALLOCATOR.contains(&path.split("::").next().unwrap_or(path));
    is_door(name) || owners(name).is_some_and(|owners| owners.into_iter().any(is_own))
}

fn is_door(name: &str) -> bool {
    DOORS.contains(&name) || name.starts_with("__rustc[") || name.starts_with("__rustc::")
}

fn about(frame: &Frame<'_>) -> About {
    let Some(name) = frame.function else { return About::Program };
    if is_door(name) {
        return About::Allocation;
    }
    // A program's own `main` has its crate before it, and a line.
    if START_UP.contains(&name) && (name != "main" || frame.line.is_none()) {
        return About::StartUp;
    }
    if name.contains(BEGINNING) {
        return About::Beginning;
    }
    if name.starts_with("std::rt::lang_start") {
        return About::StartUp;
    }
    if name.starts_with("std::thread::") && name.contains("spawn_unchecked")
        || name.starts_with("std::sys::thread::") && name.contains("thread_start")
        || name.starts_with("std::sys::pal::unix::thread::") && name.contains("thread_start")
    {
        return About::StartUp;
    }
    match owners(name) {
        Some(owners) => owners.into_iter().map(of_path).max_by_key(rank).unwrap_or(About::Program),
        None => of_file(frame.file.unwrap_or("")),
    }
}

/// An implementation is about its trait or its type, whichever is more the
/// program's.
fn rank(about: &About) -> u32 {
    match about {
        About::Glue => 0,
        About::Allocation | About::WithinAllocator => 1,
        About::StartUp | About::Beginning => 2,
        About::Std => 3,
        About::Program => 4,
    }
}

fn of_path(path: &str) -> About {
    let is_in = |module: &str| {
        path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    if ALLOCATOR.iter().any(|name| is_in(name)) || CONTAINERS.iter().any(|name| is_in(name)) {
        About::Allocation
    } else if is_in("core") {
        About::Glue
    } else if is_in("std") || is_in("panic_unwind") {
        About::Std
    } else {
        About::Program
    }
}

/// By the file alone, for names without a path.
fn of_file(file: &str) -> About {
    let is_std = |(part, _): &&(&str, &str)| file.contains(part);
    SOURCES.iter().find(is_std).map_or(About::Program, |(_, path)| of_path(path))
}

/// The paths that a function belongs to: its own, or for `<Type as Trait>::f`
/// those of type and trait. `None` where the name has none, as in C or where
/// only the last part was written down.
fn owners(name: &str) -> Option<Vec<&str>> {
    let Some(inside) = name.strip_prefix('<') else {
        let path = &name[..name.find(['<', '(', ' ']).unwrap_or(name.len())];
        return path.contains("::").then(|| vec![path]);
    };
    let mut depth = 1;
    let mut divider = None;
    let mut end = inside.len();
    for (at, character) in inside.char_indices() {
        match character {
            '<' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if !inside[..at].ends_with('-') => depth -= 1,
            _ => {}
        }
        if depth == 1 && inside[at..].starts_with(" as ") {
            divider = Some(at);
        }
        if depth == 0 {
            end = at;
            break;
        }
    }
    let parts = match divider {
        Some(at) => vec![&inside[..at], &inside[(at + " as ".len()).min(end)..end]],
        None => vec![&inside[..end]],
    };
    // A type without a path is built in, or a parameter: nobody's.
    let paths = parts.into_iter().map(head).filter(|path| path.contains("::"));
    let paths: Vec<&str> = paths.collect();
    Some(if paths.is_empty() { vec!["core"] } else { paths })
}

/// A type's path without what refers to it and what it is made of.
fn head(path: &str) -> &str {
    let path = path.trim_start_matches(['&', '*', '[', '(']);
    let words = ["mut ", "const ", "dyn "];
    let path = words.iter().fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
    match path.strip_prefix('<') {
        Some(inner) => head(inner),
        None => {
            &path[..path.find(['<', '>', '(', ')', '[', ']', ' ', ';', ',']).unwrap_or(path.len())]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str) -> Frame<'_> {
        Frame { function: Some(function), ..Frame::default() }
    }

    fn folded<'s>(frames: &[Frame<'s>]) -> Vec<&'s str> {
        kept(&abouts(frames)).into_iter().filter_map(|at| frames[at].function).collect()
    }

    fn names<'s>(stack: &[&'s str]) -> Vec<&'s str> {
        let frames: Vec<Frame<'_>> = stack.iter().map(|name| frame(name)).collect();
        folded(&frames)
    }

    #[test]
    fn plumbing_is_what_allocates_and_what_starts() {
        for name in [
            "scrubjay::take::take",
            "<scrubjay::allocator::Scrubjay as core::alloc::global::GlobalAlloc>::alloc",
            "__rust_alloc",
            "__rustc::__rust_alloc",
            "alloc::alloc::alloc",
            "<alloc::alloc::Global as core::alloc::Allocator>::allocate",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "<alloc::vec::Vec<model::Layer>>::with_capacity",
            "<alloc::vec::Vec<T> as alloc::vec::spec_from_iter::SpecFromIter<T,I>>::from_iter",
            "alloc::slice::<impl [T]>::to_vec",
            "<T as alloc::string::ToString>::to_string",
            "hashbrown::raw::RawTable<T,A>::reserve_rehash",
            "std::collections::hash::map::HashMap<K,V,S>::insert",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            "std::rt::lang_start::{{closure}}",
            "std::thread::Builder::spawn_unchecked_::{{closure}}",
            "__libc_start_main",
            "main",
        ] {
            assert!(is_plumbing(&frame(name)), "{name}");
        }
        for name in [
            "model::load",
            "model::main",
            "allocations::grow",
            "scrubjay_tests::churn",
            "<model::Layer as core::clone::Clone>::clone",
            "<alloc::vec::Vec<T> as model::Weights>::load",
            "<fn(u8) -> alloc::vec::Vec<u8> as model::Handler>::call",
            "std::fs::read",
            "core::iter::traits::iterator::Iterator::collect",
            "<&str as model::Parse>::parse",
        ] {
            assert!(!is_plumbing(&frame(name)), "{name}");
        }
    }

    #[test]
    fn a_folded_stack_begins_at_the_line_that_asked() {
        let stack = [
            "scrubjay::take::take",
            "__rust_alloc",
            "alloc::alloc::alloc",
            "alloc::raw_vec::RawVec<T,A>::with_capacity_in",
            "<str as alloc::borrow::ToOwned>::to_owned",
            "<alloc::string::String as core::convert::From<&str>>::from",
            "core::ops::function::FnOnce::call_once",
            "model::name::{{closure}}",
            "core::option::Option<T>::map",
            "model::name",
            "model::main",
            "core::ops::function::FnOnce::call_once",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            "std::rt::lang_start::{{closure}}",
            "std::rt::lang_start_internal",
            "main",
            "__libc_start_call_main",
        ];
        let kept = [
            "model::name::{{closure}}",
            "core::option::Option<T>::map",
            "model::name",
            "model::main",
        ];
        assert_eq!(names(&stack), kept);
    }

    #[test]
    fn what_the_runtime_allocates_for_itself_is_its_own() {
        let stack = ["__rust_alloc", "alloc::sync::Arc<T>::new", "std::rt::init", "main"];
        assert_eq!(names(&stack), ["std::rt::init"]);
        let stack = ["__rust_alloc", "alloc::sync::Arc<T>::new", "std::rt::lang_start", "main"];
        assert_eq!(names(&stack), stack);
    }

    #[test]
    fn a_thread_ends_at_its_own_first_function() {
        let stack = [
            "__rust_alloc",
            "std::fs::read::inner",
            "server::serve",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            "std::thread::Builder::spawn_unchecked_::{{closure}}::{{closure}}",
            "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::FnOnce<()>>::call_once",
            "std::panicking::catch_unwind",
            "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
            "std::sys::pal::unix::thread::Thread::new::thread_start",
            "start_thread",
            "clone3",
        ];
        assert_eq!(names(&stack), ["std::fs::read::inner", "server::serve"]);
    }

    #[test]
    fn a_name_without_a_path_is_known_by_what_it_is_inlined_into() {
        for outermost in [
            "scrubjay::take::alloc",
            "<scrubjay::allocator::Scrubjay as core::alloc::global::GlobalAlloc>::alloc",
            "__rustc::__rust_alloc",
        ] {
            let mut frames =
                ["new_site", "take_in<scrubjay::System>", outermost, "grow", "model::load"]
                    .map(frame);
            for index in [0, 1, 3] {
                frames[index].is_inlined = true;
            }
            assert_eq!(folded(&frames), ["grow", "model::load"], "{outermost}");
        }
    }

    #[test]
    fn a_name_without_a_path_is_known_by_its_file() {
        let mut inlined = frame("with_capacity<u8>");
        assert!(!is_plumbing(&inlined));
        inlined.file = Some("/rustc/59807616/library/alloc/src/vec/mod.rs");
        assert!(is_plumbing(&inlined));
    }
}
