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
    of_sites: HashMap<u32, OfSite>,
    /// Whether two checks ever ran at one time.
    were_parallel: bool,
}

#[derive(Clone, Copy)]
enum OfSite {
    Check(usize),
    None,
    Unreadable,
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
    paths(|paths| {
        paths.were_parallel |= paths.known.iter().any(|known| known.running > 0);
        match paths.known.iter_mut().find(|known| known.path == path) {
            Some(known) => {
                known.is_shared |= known.running > 0;
                known.running += 1;
            }
            None => {
                paths.known.push(Known { path: path.to_owned(), running: 1, is_shared: false });
                paths.of_sites.clear();
            }
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

/// What a site's stack says of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Named {
    /// It names this one.
    It,
    /// It names another.
    Other,
    /// It names none, or one of several of that name.
    None,
    /// Its functions' names have no paths, so it cannot name any of several.
    Unreadable,
}

/// Which check a site's stack names.
pub(super) fn named(site: u32, path: &str) -> Named {
    paths(|Paths { known, of_sites, were_parallel }| {
        let of_site = *of_sites.entry(site).or_insert_with(|| {
            let is_of =
                |frame: &Frame| known.iter().position(|one| is_in(&frame.function, &one.path));
            symbols::of(site, |frames| match frames.iter().find_map(is_of) {
                Some(check) => OfSite::Check(check),
                None if symbols::have_paths(frames) => OfSite::None,
                None => OfSite::Unreadable,
            })
        });
        match of_site {
            OfSite::Check(check) => match known.get(check) {
                Some(known) if known.is_shared => Named::None,
                Some(known) if known.path == path => Named::It,
                _ => Named::Other,
            },
            OfSite::None => Named::None,
            // All by itself a check needs no names.
            OfSite::Unreadable if !*were_parallel => Named::None,
            OfSite::Unreadable => Named::Unreadable,
        }
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
