//! Spans of `tracing`: the same over every subscriber.

use std::hint::black_box;

use tracing::{Span, info_span};

use crate::workloads::Workload;

/// How a program makes a span that is to have a tag.
pub trait Making {
    /// A new span, by the macros of `tracing`.
    fn span() -> Span {
        info_span!("request", memory = "request")
    }
}

/// As they come: what is done with them is the subscriber's business.
pub struct Plain;

impl Making for Plain {}

/// What can be done with a program's spans.
pub const fn workloads<M: Making>() -> [Workload; 3] {
    [
        Workload { name: "span entered", run: entered::<M>, operations_min: 1 << 10 },
        Workload { name: "span with a block", run: with_a_block::<M>, operations_min: 1 << 10 },
        Workload { name: "span made", run: made::<M>, operations_min: 1 << 10 },
    ]
}

fn entered<M: Making>(operations: u64) {
    let span = M::span();
    for _ in 0..operations {
        drop(black_box(span.enter()));
    }
}

fn with_a_block<M: Making>(operations: u64) {
    let span = M::span();
    for _ in 0..operations {
        let _entered = span.enter();
        drop(black_box(Box::<[u8; 64]>::new_uninit()));
    }
}

fn made<M: Making>(operations: u64) {
    for _ in 0..operations {
        drop(black_box(M::span().entered()));
    }
}
