//! Runs held against budgets.

use std::path::PathBuf;

use scrubjay_log_format::{Mode, process, site, tag};
use serde_json::Value;

use super::alike::bytes;
use super::log::{Log, put_words, totals_offset};
use super::{Place, Said};

/// A log and a budget in one folder.
pub struct Held {
    place: Place,
}

impl Held {
    pub fn new(log: &[u8]) -> Self {
        let place = Place::new();
        place.put(log);
        Self { place }
    }

    pub fn path(&self) -> PathBuf {
        self.place.folder.path().join("budget.toml")
    }

    pub fn budget(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    pub fn written(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    pub fn check(&self, options: &str) -> Said {
        let words = format!("check --no-symbol-cache --budget {} {options}", self.path().display());
        self.place.ask(words.trim_end())
    }

    /// What a budget of these lines gets for an answer.
    pub fn json(&self, lines: &str) -> (u8, Value) {
        self.budget(&format!("scrubjay-budget = 1\n{lines}"));
        let said = self.check("--json");
        (said.exit_code, serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}")))
    }
}

const FIGURES: [&str; 4] = ["peak", "live", "allocated", "allocations"];

/// The table of the process or of a tag.
fn table(tag: Option<&str>) -> String {
    tag.map_or_else(|| "[process]".into(), |tag| format!("[tags.{tag:?}]"))
}

#[test]
fn a_line_holds_up_to_the_byte_and_breaks_with_the_next() {
    let log = Log::with_sites(300);
    let held = Held::new(&log.bytes());
    for tag in [None, Some("prompt"), Some("model/weights")] {
        for figure in FIGURES {
            let line = |limit: u64| format!("{}\n{figure} = {limit}\n", table(tag));
            let (code, answer) = held.json(&line(0));
            let value = answer["lines"][0]["value"].as_u64().unwrap();
            assert_eq!(code, 1, "{answer}");
            assert!(value > 0);
            assert_eq!(
                (&answer["lines"][0]["line"], &answer["broken_count"]),
                (&3.into(), &1.into())
            );
            assert_eq!(held.json(&line(value)).0, 0, "{tag:?} {figure}");
            assert_eq!(held.json(&line(value - 1)).0, 1, "{tag:?} {figure}");
            // Nine tenths and the tolerance that lifts them to all of it.
            let tolerant = format!("tolerance = \"25%\"\n{}", line(value * 4 / 5 + 1));
            assert_eq!(held.json(&tolerant).0, 0, "{tag:?} {figure}");
            let less = format!("tolerance = \"20%\"\n{}", line(value * 4 / 5));
            assert_eq!(held.json(&less).0, 1, "{tag:?} {figure}");
        }
    }
}

#[test]
fn the_figures_are_those_of_the_other_questions() {
    let log = Log::with_sites(300);
    for (mode, source) in [(Mode::Journal, "journal"), (Mode::Count, "ledger")] {
        let held = Held::new(&Log { mode, ..log.clone() }.bytes());
        let ask = |words: &str| -> Value {
            let words = format!("{words} --no-symbol-cache --json");
            serde_json::from_str(&held.place.ask(&words).out).unwrap()
        };
        let (_, answer) = held.json("[process]\npeak = 0\n[tags.prompt]\npeak = 0\nlive = 0\n");
        assert_eq!(answer["peaks_source"], source);
        let lines = answer["lines"].as_array().unwrap();
        for (line, words) in lines.iter().zip(["peak", "peak --tag prompt", "leaks --tag prompt"]) {
            let other = ask(words);
            let bytes = other.get("bytes").unwrap_or(&other["live_bytes"]);
            assert_eq!(&line["value"], bytes, "{words}, {mode:?}");
            if words.starts_with("peak") {
                assert_eq!(line["at_ns"], other["at_ns"], "{words}, {mode:?}");
            }
        }
    }
}

#[test]
fn the_sites_of_a_broken_line_add_up_to_its_figure() {
    let log = Log::with_sites(300);
    let held = Held::new(&bytes(&log));
    for tag in [None, Some("prompt")] {
        for figure in FIGURES {
            let (code, answer) = held.json(&format!("{}\n{figure} = 0\n", table(tag)));
            let line = &answer["lines"][0];
            let sum = if figure == "allocations" { "sites_blocks" } else { "sites_bytes" };
            assert_eq!((code, &line[sum]["value"]), (1, &line["value"]), "{figure}, {tag:?}");
            let sites = line["sites"].as_array().unwrap();
            assert!(!sites.is_empty() && sites.len() <= 3);
            let unit = if figure == "allocations" { "blocks" } else { "bytes" };
            let values: Vec<i64> =
                sites.iter().map(|row| row[unit]["value"].as_i64().unwrap()).collect();
            assert!(values.is_sorted_by(|a, b| a >= b), "{figure}: {values:?}");
            let frame = sites.iter().find_map(|row| row["frames"].get(0)).unwrap();
            assert_eq!(frame["function"], "model::main", "{figure}");
        }
    }
}

#[test]
fn a_broken_line_is_named_with_its_place_and_its_sites() {
    let held = Held::new(&bytes(&Log::with_sites(300)));
    held.budget(
        "scrubjay-budget = 1\n\n[tags.prompt] # secrets\npeak = \"1 KiB\"\nlive = 1000000\n",
    );
    let said = held.check("");
    assert_eq!((said.exit_code, said.err.as_str()), (1, ""));
    let place = format!("{}:4: peak of prompt, ", held.path().display());
    assert!(said.out.contains(&place), "{}", said.out);
    assert!(said.out.contains("1 of 2 lines broken."), "{}", said.out);
    assert!(said.out.contains("at most 1.0 KiB\n"), "{}", said.out);
    let by_site = "  Live then by site, exact, from the journal:\n";
    let (_, sites) = said.out.split_once(by_site).unwrap_or_else(|| panic!("{}", said.out));
    let lines: Vec<&str> = sites.lines().take(2).collect();
    assert!(lines[0].ends_with("  prompt"), "{sites}");
    assert_eq!(lines[1], "      model::main (src/main.rs:9)", "{sites}");
    let widest = said.out.lines().filter(|line| !line.contains("budget.toml"));
    assert!(widest.map(|line| line.chars().count()).max() <= Some(80), "{}", said.out);
}

/// Two threads that may each hold back so many bytes.
fn with_quantum(mut log: Vec<u8>, quantum: u64, peak: u64) -> Vec<u8> {
    put_words(&mut log, process::OFFSET + process::QUANTUM * 8, &[quantum]);
    for (word, value) in [(tag::PEAK, peak), (tag::QUANTUM, quantum)] {
        let at = totals_offset(&log, 2, word);
        put_words(&mut log, at, &[value]);
    }
    log
}

#[test]
fn a_peak_whose_bound_holds_the_limit_is_said_to_be_unclear() {
    let log = Log { mode: Mode::Count, ..Log::with_traffic(300) }.bytes();
    let (_, answer) = Held::new(&log).json("[tags.prompt]\nlive = 0\nallocated = 0\n");
    let value = |line: usize| answer["lines"][line]["value"].as_u64().unwrap();
    let peak = value(0).midpoint(value(1));
    let held = Held::new(&with_quantum(log, 50, peak));
    let (_, answer) = held.json("[tags.prompt]\npeak = 0\n");
    let line = &answer["lines"][0];
    assert_eq!((&line["low"], &line["high"]), (&(peak - 100).into(), &(peak + 100).into()));
    for (limit, verdict, code, strict) in [
        (peak - 101, "broken", 1, 1),
        (peak - 100, "unclear", 0, 1),
        (peak + 99, "unclear", 0, 1),
        (peak + 100, "holds", 0, 0),
    ] {
        let (found, answer) = held.json(&format!(
            "[tags.prompt]\npeak = {limit}\n[tags.\"model/weights\"]\n[tags.untagged]\n"
        ));
        assert_eq!((found, &answer["lines"][0]["verdict"]), (code, &verdict.into()), "{limit}");
        assert_eq!(held.check("--strict").exit_code, strict, "{limit}");
        if verdict == "unclear" {
            let said = held.check("").out;
            assert!(said.contains("  1 of 1 line unclear.\n"), "{said}");
            assert!(said.contains(":3: peak of prompt, unclear\n"), "{said}");
            assert!(said.contains(" KiB, as not each event was followed\n"), "{said}");
        }
    }
}

#[test]
fn what_only_one_of_both_knows_is_said_and_with_strict_a_finding() {
    let held = Held::new(&Log::with_traffic(100).bytes());
    let all = "scrubjay-budget = 1\n[tags.untagged]\n[tags.prompt]\n[tags.\"model/weights\"]\n";
    held.budget(all);
    assert_eq!((held.check("").exit_code, held.check("--strict").exit_code), (0, 0));
    for one_sided in [format!("{all}[tags.gone]\n"), all.replace("[tags.prompt]\n", "")] {
        held.budget(&one_sided);
        assert_eq!((held.check("").exit_code, held.check("--strict").exit_code), (0, 1));
    }
    held.budget(&all.replace("prompt", "promt"));
    let said = held.check("");
    assert_eq!(said.exit_code, 0);
    assert!(said.out.contains("Tags without a budget\n"), "{}", said.out);
    assert!(said.out.lines().any(|line| line.starts_with("  prompt  ")), "{}", said.out);
    let absent = format!("not in this run\n  {}:3: promt\n", held.path().display());
    assert!(said.out.contains(&absent), "{}", said.out);
    assert_eq!(held.check("--strict").exit_code, 1);
}

#[test]
fn a_long_budget_is_listed_as_far_as_it_does_not_hold() {
    let held = Held::new(&Log::with_traffic(100).bytes());
    let tables: String = (0..30).map(|at| format!("[tags.absent-{at}]\npeak = 1\n")).collect();
    held.budget(&format!("scrubjay-budget = 1\n[tags.prompt]\npeak = 0\n{tables}"));
    let said = held.check("");
    assert!(said.out.contains("  30 lines more hold; --all lists every line"), "{}", said.out);
    assert!(said.out.contains("1 of 31 lines broken."), "{}", said.out);
    let said = held.check("--all");
    assert!(said.out.lines().filter(|line| line.starts_with("    peak ")).count() == 31);
}

#[test]
fn without_stacks_a_broken_line_says_why_there_are_no_sites() {
    let held = Held::new(&Log::with_traffic(100).bytes());
    held.budget("scrubjay-budget = 1\n[process]\nallocations = 0\n");
    let said = held.check("");
    assert!(said.out.contains("  By site: this log has no stacks"), "{}", said.out);
    assert!(said.out.contains(" allocations\n  at most 0\n"), "{}", said.out);
}

#[test]
fn a_samples_sites_stand_with_their_interval_below_an_exact_figure() {
    let mut log = Log { mode: Mode::Sample, ..Log::with_sites(100) };
    log.sites.declared.iter_mut().for_each(|declared| declared.flags = site::FLAG_SAMPLED);
    let held = Held::new(&log.bytes());
    let (code, answer) = held.json("[process]\nallocated = 0\nallocations = 0\n");
    let allocated: u64 =
        log.events.iter().filter(|(_, it)| it.kind.allocates()).map(|it| it.1.size).sum();
    let line = &answer["lines"][0];
    assert_eq!((code, &line["value"]), (1, &allocated.into()));
    assert_eq!(line["sites_are"], "estimate, 95 % interval");
    // Each sampled block stands for its distance, live or not.
    let samples = log.events.iter().filter(|(_, it)| it.kind.allocates() && it.site >= site::FIRST);
    let estimated = samples.count() as f64 * (512 << 10) as f64;
    let found = line["sites_bytes"]["value"].as_f64().unwrap();
    assert!((found / estimated - 1.0).abs() < 0.01, "{found} {estimated}");
}

#[test]
fn what_cannot_be_used_has_the_exit_codes_of_other_questions() {
    let held = Held::new(&Log::with_traffic(10).bytes());
    let said = held.check("");
    assert_eq!((said.exit_code, said.out.as_str()), (3, ""));
    assert!(said.err.starts_with(&format!("scrubjay: {}: ", held.path().display())), "{said:?}");
    held.budget("scrubjay-budget = 1\n[process]\npeek = 3\n");
    let said = held.check("");
    assert_eq!(said.exit_code, 3);
    let place = format!("scrubjay: {}:3: \"peek\" has no meaning", held.path().display());
    assert!(said.err.starts_with(&place), "{said:?}");
    held.budget("scrubjay-budget = 1\n");
    let said = held.check(&format!("--force --output {}", held.path().display()));
    assert_eq!(said.exit_code, 2, "{said:?}");
    assert!(said.err.contains("would overwrite the budget"), "{said:?}");
    assert_eq!(held.written(), "scrubjay-budget = 1\n");
    held.place.put(b"no log");
    assert_eq!(held.check("").exit_code, 3);
}

#[test]
fn a_damaged_log_is_a_finding_whatever_the_budget_says() {
    let mut log = Log::with_traffic(300).bytes();
    let end = log.len() - 3 * super::log::CHUNK_SIZE;
    log[end + 9] ^= 0xFF;
    let held = Held::new(&log);
    held.budget("scrubjay-budget = 1\n");
    let said = held.check("");
    assert_eq!(said.exit_code, 1, "{said:?}");
    assert!(said.err.contains("the answer lacks what stood there"), "{said:?}");
    std::fs::remove_file(held.path()).unwrap();
    let said = held.check("--update");
    assert_eq!((said.exit_code, held.path().exists()), (1, false), "{said:?}");
    assert!(said.err.contains("not written, as the log is damaged"), "{said:?}");
}
