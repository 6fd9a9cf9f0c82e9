//! A program that does the same in every run, on one thread: what two recorders
//! of it must agree about. Its functions stand apart, so that their names are in
//! stacks whatever the optimiser likes.

use std::hint::black_box;

/// What is never freed, in bytes.
pub const LEFT_BYTES: usize = HIDDEN_COUNT / 2 * HIDDEN_SIZE + TREE_COUNT * TREE_SIZE + GROWN_SIZE;

/// Its functions: names that nothing else has, since debug information may keep
/// no more of a function than its own name.
pub const FUNCTIONS: [&str; 9] = [
    "live_through_winter",
    "hide_acorns",
    "plant_tree",
    "grow_list",
    "hoard_blocks",
    "heap_of_zeros",
    "sort_words",
    "list_of_any",
    "align_page",
];

const HIDDEN_COUNT: usize = 400;
const HIDDEN_SIZE: usize = 48;
const TREE_COUNT: usize = (1 << 7) - 1;
const TREE_SIZE: usize = size_of::<Tree>();
const GROWN_SIZE: usize = 8 << 10;
const HOARD_COUNT: usize = 20;
const HOARD_SIZE: usize = 100_000;

struct Tree {
    _branches: Option<[Box<Tree>; 2]>,
    _acorn: u64,
}

/// All of it.
#[inline(never)]
pub fn live_through_winter() {
    hide_acorns();
    std::mem::forget(black_box(plant_tree(6)));
    std::mem::forget(black_box(grow_list(GROWN_SIZE)));
    // Twice, so that the peak is passed, left, and reached once more.
    for _ in 0..2 {
        hoard_blocks();
        drop(black_box(grow_list(GROWN_SIZE / 2)));
        drop(black_box(sort_words(["winter", "jay", "cache", "acorn"])));
    }
    drop(black_box(list_of_any::<u16>(3_000)));
    drop(black_box(list_of_any::<[u8; 24]>(500)));
    align_page();
}

/// Every second one is found again.
#[inline(never)]
fn hide_acorns() {
    for index in 0..HIDDEN_COUNT {
        let acorn = black_box(Box::new([index as u8; HIDDEN_SIZE]));
        if index % 2 == 0 {
            std::mem::forget(acorn);
        }
    }
}

#[inline(never)]
fn plant_tree(height: u32) -> Box<Tree> {
    let branches = (height > 0).then(|| [plant_tree(height - 1), plant_tree(height - 1)]);
    Box::new(Tree { _branches: branches, _acorn: u64::from(height) })
}

/// By reallocs.
#[inline(never)]
fn grow_list(size: usize) -> Vec<u8> {
    let mut grown = Vec::new();
    for index in 0..size {
        grown.push(index as u8);
    }
    grown
}

/// What the peak is made of.
#[inline(never)]
fn hoard_blocks() {
    let blocks: Vec<Vec<u8>> = (0..HOARD_COUNT).map(|_| heap_of_zeros()).collect();
    drop(black_box(blocks));
}

/// Zeros, which come by another call.
#[inline(never)]
fn heap_of_zeros() -> Vec<u8> {
    vec![0; HOARD_SIZE]
}

/// In the standard library's code.
#[inline(never)]
fn sort_words(words: [&str; 4]) -> Vec<String> {
    let mut words: Vec<String> = words.iter().map(|word| word.repeat(20)).collect();
    words.sort_by_cached_key(|word| word.to_uppercase());
    words
}

#[inline(never)]
fn list_of_any<T: Copy + Default>(count: usize) -> Vec<T> {
    let mut all = vec![T::default(); count];
    all.shrink_to(count / 2);
    all
}

#[inline(never)]
fn align_page() {
    #[repr(align(256))]
    struct Page(#[expect(dead_code, reason = "what it holds is its size")] [u8; 1024]);
    drop(black_box(Box::new(Page([1; 1024]))));
}
