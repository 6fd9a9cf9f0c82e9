//! What each address is: part of a live block, of a freed one, or of something
//! that is not the allocator's.

use super::blocks::{Block, Spans};
use super::memory::Mapping;
use super::windows::WINDOW_SIZE;

/// What a place in memory is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Was part of a block and is not any more: what is found here is residue.
    Freed,
    /// Part of a live block with this tag.
    Live(String),
    /// No block's memory: a stack, a program's static data, a file.
    Elsewhere(String),
    /// The log, read as a file.
    Log,
}

/// The address space, piece by piece.
pub struct Places {
    /// In order, disjoint, each (start, end, index of its place).
    segments: Vec<(u64, u64, usize)>,
    places: Vec<Place>,
}

impl Places {
    /// Puts together what the kernel and the log say.
    ///
    /// Memory that once was a block's and is now mapped from a file or in use
    /// as a thread's stack was given back in between, and is not the
    /// allocator's any more.
    pub fn new(mappings: &[Mapping], live: &[Block], ever: &Spans) -> Self {
        let mut live: Vec<&Block> = live.iter().filter(|block| block.size > 0).collect();
        live.sort_by_key(|block| block.address);
        let mut places = Self { segments: Vec::new(), places: vec![Place::Freed] };
        let mut last_file = String::new();
        for mapping in mappings {
            if !mapping.path.is_empty() && !mapping.path.starts_with('[') {
                last_file.clone_from(&mapping.path);
            }
            let elsewhere = places.index(Place::Elsewhere(name(mapping, &last_file)));
            if !mapping.may_hold_blocks() {
                places.segments.push((mapping.start, mapping.end, elsewhere));
                continue;
            }
            let stack = mapping
                .stack_of
                .as_ref()
                .map(|thread| places.index(Place::Elsewhere(format!("stack of thread {thread}"))));
            let stack = stack.map(|place| (mapping.start, mapping.stack_end(), place));
            let first = live.partition_point(|block| block.address + block.size <= mapping.start);
            let mut at = mapping.start;
            for block in live[first..].iter().take_while(|block| block.address < mapping.end) {
                places.fill(at, block.address, ever, stack, elsewhere);
                let end = (block.address + block.size).min(mapping.end);
                let place = places.index(Place::Live(block.tag.clone()));
                places.segments.push((block.address.max(at), end, place));
                at = end;
            }
            places.fill(at, mapping.end, ever, stack, elsewhere);
        }
        places
    }

    /// As [`Places::new`], of a process whose blocks nobody wrote down: all
    /// memory that may hold blocks counts as if it had been one.
    pub fn without_a_journal(mappings: &[Mapping]) -> Self {
        // The program's own file is mapped first. What follows its writable pages
        // is the rest of its statics, in several mappings where pages of it have
        // settings of their own; what follows a library's is one mapping.
        let program = mappings.first().map(|mapping| &mapping.path[..]);
        let (mut ranges, mut statics_end, mut last_is_program) = (Vec::new(), 0, false);
        for mapping in mappings {
            let is_file = mapping.path.starts_with('/');
            let follows = mapping.path.is_empty() && mapping.start == statics_end;
            if mapping.may_hold_blocks() && !follows {
                ranges.push((mapping.start, mapping.end));
            }
            let is_program = Some(&mapping.path[..]) == program;
            last_is_program = is_program || (follows && last_is_program);
            if mapping.access.starts_with("rw") && (is_file || (follows && last_is_program)) {
                statics_end = mapping.end;
            }
        }
        Self::new(mappings, &[], &Spans::of(ranges))
    }

    /// Makes a range one place, whatever it was. Answers whether all of it was
    /// `was` before.
    pub fn overlay(
        &mut self,
        range: (u64, u64),
        place: Place,
        was: impl Fn(&Place) -> bool,
    ) -> bool {
        let (start, end) = range;
        let index = self.index(place);
        let mut covered = 0;
        let mut segments = Vec::with_capacity(self.segments.len() + 2);
        for &(from, to, old) in &self.segments {
            let (left, right) = (from.max(start), to.min(end));
            if left >= right {
                segments.push((from, to, old));
                continue;
            }
            let now = if was(&self.places[old]) {
                covered += right - left;
                index
            } else {
                old
            };
            let parts = [(from, left, old), (left, right, now), (right, to, old)];
            segments.extend(parts.into_iter().filter(|(from, to, _)| from < to));
        }
        self.segments = segments;
        covered == end - start
    }

    /// Asks for places in the order of their addresses.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { places: self, index: 0 }
    }

    /// What stands between live blocks.
    fn fill(
        &mut self,
        start: u64,
        end: u64,
        ever: &Spans,
        stack: Option<(u64, u64, usize)>,
        elsewhere: usize,
    ) {
        let mut at = start;
        if let Some((_, stack_end, place)) = stack
            && at < stack_end
        {
            at = stack_end.min(end);
            self.push(start, at, place);
        }
        for (from, to) in ever.within(at, end) {
            self.push(at, from, elsewhere);
            self.push(from, to, 0);
            at = to;
        }
        self.push(at, end, elsewhere);
    }

    fn push(&mut self, start: u64, end: u64, place: usize) {
        if start < end {
            self.segments.push((start, end, place));
        }
    }

    fn index(&mut self, place: Place) -> usize {
        self.places.iter().position(|known| *known == place).unwrap_or_else(|| {
            self.places.push(place);
            self.places.len() - 1
        })
    }
}

fn name(mapping: &Mapping, last_file: &str) -> String {
    let file = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let writable = mapping.access.contains('w');
    match mapping.path.as_str() {
        "[stack]" => "stack of the main thread".to_owned(),
        "[heap]" => "heap, in no block".to_owned(),
        "" if last_file.is_empty() => "memory without a name, in no block".to_owned(),
        "" => format!("memory without a name, in no block, behind {}", file(last_file)),
        path if path.starts_with('[') => path.to_owned(),
        path if writable => format!("static data of {}", file(path)),
        path => format!("file {}", file(path)),
    }
}

/// A place in the address space that only moves forward.
pub struct Cursor<'a> {
    places: &'a Places,
    index: usize,
}

impl<'a> Cursor<'a> {
    /// The place of the window at an address. A window that is not all in one
    /// place is residue if any of its bytes is.
    pub fn place(&mut self, address: u64) -> &'a Place {
        let Places { segments, places } = self.places;
        while segments.get(self.index).is_some_and(|segment| segment.1 <= address) {
            self.index += 1;
        }
        let end = address + WINDOW_SIZE as u64;
        let mut place = segments.get(self.index).map_or(0, |segment| segment.2);
        for segment in segments[self.index..].iter().take_while(|segment| segment.0 < end) {
            if segment.2 == 0 {
                place = 0;
            }
        }
        &places[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(start: u64, end: u64, path: &str) -> Mapping {
        let access = "rw-p".to_owned();
        Mapping { start, end, access, path: path.to_owned(), stack_of: None }
    }

    fn block(address: u64, size: u64) -> Block {
        Block { address, size, tag: "tag".into() }
    }

    fn at(places: &Places, address: u64) -> Place {
        places.cursor().place(address).clone()
    }

    #[test]
    fn live_freed_and_neither_are_told_apart() {
        let mappings = [mapping(0, 1000, "[heap]"), mapping(2000, 3000, "/lib/libc.so")];
        let ever = Spans::of(vec![(100, 200), (300, 400), (2000, 2100)]);
        let places = Places::new(&mappings, &[block(100, 50)], &ever);
        assert_eq!(at(&places, 0), Place::Elsewhere("heap, in no block".into()));
        assert_eq!(at(&places, 100), Place::Live("tag".into()));
        assert_eq!(at(&places, 142), Place::Live("tag".into()));
        assert_eq!(at(&places, 143), Place::Freed, "its last byte stands in freed memory");
        assert_eq!(at(&places, 93), Place::Elsewhere("heap, in no block".into()));
        assert_eq!(at(&places, 160), Place::Freed);
        assert_eq!(at(&places, 293), Place::Freed);
        assert_eq!(at(&places, 2000), Place::Elsewhere("static data of libc.so".into()));
    }

    #[test]
    fn without_a_journal_all_that_may_hold_blocks_counts() {
        let mappings = [
            mapping(0, 100, "/program"),
            mapping(100, 200, ""),
            mapping(200, 210, ""),
            mapping(300, 400, "[heap]"),
            mapping(500, 600, ""),
            mapping(600, 700, "/library"),
            mapping(700, 800, ""),
            mapping(800, 900, ""),
        ];
        let mut places = Places::without_a_journal(&mappings);
        for address in [120, 205, 750] {
            assert!(matches!(at(&places, address), Place::Elsewhere(_)), "statics behind a file");
        }
        assert_eq!(at(&places, 850), Place::Freed);
        assert_eq!(at(&places, 300), Place::Freed);
        assert_eq!(at(&places, 500), Place::Freed);
        let live = || Place::Live("told".into());
        assert!(places.overlay((310, 330), live(), |was| *was == Place::Freed));
        assert_eq!(
            [305, 310, 322, 330].map(|address| at(&places, address)),
            [Place::Freed, live(), live(), Place::Freed]
        );
        assert!(!places.overlay((90, 110), live(), |was| *was == Place::Freed));
        assert!(matches!(at(&places, 95), Place::Elsewhere(_)));
    }

    #[test]
    fn a_stack_in_what_was_a_block_is_a_stack() {
        let mut stack = mapping(0, 8 << 20, "");
        stack.stack_of = Some("worker".into());
        let ever = Spans::of(vec![(0, 8 << 20)]);
        let places = Places::new(&[stack], &[block(1000, 100)], &ever);
        assert_eq!(at(&places, 500), Place::Elsewhere("stack of thread worker".into()));
        assert_eq!(at(&places, 1000), Place::Live("tag".into()));
        assert_eq!(at(&places, 1200), Place::Elsewhere("stack of thread worker".into()));
        assert_eq!(at(&places, 3 << 20), Place::Freed, "behind the stack");
    }
}
