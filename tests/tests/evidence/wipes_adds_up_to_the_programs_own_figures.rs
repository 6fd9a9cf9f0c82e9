//! `wipes` tells, to the byte, what the program's own report told at its end,
//! with all kinds of releases, in both modes; and of a program that was killed
//! it still adds up.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use scrubjay::{Report, Tag};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, cli, threads};
use serde_json::Value;

static PUBLIC: Tag = Tag::new("work/public");
static SECRET: Tag = Tag::new("work/secret").secret();
static SPARED: Tag = Tag::new("work/spared").wipe(false);
static TAGS: [&Tag; 3] = [&PUBLIC, &SECRET, &SPARED];

pub fn test() {
    for mode in ["count", "journal"] {
        for end in ["exits", "is killed"] {
            let folder = Folder::new();
            let log = folder.join("run.jay");
            let child = child!().log(&log).setting("SCRUBJAY_MODE", mode).argument(end);
            let mut running = child.start();
            let told = running.lines_until_pause();
            if end == "is killed" {
                let process = running.process().to_string();
                Command::new("kill").args(["-9", &process]).status().expect("there is kill");
            } else {
                running.go_on();
            }
            assert_eq!(running.finish().status.success(), end == "exits");
            check(&log, &told);
            let verified = cli::run(["log".as_ref(), "verify".as_ref(), log.as_os_str()]);
            assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
        }
    }
}

fn check(log: &Path, told: &[String]) {
    let said = cli::run(["wipes".as_ref(), "--json".as_ref(), log.as_os_str()]);
    let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
    assert_eq!(said.status.code(), Some(0), "{answer:#}");
    assert_eq!(answer["adds_up"], true);
    let mut count = 0;
    for line in told.iter().filter_map(|line| line.strip_prefix("told ")) {
        let mut words = line.split(' ');
        let name = words.next().expect("a name");
        let tags = answer["tags"].as_array().expect("tags");
        let tag = tags.iter().find(|tag| tag["tag"] == name).expect("the tag");
        for (key, expected) in KEYS.iter().zip(words) {
            assert_eq!(tag[key].to_string(), expected, "{name}: {key}: {answer:#}");
        }
        count += 1;
    }
    assert_eq!(count, TAGS.len());
    let tag = |name| {
        answer["tags"].as_array().and_then(|tags| tags.iter().find(|tag| tag["tag"] == name))
    };
    let secret = tag("work/secret").expect("the secret tag");
    assert_eq!(secret["watched"]["blocks"], 3, "{secret:#}");
    assert_eq!(secret["watched"]["blocks_of_unknown_age"], 0, "{secret:#}");
    assert_eq!(tag("work/spared").expect("the tag")["unwiped_reason"], "declined");
}

const KEYS: [&str; 6] = [
    "allocated_bytes",
    "live_bytes",
    "wiped_bytes",
    "returned_bytes",
    "carried_bytes",
    "unwiped_bytes",
];

pub fn child(_: &[String]) {
    let mut kept = Vec::with_capacity(TAGS.len() * 4);
    for tag in TAGS {
        let _scope = tag.enter();
        let mut grown: Vec<u8> = Vec::new();
        for number in 0..1_500_000_u32 {
            grown.push(number as u8);
        }
        grown.truncate(100_000);
        grown.shrink_to_fit();
        drop(black_box(vec![1_u8; 40 << 20]));
        let handed = vec![2_u8; 5000];
        threads::scope(|scope| scope.spawn(|| drop(handed)));
        kept.extend([grown, vec![3; 77], vec![4; 6 << 20]]);
    }
    for stats in Report::now().tags {
        if stats.name.starts_with("work/") {
            let figures = [
                stats.allocated_bytes,
                stats.live_bytes,
                stats.wiped_bytes,
                stats.returned_bytes,
                stats.carried_bytes,
                stats.unwiped_bytes,
            ];
            let figures: Vec<String> = figures.iter().map(u64::to_string).collect();
            println!("told {} {}", stats.name, figures.join(" "));
        }
    }
    child::pause();
    std::mem::forget(kept);
}
