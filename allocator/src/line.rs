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

    fn digits(mut self, mut number: u64, base: u64) -> Self {
        let mut digits = [0; 20];
        let mut count = 0;
        for digit in &mut digits {
            *digit = b"0123456789abcdef"[(number % base) as usize & 15];
            number /= base;
            count += 1;
            if number == 0 {
                break;
            }
        }
        for &digit in digits.iter().take(count).rev() {
            self.push(digit);
        }
        self
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
