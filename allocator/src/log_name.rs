//! The name of a log: placeholders filled in, and the next number where it
//! exists.

use core::ffi::CStr;

use crate::limits::{NAME_TRIES_MAX, PATH_SIZE_MAX};
use crate::os;

/// A path, built without allocating. One that is too long is refused.
struct Path {
    bytes: [u8; PATH_SIZE_MAX],
    size: usize,
    fits: bool,
}

impl Path {
    fn push(&mut self, byte: u8) {
        // One byte is kept for the terminator.
        if byte != 0 && self.size + 1 < PATH_SIZE_MAX {
            self.bytes[self.size] = byte;
            self.size += 1;
        } else {
            self.fits = false;
        }
    }

    fn text(&mut self, text: &[u8]) {
        for &byte in text {
            self.push(byte);
        }
    }

    fn number(&mut self, number: u64) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.push(b'0' + (number % 10) as u8);
    }

    fn as_c_str(&self) -> Option<&CStr> {
        CStr::from_bytes_until_nul(&self.bytes).ok().filter(|_| self.fits && self.size > 0)
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(bytes)
}

/// The program's name: the last part of its path, else empty.
pub(crate) fn program(buffer: &mut [u8; 64]) -> &[u8] {
    match os::read_file(c"/proc/self/comm", buffer) {
        Some(name) => name.strip_suffix(b"\n").unwrap_or(name),
        None => &[],
    }
}

fn expand(pattern: &[u8], count: u32) -> Path {
    let mut path = Path { bytes: [0; PATH_SIZE_MAX], size: 0, fits: true };
    let mut counted = false;
    let mut rest = pattern;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let Some((&letter, tail)) = tail.split_first().filter(|_| byte == b'%') else {
            path.push(byte);
            continue;
        };
        rest = tail;
        match letter {
            b'p' => path.number(os::process_id().into()),
            b't' => path.number(os::realtime_ns() / 1_000_000_000),
            b'e' => path.text(program(&mut [0; 64])),
            b'h' => path.text(until_nul(&os::host_name())),
            b'n' => {
                counted = true;
                path.number(count.into());
            }
            b'%' => path.push(b'%'),
            other => path.text(&[b'%', other]),
        }
    }
    if !counted && count > 0 {
        insert_number(&mut path, count);
    }
    path
}

/// `run.jay` becomes `run.2.jay`.
fn insert_number(path: &mut Path, count: u32) {
    const SUFFIX: &[u8] = b".jay";
    let ends = path.bytes[..path.size].ends_with(SUFFIX);
    if ends {
        path.size -= SUFFIX.len();
        path.bytes[path.size..].fill(0);
    }
    path.push(b'.');
    path.number(count.into());
    if ends {
        path.text(SUFFIX);
    }
}

/// Creates the log under the first name that is free and hands its descriptor
/// and path to `then`. `Err` holds the error's number.
pub(crate) fn create<T>(pattern: &[u8], then: impl FnOnce(i32, &CStr) -> T) -> Result<T, i32> {
    for count in 0..NAME_TRIES_MAX {
        let path = expand(pattern, count);
        let name = path.as_c_str().ok_or(libc::ENAMETOOLONG)?;
        match os::create_file(name) {
            Ok(descriptor) => return Ok(then(descriptor, name)),
            // O_NOFOLLOW and O_EXCL answer a link in the way alike.
            Err(libc::EEXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(libc::EEXIST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(pattern: &str, count: u32) -> String {
        let path = expand(pattern.as_bytes(), count);
        path.as_c_str().expect("fits").to_str().expect("is text").to_owned()
    }

    #[test]
    fn placeholders_are_filled_in() {
        let id = std::process::id();
        assert_eq!(name("run-%p.jay", 0), format!("run-{id}.jay"));
        assert_eq!(name("%n%%-%x", 3), "3%-%x");
        assert!(!name("%e-%h-%t", 0).contains('%'));
    }

    #[test]
    fn a_name_that_exists_takes_the_next_number() {
        assert_eq!(name("run.jay", 2), "run.2.jay");
        assert_eq!(name("run", 10), "run.10");
        assert_eq!(name("run-%n.jay", 2), "run-2.jay");
    }

    #[test]
    fn a_name_too_long_is_refused() {
        let long = "x".repeat(PATH_SIZE_MAX);
        assert_eq!(create(long.as_bytes(), |_, _| ()), Err(libc::ENAMETOOLONG));
        assert_eq!(create(b"", |_, _| ()), Err(libc::ENAMETOOLONG));
    }
}
