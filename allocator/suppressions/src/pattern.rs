//! Patterns of names, and of stacks: `*` and `?` within a name, `...` for any
//! run of frames.

/// Stands for any run of frames, also for none.
const RUN: &str = "...";

/// A pattern of a whole name: `*` is any text, also none; `?` is one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// The pattern that a text is.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether it is the pattern of this name.
    pub fn matches(&self, name: &str) -> bool {
        // Where the last `*` stood, and what it stands for so far.
        let (mut pattern, mut rest) = (self.0.as_str(), name);
        let mut star: Option<(&str, &str)> = None;
        loop {
            let (next, letter) = (pattern.chars().next(), rest.chars().next());
            match (next, letter) {
                (Some('*'), _) => {
                    pattern = &pattern[1..];
                    star = Some((pattern, rest));
                }
                (Some(next), Some(letter)) if next == '?' || next == letter => {
                    pattern = &pattern[next.len_utf8()..];
                    rest = &rest[letter.len_utf8()..];
                }
                (None, None) => return true,
                _ => {
                    // The star takes one character more, if there is one.
                    let Some((behind, taken)) = star else { return false };
                    let Some(letter) = taken.chars().next() else { return false };
                    let taken = &taken[letter.len_utf8()..];
                    star = Some((behind, taken));
                    (pattern, rest) = (behind, taken);
                }
            }
        }
    }
}

/// A pattern of the innermost frames of a stack; whatever is around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackPattern(Vec<Option<Glob>>);

impl StackPattern {
    /// The pattern that these texts are, the innermost frame first.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let frame = |text: &str| (text != RUN).then(|| Glob::new(text));
        let mut frames: Vec<Option<Glob>> = texts.into_iter().map(frame).collect();
        // Two runs are one.
        frames.dedup_by(|next, frame| next.is_none() && frame.is_none());
        Self(frames)
    }

    /// Whether it says nothing but that there is a stack.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Whether it is the pattern of a stack of these functions.
    pub fn matches(&self, functions: &[&str]) -> bool {
        // As with the star of a name, only that frames take the letters' place.
        let (mut at, mut frame) = (0, 0);
        let mut run: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(at), functions.get(frame)) {
                // What is around them is anything.
                (None, _) => return true,
                (Some(None), _) => {
                    at += 1;
                    run = Some((at, frame));
                }
                (Some(Some(glob)), Some(function)) if glob.matches(function) => {
                    at += 1;
                    frame += 1;
                }
                (Some(Some(_)), None) => return false,
                _ => {
                    let Some((behind, taken)) = run else { return false };
                    run = Some((behind, taken + 1));
                    (at, frame) = (behind, taken + 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_is_of_a_whole_name() {
        for (pattern, name) in [
            ("model::load", "model::load"),
            ("model::*", "model::load"),
            ("*load", "model::load"),
            ("*", ""),
            ("*::*::*", "a::b::c::d"),
            (
                "<alloc::vec::Vec<*> as model::Weights>::load",
                "<alloc::vec::Vec<u8> as model::Weights>::load",
            ),
            ("größe?", "größen"),
            ("*ö*n", "größen"),
            ("a**b", "ab"),
            ("a*?c", "abbc"),
        ] {
            assert!(Glob::new(pattern).matches(name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("model::load", "model::loader"),
            ("load", "model::load"),
            ("model::?", "model::"),
            ("*::x", "a::b"),
            ("", "a"),
            ("a*b*c", "acb"),
        ] {
            assert!(!Glob::new(pattern).matches(name), "{pattern} {name}");
        }
    }

    /// Each `*` goes back once at most; a naive one would take years.
    #[test]
    fn a_glob_takes_no_time() {
        let pattern = format!("{}b", "a*".repeat(50));
        assert!(!Glob::new(&pattern).matches(&"a".repeat(5_000)));
        let stack = vec!["a"; 256];
        let pattern = ["...", "a"].repeat(100).into_iter().chain(["...", "b"]);
        assert!(!StackPattern::new(pattern).matches(&stack));
    }

    #[test]
    fn a_stack_is_matched_from_its_innermost_frame() {
        let stack = ["cache::insert", "server::answer", "server::main"];
        for pattern in [
            &["cache::insert"][..],
            &["cache::*", "server::answer"],
            &["...", "server::main"],
            &["...", "cache::insert", "...", "server::main", "..."],
            &["cache::insert", "...", "...", "server::*"],
            &["..."],
        ] {
            assert!(StackPattern::new(pattern.iter().copied()).matches(&stack), "{pattern:?}");
        }
        for pattern in [
            &["server::answer"][..],
            &["cache::insert", "server::main"],
            &["...", "server::main", "server::answer"],
            &["*", "*", "*", "*"],
            &["...", "client::*"],
        ] {
            assert!(!StackPattern::new(pattern.iter().copied()).matches(&stack), "{pattern:?}");
        }
        let pattern = StackPattern::new(["...", "main"]);
        assert!(!pattern.matches(&[]) && !pattern.is_empty());
        assert!(StackPattern::new(["...", "..."]).is_empty());
    }
}
