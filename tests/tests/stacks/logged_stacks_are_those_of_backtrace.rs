//! The log's stack of a block is the one that `backtrace` sees: on the first
//! thread, on others, from C, while unwinding, on stacks for signals and of
//! coroutines.
#![expect(unsafe_code, reason = "has the C library call back")]

use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};

use scrubjay_tests::foreign_stacks::{on_coroutine, on_signal_stack};
use scrubjay_tests::{child, threads};

use crate::marked::{compare, mark};

/// Frames that are on each stack, at least: of the program, and of what it calls
/// to be called back.
const LEAST: [usize; 7] = [11, 11, 5, 5, 4, 4, 4];
/// The stacks that the child has on its first thread. Around it is the same.
const FIRST_THREADS: [usize; 4] = [0, 2, 3, 4];

pub fn test() {
    let stacks = compare(child!());
    assert_eq!(stacks.len(), LEAST.len());
    let around = FIRST_THREADS.map(|number| common_end(&stacks[0][1..], &stacks[number]));
    let around = around.into_iter().min().unwrap_or(0);
    // From `main` to the start of the program.
    assert!(around >= 3, "{stacks:x?}");
    for (number, (stack, least)) in stacks.iter().zip(LEAST).enumerate() {
        let others = if FIRST_THREADS.contains(&number) { around } else { 0 };
        assert!(stack.len() - others >= least, "{number}: {stack:x?}, {others} around");
    }
}

/// How many frames two stacks have in common, from the outermost on.
fn common_end(one: &[u64], other: &[u64]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

pub fn child(_: &[String]) {
    nested(10, &|| mark(0));
    threads::scope(|scope| {
        scope.spawn(|| {
            nested(10, &|| mark(1));
        });
    });
    from_c();
    unwinding();
    let numbers: Vec<u32> = (0..2).collect();
    println_nothing(numbers.iter().map(|number| black_box(number + 1)).inspect(|number| {
        if *number == 1 {
            nested(2, &|| mark(4));
        }
    }));
    on_signal_stack(|| {
        nested(2, &|| mark(5));
        0
    });
    on_coroutine(|| {
        nested(2, &|| mark(6));
        0
    });
}

fn println_nothing(numbers: impl Iterator<Item = u32>) {
    assert_eq!(numbers.sum::<u32>(), 3);
}

/// Calls itself so often, then `act`.
#[inline(never)]
fn nested(depth: usize, act: &dyn Fn()) -> usize {
    if depth == 0 {
        act();
        return 0;
    }
    black_box(nested(depth - 1, act)) + 1
}

fn from_c() {
    unsafe extern "C" fn compare(_: *const libc::c_void, _: *const libc::c_void) -> i32 {
        nested(2, &|| mark(2));
        0
    }
    let mut words = [1_u32, 2];
    // SAFETY: two words of this size stand there; the function takes any.
    unsafe { libc::qsort(words.as_mut_ptr().cast(), words.len(), size_of::<u32>(), Some(compare)) };
}

fn unwinding() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            nested(2, &|| mark(3));
        }
    }
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _last = Last;
        panic::resume_unwind(Box::new(1));
    }));
    assert!(caught.is_err());
}
