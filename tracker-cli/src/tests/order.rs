//! The order of events that clocks do not settle.

use scrubjay_log_format::EventKind;

use super::ask_about;
use super::log::Log;

#[test]
fn a_free_that_seems_to_come_before_its_alloc_finds_it() {
    let mut log = Log::default();
    // Slot 2's clock is behind: its frees seem to come first.
    for index in 0..1000 {
        let (ticks, block) = (1000 + index * 100, (0x1000, 64));
        log.alloc(1, ticks, block, 1);
        log.free(2, ticks - 30, block, 1);
    }
    let said = ask_about(&log.bytes(), "log verify");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    let said = ask_about(&log.bytes(), "leaks --blocks");
    assert!(said.out.contains("0 blocks, from the journal"), "{}", said.out);
}

#[test]
fn an_alloc_that_seems_to_come_before_the_free_of_its_predecessor_waits_for_it() {
    let mut log = Log::default();
    // Slot 2's clock is ahead: its frees seem to come after the next alloc.
    for index in 0..1000 {
        let (ticks, block) = (1000 + index * 100, (0x1000, 64 + index));
        log.alloc(1, ticks, block, 1);
        log.free(2, ticks + 130, block, 1);
    }
    log.alloc(1, 500_000, (0x9000, 4096), 2);
    let said = ask_about(&log.bytes(), "log verify");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    let said = ask_about(&log.bytes(), "leaks --blocks");
    assert!(said.out.contains("1 block, from the journal"), "{}", said.out);
    assert!(said.out.contains("0x9000              4,096"), "{}", said.out);
}

#[test]
fn a_free_without_an_alloc_is_found_with_its_place() {
    let mut log = Log::with_traffic(20);
    log.free(1, 100_000, (0xDEAD_0000, 24), 1);
    let said = ask_about(&log.bytes(), "log verify");
    assert_eq!(said.exit_code, 1);
    let expected = "tag model/weights: frees 24 bytes at 0xdead0000, never allocated";
    assert!(said.out.contains(expected), "{}", said.out);
    assert!(said.out.contains("offset "), "{}", said.out);
}

#[test]
fn two_allocs_of_one_address_are_found() {
    let mut log = Log::with_traffic(20);
    log.alloc(1, 100_000, (0xDEAD_0000, 24), 1);
    log.alloc(2, 200_000, (0xDEAD_0000, 32), 2);
    let said = ask_about(&log.bytes(), "log verify");
    assert_eq!(said.exit_code, 1);
    let expected = "tag model/weights: 24 bytes at 0xdead0000 were allocated over, not freed";
    assert!(said.out.contains(expected), "{}", said.out);
}

#[test]
fn blocks_of_before_a_late_log_may_be_freed() {
    let mut log = Log::with_traffic(20);
    log.flags = scrubjay_log_format::header::FLAG_LATE;
    log.free(1, 100_000, (0xDEAD_0000, 24), 1);
    // The same address again at once, by the same slot: another block.
    log.alloc(1, 100_010, (0xDEAD_0000, 24), 1);
    let said = ask_about(&log.bytes(), "log verify");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    let said = ask_about(&log.bytes(), "leaks --blocks --sort address");
    assert!(said.out.contains("0xdead0000"), "{}", said.out);
}

#[test]
fn half_a_realloc_is_found() {
    let mut log = Log::default();
    log.alloc(1, 10, (0x1000, 8), 0);
    log.add(1, EventKind::ReallocFree, 20, (0x1000, 8), 0);
    log.alloc(1, 30, (0x2000, 8), 0);
    let said = ask_about(&log.bytes(), "log verify");
    assert_eq!(said.exit_code, 1);
    assert!(said.out.contains("half of a realloc"), "{}", said.out);
}
