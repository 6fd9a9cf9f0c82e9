//! What the questions answer.

use scrubjay_log_format::chunk::HEADER_SIZE;
use scrubjay_log_format::scan::{HeldBy, Row};
use scrubjay_log_format::{ChunkKind, Mode, Scan};
use serde_json::Value;

use super::log::{CHUNK_SIZE, Log, START, new_chunk};
use super::{Place, ask_about};

/// Weights of 1000 bytes and a prompt of 50; a peak of 1550 while 500 more
/// were live.
fn log() -> Log {
    let mut log = Log::default();
    log.alloc(1, 10_000, (0x1000, 1000), 1);
    log.alloc(2, 20_000, (0x2000, 50), 2);
    log.alloc(1, 30_000, (0x3000, 500), 0);
    log.free(2, 40_000, (0x3000, 500), 0);
    log.free(1, 50_000, (0x2000, 50), 2);
    log.frames = vec![(15_000, vec![0, 1000, 0]), (35_000, vec![500, 1000, 50])];
    log
}

fn json(bytes: &[u8], words: &str) -> Value {
    let said = ask_about(bytes, &format!("{words} --json"));
    assert_eq!(said.exit_code, 0, "{words}: {said:?}");
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn the_peak_and_its_blocks_come_from_the_journal() {
    let answer = json(&log().bytes(), "peak --blocks --sort address");
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(answer["bytes"], 1550);
    assert_eq!(answer["at_ns"], 30_000);
    assert_eq!(answer["source"], "journal");
    assert_eq!(answer["tags"][0]["tag"], "model/weights");
    assert_eq!(answer["tags"][1]["bytes"], 500);
    let sizes: Vec<&Value> =
        answer["blocks"].as_array().unwrap().iter().map(|block| &block["size_bytes"]).collect();
    assert_eq!(sizes, [1000, 50, 500]);
    assert_eq!(answer["blocks"][1]["age_ns"], 10_000);
    assert_eq!(answer["blocks"][1]["address"], "0x2000");
}

#[test]
fn a_tag_has_a_peak_of_its_own() {
    let answer = json(&log().bytes(), "peak --tag prompt --blocks");
    assert_eq!(answer["bytes"], 50);
    assert_eq!(answer["at_ns"], 20_000);
    assert_eq!(answer["block_count"], 1);
    assert_eq!(answer["tags"].as_array().unwrap().len(), 2);
}

#[test]
fn without_a_journal_the_frames_tell() {
    let counted = Log { mode: Mode::Count, ..log() }.bytes();
    let answer = json(&counted, "peak");
    assert_eq!(answer["source"], "ledger");
    assert_eq!(answer["bytes"], 1550);
    let answer = json(&counted, "leaks --at 0.000036");
    assert_eq!(answer["source"], "frame");
    assert_eq!(answer["live_bytes"], 1550);
    let answer = json(&counted, "timeline");
    assert_eq!(answer["tags"][0], "model/weights");
    assert_eq!(answer["points"][1]["tag_bytes"][1], 500);
    let said = ask_about(&counted, "leaks --blocks");
    assert_eq!(said.exit_code, 2, "{said:?}");
    assert!(said.err.contains("--blocks needs a journal"), "{}", said.err);
}

#[test]
fn what_is_live_is_told_for_the_end_and_for_any_moment() {
    let answer = json(&log().bytes(), "leaks");
    assert_eq!(answer["live_bytes"], 1000);
    assert_eq!(answer["live_blocks"], 1);
    assert_eq!(answer["end"], "exited");
    let answer = json(&log().bytes(), "leaks --at 0.000045 --blocks --limit 1");
    assert_eq!(answer["live_bytes"], 1050);
    assert_eq!(answer["block_count"], 2);
    assert_eq!(answer["blocks"].as_array().unwrap().len(), 1);
    assert_eq!(answer["blocks"][0]["size_bytes"], 1000);
}

#[test]
fn the_summary_adds_up() {
    let answer = json(&log().bytes(), "summary");
    let totals = &answer["totals"];
    assert_eq!(totals["allocated_bytes"], 1550);
    assert_eq!(totals["wiped_bytes"], 550);
    assert_eq!(totals["in_flight_bytes"], 0);
    assert_eq!(answer["run"]["program"], "jay-test");
    assert_eq!(answer["run"]["events"], 5);
    let said = ask_about(&log().bytes(), "summary");
    let pointer = "550 B  0 B released unwiped; each byte: scrubjay wipes";
    assert!(said.out.contains(pointer), "{}", said.out);
    let questions = ["summary", "tags", "peak --blocks", "timeline", "leaks --blocks", "wipes"];
    for question in questions.into_iter().chain(["log info"]) {
        let said = ask_about(&log().bytes(), question);
        let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{question} is {widest} columns wide:\n{}", said.out);
    }
}

#[test]
fn tags_add_up_along_their_names() {
    let answer = json(&log().bytes(), "tags");
    let levels = answer["levels"].as_array().unwrap();
    let names: Vec<&Value> = levels.iter().map(|level| &level["name"]).collect();
    assert_eq!(names, ["model", "model/weights", "untagged", "prompt"]);
    assert_eq!(levels[0]["is_tag"], false);
    assert_eq!(levels[0]["live_bytes"], 1000);
}

#[test]
fn a_dump_has_a_line_a_record() {
    let bytes = log().bytes();
    let said = ask_about(&bytes, "log dump --json --kind journal");
    let lines: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let allocs = lines.iter().filter(|line| line["record"] == "alloc").count();
    let frees = lines.iter().filter(|line| line["record"] == "free").count();
    assert_eq!((allocs, frees), (3, 2));
    let text = ask_about(&bytes, "log dump --kind journal").out;
    assert_eq!(text.lines().count(), lines.len());
    assert!(text.contains("alloc at_ns=10000 slot=1 address=0x1000 size=1000"), "{text}");
}

#[test]
fn a_dump_has_a_line_a_scan_and_a_row() {
    let mut bytes = log().bytes();
    let row = |site, held_by| Row { site, held_by, blocks: 2, bytes: 96, born_ticks: START + 7 };
    let rows = [row(1, HeldBy::Static), row(2, HeldBy::Cycle)];
    let scan = Scan {
        number: 4,
        ticks: START + 50,
        blocks: 4,
        bytes: 192,
        pause_ns: 5,
        ..Scan::default()
    };
    let records = [&scan.encode(&rows)[..], &rows[0].encode(), &rows[1].encode()].concat();
    // In room that was reserved.
    let index = bytes.len() / CHUNK_SIZE - 2;
    let mut chunk = new_chunk(index, ChunkKind::Scans, 0);
    chunk[HEADER_SIZE..HEADER_SIZE + records.len()].copy_from_slice(&records);
    bytes[index * CHUNK_SIZE..][..CHUNK_SIZE].copy_from_slice(&chunk);
    let lines = |bytes: &[u8]| {
        let said = ask_about(bytes, "log dump --json --kind scans");
        let lines = said.out.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &Value| line["record"] != "chunk").collect::<Vec<Value>>()
    };
    let told = lines(&bytes);
    assert_eq!(told.len(), 3, "{told:?}");
    let fields = ["record", "is_whole", "number", "at_ns", "blocks", "rows"];
    let expected: [Value; 6] =
        ["scan".into(), true.into(), 4.into(), 50.into(), 4.into(), 2.into()];
    assert_eq!(fields.map(|field| told[0][field].clone()), expected);
    let fields = ["record", "number", "tag", "held_by", "bytes", "born_ns"];
    let expected: [Value; 6] =
        ["scan-row".into(), 4.into(), "prompt".into(), "cycle".into(), 96.into(), 7.into()];
    assert_eq!(fields.map(|field| told[2][field].clone()), expected);
    // One that was being written when the program was killed.
    bytes[index * CHUNK_SIZE + HEADER_SIZE..][..8].fill(0);
    let told = lines(&bytes);
    assert_eq!((told.len(), &told[0]["is_whole"]), (1, &false.into()), "{told:?}");
}

#[test]
fn no_file_is_overwritten_unless_forced() {
    let place = Place::new();
    place.put(&log().bytes());
    let answer = place.folder.path().join("answer.txt");
    let words = format!("summary -o {}", answer.display());
    assert_eq!(place.ask(&words).exit_code, 0);
    let first = std::fs::read_to_string(&answer).unwrap();
    assert!(first.starts_with("jay-test, process 4242 on nest\n"), "{first}");
    let said = place.ask(&words);
    assert_eq!(said.exit_code, 2);
    assert!(said.err.contains("exists already; --force overwrites it"), "{}", said.err);
    assert_eq!(place.ask(&format!("{words} --force")).exit_code, 0);
    let said = place.ask(&format!("summary --force -o {}", place.path().display()));
    assert_eq!(said.exit_code, 2, "{said:?}");
    assert_eq!(place.ask("summary").exit_code, 0);
}

#[test]
fn an_unknown_tag_is_a_usage_error_that_names_the_known_ones() {
    let said = ask_about(&log().bytes(), "peak --tag promt");
    assert_eq!(said.exit_code, 2);
    assert!(said.err.contains("no tag is named \"promt\"; there are: model/weights"), "{said:?}");
}

#[test]
fn what_is_no_log_cannot_be_read() {
    for bytes in [&b""[..], b"SCRUBJAY", b"PK\x03\x04 something else entirely"] {
        let said = ask_about(bytes, "summary");
        assert_eq!(said.exit_code, 3, "{said:?}");
        assert!(said.err.contains("run.jay: offset 0: "), "{}", said.err);
    }
    let place = Place::new();
    assert_eq!(place.ask("summary").exit_code, 3);
    let said = super::ask("summary", place.folder.path());
    assert_eq!(said.exit_code, 3);
    assert!(said.err.contains("not a regular file"), "{}", said.err);
}
