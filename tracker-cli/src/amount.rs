//! Amounts as people write them: sizes with units, counts, parts in percent.

use std::fmt;
use std::str::FromStr;

use scrubjay_suppressions::amount::AMOUNT_MAX;

pub use scrubjay_suppressions::amount::{count, size};

/// What one percent is, in the parts that a [`Share`] counts.
const PERCENT: u64 = 10_000;
/// No share is greater: a million percent.
const SHARE_MAX: f64 = 1e6;
/// Sizes below this are written to the byte.
const EXACT_BELOW: u64 = 10_000;

/// A size for people to read and to edit, at most a thousandth above what it is;
/// `None` where bytes are as readable.
pub fn readable_size(bytes: u64) -> Option<String> {
    if bytes < EXACT_BELOW {
        return None;
    }
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut power = (u64::BITS - 1 - bytes.leading_zeros()) / 10;
    loop {
        let unit = 1u128 << (10 * power);
        let whole = u128::from(bytes) / unit;
        let scale: u128 = match whole {
            0..10 => 1000,
            10..100 => 100,
            _ => 10,
        };
        let scaled = (u128::from(bytes) * scale).div_ceil(unit);
        // Rounded up to a whole one of the next unit.
        if scaled >= 1024 * scale && (power as usize) < UNITS.len() {
            power += 1;
            continue;
        }
        let digits = scale.ilog10() as usize;
        let text = format!("{}.{:0digits$}", scaled / scale, scaled % scale);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return Some(format!("{text} {}", UNITS[power as usize - 1]));
    }
}

/// A count as a TOML integer that people can read.
pub fn readable_count(number: u64) -> String {
    crate::text::count(number).replace(',', "_")
}

/// A part of an amount, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u64);

impl Share {
    /// The amount with this share of it on top.
    pub fn on_top_of(self, amount: u64) -> u64 {
        let part = u128::from(amount) * u128::from(self.0) / u128::from(100 * PERCENT);
        u64::try_from(u128::from(amount) + part).map_or(AMOUNT_MAX, |sum| sum.min(AMOUNT_MAX))
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The percent.
    pub fn percent(self) -> f64 {
        self.0 as f64 / PERCENT as f64
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim().strip_suffix('%').map(|number| number.trim_end().parse::<f64>());
        match number {
            Some(Ok(percent)) if (0.0..=SHARE_MAX).contains(&percent) => {
                Ok(Self((percent * PERCENT as f64).round() as u64))
            }
            _ => Err(format!("{text:?} is not a part such as \"5%\"")),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} %", self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readable_size_is_read_as_no_less_and_hardly_more() {
        for (bytes, text) in [
            (10_000, "9.766 KiB"),
            (10 << 10, "10 KiB"),
            (12 << 20, "12 MiB"),
            ((1 << 20) - 1, "1 MiB"),
            ((1 << 20) + 1, "1.001 MiB"),
            (158_229_504, "150.9 MiB"),
        ] {
            assert_eq!(readable_size(bytes).as_deref(), Some(text), "{bytes}");
        }
        assert_eq!(readable_size(9_999), None);
        let mut bytes = EXACT_BELOW;
        while bytes < 1 << 62 {
            let text = readable_size(bytes).unwrap();
            let read = size(&text).unwrap();
            assert!(read >= bytes && read - bytes <= bytes / 1000, "{bytes}: {text} is {read}");
            bytes += bytes / 7 + 1;
        }
    }

    #[test]
    fn shares_are_percents() {
        let share = |text: &str| text.parse::<Share>();
        assert_eq!(share("5%").unwrap().on_top_of(1000), 1050);
        assert_eq!(share("2.5 %").unwrap().to_string(), "2.5 %");
        assert_eq!(share("0%").unwrap(), Share::default());
        assert_eq!(share("100 %").unwrap().on_top_of(u64::MAX / 2), AMOUNT_MAX);
        for text in ["5", "", "%", "-1%", "x%", "NaN%", "inf%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
