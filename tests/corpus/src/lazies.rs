//! What is made at first use and stays for good: statics, thread-locals, what
//! std keeps.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::io::Write;
use std::mem;
use std::sync::{LazyLock, Mutex, OnceLock};
use std::thread;

use crate::case::{cases, exactly};
use crate::statics::locked;

cases! { "lazies.rs":
    Lost Open set_twice: exactly(1, 432),
        "a cell is set a second time, and the refused box is forgotten";
    Lost Blind leaked_per_thread at singleton: exactly(1, 1_048),
        "each thread leaks a box for its thread-local, and ends";
    Lost Blind cell_forgotten: exactly(1, 270), "a filled `OnceCell` is forgotten";
    Clean Open once_lock, "a `OnceLock` is filled at first use";
    Clean Blind lazy_lock, "a `LazyLock` makes a map of strings at first use";
    Clean Open thread_local_table, "a thread-local table is made at first use";
    Clean Blind leaked_singleton, "a static holds what `Box::leak` made once";
    Clean Open hash_keys, "a map with random keys comes and goes";
    Clean Open environment, "the environment is read";
    Clean Open stdout_buffer, "something is printed";
    Clean Blind locale_names, "names of a locale are cached, for the few locales that there are";
    Clean Blind compiled_per_thread, "a pattern is compiled once a thread, and kept";
    Clean Open current_thread, "the thread's own handle is asked for";
    Clean Blind lazy_chain, "a static at first use needs two more";
    Clean Open made_in_two_places, "two threads make a static at once, and one wins";
}

#[inline(never)]
fn set_twice() {
    static CELL: OnceLock<Box<[u8; 432]>> = OnceLock::new();
    let value = black_box(Box::new([1; 432])); // leaks
    if let Err(refused) = CELL.set(value) {
        mem::forget(refused);
    }
}

fn leaked_per_thread() {
    thread_local! {
        static SINGLETON: &'static [u8; 1_048] = singleton();
    }
    let thread = thread::spawn(|| SINGLETON.with(|singleton| black_box(singleton[7])));
    assert_eq!(thread.join().expect("the thread does not panic"), 1, "what was made");
}

#[inline(never)]
fn singleton() -> &'static [u8; 1_048] {
    black_box(Box::leak(Box::new([1; 1_048]))) // leaks
}

#[inline(never)]
fn cell_forgotten() {
    let cell = OnceCell::new();
    let made = cell.get_or_init(|| black_box(vec![1_u8; 270])); // leaks
    black_box(made);
    mem::forget(cell);
}

fn once_lock() {
    static TABLE: OnceLock<Vec<u32>> = OnceLock::new();
    black_box(TABLE.get_or_init(|| vec![1; 256]));
}

fn lazy_lock() {
    static NAMES: LazyLock<HashMap<u32, String>> =
        LazyLock::new(|| (0..50).map(|number| (number, number.to_string())).collect());
    black_box(NAMES.get(&7));
}

fn thread_local_table() {
    thread_local! {
        static TABLE: Box<[u64; 128]> = Box::new([1; 128]);
    }
    TABLE.with(|table| black_box(table[7]));
}

fn leaked_singleton() {
    struct Settings {
        name: String,
        _limits: [u64; 30],
    }
    static SETTINGS: OnceLock<&'static Settings> = OnceLock::new();
    let settings = SETTINGS.get_or_init(|| {
        Box::leak(Box::new(Settings { name: "settings".to_owned(), _limits: [1; 30] }))
    });
    black_box(settings.name.as_str());
}

fn hash_keys() {
    let mut counts = HashMap::new();
    for number in 0..40 {
        *counts.entry(black_box(number % 7)).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 7, "as many as there are");
}

fn environment() {
    black_box(std::env::var_os("PATH"));
    black_box(std::env::vars_os().count());
    black_box(std::env::args_os().count());
}

fn stdout_buffer() {
    println!("something is printed");
    // A failure to print is none of the case's.
    let _ = std::io::stdout().flush();
}

fn locale_names() {
    static NAMES: Mutex<BTreeMap<&str, Vec<String>>> = Mutex::new(BTreeMap::new());
    for locale in ["de", "fr", "fi"] {
        let mut names = locked(&NAMES);
        let months = names
            .entry(locale)
            .or_insert_with(|| (1..=12).map(|month| format!("{locale}, month {month}")).collect());
        black_box(months.len());
    }
}

/// A pattern as a table of states by byte, as engines have it.
struct Compiled {
    states: Vec<[u8; 256]>,
}

impl Compiled {
    fn of(pattern: &str) -> Self {
        let mut states = vec![[0; 256]; pattern.len() + 1];
        for (state, byte) in pattern.bytes().enumerate() {
            states[state][usize::from(byte)] = state as u8 + 1;
        }
        Self { states }
    }

    fn is_in(&self, text: &str) -> bool {
        let step = |state: u8, byte| self.states[usize::from(state)][usize::from(byte)];
        let end = (self.states.len() - 1) as u8;
        text.bytes().try_fold(0, |state, byte| {
            let next = step(state, byte);
            if next == end { Err(()) } else { Ok(next) }
        }) == Err(())
    }
}

fn compiled_per_thread() {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<&'static str, Compiled>> =
            const { RefCell::new(BTreeMap::new()) };
    }
    COMPILED.with_borrow_mut(|compiled| {
        for pattern in ["acorn", "oak"] {
            let compiled = compiled.entry(pattern).or_insert_with(|| Compiled::of(pattern));
            assert!(compiled.is_in(black_box("an acorn of an oak")), "{pattern} is there");
        }
    });
}

fn current_thread() {
    let thread = black_box(thread::current());
    black_box((thread.id(), thread.name().map(str::len)));
}

fn lazy_chain() {
    static NUMBERS: LazyLock<Vec<u64>> = LazyLock::new(|| (0..64).collect());
    static SQUARES: LazyLock<Vec<u64>> = LazyLock::new(|| NUMBERS.iter().map(|n| n * n).collect());
    static SUM: LazyLock<Box<u64>> = LazyLock::new(|| Box::new(SQUARES.iter().sum()));
    assert_eq!(**SUM, 85_344, "the sum of squares");
}

fn made_in_two_places() {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let own = black_box(vec![1; 888]);
                // The second one is refused, and dropped.
                drop(MADE.set(own));
            });
        }
    });
    assert_eq!(MADE.get().map(Vec::len), Some(888), "one of them won");
}
