//! Calls of the system that std does not offer, for roles that need them.
#![expect(unsafe_code, reason = "calls the system")]

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{io, mem};

/// A key whose values run when their thread ends, behind the destructors of
/// Rust's thread-locals. Keys run in the order in which they were made, so one
/// that is made in `main` runs behind scrubjay's own.
pub struct Key(libc::pthread_key_t);

type AtEnd = Box<dyn FnOnce()>;

unsafe extern "C" fn run_at_end(value: *mut c_void) {
    // SAFETY: only `at_thread_end` sets values, each from a box of this type.
    let then = unsafe { Box::from_raw(value.cast::<AtEnd>()) };
    then();
}

impl Key {
    /// A new key.
    pub fn new() -> Self {
        let mut key = 0;
        // SAFETY: the key can be written, and the function stays.
        let refused = unsafe { libc::pthread_key_create(&mut key, Some(run_at_end)) };
        assert_eq!(refused, 0, "a key can be had");
        Self(key)
    }

    /// Has `then` run when the calling thread ends.
    pub fn at_thread_end(&self, then: impl FnOnce() + 'static) {
        let value: AtEnd = Box::new(then);
        let value = Box::into_raw(Box::new(value));
        // SAFETY: the key is there, and its function takes such a value.
        let refused = unsafe { libc::pthread_setspecific(self.0, value.cast()) };
        assert_eq!(refused, 0, "a value can be set");
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

/// A function of a library that is loaded for it, and stays.
pub fn load(library: &Path, function: &CStr) -> extern "C" fn(usize) {
    let path = CString::new(library.as_os_str().as_bytes()).expect("a path without a NUL");
    // SAFETY: the library's constructors do no harm: it is the test's.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "it can be loaded");
    // SAFETY: the library is open, the name a C string.
    let function = unsafe { libc::dlsym(library, function.as_ptr()) };
    assert!(!function.is_null(), "it has the function");
    // SAFETY: the test's library has a function of this type by that name.
    unsafe { mem::transmute::<*mut c_void, extern "C" fn(usize)>(function) }
}

/// Has a C function run when the process exits.
pub fn at_exit(then: extern "C" fn()) {
    // SAFETY: the function stays.
    let refused = unsafe { libc::atexit(then) };
    assert_eq!(refused, 0, "a function can be registered");
}

/// How a process is doubled.
#[derive(Clone, Copy, Debug)]
pub enum Fork {
    /// By the C library, with its hooks.
    Library,
    /// By the system call, without any.
    Raw,
}

/// Runs `child` in a forked child, which then leaves: by `exit` with its
/// hooks, or by `_exit`. Answers the child's process id.
pub fn fork(how: Fork, by_exit: bool, child: impl FnOnce()) -> i32 {
    let process = match how {
        // SAFETY: the children of the tests do nothing but allocate, on the
        // one thread that they have.
        Fork::Library => unsafe { libc::fork() },
        // SAFETY: as above; no stack and no shared memory are asked for.
        Fork::Raw => unsafe {
            libc::syscall(libc::SYS_clone, libc::SIGCHLD as i64, 0, 0, 0, 0) as i32
        },
    };
    assert!(process >= 0, "{}", io::Error::last_os_error());
    if process == 0 {
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
        let code = if held { 0 } else { 1 };
        if by_exit {
            std::process::exit(code);
        }
        // SAFETY: nothing of this process has to run any more.
        unsafe { libc::_exit(code) };
    }
    process
}

/// Waits for a forked child, which must succeed and not hang.
pub fn wait(process: i32) {
    const PATIENCE: Duration = Duration::from_secs(20);
    let start = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: the status can be written.
        match unsafe { libc::waitpid(process, &mut status, libc::WNOHANG) } {
            0 if start.elapsed() > PATIENCE => {
                // SAFETY: the process is our child and was not waited for.
                unsafe { libc::kill(process, libc::SIGKILL) };
                panic!("the forked child hangs");
            }
            0 => std::thread::sleep(Duration::from_micros(200)),
            found => {
                assert_eq!((found, status), (process, 0), "the forked child fails");
                return;
            }
        }
    }
}

/// Ends a forked child that waits.
pub fn end(process: i32) {
    // SAFETY: the process is our child and was not waited for.
    unsafe { libc::kill(process, libc::SIGKILL) };
    let mut status = 0;
    // SAFETY: the status can be written.
    unsafe { libc::waitpid(process, &mut status, 0) };
}

/// Waits for a byte of standard input, or for its end. Takes nothing from the
/// heap, as std's own standard input does for its buffer.
pub fn wait_for_input() {
    let mut byte = 0_u8;
    loop {
        // SAFETY: the system writes to the byte alone.
        let count = unsafe { libc::read(libc::STDIN_FILENO, (&raw mut byte).cast(), 1) };
        if count >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Has the kernel write a core file, of any size, where this process dies.
pub fn allow_core_file() {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the structure can be read. Where it is refused there is no file.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) };
}

/// Closes every descriptor but the standard three.
pub fn close_all() {
    const HIGHEST: i32 = 1_000;
    for descriptor in 3..HIGHEST {
        // SAFETY: the roles that call this own nothing that is open.
        unsafe { libc::close(descriptor) };
    }
}

/// Has a program start with a limit on the size of its files.
pub(crate) fn limit_file_size(command: &mut Command, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    let set = move || {
        // SAFETY: the structure can be read.
        match unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: setting a limit is one system call, which a forked child may do.
    unsafe { command.pre_exec(set) };
}

/// Takes blocks from C's own heap, writes them, and leaves them there.
pub fn take_c_blocks(count: usize, size: usize) {
    for _ in 0..count {
        // SAFETY: malloc has no preconditions.
        let block = std::hint::black_box(unsafe { libc::malloc(size) });
        assert!(!block.is_null(), "there is memory");
        // SAFETY: the block has so many bytes, and is ours.
        unsafe { libc::memset(block, 1, size) };
    }
}

/// A file in memory, for good, that nobody may write.
pub fn map_file(path: &Path) -> &'static [u8] {
    use std::os::fd::AsRawFd;
    let file = std::fs::File::open(path).expect("the file is there");
    let size = file.metadata().expect("files have a size").len() as usize;
    let (protection, flags) = (libc::PROT_READ, libc::MAP_PRIVATE);
    // SAFETY: no address is asked for, so nothing that exists is touched.
    let place =
        unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, file.as_raw_fd(), 0) };
    assert_ne!(place, libc::MAP_FAILED, "the file can be mapped");
    // SAFETY: the mapping is never undone, and the file is not changed.
    unsafe { std::slice::from_raw_parts(place.cast(), size) }
}
