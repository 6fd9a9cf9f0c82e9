//! The rule of layers: a module of the allocator imports only from below.

use super::Finding;
use super::code::{before_tests, find_word, is_word};
use super::tree::{File, Tree};

/// The list of layers, from bottom to top, stands here under [`HEADING`].
const LIST: &str = "allocator/ARCHITECTURE.md";
const HEADING: &str = "## Layers";
const SOURCES: &str = "allocator/src/";

/// Modules import downward alone, by their own path and not by what `lib.rs`
/// shows to users; and each has its place in the list.
pub fn imports_go_downward(tree: &Tree) -> Vec<Finding> {
    let Some(list) = tree.file(LIST) else {
        return vec![Finding::new(LIST, 0, "is missing")];
    };
    let layers = layers(&list.text);
    let level = |module: &str| layers.iter().position(|names| names.iter().any(|n| n == module));
    let mut findings = Vec::new();
    let mut modules = Vec::new();
    for file in tree.rust() {
        let Some(module) = module_of(file) else { continue };
        modules.push(module);
        let Some(own) = level(module) else {
            let what = format!("`{module}` has no place under `{HEADING}` in {LIST}");
            findings.push(Finding::new(&file.path, 0, what));
            continue;
        };
        for (line, import) in imports(file) {
            let what = match level(&import) {
                _ if import == module => continue,
                Some(level) if level < own => continue,
                Some(_) => format!("`{module}` imports `{import}`, which is not below it"),
                None => format!("`{module}` imports `crate::{import}`, which has no place"),
            };
            findings.push(Finding::new(&file.path, line, what));
        }
    }
    for name in layers.iter().flatten().filter(|name| !modules.contains(&name.as_str())) {
        findings.push(Finding::new(LIST, 0, format!("lists `{name}`, which is no module")));
    }
    findings
}

/// The list's items, lowest first; modules of one item stand beside each other.
fn layers(text: &str) -> Vec<Vec<String>> {
    let section = text.split_once(&format!("\n{HEADING}\n")).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or("");
    section
        .lines()
        .filter_map(|line| {
            let (number, item) = line.split_once(". ")?;
            number.parse::<u32>().ok()?;
            Some(names(item))
        })
        .collect()
}

/// The backticked names that an item opens with: "`a`, `b`: what they do".
fn names(item: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = item.trim_start();
    while let Some((name, after)) = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        names.push(name.to_owned());
        rest = after.trim_start_matches([',', ' ']);
    }
    names
}

fn module_of(file: &File) -> Option<&str> {
    let module = file.path.strip_prefix(SOURCES)?.split(['/', '.']).next()?;
    (module != "lib").then_some(module)
}

/// Where a file names a module of its crate outside its tests, and which.
fn imports(file: &File) -> Vec<(usize, String)> {
    let code = before_tests(&file.code);
    // In a file right below `lib.rs`, `super` is the crate too.
    let top = !file.path.strip_prefix(SOURCES).unwrap_or("").contains('/');
    let roots: &[&str] = if top { &["crate", "super"] } else { &["crate"] };
    let mut imports = Vec::new();
    for root in roots {
        let mut from = 0;
        while let Some(at) = find_word(&code[from..], root).map(|at| from + at) {
            from = at + root.len();
            let Some(path) = code[from..].strip_prefix("::") else { continue };
            let line = code[..at].matches('\n').count() + 1;
            imports.extend(first_names(path).into_iter().map(|name| (line, name)));
        }
    }
    imports
}

/// The first name of a path, or of each path of a group.
fn first_names(path: &str) -> Vec<String> {
    let name = |path: &str| path.chars().take_while(|&c| is_word(c)).collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = true;
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && is_word(c) => {
                names.push(name(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    const LAYERS: (&str, &str) = (
        LIST,
        "# A\n\n## Layers\n\nFrom below:\n\n1. `limits`: see `top`\n2. `map`, `clock`: both\n\
         3. `top`: all\n\n## After\n\n1. `other`\n",
    );

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut all = vec![
            LAYERS,
            ("allocator/src/lib.rs", "mod limits;\nuse crate::top::T;\n"),
            ("allocator/src/limits.rs", ""),
            ("allocator/src/clock.rs", ""),
        ];
        all.extend(files);
        imports_go_downward(&tree(&all)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn imports_from_below_and_tests_of_anything_are_fine() {
        let map = "use crate::limits::{A, B};\n#[cfg(test)]\nmod tests { use crate::top::T; }\n";
        let top = "use crate::{clock::{self, Clock}, limits};\nuse super::map::M;\n";
        let deep = "use super::part;\n";
        let files = [
            ("allocator/src/map.rs", map),
            ("allocator/src/top.rs", top),
            ("allocator/src/top/deep.rs", deep),
        ];
        assert_eq!(found(&files), Vec::<String>::new());
    }

    #[test]
    fn an_import_from_above_from_beside_or_through_lib_is_found() {
        let map = "use crate::limits::A;\nuse crate::{clock, top::T};\nfn f(tag: crate::Tag) {}\n";
        let files = [("allocator/src/map.rs", map), ("allocator/src/top.rs", "")];
        assert_eq!(
            found(&files),
            [
                "allocator/src/map.rs:2: `map` imports `clock`, which is not below it",
                "allocator/src/map.rs:2: `map` imports `top`, which is not below it",
                "allocator/src/map.rs:3: `map` imports `crate::Tag`, which has no place",
            ]
        );
    }

    #[test]
    fn a_module_without_a_place_and_a_place_without_a_module_are_found() {
        let files = [("allocator/src/map.rs", ""), ("allocator/src/new.rs", "")];
        assert_eq!(
            found(&files),
            [
                "allocator/src/new.rs: `new` has no place under `## Layers` in \
                 allocator/ARCHITECTURE.md",
                "allocator/ARCHITECTURE.md: lists `top`, which is no module",
            ]
        );
    }
}
