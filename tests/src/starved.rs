//! A thread that hardly gets to run.
#![expect(unsafe_code, reason = "calls the system")]

use std::fs;

/// The id of this process's thread of a name.
pub fn thread_named(name: &str) -> Option<i32> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    tasks.filter_map(Result::ok).find_map(|task| {
        let comm = fs::read_to_string(task.path().join("comm")).ok()?;
        let id = task.file_name().to_str()?.parse().ok()?;
        (comm.trim_end() == name).then_some(id)
    })
}

/// Has a thread (0: the calling one) run on one processor alone. False where the
/// system refuses.
pub fn pin(thread: i32, processor: usize) -> bool {
    // SAFETY: zeros are an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is ours, and the number within it.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the set can be read for its size.
    unsafe { libc::sched_setaffinity(thread, size_of_val(&set), &set) == 0 }
}

/// Has a thread run only where nobody else wants its processor. False where the
/// system refuses.
pub fn make_idle(thread: i32) -> bool {
    let nothing = libc::sched_param { sched_priority: 0 };
    // SAFETY: the structure can be read.
    unsafe { libc::sched_setscheduler(thread, libc::SCHED_IDLE, &nothing) == 0 }
}
