//! Vectors and strings that grow: each step leaves an old block behind.

use std::collections::VecDeque;

use scrubjay::Tag;

use crate::releases::{Released, plant, planted};

use super::text::text;

const PIECE_SIZE: usize = 64;
const TOP: usize = 64 << 20;

/// A vector that grows from a byte, by single pushes at first, with neighbours
/// in its way.
struct Chain {
    bytes: Vec<u8>,
    place: (usize, usize),
    /// Each stands behind the block where it grows, so that it has to move.
    pins: Vec<Vec<u8>>,
}

impl Chain {
    fn new() -> Self {
        Self { bytes: Vec::new(), place: (0, 0), pins: Vec::with_capacity(64) }
    }

    /// Notes the old block where the vector has left it.
    fn grown(&mut self, released: &mut Released) {
        let place = (self.bytes.as_ptr() as usize, self.bytes.capacity());
        if place.0 != self.place.0 && self.place.1 > 0 {
            released.note(label(self.place.1), self.place.0, self.place.1);
        }
        if place.1 != self.place.1 {
            self.pins.push(vec![0; 40]);
        }
        self.place = place;
    }

    fn run(mut self, key: u64, top: usize, released: &mut Released) {
        for byte in planted(key, PIECE_SIZE) {
            self.bytes.push(byte);
            self.grown(released);
        }
        while self.bytes.len() < top {
            let at = self.bytes.len();
            // In place: there is no other copy.
            self.bytes.resize(at + PIECE_SIZE, 0);
            self.grown(released);
            plant(key, &mut self.bytes[at..]);
        }
        released.give_up("last", self.bytes);
    }
}

/// Blocks so small that glibc's own writes hide them are told apart.
fn label(size: usize) -> &'static str {
    if size <= 24 { "24" } else { "grown" }
}

pub(super) fn from_a_byte_to_64_mib(key: u64, released: &mut Released) {
    Chain::new().run(key, TOP, released);
}

pub(super) fn from_a_byte_to_64_mib_secret(key: u64, released: &mut Released) {
    static SECRET: Tag = Tag::new("grown secret").secret();
    let _scope = SECRET.enter();
    Chain::new().run(key, TOP, released);
}

/// Exact growth by a little: what a block's own slack has room for stays in
/// place.
pub(super) fn by_a_few_bytes(key: u64, _: &mut Released) {
    let mut bytes = planted(key, 40);
    let mut pins: Vec<Vec<u8>> = Vec::new();
    while bytes.len() < 3_000 {
        let at = bytes.len();
        bytes.reserve_exact(7);
        bytes.resize(at + 7, 0);
        plant(key, &mut bytes[at..]);
        pins.push(vec![0; 24]);
    }
}

pub(super) fn other_containers(key: u64, _: &mut Released) {
    let secret = text(key, 20_000);
    let mut string = String::new();
    let mut ring: VecDeque<u8> = VecDeque::new();
    let mut rows: Vec<[u8; 32]> = Vec::new();
    for (index, piece) in secret.as_bytes().chunks_exact(32).enumerate() {
        string.push_str(std::str::from_utf8(piece).expect("letters"));
        ring.extend(piece);
        // Wraps around, so that growth copies in two parts.
        if index % 3 == 0 {
            ring.drain(..16);
        }
        rows.push(piece.try_into().expect("32 bytes"));
    }
    rows.sort();
    string.insert_str(10, "between");
}
