//! Text as it may stand in any file: names of threads, tags and files have
//! characters in them that a terminal obeys, and that no XML file may hold.

use std::fmt::{self, Write};

/// Text with an escape in place of each character that is not to be shown as it
/// is, line breaks among them.
pub(super) struct Plain<'t>(pub(super) &'t str);

/// Whether a character stands for itself wherever it is shown. XML has none of the
/// control characters of ASCII but three, and neither of the last two of a plane.
fn is_plain(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(|character| !is_plain(character)) {
            let (before, behind) = rest.split_at(at);
            let mut characters = behind.chars();
            out.write_str(before)?;
            characters
                .next()
                .map_or(Ok(()), |character| write!(out, "{}", character.escape_default()))?;
            rest = characters.as_str();
        }
        out.write_str(rest)
    }
}

/// The same of JSON, where such characters stand in strings alone.
pub(super) fn plain_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        if is_plain(character) {
            plain.push(character);
        } else {
            // Each is one unit of UTF-16. Nothing fails that writes into a string.
            let _ = write!(plain, "\\u{:04x}", u32::from(character));
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        let plain = |text| Plain(text).to_string();
        assert_eq!(plain("Grünspecht └─ 1"), "Grünspecht └─ 1");
        assert_eq!(plain("\u{1b}[31mred\n"), "\\u{1b}[31mred\\n");
        assert_eq!(plain("a\0b\tc\u{7f}\u{9b}\u{ffff}"), "a\\u{0}b\\tc\\u{7f}\\u{9b}\\u{ffff}");
        assert_eq!(plain(""), "");
    }

    #[test]
    fn json_says_the_same_with_escapes() {
        let text = "a\u{7f}\u{9b}\u{ffff}\n\"";
        let json = plain_json(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a\u007f\u009b\uffff\n\"""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
