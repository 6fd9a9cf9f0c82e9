//! Sites whose stacks read alike are one: the allocator and the standard library
//! have several ways from the same line of a program to a block (a first one, a
//! grown one, a slow one), and each is a stack of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::held::{HeldSite, sort};
use super::stacks::Stacks;
use super::symbols::fold::{self, About};
use super::symbols::{Frame, Symbols};

/// Puts those together that have one tag and, without plumbing, the same frames;
/// the greatest first. A frame is the same where function, file, line and column
/// are; where these are not all known, its address has to be. Of several the
/// stack of the greatest stands for all.
pub fn together(sites: &[&HeldSite], stacks: &Stacks, symbols: &Symbols) -> Vec<HeldSite> {
    let mut reading = Reading { symbols, known: HashMap::new(), addresses: HashMap::new() };
    let mut places = HashMap::new();
    let mut rows: Vec<HeldSite> = Vec::new();
    for &site in sites {
        let frames = reading.read(stacks.frames(site.stack));
        if frames.is_empty() {
            rows.push(site.clone());
            continue;
        }
        // A stack that the log has in part may go on in any way.
        match places.entry((site.tag, site.is_truncated, site.is_lost, frames)) {
            Entry::Vacant(place) => {
                place.insert(rows.len());
                rows.push(site.clone());
            }
            Entry::Occupied(place) => rows[*place.get()].merge(site),
        }
    }
    sort(&mut rows);
    rows
}

/// What makes a frame the same as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Identity<'s> {
    Line(Line<'s>),
    /// Of an address that has several frames, which.
    Address(u64, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Line<'s> {
    module: Option<&'s str>,
    function: &'s str,
    file: &'s str,
    line: u32,
    column: Option<u32>,
    is_inlined: bool,
}

impl<'s> Identity<'s> {
    fn of(frame: &'s Frame, at: usize) -> Self {
        let code = &frame.code;
        let (function, file) = (code.function.as_deref(), code.file.as_deref());
        match (function, file, code.line) {
            (Some(function), Some(file), Some(line)) => Self::Line(Line {
                module: frame.module.as_deref(),
                function,
                file,
                line,
                column: code.column,
                is_inlined: code.is_inlined,
            }),
            _ => Self::Address(frame.address, at),
        }
    }
}

/// Reads stacks, each address once.
struct Reading<'s> {
    symbols: &'s Symbols,
    /// The number of each frame that is not the same as another one.
    known: HashMap<Identity<'s>, u32>,
    addresses: HashMap<u64, Vec<(About, u32)>>,
}

impl<'s> Reading<'s> {
    /// The numbers of a stack's frames, without plumbing.
    fn read(&mut self, addresses: impl Iterator<Item = u64>) -> Vec<u32> {
        let symbols = self.symbols;
        let (mut abouts, mut numbers) = (Vec::new(), Vec::new());
        for address in addresses {
            let frames = self.addresses.entry(address).or_insert_with(|| {
                let frames: Vec<&Frame> = symbols.frames_of(address).iter().collect();
                let number = |(at, &frame): (usize, &&'s Frame)| {
                    let next = self.known.len() as u32;
                    *self.known.entry(Identity::of(frame, at)).or_insert(next)
                };
                let numbers: Vec<u32> = frames.iter().enumerate().map(number).collect();
                fold::abouts(&frames).into_iter().zip(numbers).collect()
            });
            abouts.extend(frames.iter().map(|(about, _)| *about));
            numbers.extend(frames.iter().map(|(_, number)| *number));
        }
        fold::kept(&abouts).into_iter().map(|at| numbers[at]).collect()
    }
}
