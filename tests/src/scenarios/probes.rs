//! Secrets that a victim keeps on purpose: an attack that does not find each of
//! them is blind, and its zeros mean nothing.

use std::hint::black_box;
use std::sync::Mutex;

use scrubjay::Tag;

use crate::attack::{Place, Residue, Row, Secret};
use crate::releases::{Released, plant, planted};

const STACK_SIZE: usize = 64;
const HEAP_SIZE: usize = 1_000;
const MAPPED_SIZE: usize = 40_000_000;
const MAPPED_AT: usize = MAPPED_SIZE / 2;
const STATIC_SIZE: usize = 64;
const UNWIPED_SIZE: usize = 3_000;
/// Label of that range.
pub(super) const UNWIPED: &str = "unwiped";

/// What is kept, where, and how many bytes of it.
#[derive(Clone, Copy)]
enum Probe {
    Heap,
    Mapped,
    Static,
    Stack,
    /// Freed, but under a tag that wants no wiping.
    Unwiped,
}

const PROBES: [(Probe, &str, usize); 5] = [
    (Probe::Heap, "a live block", HEAP_SIZE),
    (Probe::Mapped, "the middle of a live block of 40 MB", HEAP_SIZE),
    (Probe::Static, "a static", STATIC_SIZE),
    (Probe::Stack, "the stack", STACK_SIZE),
    (Probe::Unwiped, "a freed block that nobody wanted wiped", UNWIPED_SIZE),
];

impl Probe {
    /// The key of its secret, which is not the scenario's.
    fn key(self, key: u64) -> u64 {
        (key ^ 0x7072_6f62_6500) + 1 + self as u64
    }
}

static KEPT: Mutex<[u8; STATIC_SIZE]> = Mutex::new([0; STATIC_SIZE]);

/// Keeps secrets in live blocks and in a static, for ever.
pub(super) fn keep(key: u64, released: &mut Released) {
    let heap = planted(Probe::Heap.key(key), HEAP_SIZE).leak();
    released.note_live("live/heap", heap);
    let mapped = vec![0; MAPPED_SIZE].leak();
    plant(Probe::Mapped.key(key), &mut mapped[MAPPED_AT..MAPPED_AT + HEAP_SIZE]);
    released.note_live("live/mapped", mapped);
    plant(Probe::Static.key(key), &mut *KEPT.lock().expect("nobody panics"));
}

/// A secret for the caller's frame.
#[inline(always)]
pub(super) fn stack(key: u64) -> [u8; STACK_SIZE] {
    let mut bytes = [0; STACK_SIZE];
    plant(Probe::Stack.key(key), &mut bytes);
    bytes
}

/// Frees a block under a tag that wants no wiping.
pub(super) fn give_up_unwiped(key: u64, released: &mut Released) {
    static SPARED: Tag = Tag::new("spared").wipe(false);
    let _scope = SPARED.enter();
    let block = planted(Probe::Unwiped.key(key), UNWIPED_SIZE);
    // So that the block is not the last of the heap, whose end glibc may trim.
    std::mem::forget(black_box(vec![0_u8; UNWIPED_SIZE]));
    released.give_up(UNWIPED, block);
}

/// What the attacker looks for.
pub(super) fn secrets(key: u64) -> impl Iterator<Item = Secret> {
    PROBES.into_iter().map(move |(probe, name, size)| {
        let pieces = vec![planted(probe.key(key), size)];
        Secret { name: name.to_owned(), pieces }
    })
}

/// How many secrets that are.
pub(super) const COUNT: usize = PROBES.len();

/// Whether the secret is where it was put: whole, but for what glibc writes
/// into a freed block.
fn is_found(probe: Probe, row: &Row) -> bool {
    let found_in = |is_its: &dyn Fn(&Place) -> bool| {
        let its = row.places.iter().filter(|(place, _)| is_its(place));
        its.map(|(_, found)| found.window_count).max().unwrap_or(0)
    };
    let all = row.window_count;
    match probe {
        Probe::Heap => found_in(&|place| is_live(place, "live/heap")) == all,
        Probe::Mapped => found_in(&|place| is_live(place, "live/mapped")) == all,
        // Those that begin as zeros follow the file's own pages.
        Probe::Static => ["static data of", "memory without a name, in no block, behind"]
            .iter()
            .any(|statics| found_in(&|place| is_elsewhere(place, statics)) == all),
        Probe::Stack => found_in(&|place| is_elsewhere(place, "stack of the main thread")) == all,
        Probe::Unwiped => found_in(&|place| *place == Place::Freed) > all / 2,
    }
}

fn is_live(place: &Place, label: &str) -> bool {
    matches!(place, Place::Live(name) if name == label)
}

fn is_elsewhere(place: &Place, text: &str) -> bool {
    matches!(place, Place::Elsewhere(name) if name.starts_with(text))
}

/// The probes that an attack did not find. `all` where the process freed one on
/// purpose, too: a forked child may have been made before.
pub(super) fn missing(residue: &Residue, first_row: usize, all: bool) -> Vec<&'static str> {
    let count = if all { COUNT } else { COUNT - 1 };
    let rows = residue.rows[first_row..].iter();
    let probes = PROBES.iter().zip(rows).take(count);
    probes
        .filter(|((probe, ..), row)| !is_found(*probe, row))
        .map(|((_, name, _), _)| *name)
        .collect()
}
