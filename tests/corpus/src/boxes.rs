//! Values that nobody drops: boxes, vectors, strings, maps.

use std::collections::HashMap;
use std::hint::black_box;
use std::mem::{self, ManuallyDrop, MaybeUninit};

use crate::case::{at_least, cases, exactly};

cases! { "boxes.rs":
    Lost Open forgotten_box: exactly(1, 24), "a box is given to `mem::forget`";
    Lost Blind forgotten_word: exactly(1, 8), "a box of one word is given to `mem::forget`";
    Lost Open forgotten_vec at numbers: exactly(1, 1_537), "a vector is given to `mem::forget`";
    Lost Blind forgotten_string: exactly(1, 114), "a string is given to `mem::forget`";
    Lost Open forgotten_map at titles: at_least(21, 20 * 33 + 20 * 32),
        "a map of strings is given to `mem::forget`, with all that it holds";
    Lost Blind leaked_in_a_loop: exactly(16, 16 * 48), "`Box::leak`, sixteen times";
    Lost Open leaked_slice: exactly(1, 200), "`Vec::leak` of a vector that was full";
    Lost Blind manually_dropped: exactly(1, 612), "a vector in a `ManuallyDrop` goes out of scope";
    Lost Open into_raw: exactly(1, 4_096), "`Box::into_raw`, and the pointer is dropped";
    Lost Blind never_assumed_init at greeting: exactly(1, 77),
        "a string in a `MaybeUninit` goes out of scope";
    Lost Open union_field: exactly(1, 320), "a box in a union's field goes out of scope";
    Lost Blind forgotten_closure: exactly(1, 136), "a boxed closure is given to `mem::forget`";
    Lost Open grown_and_forgotten at grow: exactly(1, 98_304),
        "a vector grows by reallocation, and is forgotten";
    Lost Blind shrunk_and_forgotten: exactly(1, 333), "a vector shrinks, and is forgotten";
    Lost Open over_aligned: exactly(1, 768), "a forgotten block that is aligned to 256 bytes";
    Lost Blind beside_nothing: exactly(1, 40),
        "a block forgotten together with boxes and vectors that have none";
    Lost Open forgotten_tree at branch: exactly(15, 15 * 56),
        "the root of a tree of boxes is forgotten";
}

#[inline(never)]
fn forgotten_box() {
    mem::forget(black_box(Box::new([3_u8; 24]))); // leaks
}

#[inline(never)]
fn forgotten_word() {
    mem::forget(black_box(Box::new(0x5eed_u64))); // leaks
}

fn forgotten_vec() {
    mem::forget(numbers(1_537));
}

#[inline(never)]
fn numbers(count: usize) -> Vec<u8> {
    black_box(vec![7; black_box(count)]) // leaks
}

#[inline(never)]
fn forgotten_string() {
    mem::forget(black_box("acorn ".repeat(black_box(19)))); // leaks
}

fn forgotten_map() {
    mem::forget(titles());
}

#[inline(never)]
fn titles() -> HashMap<u32, String> {
    let mut titles = HashMap::with_capacity(20); // leaks
    for number in 0..20 {
        titles.insert(number, "one title, ".repeat(black_box(3))); // leaks
    }
    black_box(titles)
}

#[inline(never)]
fn leaked_in_a_loop() {
    for number in 0..16 {
        let leaked: &'static mut [u8; 48] = Box::leak(Box::new([number; 48])); // leaks
        black_box(leaked);
    }
}

#[inline(never)]
fn leaked_slice() {
    let mut numbers = Vec::<u32>::with_capacity(black_box(50)); // leaks
    numbers.resize(50, 9);
    black_box(numbers.leak());
}

#[inline(never)]
fn manually_dropped() {
    black_box(ManuallyDrop::new(vec![1_u8; black_box(612)])); // leaks
}

#[inline(never)]
fn into_raw() {
    black_box(Box::into_raw(Box::new([4_u8; 4_096]))); // leaks
}

fn never_assumed_init() {
    black_box(MaybeUninit::new(greeting()));
}

#[inline(never)]
fn greeting() -> String {
    let mut greeting = String::with_capacity(black_box(77)); // leaks
    greeting.push_str("good morning");
    black_box(greeting)
}

union Either {
    owned: ManuallyDrop<Box<[u8; 320]>>,
    number: u64,
}

#[inline(never)]
fn union_field() {
    black_box(Either { owned: ManuallyDrop::new(Box::new([5; 320])) }); // leaks
    black_box(Either { number: 5 });
}

#[inline(never)]
fn forgotten_closure() {
    let captured = black_box([6_u8; 136]);
    let closure: Box<dyn Fn() -> u8> = Box::new(move || captured[7]); // leaks
    mem::forget(black_box(closure));
}

fn forgotten_tree() {
    mem::forget(branch(4));
}

struct Branch {
    _branches: [Option<Box<Self>>; 2],
    _leaves: [u64; 5],
}

#[inline(never)]
fn branch(depth: u32) -> Option<Box<Branch>> {
    if depth == 0 {
        return None;
    }
    let branches = [branch(depth - 1), branch(depth - 1)];
    black_box(Some(Box::new(Branch { _branches: branches, _leaves: [1; 5] }))) // leaks
}

fn grown_and_forgotten() {
    mem::forget(grow());
}

#[inline(never)]
fn grow() -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..96 {
        bytes.reserve_exact(black_box(1_024)); // leaks
        bytes.resize(bytes.len() + 1_024, 8);
    }
    black_box(bytes)
}

#[inline(never)]
fn shrunk_and_forgotten() {
    let mut bytes = black_box(vec![2_u8; 2_000]); // leaks
    bytes.truncate(333);
    bytes.shrink_to_fit(); // leaks
    mem::forget(black_box(bytes));
}

#[repr(align(256))]
struct Aligned {
    _bytes: [u8; 768],
}

#[inline(never)]
fn over_aligned() {
    mem::forget(black_box(Box::new(Aligned { _bytes: [1; 768] }))); // leaks
}

#[inline(never)]
fn beside_nothing() {
    let beside = Box::new([9_u8; 40]); // leaks
    mem::forget(black_box((Box::new(()), beside, vec![(); 12], Vec::<u64>::new())));
}
