//! Children that share their parent's memory, and processes that become others.
#![expect(unsafe_code, reason = "calls the system")]

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::path::Path;

/// Bytes of a child's stack.
const STACK_SIZE: usize = 256 << 10;

/// Runs a function in a child that shares this process's memory, as `vfork`
/// does: the parent rests until it has left. Answers its process id.
fn share(run: extern "C" fn(*mut c_void) -> c_int, argument: *mut c_void) -> i32 {
    let mut stack = vec![0_u128; STACK_SIZE / 16];
    let top = stack.as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack stays until the child has left, since the parent rests
    // so long; what the child runs neither unwinds nor returns to the parent's
    // frames.
    let process = unsafe { libc::clone(run, top.cast(), flags, argument) };
    assert!(process > 0, "{}", io::Error::last_os_error());
    process
}

/// Runs `work` in a child that shares this process's memory and has no thread
/// of its own to the C library; answers the child's process id.
pub fn run_sharing(mut work: impl FnMut()) -> i32 {
    extern "C" fn run<F: FnMut()>(argument: *mut c_void) -> c_int {
        // SAFETY: the argument is the closure of `run_sharing`, whose frame
        // rests.
        let work = unsafe { &mut *argument.cast::<F>() };
        work();
        0
    }
    fn of<F: FnMut()>(_: &F) -> extern "C" fn(*mut c_void) -> c_int {
        run::<F>
    }
    share(of(&work), (&raw mut work).cast())
}

/// Starts a program as by `vfork` and `exec`; answers its process id.
pub fn vfork_and_exec(program: &Path, arguments: &[&str]) -> i32 {
    extern "C" fn run(argument: *mut c_void) -> c_int {
        // SAFETY: the argument is the list of texts of `vfork_and_exec`, whose
        // frame rests.
        let texts = unsafe { &*argument.cast::<Vec<*const libc::c_char>>() };
        // SAFETY: the list ends with null, and its first text is the program.
        unsafe { libc::execv(texts[0], texts.as_ptr()) };
        127
    }
    let text = |text: &str| CString::new(text).expect("no zero in an argument");
    let mut texts = vec![text(program.to_str().expect("utf-8"))];
    texts.extend(arguments.iter().map(|argument| text(argument)));
    let mut places: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
    places.push(std::ptr::null());
    share(run, (&raw mut places).cast())
}

/// Makes the calling process's child the leader of a session.
pub fn leave_session() {
    // SAFETY: nothing of this process is touched.
    assert!(unsafe { libc::setsid() } > 0, "{}", io::Error::last_os_error());
}
