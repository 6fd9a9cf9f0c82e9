//! What a file of suppressions names is set apart to the byte and to the block,
//! by its frames, and the rest is what `--fail-over` is about.

use std::hint::black_box;
use std::process::Output;

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};
use serde_json::Value;

static CACHE: Tag = Tag::new("cache");

const KNOWN_COUNT: usize = 100;
const KNOWN_SIZE: usize = 1000;
const LEFT_SIZE: usize = 12_345;

const FILE: &str = r#"scrubjay-suppressions = 1

[[suppress]]
name = "known"
reason = "kept on purpose"
stack = ["*keep_known", "...", "*keep_all"]
tag = "cache"

[[suppress]]
name = "grown"
reason = "no longer as small as this"
function = "*keep_more"
max-bytes = 12_344

[[suppress]]
name = "runtime"
reason = "what is none of the program's"
tag = "untagged"
"#;

pub fn test() {
    for mode in ["journal", "count"] {
        let folder = Folder::new();
        let (log, known) = (folder.join("run.jay"), folder.join("known.toml"));
        std::fs::write(&known, FILE).expect("the folder can be written");
        let child = child!().log(&log).setting("SCRUBJAY_MODE", mode);
        child.setting("SCRUBJAY_STACKS", "on").succeed();
        let leaks = |options: &[&str]| -> Output {
            let paths =
                ["leaks".as_ref(), "--suppressions".as_ref(), known.as_os_str(), log.as_os_str()];
            cli::run(paths.into_iter().chain(options.iter().map(AsRef::as_ref)))
        };
        let said = leaks(&["--json", "--strict"]);
        // One entry matches nothing.
        assert_eq!(said.status.code(), Some(1), "{mode}: {said:?}");
        let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
        let suppressed = &answer["suppressed"];
        let rows = &suppressed["suppressions"];
        assert_eq!(rows[0]["bytes"]["value"], KNOWN_COUNT * KNOWN_SIZE, "{mode}: {rows}");
        assert_eq!(rows[0]["blocks"]["value"], KNOWN_COUNT, "{mode}: {rows}");
        assert_eq!(
            (&rows[1]["site_count"], &rows[1]["but_for_size_count"]),
            (&0.into(), &1.into())
        );
        assert_eq!(suppressed["left_bytes"]["value"], LEFT_SIZE, "{mode}: {suppressed}");
        assert_eq!(suppressed["left_blocks"]["value"], 1, "{mode}: {suppressed}");
        let sites = answer["sites"].as_array().expect("sites");
        assert_eq!(sites.len(), 1, "{mode}: {answer}");
        let frame = &sites[0]["frames"][0];
        assert_eq!(frame["line"], LEFT_LINE, "{mode}: {frame}");

        if mode == "count" {
            continue;
        }
        for (bytes, blocks, code) in [("12345", "1", 0), ("12344", "1", 1), ("12345", "0", 1)] {
            let said = leaks(&["--fail-over", bytes, "--fail-over-blocks", blocks]);
            assert_eq!(said.status.code(), Some(code), "{bytes}, {blocks}: {said:?}");
        }
        let text = String::from_utf8(leaks(&["--fail-over", "12 KiB"]).stdout).expect("text");
        assert!(text.contains("57 B more than the 12.0 KiB of --fail-over\n"), "{text}");
        assert!(text.contains("      known: kept on purpose\n"), "{text}");
        assert!(text.contains(":9: grown; 1 site would match but for its size\n"), "{text}");
    }
}

pub fn child(_: &[String]) {
    let _scope = CACHE.enter();
    keep_all();
}

#[inline(never)]
fn keep_all() {
    for _ in 0..KNOWN_COUNT {
        keep_known();
    }
    keep_more();
}

#[inline(never)]
fn keep_known() {
    std::mem::forget(black_box(Vec::<u8>::with_capacity(KNOWN_SIZE)));
}

const LEFT_LINE: u32 = line!() + 4;

#[inline(never)]
fn keep_more() {
    std::mem::forget(black_box(Vec::<u8>::with_capacity(LEFT_SIZE)));
}
