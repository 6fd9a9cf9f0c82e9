//! Names of tags as a tree: a level, then what is below it.

use std::collections::BTreeMap;

/// Every name and every level above one, in the order of a tree: siblings
/// with the most weight first, each with what is below it behind it.
pub fn order<'n>(names: impl IntoIterator<Item = (&'n str, u64)>) -> Vec<&'n str> {
    let mut weights: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, weight) in names {
        for level in levels(name) {
            let sum = weights.entry(level).or_default();
            *sum = sum.wrapping_add(weight);
        }
    }
    // The key of a level is that of its parent with its own behind it.
    let key = |name: &&'n str| -> Vec<(u64, &'n str)> {
        levels(name).map(|level| (u64::MAX - weights.get(level).unwrap_or(&0), level)).collect()
    };
    let mut sorted: Vec<&str> = weights.keys().copied().collect();
    sorted.sort_by_cached_key(key);
    sorted
}

/// The levels above a name, and the name.
pub fn levels(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(end, _)| end).chain([name.len()]).map(|end| &name[..end])
}

/// A name's last part, as far in as it has levels above it.
pub fn label(name: &str) -> String {
    let (depth, last) = (name.matches('/').count(), name.rsplit('/').next().unwrap_or(name));
    format!("{}{last}", "  ".repeat(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_level_stands_behind_it() {
        let names = [("a/x", 1), ("b", 5), ("a/y", 9), ("a b", 2), ("a", 0)];
        assert_eq!(order(names), ["a", "a/y", "a/x", "b", "a b"]);
        assert_eq!(label("a/b/c"), "    c");
    }
}
