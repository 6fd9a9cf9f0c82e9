//! Containers in statics and thread-locals that grow with every round, and
//! some that do not.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, LinkedList, VecDeque};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::case::{at_least, cases, exactly};

cases! { "statics.rs":
    Kept Open static_vec: exactly(3, 3 * 72), "boxes are pushed to a static vector";
    Kept Blind static_map at remember: exactly(4, 4 * 59), "strings are put into a static map";
    Kept Open lru_that_never_evicts at load: exactly(2, 2 * 2_048),
        "a cache with an order of use and a limit that is never reached";
    Kept Blind memoised at solve: exactly(5, 5 * 264),
        "answers are kept by arguments that never come again";
    Kept Open interned at intern: exactly(6, 6 * 21), "names are interned that never come again";
    Kept Blind log_lines at write_line: at_least(8, 8 * (100 + 24)),
        "a log in memory is read by nobody";
    Kept Open metric_labels at count_request: at_least(3, 3 * (36 + 24 + 8)),
        "a metric has the number of the request among its labels";
    Kept Blind snapshots: exactly(2, 10_240 + 40), "a list keeps every state for an undo";
    Kept Open thread_local_vec at add_numbers: at_least(0, 64 * 8),
        "numbers are pushed to a thread's own vector";
    Kept Blind static_capacity: at_least(0, 1_500), "a static buffer is appended to, never cleared";
    Clean Open replaced_each_run, "a static vector is replaced by another of its size";
    Clean Blind cleared_each_run, "a static vector is cleared and filled again, its room stays";
    Clean Open lru_with_limit, "a static cache evicts what was not used for longest";
    Clean Blind known_names, "names are interned, always the same ones";
    Clean Open counted_in_place, "a metric's labels are few, and its counts are numbers";
    Clean Blind undo_with_limit, "a list keeps the last three states for an undo";
}

/// Room in static containers, so that what a round adds is exact.
pub(crate) const ROOM: usize = 4_096;

/// The guard of a mutex that may have seen a panic.
#[inline]
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of this call: no two are the same.
#[inline]
pub(crate) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

type Kept = Box<[u8; 72]>;

#[inline(never)]
fn static_vec() {
    static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());
    let mut kept = locked(&KEPT);
    if kept.capacity() == 0 {
        kept.reserve_exact(ROOM);
    }
    for number in 0..3 {
        kept.push(black_box(Box::new([number; 72]))); // leaks
    }
}

fn static_map() {
    for _ in 0..4 {
        remember(next_number());
    }
}

#[inline(never)]
fn remember(number: u64) {
    static SEEN: LazyLock<Mutex<HashMap<u64, String>>> =
        LazyLock::new(|| Mutex::new(HashMap::with_capacity(ROOM)));
    let mut text = String::with_capacity(59); // leaks
    text.push_str("what was seen");
    locked(&SEEN).insert(number, black_box(text));
}

struct Lru {
    pages: HashMap<u64, Box<[u8; 2_048]>>,
    order: VecDeque<u64>,
    count_max: usize,
}

impl Lru {
    fn with_limit(count_max: usize) -> Self {
        Self {
            pages: HashMap::with_capacity(ROOM),
            order: VecDeque::with_capacity(ROOM),
            count_max,
        }
    }

    fn put(&mut self, number: u64, page: Box<[u8; 2_048]>) {
        self.pages.insert(number, page);
        self.order.push_back(number);
        while self.order.len() > self.count_max {
            if let Some(oldest) = self.order.pop_front() {
                self.pages.remove(&oldest);
            }
        }
    }
}

fn lru_that_never_evicts() {
    load(next_number());
    load(next_number());
}

#[inline(never)]
fn load(number: u64) {
    static CACHE: LazyLock<Mutex<Lru>> = LazyLock::new(|| Mutex::new(Lru::with_limit(usize::MAX)));
    locked(&CACHE).put(number, black_box(Box::new([1; 2_048]))); // leaks
}

fn lru_with_limit() {
    static CACHE: LazyLock<Mutex<Lru>> = LazyLock::new(|| Mutex::new(Lru::with_limit(4)));
    for _ in 0..6 {
        locked(&CACHE).put(next_number(), black_box(Box::new([1; 2_048])));
    }
}

fn memoised() {
    for _ in 0..5 {
        solve(next_number());
    }
}

#[inline(never)]
fn solve(argument: u64) -> u64 {
    static ANSWERS: LazyLock<Mutex<HashMap<u64, Vec<u64>>>> =
        LazyLock::new(|| Mutex::new(HashMap::with_capacity(ROOM)));
    let mut answers = locked(&ANSWERS);
    let answer = answers.entry(argument).or_insert_with(|| vec![argument; 33]); // leaks
    black_box(answer[32])
}

fn interned() {
    for _ in 0..6 {
        intern(next_number());
    }
}

#[inline(never)]
fn intern(number: u64) -> &'static str {
    static NAMES: LazyLock<Mutex<HashSet<&'static str>>> =
        LazyLock::new(|| Mutex::new(HashSet::with_capacity(ROOM)));
    let mut name = String::with_capacity(21); // leaks
    name.push_str("name-");
    // Digits by hand: formatting would be one more site.
    name.extend((0..16).rev().map(|place| char::from(b'0' + digit(number, place))));
    let name: &'static str = name.leak();
    locked(&NAMES).insert(black_box(name));
    name
}

fn digit(number: u64, place: u32) -> u8 {
    (number / 10_u64.pow(place) % 10) as u8
}

fn log_lines() {
    for _ in 0..8 {
        write_line();
    }
}

#[inline(never)]
fn write_line() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let line = "ten bytes ".repeat(black_box(10)); // leaks
    locked(&LINES).push(line); // leaks
}

fn metric_labels() {
    for _ in 0..3 {
        count_request(next_number());
    }
}

#[inline(never)]
fn count_request(number: u64) {
    static COUNTS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
    let mut label = String::with_capacity(36); // leaks
    label.push_str("request-");
    label.extend((0..16).rev().map(|place| char::from(b'0' + digit(number, place))));
    *locked(&COUNTS).entry(black_box(label)).or_default() += 1; // leaks
}

#[inline(never)]
fn snapshots() {
    static STATES: Mutex<LinkedList<Vec<u8>>> = Mutex::new(LinkedList::new());
    let state = black_box(vec![1_u8; 10_240]); // leaks
    locked(&STATES).push_back(state); // leaks
}

fn thread_local_vec() {
    thread_local! {
        static NUMBERS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }
    NUMBERS.with_borrow_mut(add_numbers);
}

// Not a closure: where debug information is scant, that has no name.
#[inline(never)]
fn add_numbers(numbers: &mut Vec<u64>) {
    for number in 0..64 {
        numbers.push(black_box(number)); // leaks
    }
}

#[inline(never)]
fn static_capacity() {
    static BYTES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    locked(&BYTES).extend_from_slice(black_box(&[1; 1_500])); // leaks
}

fn replaced_each_run() {
    static LAST: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    *locked(&LAST) = black_box(vec![1; 7_000]);
}

fn cleared_each_run() {
    static SCRATCH: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    let mut scratch = locked(&SCRATCH);
    scratch.clear();
    for number in 0..1_000 {
        scratch.push(black_box(number));
    }
}

fn known_names() {
    static NAMES: Mutex<BTreeMap<u8, Box<str>>> = Mutex::new(BTreeMap::new());
    let mut names = locked(&NAMES);
    for number in 0..20 {
        names.entry(number).or_insert_with(|| black_box("a name".repeat(5)).into_boxed_str());
    }
}

fn counted_in_place() {
    static COUNTS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
    for status in ["200", "404", "500"] {
        *locked(&COUNTS).entry(black_box(status).to_owned()).or_default() += 1;
    }
}

fn undo_with_limit() {
    static STATES: Mutex<LinkedList<Vec<u8>>> = Mutex::new(LinkedList::new());
    let mut states = locked(&STATES);
    for _ in 0..5 {
        states.push_back(black_box(vec![1_u8; 1_024]));
        if states.len() > 3 {
            states.pop_front();
        }
    }
}
