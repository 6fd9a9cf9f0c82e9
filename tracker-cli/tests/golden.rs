//! Logs of every version of the format, as the allocator wrote them, stay
//! readable.
//!
//! `golden/version-1.jay` comes from a program that kept 10 blocks of 100 to
//! 1,000 bytes under `model/weights`, grew a `Vec<u32>` to 200 elements under
//! the secret tag `prompt` on a thread named `server`, dropped it, and was
//! refused one allocation; in chunks of 4 KiB, cut behind its last one.
//! `golden/version-2.jay` comes from one that did the same but for the refusal,
//! with stacks of at most 12 frames and two notes of one name; it carries its
//! symbols.

use std::process::Command;

use serde_json::Value;

fn answer(version: u32, arguments: &[&str]) -> (Option<i32>, Value) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let log = format!("{folder}/version-{version}.jay");
    let mut command = Command::new(env!("CARGO_BIN_EXE_scrubjay"));
    let said = command.args(arguments).arg("--json").arg(log).output().unwrap();
    (said.status.code(), serde_json::from_slice(&said.stdout).unwrap())
}

fn tag<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let tags = answer["tags"].as_array().unwrap();
    tags.iter().find(|tag| tag["tag"] == name).unwrap()
}

#[test]
fn version_1_is_sound() {
    let (code, verdict) = answer(1, &["log", "verify"]);
    assert_eq!((code, &verdict["is_sound"]), (Some(0), &Value::Bool(true)), "{verdict}");
}

#[test]
fn version_1_tells_what_its_program_did() {
    let (code, tags) = answer(1, &["tags"]);
    assert_eq!(code, Some(0));
    let weights = tag(&tags, "model/weights");
    // The blocks, and the vector of ten that holds them.
    assert_eq!(weights["live_bytes"], 5_500 + 10 * 24);
    assert_eq!(weights["live_blocks"], 11);
    assert_eq!(weights["failed_count"], 1);
    let prompt = tag(&tags, "prompt");
    assert_eq!(prompt["class"], "secret");
    assert_eq!(prompt["greatest_age_ms"], 60_000);
    assert_eq!(prompt["live_bytes"], 0);
    // Growth from 4 to 256 elements by doubling, each step a move.
    assert_eq!(prompt["wiped_bytes"], 4 * (4 + 8 + 16 + 32 + 64 + 128 + 256));
    let (_, summary) = answer(1, &["summary"]);
    assert_eq!(summary["run"]["end"], "exited");
    assert_eq!(summary["run"]["threads"], 2);
}

#[test]
fn version_2_is_sound() {
    let (code, verdict) = answer(2, &["log", "verify"]);
    assert_eq!((code, &verdict["is_sound"]), (Some(0), &Value::Bool(true)), "{verdict}");
    assert_eq!(verdict["sites"]["count"], 13);
    assert_eq!(answer(2, &["log", "info"]).1["version"], 2);
}

/// The site that holds so many bytes, and its innermost frame.
fn site(answer: &Value, bytes: i64) -> (&Value, &Value) {
    let sites = answer["sites"].as_array().unwrap();
    let site = sites.iter().find(|site| site["bytes"]["value"] == bytes).unwrap();
    (site, &site["frames"][0])
}

#[test]
fn version_2_tells_who_allocated() {
    let (code, leaks) = answer(2, &["leaks", "--no-symbol-cache"]);
    assert_eq!((code, &leaks["sites_are"]), (Some(0), &"exact, from the journal".into()));
    assert_eq!(leaks["notes"][0]["value"], "squirrel-3b");
    let (weights, frame) = site(&leaks, 5_500);
    assert_eq!(
        (&weights["tag"], &weights["blocks"]["value"]),
        (&"model/weights".into(), &10.into())
    );
    assert_eq!((&frame["function"], &frame["line"]), (&"golden::load".into(), &14.into()));
    assert_eq!(weights["frames"][1]["function"], "golden::main");
    assert_eq!(weights["is_truncated"], true);
    let (_, peak) = answer(2, &["peak", "--tag", "prompt", "--no-symbol-cache"]);
    assert_eq!(peak["bytes"], 4 * 256);
    assert_eq!(site(&peak, 4 * 256).1["function"], "golden::answer");
}
