//! What a file of suppressions names is let pass by a check in the process, and set
//! apart by the command line in that process's log: the same entries, of the same
//! bytes. A file that makes no sense fails the check, with its line.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::mem;
use std::path::Path;

use scrubjay::{LeakCheck, LeakCheckError, Tag};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};
use serde_json::Value;

static CACHE: Tag = Tag::new("cache");

const KNOWN_COUNT: usize = 3;
/// So large that no block has an address that another had before.
const KNOWN_SIZE: usize = 200_000;
const LARGE_SIZE: usize = 300_000;

/// Each entry, and the bytes that it is about.
const ENTRIES: [(&str, &str, usize); 5] = [
    (
        "stack",
        "stack = [\"*::lose_known\", \"...\", \"*::lose_all\"]\nmin-bytes = 600_000",
        600_000,
    ),
    ("size", "function = \"*::lose_large\"\nmax-bytes = 299_999", 0),
    ("container", "function = \"alloc::*\"", 0),
    ("module", "module = \"leaks-*\"\nfunction = \"*::lose_large\"", 300_000),
    ("nothing", "function = \"*::gone\"", 0),
];

pub fn test() {
    let folder = Folder::new();
    let (log, known) = (folder.join("run.jay"), folder.join("known.toml"));
    let entry = |&(name, lines, _): &(&str, &str, usize)| {
        format!("[[suppress]]\nname = \"{name}\"\nreason = \"on purpose\"\n{lines}\n")
    };
    let entries: Vec<String> = ENTRIES.iter().map(entry).collect();
    let file = format!("scrubjay-suppressions = 1\n{}", entries.join(""));
    std::fs::write(&known, &file).expect("the folder can be written");

    // By the check's own file.
    let finished =
        child!().argument("own").argument(&known).log(&log).setting("SCRUBJAY_MODE", "count");
    let finished = finished.succeed();
    let told: Vec<&str> = finished.output.lines().collect();
    // An entry begins on the line before its name.
    let line = |name: &str| line_of(&file, &format!("name = \"{name}\"")) - 1;
    let place = |name: &str| format!("{}:{}: {name}: on purpose", known.display(), line(name));
    let is_told = |line: String| assert!(told.contains(&&line[..]), "{line}\n{finished:?}");
    is_told(format!("let pass: 600000 {}", place("stack")));
    is_told(format!("let pass: 300000 {}", place("module")));
    is_told(format!("unused: {}; it would match but for a size", place("size")));
    is_told(format!("unused: {}", place("container")));
    is_told(format!("unused: {}", place("nothing")));
    assert_eq!(told.len(), 5, "{finished:?}");
    assert!(!finished.errors.contains("matched nothing"), "{finished:?}");

    // By the command line.
    let paths = ["leaks".as_ref(), "--suppressions".as_ref(), known.as_os_str(), log.as_os_str()];
    let said = cli::run(paths.into_iter().chain(["--json", "--tag", "cache"].map(AsRef::as_ref)));
    let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
    let rows = &answer["suppressed"]["suppressions"];
    for (at, (name, _, bytes)) in ENTRIES.iter().enumerate() {
        assert_eq!(rows[at]["name"], *name, "{rows}");
        assert_eq!(rows[at]["bytes"]["value"], *bytes, "{name}: {said:?}");
    }
    assert_eq!(rows[1]["but_for_size_count"], 1, "{rows}");

    // By the file for all checks: what is unused is said once.
    let finished = child!().argument("all").setting("SCRUBJAY_SUPPRESSIONS", &known).succeed();
    assert_eq!(finished.output.lines().count(), 2, "{finished:?}");
    for name in ["size", "container", "nothing"] {
        let count = finished.errors.matches(&place(name)).count();
        assert_eq!(count, 1, "{name}: {finished:?}");
    }
    assert!(!finished.errors.contains(&place("stack")), "{finished:?}");
    assert!(!finished.errors.contains("orphans"), "{finished:?}");
    let child = child!().argument("all").setting("SCRUBJAY_SUPPRESSIONS", &known);
    let finished = child.setting("NEXTEST_EXECUTION_MODE", "process-per-test").succeed();
    assert!(!finished.errors.contains("matched nothing"), "{finished:?}");

    // With a fault.
    std::fs::write(&known, file.replace("module = ", "modul = ")).expect("it can be written");
    let fault = format!("{}:{}: \"modul\" has no meaning", known.display(), line("module") + 3);
    let own = child!().argument("fault").argument(&known);
    let shared = child!().argument("fault").setting("SCRUBJAY_SUPPRESSIONS", &known);
    for child in [own, shared] {
        let finished = child.succeed();
        assert!(finished.output.starts_with(&fault), "{fault}: {finished:?}");
        assert_eq!(finished.output.lines().count(), 1, "{finished:?}");
    }
    let missing = folder.join("missing.toml");
    let finished = child!().argument("fault").argument(&missing).succeed();
    let fault = format!("{}: ", missing.display());
    assert!(finished.output.starts_with(&fault), "{finished:?}");
}

/// The line of a text that begins with another, from 1.
fn line_of(text: &str, begin: &str) -> usize {
    1 + text.lines().position(|line| line.starts_with(begin)).expect("there is such a line")
}

pub fn child(arguments: &[String]) {
    let path = arguments.get(1).map(Path::new);
    let check = || path.map_or(LeakCheck::new(), |path| LeakCheck::new().suppressions(path));
    if arguments[0] == "fault" {
        let error = check().run(|| unreachable!("no check can be made")).unwrap_err();
        assert!(matches!(error, LeakCheckError::Suppressions { .. }), "{error:?}");
        return println!("{error}");
    }
    let works: &[fn()] = if arguments[0] == "own" { &[lose_all] } else { &[lose_all, || ()] };
    for work in works {
        let ((), report) = check().run_once(work).expect("a check can be made");
        assert!(report.is_ok(), "{report}");
        let mut sums = BTreeMap::new();
        for (leak, reason) in &report.allowed {
            *sums.entry(reason).or_insert(0) += leak.bytes;
        }
        sums.into_iter().for_each(|(reason, bytes)| println!("let pass: {bytes} {reason}"));
        report.unused.iter().for_each(|entry| println!("unused: {entry}"));
    }
}

#[inline(never)]
fn lose_all() {
    let _scope = CACHE.enter();
    for _ in 0..KNOWN_COUNT {
        lose_known();
    }
    lose_large();
    black_box(());
}

#[inline(never)]
fn lose_known() {
    mem::forget(black_box(vec![1_u8; KNOWN_SIZE]));
}

#[inline(never)]
fn lose_large() {
    mem::forget(black_box(vec![1_u8; LARGE_SIZE]));
}
