//! Logs that are cut short or changed: never a panic, always a place.

use scrubjay_log_format::header;
use scrubjay_log_format::{ChunkKind, chunk, process, tag};

use super::log::{CHUNK_SIZE, Log, chunks_of};
use super::{Place, Said, ask_about};

const QUESTIONS: [&str; 10] = [
    "summary",
    "tags",
    "peak --blocks",
    "timeline",
    "leaks --blocks",
    "leaks --at 0.00001",
    "wipes",
    "log info",
    "log verify",
    "log dump --json",
];

fn names_a_place(said: &Said) -> bool {
    said.err.contains("offset ") || said.out.contains("offset ")
}

#[test]
fn a_log_cut_short_at_any_byte_is_read_as_far_as_it_goes() {
    let whole = Log::with_traffic(200).bytes();
    let place = Place::new();
    // Every byte where headers and records are, and a few steps through what
    // is alike.
    let cuts = (0..whole.len()).filter(|cut| cut % CHUNK_SIZE < 200 || cut % 61 == 0);
    for cut in cuts {
        place.put(&whole[..cut]);
        // All questions go through the same few doors.
        let few = ["log verify", "summary"];
        let questions = if cut % 7 == 0 { &QUESTIONS[..] } else { &few };
        // Reserved room at the end is no loss.
        let is_lost = cut < whole.len() - 2 * CHUNK_SIZE;
        for question in questions {
            let said = place.ask(question);
            if cut < header::SIZE {
                assert_eq!(said.exit_code, 3, "{question} of {cut} bytes: {said:?}");
                assert!(said.err.contains("run.jay: offset 0: "), "{}", said.err);
                assert_eq!(said.err.lines().count(), 1, "{}", said.err);
            } else if is_lost {
                assert_eq!(said.exit_code, 1, "{question} of {cut} bytes: {said:?}");
                assert!(names_a_place(&said), "{question} of {cut} bytes: {said:?}");
            } else {
                assert_eq!(said.exit_code, 0, "{question} of {cut} bytes: {said:?}");
            }
        }
    }
}

/// Whether a byte has a checksum or a fixed value.
fn is_static(bytes: &[u8], at: usize) -> bool {
    let in_chunk = at % CHUNK_SIZE;
    if at < CHUNK_SIZE {
        // The file header, and what lies around the process words.
        return !(process::OFFSET..process::OFFSET + process::SIZE).contains(&in_chunk);
    }
    let found = |kind: ChunkKind| {
        chunks_of(bytes, kind).into_iter().find(|(start, _)| *start == at - in_chunk)
    };
    if let Some((_, header)) = found(ChunkKind::Journal) {
        // The open chunk's records have no checksum.
        return in_chunk < chunk::HEADER_SIZE || header.payload_checksum.is_some();
    }
    if found(ChunkKind::Tags).is_some() {
        let used = chunk::HEADER_SIZE + 3 * tag::DECLARATION_SIZE;
        let last = chunk::HEADER_SIZE
            + (CHUNK_SIZE - chunk::HEADER_SIZE) / tag::DECLARATION_SIZE * tag::DECLARATION_SIZE;
        return in_chunk < used || in_chunk >= last;
    }
    let is_ledger = [ChunkKind::TagTotals, ChunkKind::Threads, ChunkKind::Cells]
        .into_iter()
        .chain([ChunkKind::Frames, ChunkKind::FrameRows, ChunkKind::Registry])
        .any(|kind| found(kind).is_some());
    if is_ledger {
        return in_chunk < chunk::HEADER_SIZE;
    }
    // Room that nobody has used, behind where a header would be.
    in_chunk >= chunk::HEADER_SIZE
}

#[test]
fn every_changed_byte_of_static_data_and_sealed_chunks_is_found() {
    let whole = Log::with_traffic(200).bytes();
    let place = Place::new();
    place.put(&whole);
    assert_eq!(place.ask("log verify").exit_code, 0, "{}", place.ask("log verify").out);
    let mut bytes = whole.clone();
    for at in 0..whole.len() {
        bytes[at] ^= 1 << (at % 8);
        let fixed = is_static(&whole, at);
        // What carries no redundancy must do no harm; a sample of it will do.
        if fixed || at % 7 == 0 {
            place.put(&bytes);
            let said = place.ask("log verify");
            assert!(said.exit_code <= 1 || at < header::SIZE, "byte {at}: {said:?}");
            if fixed {
                assert_ne!(said.exit_code, 0, "byte {at} changed unseen: {}", said.out);
                assert!(names_a_place(&said), "byte {at}: {said:?}");
            }
        }
        bytes[at] = whole[at];
    }
}

#[test]
fn no_question_is_upset_by_a_changed_byte() {
    let whole = Log::with_traffic(200).bytes();
    let place = Place::new();
    let mut bytes = whole.clone();
    for at in (0..whole.len()).step_by(41) {
        bytes[at] ^= 0x80 >> (at % 8);
        place.put(&bytes);
        for question in QUESTIONS {
            let said = place.ask(question);
            let expected = if at < header::SIZE { 3 } else { 1 };
            assert!([0, expected].contains(&said.exit_code), "{question}, byte {at}: {said:?}");
        }
        bytes[at] = whole[at];
    }
}

#[test]
fn a_damaged_chunk_costs_that_chunk() {
    let log = Log::with_traffic(600);
    let mut bytes = log.bytes();
    let (start, _) = chunks_of(&bytes, ChunkKind::Journal)[0];
    bytes[start + 100] ^= 1;
    let said = ask_about(&bytes, "leaks --blocks");
    assert_eq!(said.exit_code, 1);
    assert!(said.err.contains(&format!("offset {start}: chunk")), "{}", said.err);
    assert!(said.err.contains("sealed journal chunk: checksum"), "{}", said.err);
    assert!(said.out.contains("blocks, from the journal"), "{}", said.out);
}

#[test]
fn zeroed_pages_are_found() {
    let mut bytes = Log::with_traffic(600).bytes();
    let (start, header) = chunks_of(&bytes, ChunkKind::Journal)[0];
    bytes[start..start + CHUNK_SIZE].fill(0);
    let said = ask_about(&bytes, "log verify");
    assert_eq!(said.exit_code, 1);
    let expected = format!("slot {}: journal chunks 0 to 0 are missing", header.owner);
    assert!(said.out.contains(&expected), "{}", said.out);
}
