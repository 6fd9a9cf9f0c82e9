//! What `log verify` says about journals and ledgers that disagree.

use scrubjay_log_format::{ChunkKind, cell, chunk, process, thread};

use super::ask_about;
use super::log::{Log, add_to_word, chunks_of, counter_offset};

#[test]
fn a_sound_log_passes_every_check() {
    let said = ask_about(&Log::with_traffic(1000).bytes(), "log verify");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    assert_eq!(said.out.matches("passed").count(), 6, "{}", said.out);
    assert!(said.out.contains("run.jay: sound (2,000 events)"), "{}", said.out);
    assert!(said.out.contains("Nothing can tell whether these were changed"), "{}", said.out);
}

#[test]
fn a_changed_counter_is_found_and_its_tag_named() {
    let whole = Log::with_traffic(1000).bytes();
    let counters = [
        cell::ALLOCATED_BYTES,
        cell::ALLOCATED_BLOCKS,
        cell::FREED_BYTES,
        cell::FREED_BLOCKS,
        cell::WIPED_BYTES,
        cell::CARRIED_BYTES,
        cell::RETURNED_BYTES,
        cell::UNWIPED_BYTES,
        cell::FAILED_COUNT,
        cell::FAILED_BYTES,
        cell::DROPPED_ALLOCATED_BLOCKS,
        cell::DROPPED_FREED_BYTES,
    ];
    for word in counters {
        for value in [1, -1, 1 << 40] {
            let mut bytes = whole.clone();
            let offset = counter_offset(&bytes, 1, 2, word);
            add_to_word(&mut bytes, offset, value);
            let said = ask_about(&bytes, "log verify");
            assert_eq!(said.exit_code, 1, "{} {value}: {}", cell::NAMES[word], said.out);
            assert!(said.out.contains("tag prompt, slot 2: "), "{}", said.out);
        }
    }
}

#[test]
fn a_counter_changed_in_every_store_of_the_ledger_alike_is_found() {
    let mut bytes = Log::with_traffic(1000).bytes();
    for word in [cell::FREED_BYTES, cell::WIPED_BYTES] {
        let offset = counter_offset(&bytes, 0, 1, word);
        add_to_word(&mut bytes, offset, 100);
    }
    let said = ask_about(&bytes, "log verify --json");
    assert_eq!(said.exit_code, 1);
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["findings"][0]["tag"], "model/weights");
    assert_eq!(answer["findings"][0]["check"], "ledger");
}

/// The log of a process killed within the last event of slot 1.
fn killed_within_an_event() -> (Vec<u8>, u64) {
    let mut log = Log::with_traffic(100);
    log.state = process::STATE_RUNNING;
    log.alloc(1, 1_000_000, (0xAAAA_0000, 777), 1);
    let mut bytes = log.bytes();
    let (threads, _) = chunks_of(&bytes, ChunkKind::Threads)[0];
    let sequence = threads + chunk::HEADER_SIZE + thread::SIZE + thread::SEQUENCE * 8;
    // Twice the events before it, and odd.
    add_to_word(&mut bytes, sequence, -1);
    (bytes, 777)
}

#[test]
fn an_event_in_flight_at_a_kill_is_mended() {
    let (whole, size) = killed_within_an_event();
    let bytes_at = counter_offset(&whole, 0, 1, cell::ALLOCATED_BYTES);
    let blocks_at = counter_offset(&whole, 0, 1, cell::ALLOCATED_BLOCKS);
    for (missing_bytes, missing_blocks) in [(0, 0), (size as i64, 1), (0, 1)] {
        let mut bytes = whole.clone();
        add_to_word(&mut bytes, bytes_at, -missing_bytes);
        add_to_word(&mut bytes, blocks_at, -missing_blocks);
        let said = ask_about(&bytes, "log verify");
        assert_eq!(said.exit_code, 0, "{missing_bytes} {missing_blocks}: {}", said.out);
        assert!(said.out.contains("sound up to the kill"), "{}", said.out);
        assert_eq!(said.out.contains("mended"), missing_blocks == 1, "{}", said.out);
    }
    // What the event in flight does not explain is found all the same.
    for (missing_bytes, missing_blocks) in [(size as i64 + 1, 1), (0, 2), (-1, 0)] {
        let mut bytes = whole.clone();
        add_to_word(&mut bytes, bytes_at, -missing_bytes);
        add_to_word(&mut bytes, blocks_at, -missing_blocks);
        let said = ask_about(&bytes, "log verify");
        assert_eq!(said.exit_code, 1, "{missing_bytes} {missing_blocks}: {}", said.out);
        assert!(said.out.contains("tag model/weights, slot 1"), "{}", said.out);
    }
}

#[test]
fn nothing_is_mended_where_nothing_was_in_flight() {
    let mut bytes = Log::with_traffic(100).bytes();
    let (_, last) = *Log::with_traffic(100).events.iter().rfind(|(slot, _)| *slot == 1).unwrap();
    let (word, count) = if last.kind.allocates() {
        (cell::ALLOCATED_BYTES, cell::ALLOCATED_BLOCKS)
    } else {
        (cell::FREED_BYTES, cell::FREED_BLOCKS)
    };
    let at = counter_offset(&bytes, 0, last.site, word);
    add_to_word(&mut bytes, at, -(last.size as i64));
    let at = counter_offset(&bytes, 0, last.site, count);
    add_to_word(&mut bytes, at, -1);
    assert_eq!(ask_about(&bytes, "log verify").exit_code, 1);
}

#[test]
fn a_missing_chunk_at_the_end_of_a_slot_is_noticed() {
    let mut bytes = Log::with_traffic(1000).bytes();
    let (start, header) = *chunks_of(&bytes, ChunkKind::Journal).last().unwrap();
    bytes[start..start + super::log::CHUNK_SIZE].fill(0);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 1);
    assert!(said.out.contains(&format!("slot {}: ", header.owner)), "{}", said.out);
    assert!(said.out.contains("taken"), "{}", said.out);
}

#[test]
fn a_reserved_word_that_is_not_zero_is_found() {
    let whole = Log::with_traffic(100).bytes();
    let (threads, _) = chunks_of(&whole, ChunkKind::Threads)[0];
    let places = [
        process::OFFSET + 63 * 8,
        threads + chunk::HEADER_SIZE + thread::SIZE + 15 * 8,
        counter_offset(&whole, 0, 1, 21),
    ];
    for at in places {
        let mut bytes = whole.clone();
        add_to_word(&mut bytes, at, 1);
        let said = ask_about(&bytes, "log verify");
        assert_eq!(said.exit_code, 1, "{at}: {}", said.out);
        assert!(said.out.contains(&format!("offset {at}: a reserved word")), "{}", said.out);
    }
}

#[test]
fn a_free_in_flight_may_not_be_wiped_yet() {
    let mut log = Log::with_traffic(100);
    log.state = process::STATE_RUNNING;
    log.alloc(1, 1_000_000, (0xAAAA_0000, 777), 1);
    log.free(1, 1_000_100, (0xAAAA_0000, 777), 1);
    let mut bytes = log.bytes();
    let wiped = counter_offset(&bytes, 0, 1, cell::WIPED_BYTES);
    add_to_word(&mut bytes, wiped, -777);
    assert_eq!(ask_about(&bytes, "log verify").exit_code, 1, "nothing is in flight");
    let (threads, _) = chunks_of(&bytes, ChunkKind::Threads)[0];
    let sequence = threads + chunk::HEADER_SIZE + thread::SIZE + thread::SEQUENCE * 8;
    add_to_word(&mut bytes, sequence, -1);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    add_to_word(&mut bytes, wiped, -1);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 1, "{}", said.out);
    assert!(said.out.contains("778 freed bytes are not accounted for"), "{}", said.out);
}
