//! Finding cycles: of each group of lost blocks that hold each other the shortest
//! way from a block back to it. Of several the one whose functions come first, so that
//! equal groups have equal rings, wherever their blocks lie.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cycle::{Cycle, MEMBERS_MAX, Member};
use super::look::{Look, Wanted};
use super::symbols::{self, Frame};
use crate::{site, tag};

/// How many pointers are followed in all, once each group has a ring.
const STEPS_MAX: usize = 1 << 20;
/// No number.
const NONE: u32 = u32::MAX;

/// A cycle, and the places of its ring's blocks.
pub(super) type Found = (Vec<u64>, Cycle);

/// The cycles with a block that is wanted, those of one shape as one.
#[inline(never)]
pub(super) fn find(look: &Look, wanted: Wanted<'_>) -> Vec<Found> {
    let (mut groups, mut names) = (BTreeMap::new(), Names::new());
    for (number, members) in look.rings().enumerate() {
        if let Some(group) = Group::of(look, members, wanted, &mut names) {
            groups.insert(number, group);
        }
    }
    if groups.is_empty() {
        return Vec::new();
    }
    look.each(|seen| {
        if seen.held_by.is_lost()
            && let Some(ring) = look.ring_of(seen.number)
            && let Some(group) = groups.get_mut(&ring)
            && group.nodes.binary_search_by_key(&seen.number, |node| node.number).is_err()
        {
            group.held_bytes += seen.block.size as u64;
            group.held_blocks += 1;
        }
    });
    let mut steps = STEPS_MAX;
    let mut cycles: BTreeMap<Vec<u64>, Cycle> = BTreeMap::new();
    for group in groups.values() {
        let ring = group.ring(&mut steps);
        let places = ring.iter().map(|hop| group.node(hop.from).place).collect();
        let cycle = group.cycle(&ring);
        match cycles.get_mut(&places) {
            Some(known) => known.add(cycle),
            None => {
                cycles.insert(places, cycle);
            }
        }
    }
    cycles.into_iter().collect()
}

/// What a site is called, and its place, by which sites are in order.
type Names = HashMap<u32, (String, u64)>;

/// What rings are compared by: each hop's rank and offset.
type Keys = Vec<(u32, u32)>;

/// Lost blocks that hold each other.
struct Group {
    /// By their numbers.
    nodes: Vec<Node>,
    /// Where a node's hops begin; one more than there are nodes.
    starts: Vec<usize>,
    hops: Vec<Hop>,
    held_bytes: u64,
    held_blocks: u64,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// The block's, in the look.
    number: u32,
    place: u64,
    /// Which of the group's places that is, in their order.
    rank: u32,
    site: u32,
    bytes: u64,
}

/// A pointer from one block of a group to another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hop {
    from: u32,
    to: u32,
    offset: u32,
}

impl Group {
    /// `None` where nothing of it is wanted, or it is not whole any more, and was
    /// none.
    #[inline(never)]
    fn of(look: &Look, members: &[u32], wanted: Wanted<'_>, names: &mut Names) -> Option<Self> {
        let is_wanted = |&member: &u32| {
            look.block(member).is_some_and(|(record, block)| wanted(record, &block))
        };
        if !members.iter().any(is_wanted) {
            return None;
        }
        let mut nodes = Vec::with_capacity(members.len());
        for &number in members {
            let (_, block) = look.block(number)?;
            let site = block.site;
            let &mut (_, place) = names.entry(site).or_insert_with(|| name(site));
            nodes.push(Node { number, place, rank: 0, site, bytes: block.size as u64 });
        }
        nodes.sort_by_key(|node| node.number);
        let sites: BTreeSet<u32> = nodes.iter().map(|node| node.site).collect();
        let mut places: Vec<_> = sites.iter().filter_map(|site| names.get(site)).collect();
        places.sort();
        let ranks: HashMap<u64, u32> =
            (0..).zip(places).map(|(rank, name)| (name.1, rank)).collect();
        nodes.iter_mut().for_each(|node| node.rank = ranks[&node.place]);
        let mut group =
            Self { nodes, starts: Vec::new(), hops: Vec::new(), held_bytes: 0, held_blocks: 0 };
        for (from, node) in (0..).zip(&group.nodes) {
            let first = group.hops.len();
            group.starts.push(first);
            for (number, offset) in look.held_by(node.number) {
                if let Ok(to) = group.nodes.binary_search_by_key(&number, |node| node.number) {
                    group.hops.push(Hop { from, to: to as u32, offset });
                }
            }
            // In an order that addresses have no part in.
            let hops = group.hops.get_mut(first..).unwrap_or(&mut []);
            hops.sort_by_key(|hop| (group.nodes[hop.to as usize].rank, hop.offset));
        }
        group.starts.push(group.hops.len());
        Some(group)
    }

    fn node(&self, node: u32) -> Node {
        self.nodes.get(node as usize).copied().unwrap_or_default()
    }

    fn hops(&self, node: u32) -> &[Hop] {
        let bounds = self.starts.get(node as usize..).and_then(<[usize]>::first_chunk::<2>);
        bounds.and_then(|&[start, end]| self.hops.get(start..end)).unwrap_or(&[])
    }

    /// A ring that is as short as any, unless there are no steps left.
    fn ring(&self, steps: &mut usize) -> Vec<Hop> {
        let mut order: Vec<u32> = (0..self.nodes.len() as u32).collect();
        order.sort_by_key(|&node| self.node(node).rank);
        let mut walk = Walk { group: self, by: vec![None; order.len()], queue: Vec::new() };
        let mut is_told = vec![false; order.len()];
        let mut best: Option<(Keys, Vec<Hop>)> = None;
        for start in order {
            // Another one goes through others, and is found from there.
            if is_told[start as usize] || best.is_some() && *steps == 0 {
                continue;
            }
            let longest = best.as_ref().map_or(usize::MAX, |(_, ring)| ring.len());
            let Some(mut ring) = walk.from(start, longest, steps) else { continue };
            let key = |hop: &Hop| (self.node(hop.from).rank, hop.offset);
            let keys: Keys = ring.iter().map(key).collect();
            ring.rotate_left(least_rotation(&keys));
            ring.iter().for_each(|hop| is_told[hop.from as usize] = true);
            let keys: Keys = ring.iter().map(key).collect();
            let is_better = |(known, shortest): &(Keys, Vec<Hop>)| {
                (ring.len(), &keys) < (shortest.len(), known)
            };
            if best.as_ref().is_none_or(is_better) {
                best = Some((keys, ring));
            }
        }
        best.map(|(_, ring)| ring).unwrap_or_default()
    }

    fn cycle(&self, ring: &[Hop]) -> Cycle {
        let member = |hop: &Hop| {
            let Node { site, bytes, .. } = self.node(hop.from);
            let is_users = |frame: &&Frame| !frame.is_library();
            Member {
                bytes,
                tag: tag::name_or_unknown(site::tag_of(site)),
                frame: symbols::of(site, |frames| frames.iter().find(is_users).cloned()),
                offset: (hop.offset != NONE).then_some(hop.offset.into()),
            }
        };
        Cycle {
            count: 1,
            bytes: self.nodes.iter().map(|node| node.bytes).sum(),
            blocks: self.nodes.len() as u64,
            ring_blocks: ring.len() as u64,
            members: ring.iter().take(MEMBERS_MAX).map(member).collect(),
            held_bytes: self.held_bytes,
            held_blocks: self.held_blocks,
        }
    }
}

fn name(site: u32) -> (String, u64) {
    let is_users = |frame: &&Frame| !frame.is_library();
    let name = |frames: &[Frame]| frames.iter().find(is_users).map(Frame::to_string);
    (symbols::of(site, name).unwrap_or_default(), symbols::place(site))
}

/// A search from one block, breadth first.
struct Walk<'g> {
    group: &'g Group,
    /// The hop by which each node was first met.
    by: Vec<Option<Hop>>,
    /// The nodes that were met.
    queue: Vec<u32>,
}

impl Walk<'_> {
    /// The shortest ring through a node, if it is no longer than that. The first
    /// one of all is looked for whatever it takes.
    fn from(&mut self, start: u32, longest: usize, steps: &mut usize) -> Option<Vec<Hop>> {
        for node in self.queue.drain(..) {
            self.by[node as usize] = None;
        }
        self.queue.push(start);
        let (mut next, mut step_end, mut length) = (0, 1, 1);
        while let Some(&node) = self.queue.get(next) {
            next += 1;
            for &hop in self.group.hops(node) {
                *steps = steps.saturating_sub(1);
                if hop.to == start {
                    return Some(self.back(hop, start));
                }
                if self.by[hop.to as usize].is_none() {
                    self.by[hop.to as usize] = Some(hop);
                    self.queue.push(hop.to);
                }
            }
            if next == step_end {
                (step_end, length) = (self.queue.len(), length + 1);
            }
            if length > longest || longest < usize::MAX && *steps == 0 {
                break;
            }
        }
        None
    }

    /// The hops that led up to this last one.
    fn back(&self, last: Hop, start: u32) -> Vec<Hop> {
        let before = |hop: &Hop| self.by.get(hop.from as usize).copied()?;
        let mut ring: Vec<Hop> =
            std::iter::successors(
                Some(last),
                |hop| {
                    if hop.from == start { None } else { before(hop) }
                },
            )
            .collect();
        ring.reverse();
        ring
    }
}

/// By how much to rotate a ring so that no other rotation comes before it.
fn least_rotation<T: Ord>(ring: &[T]) -> usize {
    let at = |index: usize| &ring[index % ring.len()];
    let (mut first, mut second, mut same) = (0, 1, 0);
    while first.max(second) < ring.len() && same < ring.len() {
        match at(first + same).cmp(at(second + same)) {
            std::cmp::Ordering::Equal => same += 1,
            // None of those that were compared begins a least one.
            std::cmp::Ordering::Greater => (first, same) = (first + same + 1, 0),
            std::cmp::Ordering::Less => (second, same) = (second + same + 1, 0),
        }
        if first == second {
            second += 1;
        }
    }
    first.min(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group of nodes of these ranks, and these pointers among them.
    fn group(ranks: &[u32], pointers: &[(u32, u32)]) -> Group {
        let node = |(number, &rank)| Node { number, rank, ..Node::default() };
        let nodes: Vec<Node> = (0..).zip(ranks).map(node).collect();
        let (mut starts, mut hops) = (Vec::new(), Vec::new());
        for from in 0..nodes.len() as u32 {
            starts.push(hops.len());
            let own = pointers.iter().filter(|pointer| pointer.0 == from);
            hops.extend(own.map(|&(_, to)| Hop { from, to, offset: 0 }));
            hops[starts[from as usize]..].sort_by_key(|hop| nodes[hop.to as usize].rank);
        }
        starts.push(hops.len());
        Group { nodes, starts, hops, held_bytes: 0, held_blocks: 0 }
    }

    fn ring(group: &Group) -> Vec<u32> {
        let ring = group.ring(&mut { STEPS_MAX });
        for (at, hop) in ring.iter().enumerate() {
            assert_eq!(hop.to, ring[(at + 1) % ring.len()].from, "each holds the next");
        }
        ring.iter().map(|hop| group.node(hop.from).rank).collect()
    }

    #[test]
    fn a_ring_begins_at_its_first_name() {
        for by in 0..4 {
            let mut ranks = [7, 5, 9, 6];
            ranks.rotate_left(by);
            assert_eq!(ring(&group(&ranks, &[(0, 1), (1, 2), (2, 3), (3, 0)])), [5, 9, 6, 7]);
        }
        assert_eq!(ring(&group(&[3], &[(0, 0)])), [3]);
    }

    #[test]
    fn of_several_rings_it_is_the_shortest_and_then_the_first() {
        // A figure eight through 0: three blocks, and two.
        let eight = group(&[1, 2, 3, 9], &[(0, 1), (1, 2), (2, 0), (0, 3), (3, 0)]);
        assert_eq!(ring(&eight), [1, 9]);
        // Two of two blocks each.
        let eight = group(&[5, 4, 3], &[(0, 1), (1, 0), (0, 2), (2, 0)]);
        assert_eq!(ring(&eight), [3, 5]);
    }

    #[test]
    fn what_a_search_may_take_is_bounded() {
        let count = 20_000;
        let next = |node| (node, (node + 1) % count);
        let back = |node| ((node + 1) % count, node);
        let both: Vec<_> = (0..count).map(next).chain((0..count).map(back)).collect();
        let mut chain = group(&[1, 2, 3, 4], &[]);
        chain.nodes = (0..count).map(|number| Node { number, ..Node::default() }).collect();
        let mut pointers = both;
        pointers.sort();
        chain.hops = pointers.iter().map(|&(from, to)| Hop { from, to, offset: 0 }).collect();
        chain.starts = (0..=count as usize).map(|node| 2 * node).collect();
        assert_eq!(chain.ring(&mut { STEPS_MAX }).len(), 2);
        // The first ring is found even without a step left.
        assert_eq!(chain.ring(&mut 0).len(), 2);
    }

    #[test]
    fn the_least_rotation_is_that_of_the_obvious_way() {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        for length in (1..9).cycle().take(400) {
            let ring: Vec<u64> = (0..length)
                .map(|_| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    random % 3
                })
                .collect();
            let rotated = |by: usize| [&ring[by..], &ring[..by]].concat();
            let least = (0..ring.len()).map(rotated).min().unwrap();
            assert_eq!(rotated(least_rotation(&ring)), least, "{ring:?}");
        }
    }
}
