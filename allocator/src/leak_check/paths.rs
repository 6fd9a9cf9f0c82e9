//! Which check a stack belongs to: the one whose function stands in it.
//!
//! Workers of a pool that checks share work for whoever was first to need the
//! pool, as far as contexts tell. The stack of a block tells better.

use std::sync::{Mutex, PoisonError};

use super::symbols::{self, Frame};

/// The paths of all checks that ever ran, each once.
static PATHS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The function that a closure's type stands in: `a::b::{{closure}}` is `a::b`'s.
pub(super) fn of_type(name: &str) -> &str {
    let end = name.find("::{").unwrap_or(name.len());
    name.get(..end).unwrap_or(name)
}

/// Notes a check's path.
pub(super) fn note(path: &str) {
    let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
    if !paths.iter().any(|known| known == path) {
        paths.push(path.to_owned());
    }
}

/// Whether a site's stack belongs to a check: `None` where it names no check.
pub(super) fn is_of(site: u32, path: &str) -> Option<bool> {
    let paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
    symbols::of(site, |frames| {
        let named = |frame: &Frame| paths.iter().find(|path| is_in(&frame.function, path));
        frames.iter().find_map(named).map(|named| named == path)
    })
}

/// Whether a function is one of that path, or a closure in it.
fn is_in(function: &str, path: &str) -> bool {
    function.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closures_belong_to_their_functions() {
        assert_eq!(of_type("a::b::{{closure}}::{{closure}}"), "a::b");
        assert_eq!(of_type("a::b"), "a::b");
        for (function, is_one) in
            [("a::b", true), ("a::b::{{closure}}", true), ("a::b::{closure#0}", true)]
                .into_iter()
                .chain([("a::bc", false), ("a", false), ("a::b::c", false)])
        {
            assert_eq!(is_in(function, "a::b"), is_one, "{function}");
        }
    }
}
