//! What `wipes` answers, and when it objects.

use scrubjay_log_format::{
    Mode, TagClass, WipePolicy, WipeRequest, cell, header, process, registry, tag,
};
use serde_json::Value;

use super::log::{Log, add_to_word, counter_offset, declared, registered_offset, totals_offset};
use super::{Said, ask_about};

const PROMPT: u32 = 2;
const MILLISECOND: u64 = 1_000_000;

/// A prompt of 50 bytes that was freed, one of 70 that grew to 90 and lives,
/// and weights of 1000.
fn log() -> Log {
    let mut log = Log::default();
    log.alloc(1, 10_000, (0x1000, 1000), 1);
    log.alloc(1, 20_000, (0x2000, 50), PROMPT);
    log.alloc(2, 30_000, (0x3000, 70), PROMPT);
    log.free(2, 40_000, (0x2000, 50), PROMPT);
    let realloc = scrubjay_log_format::EventKind::ReallocFree;
    log.add(2, realloc, 50_000, (0x3000, 70), PROMPT);
    let realloc = scrubjay_log_format::EventKind::ReallocAlloc;
    log.add(2, realloc, 50_000, (0x4000, 90), PROMPT);
    log
}

fn spare(log: &mut Log, tag: u32) {
    let declared = &mut log.tags[tag as usize];
    (declared.wipe, declared.request) = (false, WipeRequest::Spare);
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap()
}

fn row<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["tags"].as_array().unwrap().iter().find(|row| row["tag"] == name).unwrap()
}

/// Whether the parts of a row, or of the totals, are the whole.
fn adds_up(row: &Value) -> bool {
    let number = |key: &str| row[key].as_i64().unwrap();
    let parts = ["live_bytes", "wiped_bytes", "returned_bytes", "carried_bytes", "unwiped_bytes"];
    let sum: i64 = parts.iter().map(|part| number(part)).sum();
    sum + number("in_flight_bytes") == number("allocated_bytes") + number("inherited_bytes")
}

#[test]
fn every_byte_of_every_tag_is_told() {
    let said = ask_about(&log().bytes(), "wipes --json");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    let answer = json(&said);
    assert_eq!(answer["adds_up"], true);
    assert!(answer["tags"].as_array().unwrap().iter().all(adds_up), "{answer}");
    assert!(adds_up(&answer["totals"]), "{answer}");
    let prompt = row(&answer, "prompt");
    assert_eq!(prompt["allocated_bytes"], 50 + 70 + 90);
    assert_eq!(prompt["wiped_bytes"], 50 + 70);
    assert_eq!(prompt["unwiped_reason"], Value::Null);
    let said = ask_about(&log().bytes(), "wipes");
    let verdict = "It adds up to the byte; no secret tag released a byte unwiped";
    assert!(said.out.contains(verdict), "{}", said.out);
}

#[test]
fn a_secret_tag_that_released_a_byte_unwiped_is_an_objection() {
    let mut log = log();
    spare(&mut log, PROMPT);
    let said = ask_about(&log.bytes(), "wipes");
    assert_eq!(said.exit_code, 1, "{}", said.out);
    let expected = "secret tag prompt: 120 bytes released unwiped: the tag declined to be wiped";
    assert!(said.out.contains(expected), "{}", said.out);
    assert!(said.out.contains("adds up to the byte"), "{}", said.out);
    // A question about another tag is not concerned.
    assert_eq!(ask_about(&log.bytes(), "wipes --tag model/weights").exit_code, 0);
    assert_eq!(ask_about(&log.bytes(), "wipes --tag prompt").exit_code, 1);
}

#[test]
fn each_unwiped_byte_has_its_reason() {
    let reason = |policy, class, request| {
        let mut log = Log { wipe: policy, ..Log::default() };
        log.tags.push(declared("other", class));
        (log.tags[3].wipe, log.tags[3].request) = (false, request);
        log.alloc(1, 1_000, (0x1000, 8), 3);
        log.free(1, 2_000, (0x1000, 8), 3);
        let answer = json(&ask_about(&log.bytes(), "wipes --json"));
        assert_eq!(row(&answer, "other")["unwiped_bytes"], 8);
        row(&answer, "other")["unwiped_reason"].as_str().unwrap().to_owned()
    };
    use {TagClass as Class, WipePolicy as Policy, WipeRequest as Request};
    assert_eq!(reason(Policy::Off, Class::Public, Request::None), "policy-off");
    assert_eq!(reason(Policy::Off, Class::Secret, Request::Wipe), "policy-off");
    assert_eq!(reason(Policy::Tagged, Class::Public, Request::None), "not-asked");
    assert_eq!(reason(Policy::Tagged, Class::Public, Request::Spare), "declined");
    assert_eq!(reason(Policy::Tagged, Class::Public, Request::Wipe), "unexplained");
    assert_eq!(reason(Policy::All, Class::Public, Request::Spare), "declined");
    // As in a log of before requests were recorded.
    assert_eq!(reason(Policy::All, Class::Public, Request::None), "declined");
    assert_eq!(reason(Policy::Tagged, Class::Secret, Request::None), "declined");
}

#[test]
fn a_public_tag_that_declined_is_no_objection() {
    let mut log = log();
    spare(&mut log, 0);
    log.alloc(1, 60_000, (0x5000, 33), 0);
    log.free(1, 70_000, (0x5000, 33), 0);
    let said = ask_about(&log.bytes(), "wipes");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    assert!(said.out.contains("untagged: 33 bytes: the tag declined"), "{}", said.out);
}

#[test]
fn an_unwiped_byte_that_no_rule_explains_is_an_objection() {
    let mut log = log();
    log.alloc(1, 60_000, (0x5000, 33), 0);
    log.free(1, 70_000, (0x5000, 33), 0);
    let mut bytes = log.bytes();
    for (word, change) in [(cell::WIPED_BYTES, -33), (cell::UNWIPED_BYTES, 33)] {
        let at = counter_offset(&bytes, 0, 0, word);
        add_to_word(&mut bytes, at, change);
    }
    let said = ask_about(&bytes, "wipes");
    assert_eq!(said.exit_code, 1, "{}", said.out);
    assert!(said.out.contains("tag untagged: 33 bytes released unwiped: unexpl"), "{}", said.out);
}

#[test]
fn bytes_that_nobody_accounts_for_are_an_objection() {
    for (mode, word, value) in [
        (Mode::Journal, cell::WIPED_BYTES, -1),
        (Mode::Journal, cell::CARRIED_BYTES, 1),
        (Mode::Journal, cell::FREED_BYTES, 1),
        (Mode::Count, cell::WIPED_BYTES, -1),
        (Mode::Count, cell::RETURNED_BYTES, 1 << 40),
    ] {
        let mut bytes = Log { mode, ..log() }.bytes();
        let at = counter_offset(&bytes, 1, PROMPT, word);
        add_to_word(&mut bytes, at, value);
        let said = ask_about(&bytes, "wipes");
        assert_eq!(said.exit_code, 1, "{word} {value}: {}", said.out);
        assert!(said.out.contains("tag prompt: slot 2: "), "{}", said.out);
        assert!(said.out.contains("It does not add up"), "{}", said.out);
    }
}

#[test]
fn a_release_in_flight_at_a_kill_is_told_and_no_objection() {
    let mut log = log();
    log.state = process::STATE_RUNNING;
    log.free(2, 60_000, (0x4000, 90), PROMPT);
    let mut bytes = log.bytes();
    let wiped = counter_offset(&bytes, 1, PROMPT, cell::WIPED_BYTES);
    add_to_word(&mut bytes, wiped, -90);
    assert_eq!(ask_about(&bytes, "wipes").exit_code, 1, "nobody was releasing");
    let (threads, _) = super::log::chunks_of(&bytes, scrubjay_log_format::ChunkKind::Threads)[0];
    let slot = threads + scrubjay_log_format::chunk::HEADER_SIZE + 2 * 128;
    add_to_word(&mut bytes, slot + scrubjay_log_format::thread::SEQUENCE * 8, -1);
    let said = ask_about(&bytes, "wipes --json");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    let answer = json(&said);
    assert_eq!(row(&answer, "prompt")["in_flight_bytes"], 90);
    assert!(adds_up(row(&answer, "prompt")));
}

#[test]
fn the_oldest_live_block_stands_beside_the_age_that_its_tag_allows() {
    let mut log = log();
    // Its end is 1000 ticks after the last event.
    log.alloc(1, 5 * MILLISECOND - 1000, (0x6000, 1), PROMPT);
    log.tags[PROMPT as usize].greatest_age_ms = 4;
    let bytes = log.bytes();
    let said = ask_about(&bytes, "wipes --json");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    let answer = json(&said);
    let watched = &row(&answer, "prompt")["watched"];
    assert_eq!((&watched["blocks"], &watched["bytes"]), (&2.into(), &91.into()));
    // The realloc did not make it younger.
    assert_eq!(watched["oldest_age_ns"], 5 * MILLISECOND - 30_000);
    assert_eq!((&watched["blocks_over_age"], &watched["bytes_over_age"]), (&1.into(), &90.into()));
    let said = ask_about(&bytes, "wipes --strict-age");
    assert_eq!(said.exit_code, 1, "{}", said.out);
    assert!(said.out.contains("tag prompt: 1 live block over its greatest age"), "{}", said.out);
    log.tags[PROMPT as usize].greatest_age_ms = 5;
    assert_eq!(ask_about(&log.bytes(), "wipes --strict-age").exit_code, 0);
}

#[test]
fn blocks_of_unknown_age_are_told_and_their_age_is_not_taken_for_granted() {
    let mut log = log();
    log.tags[PROMPT as usize].greatest_age_ms = 1000;
    for word in [tag::UNREGISTERED_BLOCKS, tag::INHERITED_BLOCKS] {
        let mut bytes = log.bytes();
        let at = registered_offset(&bytes, 0, registry::ADDRESS);
        bytes[at..at + 8].fill(0);
        let said = ask_about(&bytes, "wipes");
        assert_eq!(said.exit_code, 1, "a block is missing: {}", said.out);
        assert!(said.out.contains("tag prompt: the registry has 0 blocks"), "{}", said.out);
        let at = totals_offset(&bytes, PROMPT, word);
        add_to_word(&mut bytes, at, 1);
        if word == tag::INHERITED_BLOCKS {
            // The child of a fork: what it began with counts as live.
            let at = counter_offset(&bytes, 1, PROMPT, cell::ALLOCATED_BLOCKS);
            add_to_word(&mut bytes, at, -1);
        }
        let said = ask_about(&bytes, "wipes");
        assert_eq!(said.exit_code, 0, "{}", said.out);
        assert!(said.out.contains("prompt: 1 live block more, of unknown age"), "{}", said.out);
        assert_eq!(ask_about(&bytes, "wipes --strict-age").exit_code, 1);
    }
}

#[test]
fn the_registry_is_held_against_the_journal() {
    let whole = log().bytes();
    assert_eq!(ask_about(&whole, "log verify").exit_code, 0);
    let words = [registry::ADDRESS, registry::SITE, registry::BLOCK_SIZE];
    for (word, change) in words.into_iter().flat_map(|word| [(word, 1), (word, 1 << 13)]) {
        let mut bytes = whole.clone();
        let at = registered_offset(&bytes, 0, word);
        add_to_word(&mut bytes, at, change);
        let said = ask_about(&bytes, "log verify");
        assert_eq!(said.exit_code, 1, "{word}: {}", said.out);
        assert!(said.out.contains("registry of watched tags  failed"), "{}", said.out);
    }
    let mut bytes = whole.clone();
    let at = registered_offset(&bytes, 0, registry::ADDRESS);
    bytes[at..at + 8].fill(0);
    let said = ask_about(&bytes, "log verify");
    assert!(said.out.contains("at 0x4000 is live, but not registered"), "{}", said.out);
}

#[test]
fn an_event_in_flight_may_be_in_the_journal_and_not_in_the_registry() {
    let mut bytes = Log { state: process::STATE_RUNNING, ..log() }.bytes();
    let at = registered_offset(&bytes, 0, registry::ADDRESS);
    bytes[at..at + 8].fill(0);
    assert_eq!(ask_about(&bytes, "log verify").exit_code, 1);
    let (threads, _) = super::log::chunks_of(&bytes, scrubjay_log_format::ChunkKind::Threads)[0];
    let slot = threads + scrubjay_log_format::chunk::HEADER_SIZE + 2 * 128;
    add_to_word(&mut bytes, slot + scrubjay_log_format::thread::SEQUENCE * 8, -1);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 0, "{}", said.out);
}

#[test]
fn what_guarded_memory_has_and_c_code_passed_through_is_told() {
    let mut log = log();
    log.tags[PROMPT as usize].is_vault = true;
    let mut bytes = log.bytes();
    assert!(ask_about(&bytes, "wipes").out.contains("prompt: not used yet"));
    let at = totals_offset(&bytes, PROMPT, tag::VAULT_STATE);
    let state = tag::VAULT_IN_USE | tag::VAULT_LOCKED | tag::VAULT_GUARDED;
    add_to_word(&mut bytes, at, state as i64);
    for (word, value) in [
        (process::PASSED_THROUGH_COUNT, 3),
        (process::PASSED_THROUGH_BYTES, 1000),
        (process::VERIFIED_COUNT, 7),
    ] {
        add_to_word(&mut bytes, process::OFFSET + word * 8, value);
    }
    let said = ask_about(&bytes, "wipes");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    assert!(said.out.contains("prompt: locked, guard pages around each block"), "{}", said.out);
    assert!(said.out.contains("3 blocks of C code"), "{}", said.out);
    assert!(said.out.contains("7 released blocks found to be still blank"), "{}", said.out);
    let answer = json(&ask_about(&bytes, "wipes --json"));
    assert_eq!(row(&answer, "prompt")["vault"], serde_json::json!(["locked", "guarded"]));
    assert_eq!(answer["passed_through_bytes"], 1000);
}

#[test]
fn a_log_that_still_moves_is_not_judged_but_its_secrets_are() {
    let mut log = log();
    log.flags = header::FLAG_DUMP;
    let mut bytes = log.bytes();
    let wiped = counter_offset(&bytes, 1, PROMPT, cell::WIPED_BYTES);
    add_to_word(&mut bytes, wiped, -1);
    let said = ask_about(&bytes, "wipes --json");
    assert_eq!((said.exit_code, &json(&said)["adds_up"]), (0, &Value::Null), "{}", said.out);
    spare(&mut log, PROMPT);
    assert_eq!(ask_about(&log.bytes(), "wipes").exit_code, 1);
}
