//! A search allocates nothing before it has ended, lest it take the very block
//! in which something was left, and leaves no copy of what it looked at.

use std::hint::black_box;

use scrubjay::Report;
pub use scrubjay_tests::harness::no_child as child;

/// Blocks allocated by Rust code so far, and in use in the C library's heap.
fn allocated() -> (u64, usize) {
    (Report::now().total.allocated_blocks, heap())
}

#[expect(unsafe_code, reason = "mallinfo2 alone tells")]
fn heap() -> usize {
    // SAFETY: the call has no preconditions.
    unsafe { libc::mallinfo2() }.uordblks
}

pub fn test() {
    let pattern = super::random_bytes(1000);
    let search = || assert_eq!(scrubjay::find_residue(&pattern).unwrap().found_count, 0);
    // The first call of each may set something up.
    search();
    allocated();
    let before = allocated();
    let after = allocated();
    search();
    let searched = allocated();
    let more = (after.0 - before.0, after.1 as isize - before.1 as isize);
    let by_search = (searched.0 - after.0, searched.1 as isize - after.1 as isize);
    assert_eq!(by_search, more);

    // What is live is found alike each time: nothing of a search remains.
    let copy = black_box(pattern.clone());
    for _ in 0..3 {
        let found = scrubjay::find_residue(&pattern).unwrap().found;
        let places: Vec<_> = found.iter().map(|residue| residue.address).collect();
        assert_eq!(places, [copy.as_ptr().addr()], "{found:?}");
    }
}
