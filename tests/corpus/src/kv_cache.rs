//! Caches of keys and values as a language model's server keeps them.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::sync::{LazyLock, Mutex};

use crate::case::{cases, exactly};
use crate::statics::{ROOM, locked, next_number};

cases! { "kv_cache.rs":
    Kept Open sessions_never_evicted at open_session: exactly(3, 2 * 12_288 + 2 * 24),
        "the cache of a conversation stays when the conversation has ended";
    Kept Blind prefixes_never_evicted at prefill: exactly(4, 4 * size_of::<Prefix>()),
        "a tree of shared prefixes keeps every prompt that ever came";
    Lost Blind cache_forgotten at cache: exactly(2, 2 * 6_144),
        "keys and values are lent to a kernel by `forget`, and never taken back";
    Clean Open sessions_with_limit, "four conversations are kept, the oldest goes";
    Clean Open ring_of_positions, "a ring of positions is overwritten, its memory stays";
    Clean Blind one_session_reused, "the cache of the last conversation serves the next one";
}

type Layer = Vec<f32>;

fn sessions_never_evicted() {
    open_session(next_number());
}

#[inline(never)]
fn open_session(number: u64) {
    static SESSIONS: LazyLock<Mutex<HashMap<u64, Vec<Layer>>>> =
        LazyLock::new(|| Mutex::new(HashMap::with_capacity(ROOM)));
    let mut layers = Vec::with_capacity(2); // leaks
    for _ in 0..2 {
        layers.push(black_box(vec![0.0; 3_072])); // leaks
    }
    locked(&SESSIONS).insert(number, layers);
}

struct Prefix {
    _keys: [f32; 60],
    token: u64,
    next: Option<Box<Self>>,
    beside: Option<Box<Self>>,
}

fn prefixes_never_evicted() {
    prefill(next_number());
}

#[inline(never)]
fn prefill(prompt: u64) {
    static PREFIXES: Mutex<Option<Box<Prefix>>> = Mutex::new(None);
    let mut prefixes = locked(&PREFIXES);
    let mut next = None;
    for position in (0..4).rev() {
        let beside = if position == 0 { prefixes.take() } else { None };
        let token = prompt + position;
        next = Some(Box::new(Prefix { _keys: [0.0; 60], token, next, beside })); // leaks
    }
    *prefixes = black_box(next);
    let found = prefixes.iter().find(|prefix| prefix.token == prompt);
    black_box(found.is_some_and(|found| found.next.is_some() && found.beside.is_some()));
}

fn cache_forgotten() {
    cache();
}

#[inline(never)]
fn cache() -> (*const f32, *const f32) {
    let keys = black_box(vec![0.0_f32; 1_536]); // leaks
    let values = black_box(vec![0.0_f32; 1_536]); // leaks
    let lent = (keys.as_ptr(), values.as_ptr());
    std::mem::forget((keys, values));
    black_box(lent)
}

fn sessions_with_limit() {
    static SESSIONS: Mutex<VecDeque<Vec<Layer>>> = Mutex::new(VecDeque::new());
    let mut sessions = locked(&SESSIONS);
    for _ in 0..6 {
        sessions.push_back(black_box(vec![vec![0.0; 768]; 2]));
        if sessions.len() > 4 {
            sessions.pop_front();
        }
    }
}

fn ring_of_positions() {
    static RING: Mutex<(Vec<f32>, usize)> = Mutex::new((Vec::new(), 0));
    let mut ring = locked(&RING);
    if ring.0.is_empty() {
        ring.0 = vec![0.0; 4_096];
    }
    for _ in 0..100 {
        let at = ring.1 % 4_096;
        ring.0[at] = black_box(1.0);
        ring.1 += 1;
    }
}

fn one_session_reused() {
    static SESSION: Mutex<Vec<Layer>> = Mutex::new(Vec::new());
    let mut session = locked(&SESSION);
    session.resize_with(4, Vec::new);
    for layer in session.iter_mut() {
        layer.clear();
        layer.resize(black_box(1_000), 0.0);
    }
}
