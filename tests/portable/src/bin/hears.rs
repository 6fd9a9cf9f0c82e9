//! A program under the allocator that does what its argument says.
#![expect(unsafe_code, reason = "writes behind a block")]

use std::thread;

use scrubjay::{Report, Scrubjay, Tag};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static TAG: Tag = Tag::new("heard");

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("calls") => call_all(),
        Some("overflow") => overflow(),
        _ => {}
    }
    println!("done");
}

/// Everything that might say something, on some threads.
fn call_all() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                let _scope = TAG.enter();
                scrubjay::note("a", "b");
                vec![1_u8; 1 << 16].len() + Report::now().tags.len()
            })
        })
        .collect();
    let sum: usize = threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
    assert!(sum >= 4 << 16);
    assert_eq!(scrubjay::set_mode(scrubjay::Mode::Count), Ok(scrubjay::Mode::Count));
}

fn overflow() {
    let mut block = Vec::<u8>::with_capacity(100);
    let start = std::hint::black_box(block.as_mut_ptr());
    // SAFETY: it is not: the very error that is to be found.
    let behind = unsafe { start.add(100) };
    // SAFETY: as above; the allocator has the byte.
    unsafe { behind.write_volatile(0) };
}
