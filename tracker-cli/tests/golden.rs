//! Logs of every version of the format, as the allocator wrote them, stay
//! readable.
//!
//! `golden/version-1.jay` comes from a program that kept 10 blocks of 100 to
//! 1,000 bytes under `model/weights`, grew a `Vec<u32>` to 200 elements under
//! the secret tag `prompt` on a thread named `server`, dropped it, and was
//! refused one allocation; in chunks of 4 KiB, cut behind its last one.

use std::process::Command;

use serde_json::Value;

fn answer(arguments: &[&str]) -> (Option<i32>, Value) {
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/version-1.jay");
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
    let (code, verdict) = answer(&["log", "verify"]);
    assert_eq!((code, &verdict["is_sound"]), (Some(0), &Value::Bool(true)), "{verdict}");
}

#[test]
fn version_1_tells_what_its_program_did() {
    let (code, tags) = answer(&["tags"]);
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
    let (_, summary) = answer(&["summary"]);
    assert_eq!(summary["run"]["end"], "exited");
    assert_eq!(summary["run"]["threads"], 2);
}
