//! A text file of the kernel's, read line by line, without allocating.

use core::ffi::CStr;

use crate::os;

/// Hands out a file's lines through the buffer; of one that is longer, what fits.
/// False where the file cannot be opened. Leaves the C library's error as it was.
pub(crate) fn each_line(path: &CStr, buffer: &mut [u8], see: impl FnMut(&[u8])) -> bool {
    each_line_while(path, buffer, see, || true)
}

/// As [`each_line`], but gives up, and answers false, once `go_on`, which is asked
/// before each piece of the file, says so.
pub(crate) fn each_line_while(
    path: &CStr,
    buffer: &mut [u8],
    see: impl FnMut(&[u8]),
    mut go_on: impl FnMut() -> bool,
) -> bool {
    os::keeping_errno(|| {
        let Ok(file) = os::open_file(path) else { return false };
        let mut is_whole = true;
        let more = |free: &mut [u8]| {
            is_whole = is_whole && go_on();
            if is_whole { os::read_on(file, free) } else { 0 }
        };
        read(more, buffer, see);
        os::close(file);
        is_whole
    })
}

fn read(mut more: impl FnMut(&mut [u8]) -> usize, buffer: &mut [u8], mut see: impl FnMut(&[u8])) {
    let mut size = 0;
    // In a line whose start was handed out, for it was too long.
    let mut is_cut = false;
    loop {
        let count = more(buffer.get_mut(size..).unwrap_or(&mut []));
        size += count;
        let mut rest = buffer.get(..size).unwrap_or(&[]);
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            if !core::mem::take(&mut is_cut) {
                see(line);
            }
            rest = behind.get(1..).unwrap_or(&[]);
        }
        let left = rest.len();
        if (count == 0 || left == buffer.len()) && left > 0 && !is_cut {
            see(rest);
        }
        if count == 0 {
            return;
        }
        if left == buffer.len() {
            is_cut = true;
            size = 0;
        } else {
            buffer.copy_within(size - left..size, 0);
            size = left;
        }
    }
}

/// A number in decimal digits and nothing else.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, &digit: &u8| {
        number.checked_mul(10)?.checked_add(char::from(digit).to_digit(10)?.into())
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// The number in a line such as `MemTotal:   24684136 kB`, in bytes where a unit
/// stands behind it, if the line has this name.
pub(crate) fn value(line: &[u8], name: &[u8]) -> Option<u64> {
    let text = line.strip_prefix(name)?.strip_prefix(b":")?.trim_ascii();
    match text.strip_suffix(b" kB") {
        Some(digits) => decimal(digits.trim_ascii())?.checked_mul(1024),
        None => decimal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, buffer_size: usize, step: usize) -> Vec<String> {
        let mut rest = text.as_bytes();
        let more = |free: &mut [u8]| {
            let count = step.min(free.len()).min(rest.len());
            free[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            count
        };
        let mut lines = Vec::new();
        read(more, &mut vec![0; buffer_size], |line| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
        });
        lines
    }

    #[test]
    fn lines_are_whole_however_the_file_comes() {
        for step in [1, 2, 7, 100] {
            assert_eq!(lines("one\n\nthree\nlast", 8, step), ["one", "", "three", "last"]);
            assert_eq!(lines("", 8, step), [""; 0]);
        }
    }

    #[test]
    fn a_line_too_long_is_cut_and_the_next_one_is_whole() {
        for step in [1, 3, 100] {
            assert_eq!(lines("123456789\nnext\n", 4, step), ["1234", "next"], "{step}");
            assert_eq!(lines("1234\nab\n", 5, step), ["1234", "ab"], "{step}");
            assert_eq!(lines("12345678901234", 4, step), ["1234"], "{step}");
        }
    }

    #[test]
    fn numbers_have_digits_alone_and_a_unit() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "18446744073709551616", "-1", "1 ", "max"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(value(b"VmRSS:\t   12 kB", b"VmRSS"), Some(12 << 10));
        assert_eq!(value(b"Threads:\t3", b"Threads"), Some(3));
        assert_eq!(value(b"Rss:  3 MB", b"Rss"), None);
        assert_eq!(value(b"RssAnon: 3 kB", b"Rss"), None);
    }
}
