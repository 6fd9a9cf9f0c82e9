//! Rules about text: first lines, widths, what must not be left in.

use super::Finding;
use super::code::find_word;
use super::tree::Tree;

/// As rustfmt.toml says; rustfmt leaves comments and strings alone.
const WIDTH_MAX: usize = 100;

/// Every Rust file opens with one sentence on what it is for.
pub fn every_file_says_what_it_is_for(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|file| {
            let first = file.text.lines().next().unwrap_or("");
            first.strip_prefix("//! ").is_none_or(|sentence| sentence.trim().is_empty())
        })
        .map(|file| Finding::new(&file.path, 1, "does not open with `//!` and what it is for"))
        .collect()
}

/// No line of Rust is wider than rustfmt would make it.
pub fn no_line_is_wider_than_100(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (index, line) in file.text.lines().enumerate() {
            let width = line.chars().count();
            if width > WIDTH_MAX {
                let what = format!("{width} characters wide, more than {WIDTH_MAX}");
                findings.push(Finding::new(&file.path, index + 1, what));
            }
        }
    }
    findings
}

/// Nothing unfinished, nothing that was for debugging.
pub fn nothing_is_left_over(tree: &Tree) -> Vec<Finding> {
    // Macros are looked for in code, notes to oneself in the whole text.
    let macros = ["todo", "unimplemented", "dbg"];
    let notes = [concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (index, line) in file.code.lines().enumerate() {
            for name in macros {
                if find_word(line, name).is_some_and(|at| line[at + name.len()..].starts_with('!'))
                {
                    findings.push(Finding::new(&file.path, index + 1, format!("{name}! is left")));
                }
            }
        }
        for (index, line) in file.text.lines().enumerate() {
            for note in notes {
                if find_word(line, note).is_some() {
                    findings.push(Finding::new(&file.path, index + 1, format!("{note} is left")));
                }
            }
        }
    }
    findings
}

/// No file names a folder of the machine that it was written on.
pub fn no_path_of_a_machine(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        for (index, line) in file.text.lines().enumerate() {
            for path in &tree.machine_paths {
                if line.contains(path.as_str()) {
                    let what = format!("names the machine's folder {path}");
                    findings.push(Finding::new(&file.path, index + 1, what));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        let tree = tree(&[("a.rs", "//! Says.\n"), ("b.rs", "use x;\n"), ("c.rs", "//!\n")]);
        let found: Vec<_> =
            every_file_says_what_it_is_for(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(found, ["b.rs", "c.rs"]);
    }

    #[test]
    fn a_wide_line_is_found() {
        let wide = format!("//! A.\n// {}\n", "x".repeat(98));
        let tree = tree(&[("a.rs", &wide), ("b.md", &wide)]);
        assert_eq!(no_line_is_wider_than_100(&tree).len(), 1);
        assert_eq!(no_line_is_wider_than_100(&tree)[0].line, 2);
    }

    #[test]
    fn what_is_left_over_is_found() {
        // What the rule is about, as its test data: nothing here is unfinished.
        let note = concat!("// FIX", "ME later\n");
        let tree = tree(&[
            ("a.rs", "dbg!(1);\nlet todo = \"todo!\"; // todo!\n"),
            ("b.rs", note),
            ("c.rs", "fn f() { todo!() }\n"),
        ]);
        let found: Vec<_> =
            nothing_is_left_over(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        assert_eq!(found, [("a.rs", 1), ("b.rs", 1), ("c.rs", 1)].map(|(p, l)| (p.to_owned(), l)));
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        let path = format!("see {}home/someone/notes\n", "/");
        let tree = tree(&[("a.md", &path), ("b.md", "see a/home\n")]);
        assert_eq!(no_path_of_a_machine(&tree).len(), 1);
    }
}
