//! A budget that a run wrote holds for the next one, whatever was recorded of
//! it; a run that takes more breaks the lines of what it took more of, and the
//! line of the program is named.

use std::hint::black_box;
use std::path::Path;
use std::process::Output;

use scrubjay::Tag;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli};
use serde_json::Value;

static WEIGHTS: Tag = Tag::new("weights");
static PROMPT: Tag = Tag::new("prompt");
/// So large that a sample has them all.
const LAYER_SIZE: usize = 8 << 20;
const FILE_NAME: &str = "budgets/a_run_that_takes_more_breaks_its_budget.rs";

pub fn test() {
    for mode in ["journal", "sample", "count"] {
        let folder = Folder::new();
        let run = |name: &str, layers: &str| {
            let log = folder.join(name);
            let child = child!().log(&log).setting("SCRUBJAY_MODE", mode);
            child.setting("SCRUBJAY_STACKS", "on").argument(layers).succeed();
            log
        };
        let budget = folder.join("budget.toml");
        let check = |log: &Path, options: &[&str]| -> Output {
            let paths =
                ["check".as_ref(), "--budget".as_ref(), budget.as_os_str(), log.as_os_str()];
            cli::run(paths.into_iter().chain(options.iter().map(AsRef::as_ref)))
        };
        let said = check(&run("first.jay", "10"), &["--update"]);
        assert_eq!(said.status.code(), Some(0), "{mode}: {said:?}");
        let said = check(&run("again.jay", "10"), &["--strict"]);
        assert_eq!(said.status.code(), Some(0), "{mode}: {said:?}");

        let more = run("more.jay", "11");
        let said = check(&more, &["--json"]);
        assert_eq!(said.status.code(), Some(1), "{mode}: {said:?}");
        let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
        let broken: Vec<(&Value, &Value)> = answer["lines"]
            .as_array()
            .expect("lines")
            .iter()
            .filter(|line| line["verdict"] == "broken")
            .map(|line| (&line["tag"], &line["figure"]))
            .collect();
        // Of the process, and of the tag that took more; not its one live block.
        let (weights, none) = (Value::from("weights"), Value::Null);
        let figures = ["peak", "allocated", "allocations"].map(Value::from);
        let expected: Vec<(&Value, &Value)> = [&none, &weights]
            .into_iter()
            .flat_map(|tag| figures.iter().map(move |figure| (tag, figure)))
            // One block more is nothing to all there are.
            .filter(|(tag, figure)| tag.is_string() || **figure != "allocations")
            .collect();
        assert_eq!(broken, expected, "{mode}: {answer}");

        let is_peak = |line: &&Value| line["tag"] == "weights" && line["figure"] == "peak";
        let peak = answer["lines"].as_array().and_then(|lines| lines.iter().find(is_peak));
        let peak = peak.expect("a line");
        let frames = peak["sites"][0]["frames"].as_array().expect("frames");
        let is_layer = |frame: &Value| {
            let (function, file) = (frame["function"].as_str(), frame["file"].as_str());
            function.is_some_and(|name| name.ends_with("layer"))
                && file.is_some_and(|file| file.ends_with(FILE_NAME))
                && frame["line"] == LAYER_LINE
        };
        assert!(frames.iter().any(is_layer), "{mode}: {peak}");
        let written = std::fs::read_to_string(&budget).expect("it was written");
        let table = written.lines().position(|line| line == "[tags.weights]").expect("a table");
        // The peak's is the first one, and lines count from 1.
        assert_eq!(peak["line"], table + 2, "{mode}: {written}");
        if mode == "journal" {
            let text = String::from_utf8(check(&more, &[]).stdout).expect("text");
            let place =
                format!("{}:{}: peak of weights, 4.0 MiB over", budget.display(), table + 2);
            let (_, about) = text.split_once(&place).unwrap_or_else(|| panic!("{text}"));
            let end = format!("{FILE_NAME}:{LAYER_LINE})");
            let is_layer = |line: &str| line.contains("layer (") && line.ends_with(&end);
            assert!(about.lines().take(10).any(is_layer), "{text}");
        }
    }
}

pub fn child(arguments: &[String]) {
    let count: usize = arguments[0].parse().expect("a count");
    // All that is not the subject is so much that one more does not matter.
    for size in 1..100 {
        drop(black_box(vec![1_u8; size]));
    }
    {
        let _scope = PROMPT.enter();
        drop(black_box(vec![1_u8; 1000]));
    }
    let _scope = WEIGHTS.enter();
    let mut layers: Vec<Vec<u8>> = (0..count).map(|_| layer()).collect();
    layers.truncate(1);
    std::mem::forget(layers);
}

const LAYER_LINE: u32 = line!() + 4;

#[inline(never)]
fn layer() -> Vec<u8> {
    black_box(Vec::with_capacity(LAYER_SIZE))
}
