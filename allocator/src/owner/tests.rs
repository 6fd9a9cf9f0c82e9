//! Owners, without any blocks.

use super::*;

const GONE: Event =
    Event { allocated: None, freed: Some(100), wiped: 100, returned: 0, unwiped: 0 };

fn totals(number: u32) -> Totals {
    get(number).unwrap().account().totals()
}

#[test]
fn a_number_is_had_once() {
    let mut numbers: Vec<u32> = (0..3 * OWNERS_MAX)
        .map(|_| {
            let number = begin(1, 0, 0).unwrap();
            assert_eq!(add(number, 1, 0, 100), number);
            assert_eq!(totals(number).live_bytes, 100);
            end(number);
            assert!(get(number).is_none());
            number
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 3 * OWNERS_MAX);
}

#[test]
fn those_above_are_told_also_of_what_outlives_the_one_below() {
    let outer = begin(1, 0, 0).unwrap();
    let inner = begin(1, outer, 0).unwrap();
    assert_eq!(add(inner, 1, 3, 100), inner);
    assert_eq!(add(inner, 2, 3, 100), inner);
    assert_eq!((totals(inner).live_bytes, totals(outer).live_bytes), (200, 200));
    change(inner, clock::ticks(), 2, 3, GONE);
    end(inner);
    assert!(get(inner).is_none());
    assert_eq!(totals(outer).live_bytes, 100);
    // Who still works for it works for the one above.
    assert_eq!(add(inner, 2, 3, 100), outer);
    change(outer, clock::ticks(), 2, 3, GONE);
    assert_eq!(totals(outer).live_bytes, 100);
    change(inner, clock::ticks(), 1, 3, GONE);
    assert_eq!((totals(outer).live_bytes, totals(outer).freed_blocks), (0, 3));
    // With its last block its place is another's.
    assert!(hold(inner).is_none());
    assert_eq!(add(inner, 1, 3, 100), 0);
    end(outer);
    assert!(hold(outer).is_none());
}

#[test]
fn places_are_free_when_nobody_above_is_left() {
    let outer = begin(1, 0, 0).unwrap();
    let numbers: Vec<u32> = (0..100)
        .map(|_| {
            let inner = begin(1, outer, 0).unwrap();
            let innermost = begin(1, inner, 0).unwrap();
            add(innermost, 1, 0, 100);
            end(inner);
            end(innermost);
            assert!(hold(inner).is_some() && hold(innermost).is_some());
            assert_eq!(living(innermost), outer);
            innermost
        })
        .collect();
    assert_eq!(totals(outer).live_blocks, 100);
    end(outer);
    assert!(numbers.iter().all(|&number| hold(number).is_none() && living(number) == 0));
    assert!(hold(outer).is_none());
}

/// An owner that outlives the one above it goes on to count for those above that.
#[test]
fn an_owner_may_outlive_the_one_above() {
    let outer = begin(1, 0, 0).unwrap();
    let inner = begin(1, outer, 0).unwrap();
    let innermost = begin(0, inner, 0).unwrap();
    end(inner);
    add(innermost, 1, 0, 100);
    assert_eq!((totals(innermost).live_bytes, totals(outer).live_bytes), (100, 100));
    end(innermost);
    change(innermost, clock::ticks(), 7, 0, GONE);
    assert_eq!(totals(outer).live_bytes, 0);
    assert!(hold(inner).is_none() && hold(innermost).is_none());
    end(outer);
}

#[test]
fn depth_has_a_limit() {
    let mut numbers = vec![begin(1, 0, 0).unwrap()];
    while let Some(number) = begin(1, *numbers.last().unwrap(), 0) {
        numbers.push(number);
    }
    assert_eq!(numbers.len(), OWNER_DEPTH_MAX as usize);
    add(*numbers.last().unwrap(), 1, 0, 1);
    assert!(numbers.iter().all(|&number| totals(number).live_bytes == 1));
    numbers.iter().rev().for_each(|&number| end(number));
    assert!(numbers.iter().all(|&number| hold(number).is_none()));
}

/// A block whose owner's number is another's by now was born before that one.
#[test]
fn a_namesake_is_not_the_owner() {
    let number = begin(1, 0, 0).unwrap();
    add(number, 1, 0, 100);
    let long_ago = clock::ticks() - 4 * BIRTH_SLACK;
    change(number, long_ago, 1, 0, GONE);
    change(number, long_ago, 2, 0, GONE);
    assert_eq!(totals(number).live_bytes, 100);
    end(number);
}

/// Threads that come and go at owners which end meanwhile: each event is its own
/// owner's, or nobody's, and every place is free in the end.
#[test]
fn events_that_come_late_are_no_other_owners() {
    use std::sync::atomic::{AtomicBool, AtomicU32};
    let current = AtomicU32::new(0);
    let is_over = AtomicBool::new(false);
    let mut numbers = Vec::new();
    std::thread::scope(|scope| {
        for thread in 2..6 {
            let (current, is_over) = (&current, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let number = current.load(Ordering::Relaxed);
                    // Every event of an owner has its number's size.
                    let size = number as usize;
                    let whose = add(number, thread, number % 7, size);
                    assert!(whose == number || whose == 0);
                    if whose != 0 {
                        let event = Event { freed: Some(size), ..Event::default() };
                        change(number, clock::ticks(), thread, number % 7, event);
                    }
                }
            });
        }
        for _ in 0..20_000 {
            let number = begin(1, 0, 0).unwrap();
            current.store(number, Ordering::Relaxed);
            add(number, 1, number % 7, number as usize);
            std::hint::spin_loop();
            let now = totals(number);
            assert_eq!(now.allocated_bytes % u64::from(number), 0);
            assert_eq!(now.freed_bytes % u64::from(number), 0);
            assert!(now.live_bytes >= u64::from(number) && now.live_blocks < 6);
            end(number);
            numbers.push(number);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(numbers.iter().all(|&number| hold(number).is_none()));
}
