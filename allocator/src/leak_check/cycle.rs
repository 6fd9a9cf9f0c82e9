//! A cycle of lost blocks, as a report shows it.

use std::fmt;

use serde::Serialize;

use super::plain::Plain;
use super::symbols::Frame;

/// Lost blocks that hold each other, as `Rc`s do that are dropped without their
/// links; those of other groups that were made in the same places are counted
/// here, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cycle {
    /// How many such groups there are.
    pub count: u64,
    /// Bytes of all their blocks.
    pub bytes: u64,
    /// Blocks that hold each other, in all of the groups.
    pub blocks: u64,
    /// How many blocks it takes in one group to come back to the first: of the ways
    /// to do so the shortest.
    pub ring_blocks: u64,
    /// The first of these, each of which holds the next; the last holds the first.
    pub members: Vec<Member>,
    /// Bytes of what the groups hold besides.
    pub held_bytes: u64,
    /// Blocks of it.
    pub held_blocks: u64,
}

/// A block of a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// Its size; of several groups the largest.
    pub bytes: u64,
    /// Its tag.
    pub tag: &'static str,
    /// The first frame of its stack that is neither the library's nor an
    /// allocator's.
    pub frame: Option<Frame>,
    /// How many bytes behind its start the pointer to the next stands; `None` where
    /// the groups differ in that.
    pub offset: Option<u64>,
}

/// How many members of a ring are told.
pub(super) const MEMBERS_MAX: usize = 12;

impl Cycle {
    /// Counts groups of the same shape here.
    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.blocks += other.blocks;
        self.held_bytes += other.held_bytes;
        self.held_blocks += other.held_blocks;
        for (member, other) in self.members.iter_mut().zip(other.members) {
            member.bytes = member.bytes.max(other.bytes);
            member.offset = member.offset.filter(|_| member.offset == other.offset);
        }
    }

    /// The largest first.
    pub(super) fn order(&self) -> impl Ord + use<> {
        let names = self.members.iter().map(|member| {
            let place = member.frame.as_ref().map(|frame| (frame.function.clone(), frame.line));
            (place, member.tag, member.bytes)
        });
        (u64::MAX - self.bytes, self.ring_blocks, names.collect::<Vec<_>>())
    }

    pub(super) fn show(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ring_blocks {
            1 => write!(out, "  a block that holds itself")?,
            blocks => write!(out, "  cycle of {blocks} blocks")?,
        }
        match self.count {
            1 => writeln!(out, ":")?,
            count => writeln!(out, ", {count} times:")?,
        }
        let hidden = self.ring_blocks.saturating_sub(self.members.len() as u64);
        let last = self.members.len().wrapping_sub(usize::from(hidden == 0));
        for (at, member) in self.members.iter().enumerate() {
            let line = match at {
                0 if self.ring_blocks == 1 => "↻",
                0 => "┌→",
                at if at == last => "└─",
                _ => "│ ",
            };
            writeln!(out, "    {line} {member}")?;
        }
        if hidden > 0 {
            writeln!(out, "    └─ … and {hidden} blocks more")?;
        }
        let others = self.blocks - self.count * self.ring_blocks;
        if others > 0 {
            writeln!(out, "    {others} blocks more are held by it and hold it")?;
        }
        if self.held_blocks > 0 {
            let Self { held_bytes, held_blocks, .. } = self;
            writeln!(out, "    it holds {held_bytes} bytes in {held_blocks} blocks besides")?;
        }
        Ok(())
    }
}

impl fmt::Display for Member {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.bytes)?;
        if let Some(offset) = self.offset {
            write!(out, ", at +{offset}")?;
        }
        match &self.frame {
            Some(frame) => write!(out, "  {frame}"),
            None => write!(out, "  tag {}", Plain(self.tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ring_blocks: u64, told: usize) -> Cycle {
        let member = |bytes| Member { bytes, tag: "nodes", frame: None, offset: Some(16) };
        Cycle {
            count: 1,
            bytes: 48 * ring_blocks,
            blocks: ring_blocks,
            ring_blocks,
            members: (0..told as u64).map(member).collect(),
            held_bytes: 0,
            held_blocks: 0,
        }
    }

    fn shown(cycle: &Cycle) -> Vec<String> {
        struct Shown<'c>(&'c Cycle);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.show(out)
            }
        }
        Shown(cycle).to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_ring_is_drawn_from_its_first_member_back_to_it() {
        let lines = shown(&ring(3, 3));
        let expected = [
            "  cycle of 3 blocks:",
            "    ┌→ 0 bytes, at +16  tag nodes",
            "    │  1 bytes, at +16  tag nodes",
            "    └─ 2 bytes, at +16  tag nodes",
        ];
        assert_eq!(lines, expected);
        let expected = ["  a block that holds itself:", "    ↻ 0 bytes, at +16  tag nodes"];
        assert_eq!(shown(&ring(1, 1)), expected);
    }

    #[test]
    fn long_rings_are_cut() {
        let lines = shown(&ring(1000, MEMBERS_MAX));
        assert_eq!(lines.len(), 2 + MEMBERS_MAX);
        assert_eq!(lines[MEMBERS_MAX], "    │  11 bytes, at +16  tag nodes");
        assert_eq!(lines[MEMBERS_MAX + 1], "    └─ … and 988 blocks more");
    }

    #[test]
    fn groups_of_one_shape_are_one_cycle() {
        let mut cycle = ring(2, 2);
        let mut other = ring(2, 2);
        other.members[0].bytes = 64;
        other.members[1].offset = Some(24);
        (other.blocks, other.held_blocks, other.held_bytes) = (5, 2, 70);
        cycle.add(other);
        let expected = [
            "  cycle of 2 blocks, 2 times:",
            "    ┌→ 64 bytes, at +16  tag nodes",
            "    └─ 1 bytes  tag nodes",
            "    3 blocks more are held by it and hold it",
            "    it holds 70 bytes in 2 blocks besides",
        ];
        assert_eq!(shown(&cycle), expected);
    }
}
