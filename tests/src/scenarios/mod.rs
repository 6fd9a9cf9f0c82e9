//! What programs do with secrets before they give them up: one function a
//! scenario. A victim plays one and waits; `run` attacks it.
//!
//! A secret is made in place from a key that the victim is handed, so that no
//! copy of it stands in the program or comes with its arguments. Whatever a
//! scenario holds is given up when it returns.

mod aligned;
mod c_code;
mod containers;
mod files;
mod forks;
mod growth;
mod json;
mod panics;
mod probes;
mod refusals;
mod run;
mod shrinks;
mod strings;
mod swapped;
mod text;
mod threads;
mod verdict;
mod zeroed;

pub use run::{Attacked, Found, Settings, attack};
pub use verdict::{Kinds, complaints, control_complaints};

use std::hint::black_box;

use crate::releases::{self, AT_EXIT, BEGIN, Released, WAYS, Way};
use crate::system;

/// Scenarios beside the ways in which single blocks are released.
const OWN: [(&str, Way); 20] = [
    ("growth-from-a-byte-to-64-mib", growth::from_a_byte_to_64_mib),
    ("growth-from-a-byte-to-64-mib-secret", growth::from_a_byte_to_64_mib_secret),
    ("growth-by-a-few-bytes", growth::by_a_few_bytes),
    ("growth-of-other-containers", growth::other_containers),
    ("shrink-by-a-few-bytes", shrinks::by_a_few_bytes),
    ("shrink-from-64-kib-to-1000", shrinks::from_64_kib_to_1000),
    ("shrink-of-mapped-blocks", shrinks::of_mapped_blocks),
    ("over-aligned-reallocs", aligned::reallocs),
    ("hash-maps", containers::hash_maps),
    ("b-trees", containers::b_trees),
    ("boxed-trees", containers::boxed_trees),
    ("other-containers", containers::others),
    ("strings", strings::of_all_kinds),
    ("json", json::parsed_changed_printed),
    ("file-reads", files::read),
    ("threads-in-a-ring", threads::in_a_ring),
    ("threads-that-end", threads::that_end),
    ("panics", panics::with_payloads_and_locals),
    ("refused-growth", refusals::of_growth),
    ("zeroed-blocks", zeroed::again_and_again),
];
/// Scenarios of more than one process.
const FORKS: [(&str, Way); 2] =
    [("fork", forks::by_the_library), ("fork-by-system-call", forks::by_the_system_call)];

/// Scenarios of C code, whose memory scrubjay reaches by a feature alone.
pub const C_CODE: [(&str, Way); 3] =
    [("c-buffers", c_code::buffers), ("c-growth", c_code::growth), ("c-strings", c_code::strings)];
/// The name of a scenario that needs a system which swaps.
pub const SWAPPED: &str = "swapped-out";
const SWAP: [(&str, Way); 1] = [(SWAPPED, swapped::free)];

/// The names of all scenarios that need nothing of the system.
pub fn names() -> impl Iterator<Item = &'static str> {
    let ways = WAYS.iter().chain(&OWN).chain(&FORKS);
    ways.map(|(name, _)| *name).chain([AT_EXIT])
}

/// What a victim is told to write a core file when it dies.
const WITH_CORE: &str = "with-core";

/// The victim: plays the scenario that its arguments name, with the secret of
/// a key, tells where its blocks were and waits.
pub fn play(arguments: &[String]) {
    let [name, key, rest @ ..] = arguments else { panic!("not a scenario: {arguments:?}") };
    let key = key.parse().expect("a number");
    if rest.iter().any(|word| word == WITH_CORE) {
        system::allow_core_file();
    }
    println!("{BEGIN}");
    let mut released = Released::new();
    probes::keep(key, &mut released);
    let on_stack = probes::stack(key);
    if name == AT_EXIT {
        probes::give_up_unwiped(key, &mut released);
        releases::exit(key, released);
        // From here, so that this function's frame stays where it is.
        black_box(&on_stack);
        std::process::exit(0);
    }
    let named = WAYS
        .iter()
        .chain(&OWN)
        .chain(&FORKS)
        .chain(&C_CODE)
        .chain(&SWAP)
        .find(|(known, _)| known == name);
    let Some((_, play)) = named else { panic!("no such scenario: {name}") };
    play(key, &mut released);
    probes::give_up_unwiped(key, &mut released);
    released.tell();
    released.end_processes();
    black_box(&on_stack);
}
