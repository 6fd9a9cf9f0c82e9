//! Who allocated: answers by site, and what `log verify` says of sites.

use std::collections::BTreeMap;

use scrubjay_log_format::site::{self, CachedSite, FIRST};
use scrubjay_log_format::{ChunkKind, Mode, header, module, note, stack};
use serde_json::Value;

use super::log::{Log, add_to_word, put_words};
use super::site_log::record_offset;
use super::{Place, ask_about};

fn json(bytes: &[u8], words: &str) -> Value {
    let said = ask_about(bytes, &format!("{words} --no-symbol-cache --json"));
    assert_eq!(said.exit_code, 0, "{words}: {said:?}");
    serde_json::from_str(&said.out).unwrap()
}

/// What a list of sites says, by the site's number.
fn by_site(answer: &Value) -> BTreeMap<u64, (i64, i64)> {
    let sites = answer["sites"].as_array().unwrap();
    let row = |row: &Value| {
        let figure = |name: &str| row[name]["value"].as_i64().unwrap();
        (row["sites"][0].as_u64().unwrap(), (figure("bytes"), figure("blocks")))
    };
    sites.iter().map(row).collect()
}

/// What is live of each site after so many events, by adding up.
fn live(log: &Log, count: usize) -> BTreeMap<u64, (i64, i64)> {
    let mut live: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
    for (_, event) in &log.events[..count] {
        let level = live.entry(event.site.into()).or_default();
        let sign = if event.kind.allocates() { 1 } else { -1 };
        *level = (level.0 + sign * event.size as i64, level.1 + sign);
    }
    live.retain(|_, level| *level != (0, 0));
    live
}

#[test]
fn what_lives_is_told_by_site_from_the_journal_and_from_the_counters() {
    let log = Log::with_sites(500);
    let expected = live(&log, log.events.len());
    let answer = json(&log.bytes(), "leaks --top 100");
    assert_eq!((&answer["sites_source"], by_site(&answer)), (&"journal".into(), expected.clone()));
    assert_eq!(answer["sites_are"], "exact, from the journal");
    let counted = Log { mode: Mode::Count, ..log }.bytes();
    let answer = json(&counted, "leaks --top 100");
    assert_eq!((&answer["sites_source"], by_site(&answer)), (&"counters".into(), expected.clone()));
    let answer = json(&counted, "leaks --top 2 --tag prompt");
    let (shown, more) = (answer["sites"].as_array().unwrap(), &answer["more_sites"]);
    let of_prompt: Vec<&u64> =
        expected.keys().filter(|&&site| site == 2 || site >= u64::from(FIRST) + 8).collect();
    assert_eq!((shown.len(), &more["count"]), (2, &Value::from(of_prompt.len() - 2)));
    assert!(shown.iter().all(|row| row["tag"] == "prompt"));
}

#[test]
fn a_peak_is_told_by_site_and_so_is_a_tags_own() {
    let log = Log::with_sites(300);
    for tag in [None, Some(2)] {
        let (mut level, mut peak, mut at) = (0, 0, 0);
        for (index, (_, event)) in log.events.iter().enumerate() {
            if tag.is_none_or(|tag| log.tag_of(event.site) == tag) {
                let sign = if event.kind.allocates() { 1 } else { -1 };
                level += sign * event.size as i64;
            }
            if level > peak {
                (peak, at) = (level, index + 1);
            }
        }
        let mut expected = live(&log, at);
        expected.retain(|&site, _| tag.is_none_or(|tag| log.tag_of(site as u32) == tag));
        let words = if tag.is_some() { "peak --top 99 --tag prompt" } else { "peak --top 99" };
        let answer = json(&log.bytes(), words);
        assert_eq!((&answer["bytes"], by_site(&answer)), (&Value::from(peak), expected));
    }
}

#[test]
fn tags_have_the_same_figures_with_sites_as_without() {
    let (with, without) = (Log::with_sites(400).bytes(), Log::with_traffic(400).bytes());
    for words in ["tags", "timeline", "wipes", "leaks --at 0.00002"] {
        let (with, without) = (json_of(&with, words), json_of(&without, words));
        assert_eq!(with["tags"], without["tags"], "{words}");
    }
}

fn json_of(bytes: &[u8], words: &str) -> Value {
    serde_json::from_str(&ask_about(bytes, &format!("{words} --json")).out).unwrap()
}

#[test]
fn a_sample_is_told_as_an_estimate_with_its_interval() {
    let mut log = Log { mode: Mode::Sample, ..Log::with_sites(100) };
    log.sites.declared.iter_mut().for_each(|declared| declared.flags = site::FLAG_SAMPLED);
    let answer = json(&log.bytes(), "leaks");
    assert_eq!(answer["sites_are"], "estimate, 95 % interval");
    for row in answer["sites"].as_array().unwrap() {
        let figure = |name: &str| row["bytes"][name].as_u64().unwrap();
        let samples = row["samples"].as_u64().unwrap();
        assert!(figure("value").abs_diff(samples * (512 << 10)) < samples * 100, "{row}");
        assert!(figure("low") < figure("value") && figure("value") < figure("high"), "{row}");
    }
    let said = ask_about(&log.bytes(), "leaks --no-symbol-cache");
    assert!(said.out.contains("Live by site, estimate, 95 % interval"), "{}", said.out);
    let said = ask_about(&log.bytes(), "peak --no-symbol-cache");
    assert!(said.out.contains("By site: it was not noted at this peak"), "{}", said.out);
}

#[test]
fn a_sound_log_with_sites_passes_every_check() {
    for mode in [Mode::Journal, Mode::Count] {
        let said = ask_about(&Log { mode, ..Log::with_sites(1000) }.bytes(), "log verify");
        assert_eq!(said.exit_code, 0, "{}", said.out);
        assert!(said.out.contains("counters of sites         passed"), "{}", said.out);
    }
}

#[test]
fn a_changed_counter_of_a_site_is_found_and_the_site_named() {
    find_changed_counters(0);
}

/// Of one that had counted nothing before.
#[test]
fn so_it_is_in_a_late_log() {
    find_changed_counters(header::FLAG_LATE);
}

fn find_changed_counters(flags: u32) {
    let whole = Log { flags, ..Log::with_sites(400) }.bytes();
    let place = Place::new();
    place.put(&whole);
    assert_eq!(place.ask("log verify").exit_code, 0);
    for word in 0..4 {
        for value in [1, -1, 1 << 40] {
            let at = record_offset(&whole, ChunkKind::SiteCounters, 5, site::COUNTERS_SIZE);
            let cached = record_offset(&whole, ChunkKind::SiteCaches, 0, site::CACHE_PAGE_SIZE)
                + site::CACHE_HEADER_SIZE
                + 8;
            // The cache's first entry is the first site's.
            for (at, site) in [(at, FIRST + 5), (cached, FIRST)] {
                let mut bytes = whole.clone();
                add_to_word(&mut bytes, at + word * 8, value);
                place.put(&bytes);
                let said = place.ask("log verify");
                assert_eq!(said.exit_code, 1, "{word} {value}: {}", said.out);
                assert!(said.out.contains(&format!("site {site}: ")), "{}", said.out);
            }
        }
    }
}

#[test]
fn a_tags_sites_cannot_have_more_than_its_cells() {
    let mut bytes = Log { mode: Mode::Count, ..Log::with_sites(400) }.bytes();
    let at = record_offset(&bytes, ChunkKind::SiteCounters, 5, site::COUNTERS_SIZE);
    add_to_word(&mut bytes, at + site::ALLOCATED_BLOCKS * 8, 100);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 1, "{}", said.out);
    let expected = "tag model/weights, blocks without a stack: ";
    assert!(said.out.contains(expected), "{}", said.out);
}

#[test]
fn a_move_that_a_kill_interrupted_is_settled() {
    for mode in [Mode::Journal, Mode::Count] {
        // Every block has a site, so that nothing is left of the cells.
        let mut log = Log { mode, ..Log::with_sites(400) };
        log.events.retain(|(_, event)| event.site >= FIRST);
        let whole = log.bytes();
        let expected = by_site(&json(&whole, "leaks --top 100"));
        let cached = record_offset(&whole, ChunkKind::SiteCaches, 0, site::CACHE_PAGE_SIZE)
            + site::CACHE_HEADER_SIZE;
        let entry = CachedSite::decode(&whole[cached..]).unwrap();
        let index = (entry.site - FIRST) as usize;
        let shared = record_offset(&whole, ChunkKind::SiteCounters, index, site::COUNTERS_SIZE);
        for moving in 0..4 {
            for has_arrived in [false, true] {
                let mut bytes = whole.clone();
                let head = CachedSite::encode_head(entry.site, Some(moving as u32));
                put_words(&mut bytes, cached, &[head]);
                for counter in 0..moving + usize::from(has_arrived) {
                    add_to_word(&mut bytes, shared + counter * 8, entry.counters[counter] as i64);
                }
                let said = ask_about(&bytes, "log verify");
                assert_eq!(said.exit_code, 0, "{moving} {has_arrived}: {}", said.out);
                assert!(said.out.contains("1 interrupted move"), "{}", said.out);
                assert!(!said.out.contains("may be missing"), "{}", said.out);
                let answer = json(&bytes, "leaks --top 100");
                assert_eq!(by_site(&answer), expected, "{moving} {has_arrived}");
            }
        }
    }
}

#[test]
fn a_site_without_a_declaration_is_found_and_counts_for_itself() {
    let mut bytes = Log::with_sites(400).bytes();
    let at = record_offset(&bytes, ChunkKind::Sites, 4, site::DECLARATION_SIZE);
    bytes[at..at + site::DECLARATION_SIZE].fill(0);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 1);
    assert!(said.out.contains("site 4100 is not declared"), "{}", said.out);
    assert!(said.out.contains("1 of the sites have no declaration"), "{}", said.out);
    let said = ask_about(&bytes, "leaks --json --top 100 --no-symbol-cache");
    assert_eq!(said.exit_code, 1, "{said:?}");
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    let rows = answer["sites"].as_array().unwrap();
    let row = rows.iter().find(|row| row["sites"][0] == 4100).unwrap();
    assert_eq!(row["tag"], "(unknown)");
}

#[test]
fn every_changed_bit_of_stacks_sites_modules_and_notes_is_found() {
    let log = Log::with_sites(10);
    let whole = log.bytes();
    let place = Place::new();
    place.put(&whole);
    assert_eq!(place.ask("log verify").exit_code, 0, "{}", place.ask("log verify").out);
    let sites = &log.sites;
    let kinds = [
        (ChunkKind::Stacks, stack::SIZE, 1, sites.nodes.len(), stack::SIZE),
        (ChunkKind::Sites, site::DECLARATION_SIZE, 0, sites.declared.len(), 32),
        (ChunkKind::Notes, note::SIZE, 0, sites.notes.len(), note::SIZE),
        // All but the live word at its end.
        (ChunkKind::Modules, module::SIZE, 0, sites.modules.len(), 1012),
    ];
    let mut bytes = whole.clone();
    for (kind, size, first, count, fixed) in kinds {
        for index in first..first + count {
            let at = record_offset(&whole, kind, index, size);
            // Long texts are alike: some bits will do.
            let step = if size > 100 { 33 } else { 1 };
            for bit in (0..fixed * 8).step_by(step) {
                bytes[at + bit / 8] ^= 1 << (bit % 8);
                place.put(&bytes);
                let said = place.ask("log verify");
                assert_eq!(said.exit_code, 1, "{} {index}, bit {bit}: {}", kind.name(), said.out);
                bytes[at + bit / 8] = whole[at + bit / 8];
            }
        }
    }
}

#[test]
fn no_question_is_upset_by_a_changed_byte_of_sites() {
    let whole = Log::with_sites(60).bytes();
    let place = Place::new();
    let questions = ["leaks", "peak", "summary", "log info", "log verify", "log dump"];
    let mut bytes = whole.clone();
    for at in (4096..whole.len()).step_by(331) {
        bytes[at] ^= 0x80 >> (at % 8);
        place.put(&bytes);
        for question in questions {
            let symbols =
                if question == "leaks" || question == "peak" { " --no-symbol-cache" } else { "" };
            let said = place.ask(&format!("{question}{symbols}"));
            assert!(said.exit_code <= 1, "{question}, byte {at}: {said:?}");
        }
        bytes[at] = whole[at];
    }
}

#[test]
fn notes_stand_in_every_answer_and_the_later_one_holds() {
    let bytes = Log::with_sites(50).bytes();
    let questions = ["summary", "tags", "peak", "timeline", "leaks", "wipes", "log info"];
    for question in questions {
        let said = ask_about(&bytes, question);
        assert!(said.out.contains("  model: gpt\n  commit: abc\n"), "{question}: {}", said.out);
        let answer = json_of(&bytes, question);
        assert_eq!(answer["notes"][0]["value"], "gpt", "{question}");
    }
}
