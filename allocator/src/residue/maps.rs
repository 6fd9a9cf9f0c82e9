//! The lines of `/proc/self/maps`, read without allocating.

/// A piece of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping<'l> {
    /// The first byte's address.
    pub(super) start: usize,
    /// The address behind the last byte.
    pub(super) end: usize,
    /// Whether the program may read it.
    pub(super) is_readable: bool,
    /// Whether others may have it, too.
    pub(super) is_shared: bool,
    /// The file, a name in brackets, or nothing.
    pub(super) path: &'l [u8],
}

impl<'l> Mapping<'l> {
    /// Reads a line.
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
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
            is_shared: access.get(3) == Some(&b's'),
            path,
        })
    }

    /// Whether it is the kernel's own, where the program cannot write.
    pub(super) fn is_kernels(&self) -> bool {
        self.path.starts_with(b"[vvar") || self.path == b"[vsyscall]"
    }
}

/// What stands before and behind the first such byte.
pub(super) fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
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
        assert!(mapping.is_readable && !mapping.is_shared);
        let line = b"7f00-7f08 ---s 00000000 00:00 0 ";
        let mapping = Mapping::parse(line).unwrap();
        assert!(!mapping.is_readable && mapping.is_shared && mapping.path.is_empty());
        assert_eq!(Mapping::parse(b"7f00 rw-p"), None);
    }
}
