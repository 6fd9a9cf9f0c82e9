//! Journals whose oldest chunks a ring has overwritten.

use scrubjay_log_format::{ChunkHeader, ChunkKind, Event, cell, chunk, event, process};
use serde_json::Value;

use super::ask_about;
use super::log::{CHUNK_SIZE, Log, add_to_word, chunks_of, counter_offset, put_words};

/// A log of two slots, whose first chunks were overwritten by their last ones.
struct Ring {
    bytes: Vec<u8>,
    /// The events that are gone.
    gone: Vec<Event>,
}

fn ring(log: &Log, gone_count: usize) -> Ring {
    let mut bytes = log.bytes();
    let mut journal = chunks_of(&bytes, ChunkKind::Journal);
    journal.sort_by_key(|(start, _)| *start);
    let mut ring = Vec::new();
    for &(start, header) in &journal[..gone_count] {
        let events = events_of(&bytes, start);
        count_as_dropped(&mut bytes, &header, &events);
        ring.extend(events);
        add_to_word(&mut bytes, process::OFFSET + process::OVERWRITTEN_CHUNK_COUNT * 8, 1);
        // The newest chunk that is not moved yet takes the place.
        let &(newest, mut header) = &journal[journal.len() - 1 - start_index(&journal, start)];
        let piece: Vec<u8> = bytes[newest..newest + CHUNK_SIZE].to_vec();
        bytes[start..start + CHUNK_SIZE].copy_from_slice(&piece);
        header.index = (start / CHUNK_SIZE) as u32;
        bytes[start..start + chunk::HEADER_SIZE].copy_from_slice(&header.encode());
        bytes[newest..newest + CHUNK_SIZE].fill(0);
    }
    put_words(&mut bytes, process::OFFSET + process::AT_LIMIT * 8, &[1]);
    Ring { bytes, gone: ring }
}

fn start_index(journal: &[(usize, ChunkHeader)], start: usize) -> usize {
    journal.iter().position(|&(at, _)| at == start).unwrap()
}

fn events_of(bytes: &[u8], start: usize) -> Vec<Event> {
    let records = bytes[start + chunk::HEADER_SIZE..start + CHUNK_SIZE].chunks_exact(event::SIZE);
    records.filter_map(|record| Event::decode(record).unwrap()).collect()
}

fn count_as_dropped(bytes: &mut [u8], header: &ChunkHeader, events: &[Event]) {
    for event in events {
        let (blocks, size) = if event.kind.allocates() {
            (cell::DROPPED_ALLOCATED_BLOCKS, cell::DROPPED_ALLOCATED_BYTES)
        } else {
            (cell::DROPPED_FREED_BLOCKS, cell::DROPPED_FREED_BYTES)
        };
        for (word, value) in [(blocks, 1), (size, event.size as i64)] {
            let at = counter_offset(bytes, header.owner as usize - 1, event.site, word);
            add_to_word(bytes, at, value);
        }
        add_to_word(bytes, process::OFFSET + process::OVERWRITTEN_EVENT_COUNT * 8, 1);
    }
}

fn json(bytes: &[u8], words: &str) -> Value {
    let said = ask_about(bytes, &format!("{words} --json"));
    assert_eq!(said.exit_code, 0, "{words}: {said:?}");
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn what_a_ring_overwrote_is_accepted_and_no_more() {
    let Ring { bytes, gone } = ring(&Log::with_traffic(1500), 3);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    let summary = json(&bytes, "summary");
    assert_eq!(summary["run"]["at_limit"], "ring");
    assert!(summary["run"]["journal_since_ns"].as_u64().unwrap() > 0);
    assert_eq!(summary["losses"]["events_overwritten"], gone.len());
    assert_eq!(summary["losses"]["chunks_overwritten"], 3);
    // One chunk more is missing than the ring says.
    let mut lost = bytes.clone();
    let (start, _) = chunks_of(&lost, ChunkKind::Journal)[0];
    lost[start..start + CHUNK_SIZE].fill(0);
    let said = ask_about(&lost, "log verify");
    assert_eq!(said.exit_code, 1, "{}", said.out);
    assert!(said.out.contains("overwritten"), "{}", said.out);
    // An event that nothing counts.
    let mut bytes = bytes;
    let at = counter_offset(&bytes, 0, 1, cell::DROPPED_FREED_BLOCKS);
    add_to_word(&mut bytes, at, 1);
    assert_eq!(ask_about(&bytes, "log verify").exit_code, 1);
}

#[test]
fn a_ring_is_read_in_the_order_of_time() {
    let log = Log::with_traffic(1500);
    let (whole, ring) = (log.bytes(), ring(&log, 3).bytes);
    let at = "leaks --at 0.00014";
    for words in [at, "leaks", "leaks --at 0.0001"] {
        let (whole, ring) = (json(&whole, words), json(&ring, words));
        assert_eq!(whole["tags"], ring["tags"], "{words}");
    }
    assert_eq!(json(&ring, at)["source"], "journal");
    let peak = json(&ring, "peak");
    assert_eq!(
        (&peak["bytes"], &peak["source"]),
        (&json(&whole, "peak")["bytes"], &"journal".into())
    );
    let said = ask_about(&ring, "leaks --blocks");
    assert!(said.err.contains("born before the journal"), "{}", said.err);
}

#[test]
fn a_chunk_that_was_being_overwritten_is_settled() {
    let whole = ring(&Log::with_traffic(1500), 2).bytes;
    let mut journal = chunks_of(&whole, ChunkKind::Journal);
    journal.sort_by_key(|(_, header)| (header.base_ticks, header.owner));
    let (start, header) = journal[0];
    let events = events_of(&whole, start);
    for counted in [0, events.len() / 2, events.len()] {
        let mut bytes = whole.clone();
        let gone = chunk::GOING.to_le_bytes();
        bytes[start + chunk::SEALED_AT..start + chunk::SEALED_AT + 4].copy_from_slice(&gone);
        count_as_dropped(&mut bytes, &header, &events[..counted]);
        let said = ask_about(&bytes, "log verify");
        assert_eq!(said.exit_code, 0, "{counted}: {}", said.out);
        let at = counter_offset(&bytes, header.owner as usize - 1, 1, cell::ALLOCATED_BLOCKS);
        add_to_word(&mut bytes, at, 1000);
        assert_eq!(ask_about(&bytes, "log verify").exit_code, 1, "{counted}");
    }
}
