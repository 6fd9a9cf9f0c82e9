//! One line for standard error, put together without allocating or
//! formatting.

use crate::os;

const SIZE_MAX: usize = 512;

/// A line of text; what does not fit is cut.
pub(crate) struct Line {
    bytes: [u8; SIZE_MAX],
    size: usize,
}

impl Line {
    /// Begins a line that says who speaks.
    pub(crate) fn new() -> Self {
        Self { bytes: [0; SIZE_MAX], size: 0 }.text("scrubjay: ")
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.push(byte);
        }
        self
    }

    pub(crate) fn number(self, number: u64) -> Self {
        self.digits(number, 10)
    }

    pub(crate) fn address(self, address: usize) -> Self {
        self.text("0x").digits(address as u64, 16)
    }

    fn digits(self, number: u64, base: u64) -> Self {
        self.bytes(digits(number, base, &mut [0; DIGITS_MAX]))
    }

    fn push(&mut self, byte: u8) {
        // The last byte is kept for the line's end.
        if let Some(place) = self.bytes[..SIZE_MAX - 1].get_mut(self.size) {
            *place = byte;
            self.size += 1;
        }
    }

    /// The text so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }

    /// Writes the line to standard error in one call.
    pub(crate) fn say(mut self) {
        self.bytes[self.size] = b'\n';
        os::write_error(&self.bytes[..=self.size]);
    }
}

/// Digits of the greatest number, to any base from 10 up.
pub(crate) const DIGITS_MAX: usize = 20;

/// A number's digits, written to the buffer's end.
pub(crate) fn digits(mut number: u64, base: u64, buffer: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut start = DIGITS_MAX;
    for (place, digit) in buffer.iter_mut().enumerate().rev() {
        *digit = b"0123456789abcdef"[(number % base) as usize & 15];
        number /= base;
        start = place;
        if number == 0 {
            break;
        }
    }
    &buffer[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_read_as_usual() {
        let line = Line::new().number(0).text(" ").number(u64::MAX).text(" ").address(0xdead_0010);
        assert_eq!(line.as_bytes(), b"scrubjay: 0 18446744073709551615 0xdead0010");
    }

    #[test]
    fn a_line_too_long_is_cut() {
        let line = Line::new().bytes(&[b'x'; 2 * SIZE_MAX]);
        assert_eq!(line.as_bytes().len(), SIZE_MAX - 1);
    }
}
