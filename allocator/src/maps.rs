//! The lines of `/proc/self/maps`, read without allocating.

use crate::os;

/// A piece of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping<'l> {
    /// The first byte's address.
    pub(crate) start: usize,
    /// The address behind the last byte.
    pub(crate) end: usize,
    /// Whether the program may read it.
    pub(crate) is_readable: bool,
    /// Whether it may write there.
    pub(crate) is_writable: bool,
    /// Whether it may run what stands there.
    pub(crate) is_code: bool,
    /// Whether others may have it, too.
    pub(crate) is_shared: bool,
    /// The file, a name in brackets, or nothing.
    pub(crate) path: &'l [u8],
}

impl<'l> Mapping<'l> {
    /// Reads a line.
    pub(crate) fn parse(line: &'l [u8]) -> Option<Self> {
        let (range, rest) = split(line, b' ')?;
        let (start, end) = split(range, b'-')?;
        let (access, rest) = split(rest, b' ')?;
        // Offset, device and inode stand before the path.
        let (_, rest) = split(rest, b' ')?;
        let (_, rest) = split(rest, b' ')?;
        let path = split(rest, b' ').map_or(&[][..], |(_, path)| path.trim_ascii());
        Some(Self {
            start: hexadecimal(start)?,
            end: hexadecimal(end)?,
            is_readable: access.first() == Some(&b'r'),
            is_writable: access.get(1) == Some(&b'w'),
            is_code: access.get(2) == Some(&b'x'),
            is_shared: access.get(3) == Some(&b's'),
            path,
        })
    }

    /// Whether it is the kernel's own, where the program cannot write.
    pub(crate) fn is_kernels(&self) -> bool {
        self.path.starts_with(b"[vvar") || self.path == b"[vsyscall]"
    }

    /// Whether it is no file's and nobody else's; the kernel may have a name for
    /// it all the same.
    pub(crate) fn is_anonymous(&self) -> bool {
        let is_named = |name: &&[u8]| self.path.starts_with(name);
        let names: [&[u8]; 3] = [b"[heap]", b"[stack", b"[anon"];
        !self.is_shared && (self.path.is_empty() || names.iter().any(is_named))
    }

    /// Whether a device stands behind it, whose memory is none.
    pub(crate) fn is_device(&self) -> bool {
        let is_memory =
            [&b"/dev/zero"[..], b"/dev/shm/"].iter().any(|name| self.path.starts_with(name));
        self.path.starts_with(b"/dev/") && !is_memory
    }
}

/// Hands out the mappings, one after the other, through a buffer that holds more
/// than one line; false where the list cannot be read.
pub(crate) fn each(buffer: &mut [u8], mut see: impl FnMut(&Mapping<'_>)) -> bool {
    let Ok(file) = os::open_file(c"/proc/self/maps") else { return false };
    let mut size = 0;
    loop {
        let count = os::read_on(file, buffer.get_mut(size..).unwrap_or(&mut []));
        size += count;
        let mut rest = buffer.get(..size).unwrap_or(&[]);
        while let Some((line, behind)) = split(rest, b'\n') {
            if let Some(mapping) = Mapping::parse(line) {
                see(&mapping);
            }
            rest = behind;
        }
        let left = rest.len();
        buffer.copy_within(size - left..size, 0);
        size = left;
        if count == 0 {
            os::close(file);
            return true;
        }
    }
}

/// What stands before and behind the first such byte.
fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|&byte| byte == at)?;
    let (before, behind) = bytes.split_at_checked(place)?;
    Some((before, behind.get(1..)?))
}

fn hexadecimal(digits: &[u8]) -> Option<usize> {
    digits.iter().try_fold(0_usize, |number, &digit| {
        let value = char::from(digit).to_digit(16)? as usize;
        Some(number.checked_mul(16)? | value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_is_read() {
        let line = b"7f00-7f08 rw-p 00000000 08:02 173521      /tmp/a file";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!(
            (mapping.start, mapping.end, mapping.path),
            (0x7f00, 0x7f08, &b"/tmp/a file"[..])
        );
        assert!(mapping.is_readable && mapping.is_writable && !mapping.is_code);
        assert!(!mapping.is_shared && !mapping.is_anonymous() && !mapping.is_device());
        let line = b"7f00-7f08 ---s 00000000 00:00 0 ";
        let mapping = Mapping::parse(line).unwrap();
        assert!(!mapping.is_readable && mapping.is_shared && mapping.path.is_empty());
        assert_eq!(Mapping::parse(b"7f00 rw-p"), None);
    }

    #[test]
    fn memory_of_ones_own_is_told_from_files_and_devices() {
        let of = |path: &str| format!("7f00-7f08 rw-p 00000000 08:02 1 {path}");
        for path in ["", "[heap]", "[stack]", "[anon: arena]"] {
            assert!(Mapping::parse(of(path).as_bytes()).unwrap().is_anonymous(), "{path}");
        }
        assert!(!Mapping::parse(of("[vdso]").as_bytes()).unwrap().is_anonymous());
        assert!(Mapping::parse(of("/dev/dri/card0").as_bytes()).unwrap().is_device());
        assert!(!Mapping::parse(of("/dev/zero (deleted)").as_bytes()).unwrap().is_device());
    }
}
