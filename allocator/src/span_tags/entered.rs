//! The spans that a thread has entered, the last one last.

use core::cell::Cell;

use crate::limits::SPANS_ENTERED_MAX;
use crate::scope;

struct Entered {
    count: Cell<usize>,
    spans: [Cell<Span>; SPANS_ENTERED_MAX],
}

#[derive(Clone, Copy)]
struct Span {
    /// Whose the id is: spans of two subscribers may have the same.
    table: usize,
    id: u64,
    /// The tag in whose place this one's is.
    before: u32,
}

const NONE: Span = Span { table: 0, id: 0, before: 0 };

thread_local! {
    /// Without a destructor, so that it is there as long as its thread.
    static ENTERED: Entered = const {
        Entered { count: Cell::new(0), spans: [const { Cell::new(NONE) }; SPANS_ENTERED_MAX] }
    };
}

/// Makes a span's tag active. False where there is no room to remember it.
#[inline]
pub(super) fn enter(table: usize, id: u64, tag: u32) -> bool {
    let entered = ENTERED.try_with(|entered| {
        let count = entered.count.get();
        let Some(place) = entered.spans.get(count) else { return false };
        place.set(Span { table, id, before: scope::activate(tag) });
        entered.count.set(count + 1);
        true
    });
    entered.unwrap_or(false)
}

/// Takes a span's tag back: the one before is active again, unless others were
/// entered since, which then have it for their one before.
#[inline]
pub(super) fn exit(table: usize, id: u64) {
    // Fails only where there is nothing to take back.
    let _ = ENTERED.try_with(|entered| {
        let count = entered.count.get();
        let spans = &entered.spans[..count.min(SPANS_ENTERED_MAX)];
        let is_it = |span: &Cell<Span>| span.get().table == table && span.get().id == id;
        let Some(place) = spans.iter().rposition(is_it) else { return };
        let before = spans[place].get().before;
        match spans.get(place + 1) {
            None => {
                scope::activate(before);
            }
            Some(next) => {
                next.set(Span { before, ..next.get() });
                for pair in place..count - 1 {
                    spans[pair].set(spans[pair + 1].get());
                }
            }
        }
        entered.count.set(count - 1);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::tag::Tag;

    /// Each order in which three spans can be left.
    #[test]
    fn the_tag_is_that_of_the_last_span_that_is_entered_still() {
        static TAGS: [Tag; 3] =
            [Tag::new("entered/a"), Tag::new("entered/b"), Tag::new("entered/c")];
        let outside = Context::current();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for (number, tag) in TAGS.iter().enumerate() {
                assert!(enter(1, number as u64, scope::index_of(tag)));
            }
            let mut open = vec![0, 1, 2];
            for number in order {
                // Of another subscriber: it was never entered.
                exit(2, number as u64);
                exit(1, number as u64);
                open.retain(|&other| other != number);
                let expected = open.last().map_or(outside, |&last| outside.with_tag(&TAGS[last]));
                assert_eq!(Context::current(), expected, "{order:?}, {number}");
            }
        }
    }

    #[test]
    fn what_finds_no_room_changes_nothing() {
        static TAGS: [Tag; 2] = [Tag::new("entered/room"), Tag::new("entered/beyond")];
        let [room, beyond] = [&TAGS[0], &TAGS[1]].map(scope::index_of);
        let outside = Context::current();
        for id in 1..=SPANS_ENTERED_MAX as u64 {
            assert!(enter(1, id, room));
        }
        assert!(!enter(1, 1_000, beyond));
        assert_eq!(Context::current(), outside.with_tag(&TAGS[0]));
        exit(1, 1_000);
        for id in 1..=SPANS_ENTERED_MAX as u64 {
            assert_eq!(Context::current(), outside.with_tag(&TAGS[0]));
            exit(1, id);
        }
        assert_eq!(Context::current(), outside);
    }
}
