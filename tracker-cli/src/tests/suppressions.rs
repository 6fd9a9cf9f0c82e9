//! What is known to stay, and what is left beside it.

use scrubjay_log_format::site::{self, FIRST};
use scrubjay_log_format::{Mode, TagClass};
use serde_json::Value;

use super::alike::bytes;
use super::log::{Log, declared};
use super::{Place, Said};

const FILE: &str = "scrubjay-suppressions = 1\n";

/// A log, and a file of suppressions.
struct Known {
    place: Place,
}

impl Known {
    fn new(log: &[u8], entries: &[&str]) -> Self {
        let place = Place::new();
        place.put(log);
        let known = Self { place };
        known.say(entries);
        known
    }

    fn say(&self, entries: &[&str]) {
        let entry = |(at, lines): (usize, &&str)| {
            let lines = lines.replace("; ", "\n");
            format!("[[suppress]]\nname = \"entry {at}\"\nreason = \"known\"\n{lines}\n")
        };
        let entries: String = entries.iter().enumerate().map(entry).collect();
        std::fs::write(self.path(), format!("{FILE}{entries}")).unwrap();
    }

    fn path(&self) -> String {
        self.place.folder.path().join("known.toml").display().to_string()
    }

    fn ask(&self, options: &str) -> Said {
        let path = self.path();
        let words = format!("leaks --no-symbol-cache --suppressions {path} {options}");
        self.place.ask(words.trim_end())
    }

    fn json(&self, options: &str) -> Value {
        let said = self.ask(&format!("--json {options}"));
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"))
    }
}

fn number(value: &Value) -> i64 {
    value["value"].as_i64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn what_is_suppressed_and_what_is_left_are_all_that_lives() {
    let log = Log::with_sites(500);
    for mode in [Mode::Journal, Mode::Count] {
        let known =
            Known::new(&bytes(&Log { mode, ..log.clone() }), &["stack = [\"model::other\"]"]);
        let (all, every) = (known.json("--top 99"), known.json("--top 99 --all-frames"));
        let suppressed = &all["suppressed"];
        let row = &suppressed["suppressions"][0];
        let (bytes, blocks) = (number(&row["bytes"]), number(&row["blocks"]));
        assert!(bytes > 0 && row["site_count"] == 1, "{row}");
        assert_eq!(number(&suppressed["suppressed_bytes"]), bytes);
        assert_eq!(number(&suppressed["left_bytes"]) + bytes, all["live_bytes"], "{mode:?}");
        assert_eq!(number(&suppressed["left_blocks"]) + blocks, all["live_blocks"], "{mode:?}");
        assert_eq!(number(&all["sites_bytes"]), number(&suppressed["left_bytes"]), "{mode:?}");
        let is_other = |row: &&Value| row["frames"][0]["function"] == "model::other";
        assert_eq!(all["sites"].as_array().unwrap().iter().filter(is_other).count(), 0);
        // However stacks are shown.
        assert_eq!(&every["suppressed"], suppressed);
        assert_eq!(every["sites_bytes"], all["sites_bytes"]);
    }
}

#[test]
fn limits_are_of_what_is_left_to_the_byte_and_to_the_block() {
    let known = Known::new(&bytes(&Log::with_sites(500)), &["function = \"model::o*\""]);
    let left = known.json("")["suppressed"].clone();
    assert_eq!((known.ask("").exit_code, &left["is_over"]), (0, &Value::Null));
    for (option, figure) in [("--fail-over", "left_bytes"), ("--fail-over-blocks", "left_blocks")] {
        let left = number(&left[figure]);
        for (limit, code) in [(left, 0), (left - 1, 1), (0, 1)] {
            let said = known.ask(&format!("{option} {limit}"));
            assert_eq!(said.exit_code, code, "{option} {limit}: {}", said.out);
            let answer = known.json(&format!("{option} {limit}"));
            assert_eq!(answer["suppressed"]["is_over"], code == 1);
        }
    }
    let said = known.ask("--fail-over 1KiB --fail-over-blocks 1000000");
    assert!(said.out.contains(" more than the 1.0 KiB of --fail-over\n"), "{}", said.out);
    assert!(said.out.contains("within the 1,000,000 blocks of --fail-over-b"), "{}", said.out);
    // One of both is enough.
    assert_eq!(said.exit_code, 1);
    assert_eq!(known.ask("--fail-over -1").exit_code, 2);
}

#[test]
fn the_first_entry_counts_and_one_that_matches_nothing_is_named() {
    let entries = [
        "tag = \"prompt\"; function = \"model::*\"; max-bytes = 1",
        "tag = \"prompt\"; stack = [\"model::other\", \"model::main\"]",
        "tag = \"prompt\"; function = \"model::other\"",
        "function = \"nobody's\"",
    ];
    let known = Known::new(&bytes(&Log::with_sites(500)), &entries);
    let answer = known.json("");
    let rows = answer["suppressed"]["suppressions"].as_array().unwrap();
    let counts =
        |name: &str| -> Vec<u64> { rows.iter().map(|row| row[name].as_u64().unwrap()).collect() };
    assert_eq!(counts("site_count"), [0, 1, 0, 0]);
    assert_eq!(counts("but_for_size_count"), [2, 0, 0, 0]);
    assert_eq!(counts("line"), [2, 8, 13, 18]);
    let said = known.ask("");
    let (_, unused) = said.out.split_once("\nSuppressions that match nothing\n").unwrap();
    let path = known.path();
    let expected = [
        format!("  {path}:2: entry 0; 2 sites would match but for their size"),
        format!("  {path}:13: entry 2"),
        format!("  {path}:18: entry 3"),
    ];
    assert_eq!(unused.lines().collect::<Vec<_>>(), expected, "{}", said.out);
    assert!(said.out.contains("      entry 1: known\n"), "{}", said.out);
    assert_eq!((said.exit_code, known.ask("--strict").exit_code), (0, 1));
    // Of another tag it is not to be expected.
    let said = known.ask("--tag model/weights");
    assert!(!said.out.contains("match nothing"), "{}", said.out);
    assert_eq!(known.ask("--tag prompt --strict").exit_code, 2);
}

#[test]
fn several_files_are_one() {
    let known = Known::new(&bytes(&Log::with_sites(500)), &["tag = \"prompt\""]);
    let other = known.place.folder.path().join("other.toml");
    std::fs::write(
        &other,
        format!("{FILE}[[suppress]]\nname = \"o\"\nreason = \"r\"\ntag = \"*\"\n"),
    )
    .unwrap();
    let answer = known.json(&format!("--suppressions {} --fail-over 0", other.display()));
    assert_eq!(answer["suppressed"]["is_over"], false);
    let rows = answer["suppressed"]["suppressions"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[1]["name"], &rows[1]["line"]), (2, &"o".into(), &2.into()));
    assert!(number(&rows[0]["bytes"]) > 0 && number(&rows[1]["bytes"]) > 0);
    assert_eq!(answer["site_count"], 0);
}

#[test]
fn without_stacks_tags_can_be_known() {
    let log = Log { mode: Mode::Count, ..Log::with_traffic(300) };
    let known = Known::new(&log.bytes(), &["tag = \"model/*\"", "function = \"*\""]);
    let answer = known.json("");
    let rows = &answer["suppressed"]["suppressions"];
    let weights =
        answer["tags"].as_array().unwrap().iter().find(|row| row["tag"] == "model/weights");
    assert_eq!(number(&rows[0]["bytes"]), weights.unwrap()["bytes"]);
    assert_eq!((&rows[1]["site_count"], &answer["site_count"]), (&0.into(), &0.into()));
}

#[test]
fn what_scrubjay_takes_for_itself_is_known_and_shown() {
    let mut log = Log::with_sites(100);
    log.tags.push(declared("scrubjay", TagClass::Public));
    let before = Known::new(&bytes(&log), &[]).json("");
    log.alloc(1, 60_000, (0x7000_0000, 300), 3);
    let known = Known::new(&bytes(&log), &[]);
    let answer = known.json("");
    assert_eq!(answer["suppressed"]["left_bytes"], before["suppressed"]["left_bytes"]);
    let row = &answer["suppressed"]["suppressions"][0];
    assert_eq!((&row["file"], number(&row["bytes"])), (&Value::Null, 300));
    let said = known.ask("");
    let line = "  300 B in 1 block, 1 site\n      scrubjay: what scrubjay allocates for itself\n";
    assert!(said.out.contains(line), "{}", said.out);
}

#[test]
fn an_estimate_leaves_open_what_its_interval_does() {
    let mut log = Log { mode: Mode::Sample, ..Log::with_sites(500) };
    log.sites.declared.iter_mut().for_each(|declared| declared.flags = site::FLAG_SAMPLED);
    // Large blocks, which a sample has all of: half of them are suppressed.
    log.events.retain(|(_, event)| event.site != FIRST + 11);
    for at in 0..20 {
        let block = (0x7000_0000 + at * 0x100_0000, 8 << 20);
        log.alloc(1, 60_000 + at, block, FIRST + 10 + (at % 2) as u32);
    }
    let known = Known::new(&bytes(&log), &["stack = [\"model::other\"]"]);
    let left = known.json("")["suppressed"]["left_bytes"].clone();
    let (low, high) = (left["low"].as_i64().unwrap(), left["high"].as_i64().unwrap());
    assert!(low < high && high > 0, "{left}");
    for (limit, verdict, code, strict) in
        [(high, Value::Bool(false), 0, 0), (high - 1, Value::Null, 0, 1), (low, Value::Null, 0, 1)]
    {
        let options = format!("--fail-over {limit}");
        assert_eq!(known.json(&options)["suppressed"]["is_over"], verdict, "{limit}");
        let said = known.ask(&options);
        assert_eq!(said.exit_code, code, "{limit}: {}", said.out);
        assert_eq!(said.out.contains("it cannot be told whether"), verdict.is_null());
        assert_eq!(known.ask(&format!("{options} --strict")).exit_code, strict, "{limit}");
    }
    // A tag as such is counted, not estimated.
    known.say(&["tag = \"prompt\""]);
    let answer = known.json("");
    let prompt = answer["tags"].as_array().unwrap().iter().find(|row| row["tag"] == "prompt");
    let row = &answer["suppressed"]["suppressions"][0];
    assert_eq!(
        (number(&row["bytes"]), &row["bytes"]["low"]),
        (prompt.unwrap()["bytes"].as_i64().unwrap(), &Value::Null)
    );
    assert_eq!(answer["suppressed"]["left_bytes"]["low"], Value::Null);
}

#[test]
fn blocks_that_are_known_are_not_listed() {
    let known = Known::new(&bytes(&Log::with_sites(200)), &["function = \"model::other\""]);
    let answer = known.json("--blocks");
    assert_eq!(answer["block_count"], answer["suppressed"]["left_blocks"]["value"]);
    assert!(known.ask("--blocks").out.contains(" blocks left, from the journal\n"));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_line() {
    let known = Known::new(&Log::with_traffic(10).bytes(), &["functin = \"x\""]);
    let said = known.ask("");
    assert_eq!((said.exit_code, said.out.as_str()), (3, ""));
    let place = format!("scrubjay: {}:5: \"functin\" has no meaning", known.path());
    assert!(said.err.starts_with(&place), "{said:?}");
    std::fs::remove_file(known.path()).unwrap();
    let said = known.ask("");
    assert_eq!(said.exit_code, 3);
    assert!(said.err.starts_with(&format!("scrubjay: {}: ", known.path())), "{said:?}");
}
