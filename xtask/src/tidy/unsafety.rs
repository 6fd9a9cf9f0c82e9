//! Rules about `unsafe`: where it may stand, and that each says why it is sound.

use super::Finding;
use super::code::find_word;
use super::tree::{File, Tree};

const LIB: &str = "allocator/src/lib.rs";
/// Crates that read what anybody may have written.
const FORBIDDING: &[&str] = &[
    "allocator/log-format/src/lib.rs",
    "allocator/suppressions/src/lib.rs",
    "tracker-cli/src/main.rs",
];
/// Fewer words than this are no argument.
const SAFETY_WORDS_MIN: usize = 2;

/// In the allocator's sources `unsafe` stands only in the modules that `lib.rs`
/// lists, each with its reason.
pub fn unsafe_is_where_lib_rs_says(tree: &Tree) -> Vec<Finding> {
    let Some(lib) = tree.file(LIB) else {
        return vec![Finding::new(LIB, 0, "is missing")];
    };
    let listed = modules_with_unsafe(lib);
    tree.rust()
        .filter_map(|file| {
            let module = file.path.strip_prefix("allocator/src/")?.split(['/', '.']).next()?;
            let line = first_unsafe(file)?;
            (!listed.contains(&module)).then(|| {
                let what = format!("`unsafe` in `{module}`, which {LIB} does not expect");
                Finding::new(&file.path, line, what)
            })
        })
        .collect()
}

/// Nobody turns the lint off: it is expected, for a stated reason, and in the
/// allocator by `lib.rs` alone.
pub fn unsafe_is_expected_with_a_reason(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let of_allocator = file.path.starts_with("allocator/src/") && file.path != LIB;
        for (at, _) in file.code.match_indices("unsafe_code") {
            // rustfmt breaks a long attribute over some lines.
            let before = file.code[..at].trim_end();
            let attribute = file.code[at..].split(")]").next().unwrap_or("");
            let what = if before.ends_with("allow(") || before.ends_with("warn(") {
                "allows unsafe_code: `expect` it, with a reason".to_owned()
            } else if before.ends_with("expect(") && of_allocator {
                format!("expects unsafe_code: only {LIB} may")
            } else if before.ends_with("expect(") && find_word(attribute, "reason").is_none() {
                "expects unsafe_code without a reason".to_owned()
            } else {
                continue;
            };
            let line = before.lines().count();
            findings.push(Finding::new(&file.path, line, what));
        }
    }
    findings
}

/// What decodes logs cannot be wrong in this way.
pub fn some_crates_forbid_unsafe(tree: &Tree) -> Vec<Finding> {
    FORBIDDING
        .iter()
        .filter(|path| {
            tree.file(path).is_none_or(|file| !file.code.contains("#![forbid(unsafe_code)]"))
        })
        .map(|path| Finding::new(path, 0, "does not say #![forbid(unsafe_code)]"))
        .collect()
}

/// Each unsafe block and impl has a `SAFETY:` above it that is an argument.
/// Clippy asks for the comment only where it compiles: not for other systems.
pub fn every_unsafe_has_its_safety(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, code) in file.code.lines().enumerate() {
            let Some(at) = find_word(code, "unsafe") else { continue };
            let next = code[at + "unsafe".len()..].trim_start();
            if !(next.starts_with('{') || next.starts_with("impl")) {
                continue;
            }
            match safety_above(&lines, index) {
                Some(argument) if argument.split_whitespace().count() >= SAFETY_WORDS_MIN => {}
                Some(_) => {
                    findings.push(Finding::new(&file.path, index + 1, "SAFETY without argument"));
                }
                None => findings.push(Finding::new(&file.path, index + 1, "unsafe, no SAFETY")),
            }
        }
    }
    findings
}

/// Modules under `#[expect(unsafe_code, …)]`, or where an attribute expects it
/// on some targets alone.
fn modules_with_unsafe(lib: &File) -> Vec<&str> {
    let mut modules = Vec::new();
    let mut rest = lib.code.as_str();
    while let Some(at) = rest.find("expect(unsafe_code") {
        rest = &rest[at..];
        let Some(end) = rest.find(")]") else { break };
        rest = &rest[end + 2..];
        // Other attributes may stand between.
        let Some(at) = find_word(rest, "mod") else { break };
        let name = rest[at + 3..].trim_start();
        modules.push(name.split([';', ' ']).next().unwrap_or(""));
    }
    modules
}

fn first_unsafe(file: &File) -> Option<usize> {
    file.code.lines().position(|line| find_word(line, "unsafe").is_some()).map(|index| index + 1)
}

/// The argument of the `SAFETY:` comment right above a line, or before the
/// `unsafe` of the statement's first line.
fn safety_above(lines: &[&str], index: usize) -> Option<String> {
    let mut above = Vec::new();
    // A statement may open some lines before its `unsafe`.
    let mut inside_statement = true;
    for line in lines[..index].iter().rev() {
        let line = line.trim();
        if line.starts_with("//") {
            inside_statement = false;
            above.push(line.trim_start_matches('/').trim());
            if above.last().is_some_and(|text| text.starts_with("SAFETY:")) {
                above.reverse();
                return above.join(" ").strip_prefix("SAFETY:").map(str::to_owned);
            }
        } else if line.starts_with("#[") {
            // Attributes stand between a comment and its item.
        } else if !inside_statement || line.is_empty() || line.ends_with([';', '{', '}']) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    const LISTED: (&str, &str) =
        (LIB, "//! A.\n#[expect(unsafe_code, reason = \"maps\")]\nmod map;\nmod count;\n");

    #[test]
    fn unsafe_in_a_module_that_is_not_listed_is_found() {
        let block = "fn f() {\n    unsafe { g() }\n}\n";
        let tree = tree(&[
            LISTED,
            ("allocator/src/map.rs", block),
            ("allocator/src/map/linux.rs", block),
            ("allocator/src/count.rs", block),
            ("tests/src/lib.rs", block),
        ]);
        let found = unsafe_is_where_lib_rs_says(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("allocator/src/count.rs", 2));
    }

    #[test]
    fn unsafe_that_is_allowed_or_expected_without_reason_is_found() {
        let tree = tree(&[
            LISTED,
            ("allocator/src/map.rs", "#![expect(unsafe_code, reason = \"why\")]\n"),
            ("benches/a.rs", "#![allow(\n    unsafe_code\n)]\n"),
            ("tests/a.rs", "#![expect(unsafe_code)]\n"),
            ("tests/b.rs", "#![expect(\n    unsafe_code,\n    reason = \"why\"\n)]\n"),
        ]);
        let found: Vec<_> =
            unsafe_is_expected_with_a_reason(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(found, ["allocator/src/map.rs", "benches/a.rs", "tests/a.rs"]);
    }

    #[test]
    fn a_reader_that_does_not_forbid_unsafe_is_found() {
        let forbids = |path: &&'static str| (*path, "#![forbid(unsafe_code)]\n");
        let mut sources: Vec<_> = FORBIDDING.iter().map(forbids).collect();
        assert_eq!(some_crates_forbid_unsafe(&tree(&sources)), []);
        sources[1].1 = "\n";
        assert_eq!(some_crates_forbid_unsafe(&tree(&sources)).len(), 1);
    }

    #[test]
    fn unsafe_without_an_argument_is_found() {
        let good = "// SAFETY: the caller owns the block.\nlet a =\n    unsafe { f() };\n\
                    // SAFETY: layouts are kept,\n// nothing unwinds.\nunsafe impl T for U {}\n\
                    unsafe extern \"C\" {}\nunsafe fn g() {}\n";
        assert_eq!(every_unsafe_has_its_safety(&tree(&[("a.rs", good)])), []);
        let bad = "let a = unsafe { f() };\n// SAFETY: valid.\nunsafe impl T for U {}\n\
                   // SAFETY: the caller owns it all.\nlet b = 1;\nlet c = unsafe { f() };\n";
        let lines: Vec<_> =
            every_unsafe_has_its_safety(&tree(&[("a.rs", bad)])).iter().map(|f| f.line).collect();
        assert_eq!(lines, [1, 3, 6]);
    }
}
