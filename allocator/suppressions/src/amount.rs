//! Amounts as people write them: sizes with units, and counts.

use bytesize::ByteSize;

/// The greatest amount: integers of a TOML file end there.
pub const AMOUNT_MAX: u64 = i64::MAX as u64;

/// A size in bytes, "4096", "1_000 KB" or "12.5 MiB".
///
/// # Errors
/// What is wrong with the text.
pub fn size(text: &str) -> Result<u64, String> {
    let plain: String = text.chars().filter(|&letter| letter != '_').collect();
    let starts = plain.starts_with(|letter: char| letter.is_ascii_digit());
    match plain.parse::<ByteSize>() {
        Ok(size) if starts && size.as_u64() <= AMOUNT_MAX => Ok(size.as_u64()),
        _ => Err(format!("{text:?} is not a size such as 4096, \"64 KiB\" or \"12.5 MiB\"")),
    }
}

/// A count, its thousands apart or not.
///
/// # Errors
/// What is wrong with the text.
pub fn count(text: &str) -> Result<u64, String> {
    let plain: String = text.chars().filter(|&letter| letter != '_').collect();
    match plain.parse::<u64>() {
        Ok(count) if count <= AMOUNT_MAX => Ok(count),
        _ => Err(format!("{text:?} is not a count")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_or_none() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("4_096", 4096),
            ("12 MiB", 12 << 20),
            ("12MiB", 12 << 20),
            ("1.5 KiB", 1536),
            ("1 MB", 1_000_000),
            ("9007199254740993 B", 9_007_199_254_740_993),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "-1", "12 parsecs", "MiB", "_", "1e30", ".5 KiB", "99999999999999 EiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!((count("1_000"), count("-1").is_err()), (Ok(1000), true));
    }
}
