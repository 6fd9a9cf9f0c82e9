//! A corpus of small leaks whose truth is known, and of traps: programs that
//! look as if they leaked.
//!
//! For judging leak checkers. Half of it is blind: whoever tunes a checker
//! looks at what it says of the [open half](Half::Open) alone, so that the
//! figures of the other one mean something. Nothing here knows of any checker.

mod autograd;
mod boxes;
mod c;
mod callbacks;
mod case;
mod channels;
mod errors;
mod ffi;
mod kv_cache;
mod lazies;
mod pointers;
mod pools;
mod rc;
pub mod rounds;
mod slow;
mod statics;
mod tasks;
mod threads;
mod workers;

pub use case::{Case, Half, Kind, Leaked};

/// The cases, family by family.
static FAMILIES: &[&[Case]] = &[
    boxes::CASES,
    rc::CASES,
    pointers::CASES,
    statics::CASES,
    lazies::CASES,
    pools::CASES,
    channels::CASES,
    callbacks::CASES,
    tasks::CASES,
    threads::CASES,
    errors::CASES,
    autograd::CASES,
    kv_cache::CASES,
    ffi::CASES,
    slow::CASES,
];

/// All cases, always in the same order.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    FAMILIES.iter().copied().flatten()
}

/// The case of a name.
pub fn case(name: &str) -> Option<&'static Case> {
    cases().find(|case| case.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_told_apart() {
        let names: BTreeSet<&str> = cases().map(|case| case.name).collect();
        assert_eq!(names.len(), cases().count());
    }

    #[test]
    fn sites_are_told_apart() {
        let leaks: Vec<&Case> = cases().filter(|case| case.is_leak()).collect();
        let sites: BTreeSet<(&str, &str)> = leaks.iter().map(|c| (c.file, c.site)).collect();
        assert_eq!(sites.len(), leaks.len());
    }

    #[test]
    fn there_are_enough_of_each() {
        assert!(cases().filter(|case| case.is_leak()).count() >= 48);
        assert!(cases().filter(|case| !case.is_leak()).count() >= 28);
    }

    #[test]
    fn each_family_is_split_in_halves() {
        for family in FAMILIES {
            let open = family.iter().filter(|case| case.half == Half::Open).count();
            assert!(open.abs_diff(family.len() - open) <= 2, "{}", family[0].file);
        }
        let count = |half, kind| cases().filter(|c| c.half == half && c.kind == kind).count();
        for kind in [Kind::Lost, Kind::Kept, Kind::Clean] {
            assert!(count(Half::Open, kind).abs_diff(count(Half::Blind, kind)) <= 6, "{kind:?}");
        }
    }

    #[test]
    fn leaks_name_their_lines_and_traps_have_none() {
        for case in cases() {
            let lines = case.lines().count();
            assert_eq!(lines > 0, case.is_leak(), "{}", case.name);
            assert_eq!(case.leaked != Leaked::NOTHING, case.is_leak(), "{}", case.name);
        }
    }

    #[test]
    fn lines_are_those_of_the_site() {
        let case = case("cycle_with_a_tail").unwrap();
        let lines: Vec<&str> = case.source.lines().collect();
        let named: Vec<&str> = case.lines().map(|n| lines[n as usize - 1].trim()).collect();
        assert_eq!(named.len(), 4);
        assert_eq!(named[0], "let one = Rc::new(Node::plain()); // leaks");
    }

    #[test]
    fn every_site_stays_a_function_of_its_own() {
        for case in cases().filter(|case| case.is_leak()) {
            let before = format!("#[inline(never)]\nfn {}(", case.site);
            assert!(case.source.contains(&before), "{}", case.name);
        }
    }
}
