//! Which packages are dropped into, and what of each is timed.

use crate::foreign::package::Package;

/// A package, its own tests, and what else it does with both allocators.
pub struct Program {
    pub package: Package,
    /// What it is a case of.
    pub kind: &'static str,
    /// Whether every change waits for it; the others are soak's.
    pub is_small: bool,
    pub work: Work,
    /// Files of tests that are not run with either allocator, and why.
    pub files_left_out: &'static [(&'static str, &'static str)],
    /// Tests that are not, and why.
    pub tests_left_out: &'static [(&'static str, &'static str)],
    /// Dependencies whose locked version today's compiler refuses.
    pub outdated: &'static [&'static str],
}

/// What is timed.
pub enum Work {
    /// Its own tests.
    Suite,
    /// A program, in a folder with the sources of all that the package needs.
    Tree { program: &'static str, arguments: &'static [&'static str] },
    /// A program that serves that folder over loopback.
    Server { program: &'static str, arguments: &'static [&'static str] },
}

impl Work {
    /// The program that it takes.
    pub fn program(&self) -> Option<&'static str> {
        match self {
            Self::Suite => None,
            Self::Tree { program, .. } | Self::Server { program, .. } => Some(program),
        }
    }
}

const fn suite(
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
    kind: &'static str,
) -> Program {
    Program {
        package: Package { name, version, features },
        kind,
        is_small: false,
        work: Work::Suite,
        files_left_out: &[],
        tests_left_out: &[],
        outdated: &[],
    }
}

const OF_ITS_OWN: &str = "sets an allocator of its own";

/// Those with threads, unwinding, large blocks or layouts of their own first of all.
pub const PROGRAMS: &[Program] = &[
    suite("smartcore", "0.7.0", &["default", "datasets"], "ML"),
    Program { is_small: true, ..suite("pulldown-cmark", "0.13.6", &["default"], "parser") },
    Program {
        work: Work::Server {
            program: "static-web-server",
            arguments: &["--host", "127.0.0.1", "--log-level", "error", "--directory-listing"],
        },
        ..suite("static-web-server", "2.44.1", &["compression-gzip", "directory-listing"], "server")
    },
    Program {
        is_small: true,
        // Does not compile since Rust 1.80.
        outdated: &["rustc-serialize"],
        ..suite("tiny_http", "0.12.0", &[], "server")
    },
    Program {
        work: Work::Tree {
            program: "rg",
            arguments: &["--threads", "2", "--no-config", "--line-number", "(?i)alloc[a-z]*\\("],
        },
        ..suite("ripgrep", "15.2.0", &[], "CLI")
    },
    suite("redb", "4.5.0", &["default"], "database"),
    suite("rayon", "1.12.0", &[], "thread pool"),
    suite("hashbrown", "0.17.1", &["default"], "hash tables"),
    Program {
        is_small: true,
        files_left_out: &[
            ("test_bytes_odd_alloc", OF_ITS_OWN),
            ("test_bytes_vec_alloc", OF_ITS_OWN),
        ],
        ..suite("bytes", "1.12.1", &["default"], "buffers")
    },
    suite("png", "0.18.1", &[], "images"),
    suite("regex", "1.13.1", &["default"], "search"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_ten_with_each_kind_and_three_small_ones() {
        assert!(PROGRAMS.len() >= 10);
        for kind in ["ML", "parser", "server", "CLI", "database"] {
            assert!(PROGRAMS.iter().any(|program| program.kind == kind), "{kind}");
        }
        assert_eq!(PROGRAMS.iter().filter(|program| program.is_small).count(), 3);
    }
}
