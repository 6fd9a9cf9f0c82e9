//! Which check a stack belongs to: the one whose function stands in it.
//!
//! Workers of a pool that checks share work for whoever was first to need the
//! pool, as far as contexts tell. The stack of a block tells better.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::symbols::{self, Frame};

static PATHS: LazyLock<Mutex<Paths>> = LazyLock::new(Mutex::default);

/// What is known of checks by their paths.
#[derive(Default)]
struct Paths {
    /// Those of all checks that ever ran, each once.
    known: Vec<Known>,
    /// Which of them a site's stack names; looked up anew when there is another.
    of_sites: HashMap<u32, Option<usize>>,
}

struct Known {
    path: String,
    /// How many checks of that path run now.
    running: u32,
    /// Whether two of them ran at one time: a stack does not tell them apart.
    is_shared: bool,
}

/// The function that a closure's type stands in: `a::b::{{closure}}` is `a::b`'s.
pub(super) fn of_type(name: &str) -> &str {
    let end = name.find("::{").unwrap_or(name.len());
    name.get(..end).unwrap_or(name)
}

fn paths<T>(then: impl FnOnce(&mut Paths) -> T) -> T {
    then(&mut PATHS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A check of that path begins.
pub(super) fn begin(path: &str) {
    paths(|paths| match paths.known.iter_mut().find(|known| known.path == path) {
        Some(known) => {
            known.is_shared |= known.running > 0;
            known.running += 1;
        }
        None => {
            paths.known.push(Known { path: path.to_owned(), running: 1, is_shared: false });
            paths.of_sites.clear();
        }
    });
}

/// A check of that path ends.
pub(super) fn end(path: &str) {
    paths(|paths| {
        if let Some(known) = paths.known.iter_mut().find(|known| known.path == path) {
            known.running -= 1;
        }
    });
}

/// Whether a site's stack belongs to a check: `None` where it names no check, or
/// one of several.
pub(super) fn is_of(site: u32, path: &str) -> Option<bool> {
    paths(|Paths { known, of_sites }| {
        let named = *of_sites.entry(site).or_insert_with(|| {
            let is_of =
                |frame: &Frame| known.iter().position(|one| is_in(&frame.function, &one.path));
            symbols::of(site, |frames| frames.iter().find_map(is_of))
        });
        let known = known.get(named?).filter(|known| !known.is_shared)?;
        Some(known.path == path)
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
