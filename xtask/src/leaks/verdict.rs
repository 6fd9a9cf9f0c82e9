//! What a tool says of a case.

use std::time::Duration;

use scrubjay_corpus::Case;

/// What a tool says of a case.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// Whether it says that the case leaks.
    pub is_alarm: bool,
    /// Whether it names the function and the line that allocated what leaks;
    /// none for a tool that does not know sites.
    pub site: Option<bool>,
}

/// How long a process of [`TIMED`](super::programs::TIMED) rounds took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The rounds behind the warm-up.
    pub rounds: Duration,
    /// All of it.
    pub process: Duration,
}

/// Whether a frame, as tools print it, is in a leak's site and on one of its
/// lines: `… into_raw (…/boxes.rs:12…`. Some tools know a function's path and
/// some its mere name.
pub fn is_site(case: &Case, frame: &str) -> bool {
    has_word(frame, case.site)
        && case.lines().any(|line| has_word(frame, &format!("{}:{line}", case.file)))
}

/// Whether `word` is in `text`, and not only as a part of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(in_word) && !text[at + word.len()..].starts_with(in_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_function_and_a_line() {
        let case = scrubjay_corpus::case("into_raw").unwrap();
        let line = case.lines().next().unwrap();
        let frame = |function: &str, line| format!("0x12: {function} (src/boxes.rs:{line}:5)");
        assert!(is_site(case, &frame("scrubjay_corpus::boxes::into_raw", line)));
        assert!(is_site(case, &frame("scrubjay_corpus::boxes::into_raw::h01", line)));
        assert!(is_site(case, &frame("into_raw", line)));
        assert!(!is_site(case, &frame("scrubjay_corpus::boxes::into_raw", line + 1)));
        assert!(!is_site(case, &frame("scrubjay_corpus::boxes::into_raw", line * 10)));
        assert!(!is_site(case, &frame("scrubjay_corpus::boxes::into_raw_2", line)));
    }
}
