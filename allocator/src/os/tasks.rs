//! This process's threads as the kernel lists them.

use core::ffi::CStr;

use super::files::{close, read_file};

/// What the kernel says of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskState {
    /// The letter that stands for what it does.
    pub(crate) letter: u8,
    /// The signals that it blocks, from signal 1 at bit 0.
    pub(crate) blocked: u64,
}

impl TaskState {
    /// Whether it has ended, and only its number is left.
    pub(crate) fn has_ended(self) -> bool {
        matches!(self.letter, b'Z' | b'X')
    }

    /// Whether it blocks a signal for longer than the C library does at a
    /// thread's birth and death, or the handler of an earlier stop: there even its
    /// own two signals are blocked, which a program cannot ask for.
    pub(crate) fn blocks_for_long(self, signal: i32) -> bool {
        const INTERNAL: u64 = 0b11 << 31;
        self.blocked >> (signal - 1) & 1 != 0 && self.blocked & INTERNAL != INTERNAL
    }
}

/// Hands out the ids of this process's threads, the caller's among them. False
/// where the kernel does not tell. Takes nothing from the heap, as the C
/// library's way would.
pub(crate) fn each_task(buffer: &mut [u8], mut see: impl FnMut(u32)) -> bool {
    const FLAGS: i32 = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path is a C string.
    let descriptor = unsafe { libc::open(c"/proc/self/task".as_ptr(), FLAGS) };
    if descriptor < 0 {
        return false;
    }
    let is_told = loop {
        let (place, size) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: the buffer is writable for its size.
        let count = unsafe { libc::syscall(libc::SYS_getdents64, descriptor, place, size) };
        match usize::try_from(count) {
            Ok(0) => break true,
            Ok(count) => entries(buffer.get(..count).unwrap_or(&[]), &mut see),
            Err(_) => break false,
        }
    };
    close(descriptor);
    is_told
}

/// Reads entries of a directory whose names are numbers.
fn entries(mut bytes: &[u8], see: &mut impl FnMut(u32)) {
    const SIZE_AT: usize = 16;
    const NAME_AT: usize = 19;
    while let Some(&size) = bytes.get(SIZE_AT..).and_then(<[u8]>::first_chunk::<2>) {
        let size = usize::from(u16::from_ne_bytes(size));
        let name = bytes.get(NAME_AT..size).unwrap_or(&[]);
        let digits = name.split(|&byte| byte == 0).next().unwrap_or(&[]);
        if let Some(number) = decimal(digits) {
            see(number);
        }
        bytes = bytes.get(size.max(NAME_AT)..).unwrap_or(&[]);
    }
}

fn decimal(digits: &[u8]) -> Option<u32> {
    let add = |number: u32, &digit: &u8| {
        number.checked_mul(10)?.checked_add(char::from(digit).to_digit(10)?)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// What a thread of this process does; `None` where it is gone.
pub(crate) fn task_state(thread: u32) -> Option<TaskState> {
    const BEFORE: &[u8] = b"/proc/self/task/";
    const BEHIND: &[u8] = b"/status\0";
    let mut digits = [0; 10];
    let mut first = digits.len();
    let mut left = thread;
    while left > 0 && first > 0 {
        first -= 1;
        digits[first] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let mut path = [0; 48];
    let pieces = BEFORE.iter().chain(&digits[first..]).chain(BEHIND);
    for (place, &byte) in path.iter_mut().zip(pieces) {
        *place = byte;
    }
    let mut buffer = [0; 4096];
    parse(read_file(CStr::from_bytes_until_nul(&path).ok()?, &mut buffer)?)
}

fn parse(status: &[u8]) -> Option<TaskState> {
    let field = |name: &[u8]| {
        let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_ascii())
    };
    let hexadecimal =
        |number: u64, &digit: &u8| Some(number << 4 | u64::from(char::from(digit).to_digit(16)?));
    Some(TaskState {
        letter: *field(b"State:")?.first()?,
        blocked: field(b"SigBlk:")?.iter().try_fold(0, hexadecimal)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calling_thread_is_listed_and_runs() {
        let own = super::super::thread_id();
        let mut count = 0;
        // A buffer that takes several looks where there are many threads.
        assert!(each_task(&mut [0; 64], |thread| count += u32::from(thread == own)));
        assert_eq!(count, 1);
        let state = task_state(own).unwrap();
        assert_eq!(state.letter, b'R');
        assert!(!state.has_ended() && !state.blocks_for_long(libc::SIGRTMAX()));
        assert_eq!(task_state(u32::MAX), None);
    }

    #[test]
    fn what_the_c_library_blocks_for_a_moment_is_told_from_what_a_program_blocks() {
        let state = |blocked| TaskState { letter: b'S', blocked };
        assert!(state(1 << 63).blocks_for_long(64));
        assert!(!state(1 << 62).blocks_for_long(64));
        assert!(!state(u64::MAX).blocks_for_long(64));
        let status = b"Name:\ta\nState:\tS (sleeping)\nSigBlk:\t8000000000000000\n";
        assert_eq!(parse(status), Some(state(1 << 63)));
    }
}
