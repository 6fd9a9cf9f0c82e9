//! Code that is loaded and unloaded while stacks are captured.

use std::ffi::{CString, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::corpus::recursive;
use super::looks::{Looks, allocate, unchanged};
use crate::capture::{self, End};

/// The type of `_Unwind_Backtrace`, which calls back.
type Backtrace =
    unsafe extern "C" fn(unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32, *mut c_void) -> i32;

/// A library of its own: a copy of the one that unwinds, which calls back.
struct Library {
    handle: *mut c_void,
    backtrace: Backtrace,
}

impl Library {
    fn open(path: &Path) -> Self {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the path is a C string; the library's constructors do no harm.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null());
        // SAFETY: the library is open, the name a C string.
        let function = unsafe { libc::dlsym(handle, c"_Unwind_Backtrace".as_ptr()) };
        assert!(!function.is_null());
        // SAFETY: it is of this type.
        let backtrace = unsafe { std::mem::transmute::<*mut c_void, Backtrace>(function) };
        Self { handle, backtrace }
    }

    /// Allocates in a function that the library calls.
    fn allocate(&self) {
        // SAFETY: the function takes anything.
        unsafe { (self.backtrace)(on_frame, std::ptr::null_mut()) };
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: nothing of the library is used any more.
        unsafe { libc::dlclose(self.handle) };
    }
}

unsafe extern "C" fn on_frame(_: *mut c_void, _: *mut c_void) -> i32 {
    allocate();
    // The end of the stack: once is enough.
    5
}

/// A copy of the library, removed in the end.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let mut source = PathBuf::new();
        capture::each_module(|module| {
            let path = Path::new(OsStr::from_bytes(module.path));
            if path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"libgcc_s.so")) {
                source = path.to_owned();
            }
        });
        let path = std::env::temp_dir().join(format!("{name}-{}.so", std::process::id()));
        std::fs::copy(source, &path).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn code_is_known_after_a_refresh() {
    let _unchanged = unchanged();
    let file = File::new("known");
    let looks = Looks::new();
    let library = Library::open(&file.0);
    let in_library = || {
        looks.during(|| recursive(2, &|| library.allocate()));
        looks.take()
    };
    // Others may have had a look in between.
    for look in in_library() {
        assert!(look.end == End::Lost || look.end == End::Whole);
        assert!(look.reference().starts_with(&look.ours) && look.ours.len() > 1, "{look:x?}");
    }
    // And may be at it right now.
    for _ in 0..1_000 {
        capture::refresh();
        if in_library()[0].end == End::Whole {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    for look in in_library() {
        assert_eq!(look.end, End::Whole, "{look:x?}");
        assert_eq!(look.ours, look.reference());
        assert!(look.user_frame_count() >= 4);
    }
}

#[test]
fn stacks_stay_true_while_code_comes_and_goes() {
    let _unchanged = unchanged();
    let files: Vec<_> = (0..3).map(|index| File::new(&format!("fleeting-{index}"))).collect();
    let (looks, others) = (Looks::new(), Looks::new());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for file in &files {
            let (looks, others, is_over) = (&looks, &others, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let library = Library::open(&file.0);
                    looks.during(|| recursive(5, &|| library.allocate()));
                }
            });
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    others.during(|| recursive(5, &allocate));
                    std::thread::yield_now();
                }
            });
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(600) {
            capture::refresh();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    for look in looks.take() {
        assert!(look.reference().starts_with(&look.ours), "{look:x?}");
    }
    // Nothing of what is on these stacks went away.
    for look in others.take() {
        assert!(matches!(look.end, End::Whole | End::Busy), "{look:x?}");
        assert!(look.reference().starts_with(&look.ours), "{look:x?}");
    }
}
