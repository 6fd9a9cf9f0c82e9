//! Little-endian reads that answer `None` instead of reading past the end.

#[inline]
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Reads `N` consecutive words.
#[inline]
pub(crate) fn words<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let mut words = [0; N];
    for (index, word) in words.iter_mut().enumerate() {
        *word = u64_at(bytes, index * 8)?;
    }
    Some(words)
}

pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// A text in a field of fixed size: the bytes up to the first NUL.
pub(crate) fn text(field: &[u8]) -> String {
    let size = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..size]).into_owned()
}

/// Fills a field of fixed size, cut at a character's boundary where it is too
/// long.
pub(crate) fn put_text(field: &mut [u8], value: &[u8]) {
    let mut size = value.len().min(field.len());
    if size < value.len() {
        while size > 0 && value[size] & 0b1100_0000 == 0b1000_0000 {
            size -= 1;
        }
    }
    field[..size].copy_from_slice(&value[..size]);
    field[size..].fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_past_the_end() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(u64_at(&bytes, 1), Some(0x0908_0706_0504_0302));
        assert_eq!(u64_at(&bytes, 2), None);
        assert_eq!(u32_at(&bytes, usize::MAX), None);
        assert_eq!(words::<2>(&bytes), None);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let mut field = [0xFF; 5];
        put_text(&mut field, "größe".as_bytes());
        assert_eq!(text(&field), "grö");
        put_text(&mut field, b"ab");
        assert_eq!(text(&field), "ab");
        put_text(&mut field, b"abcdef");
        assert_eq!(text(&field), "abcde");
    }
}
