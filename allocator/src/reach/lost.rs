//! What nothing reaches: which of it is lost by itself, which through others, and
//! which holds itself in cycles.

use super::index::Index;
use super::memory::Memory;
use super::pages::{List, Pages, Plain};
use super::verdict::Verdict;
use crate::os;

/// How many blocks are gone through between two looks at the clock.
const STRIDE: usize = 1024;
/// No number.
const NONE: u32 = u32::MAX;

/// A cycle: where its members stand in the list of members.
#[derive(Clone, Copy)]
pub(super) struct Cycle {
    pub(super) first: u32,
    pub(super) count: u32,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Cycle {}

/// What is lost, and how it hangs together.
pub(super) struct Lost {
    pub(super) graph: Graph,
    pub(super) cycles: Cycles,
}

/// The cycles among lost blocks.
pub(super) struct Cycles {
    /// Their members by number of the block, one cycle behind the other, each in
    /// an order in which they were found to hold each other.
    pub(super) members: List<u32>,
    pub(super) cycles: List<Cycle>,
    /// A cycle's number plus 1, by number of the block; 0 for none.
    pub(super) cycle_of: Pages<u32>,
}

/// Why lost blocks could not be told apart.
pub(super) enum Failed {
    NoMemory,
    TooLong,
}

/// Gives every block that has no verdict one of those for lost ones.
pub(super) fn judge(
    memory: &mut Memory<'_>,
    index: &Index<'_>,
    verdicts: &mut Pages<Verdict>,
    end_ns: u64,
) -> Result<Lost, Failed> {
    let graph = Graph::new(memory, index, verdicts, end_ns)?;
    let components = Components::new(&graph, index.blocks().len()).ok_or(Failed::NoMemory)?;
    let mut queue = List::new(graph.blocks.len()).ok_or(Failed::NoMemory)?;
    // First those that no other component holds, then what they hold.
    let mut is_held = Pages::<u32>::new(graph.blocks.len() + 1).ok_or(Failed::NoMemory)?;
    for node in graph.nodes() {
        for &Edge { target, .. } in graph.edges(node) {
            if components.of(node) != components.of(target)
                && let Some(place) = is_held.get_mut(components.of(target) as usize)
            {
                *place = 1;
            }
        }
    }
    for node in graph.nodes() {
        if is_held.get(components.of(node) as usize) == Some(&0) {
            let block = graph.block(node);
            if let Some(verdict) = verdicts.get_mut(block as usize) {
                *verdict = Verdict::lost(block);
                queue.push(node);
            }
        }
    }
    let mut next = 0;
    while let Some(&node) = queue.get(next) {
        next += 1;
        let parent = graph.block(node);
        let held = verdicts.get(parent as usize).copied().unwrap_or_default().through(parent);
        for &Edge { target, .. } in graph.edges(node) {
            if let Some(verdict) = verdicts.get_mut(graph.block(target) as usize)
                && verdict.is_open()
            {
                *verdict = held;
                queue.push(target);
            }
        }
    }
    Ok(Lost { cycles: components.cycles, graph })
}

/// Which lost block points to which: nodes are lost blocks, in order.
pub(super) struct Graph {
    /// A node's block.
    blocks: List<u32>,
    /// Where a node's edges begin; one more than there are nodes.
    starts: List<u32>,
    edges: List<Edge>,
}

/// A pointer from one lost block to another.
#[derive(Clone, Copy)]
struct Edge {
    target: u32,
    /// How far behind the start of its block it stands.
    offset: u32,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Edge {}

impl Graph {
    fn new(
        memory: &mut Memory<'_>,
        index: &Index<'_>,
        verdicts: &[Verdict],
        end_ns: u64,
    ) -> Result<Self, Failed> {
        let open = |&(_, verdict): &(usize, &Verdict)| verdict.is_open();
        let (mut count, mut word_count) = (0, 0);
        for (number, _) in verdicts.iter().enumerate().filter(open) {
            count += 1;
            word_count += index.blocks().get(number).map_or(0, |block| block.size / 8);
        }
        let no_memory = Failed::NoMemory;
        // A node by its block, for those that are lost.
        let mut node_of = Pages::<u32>::new(verdicts.len()).ok_or(no_memory)?;
        let blocks = List::new(count).ok_or(Failed::NoMemory)?;
        let starts = List::new(count + 1).ok_or(Failed::NoMemory)?;
        // Room for the worst, of which memory is only taken as it is used.
        let edges = List::new(word_count).ok_or(Failed::NoMemory)?;
        let mut graph = Self { blocks, starts, edges };
        for (number, _) in verdicts.iter().enumerate().filter(open) {
            if let Some(place) = node_of.get_mut(number) {
                *place = graph.blocks.len() as u32;
            }
            graph.blocks.push(number as u32);
        }
        let filter = index.filter();
        for node in 0..count {
            if node.is_multiple_of(STRIDE) && os::monotonic_ns() > end_ns {
                return Err(Failed::TooLong);
            }
            let Self { blocks, starts, edges } = &mut graph;
            starts.push(edges.len() as u32);
            let number = blocks.get(node).copied().unwrap_or(NONE) as usize;
            let Some(block) = index.blocks().get(number) else { continue };
            memory.words(block.address..block.end(), |address, word| {
                if filter.may_hold(word)
                    && let Some(target) = index.find(word, true)
                    && verdicts.get(target as usize).is_some_and(|verdict| verdict.is_open())
                {
                    let target = node_of.get(target as usize).copied().unwrap_or(NONE);
                    let offset = u32::try_from(address - block.address).unwrap_or(NONE);
                    edges.push(Edge { target, offset });
                }
            });
        }
        graph.starts.push(graph.edges.len() as u32);
        Ok(graph)
    }

    fn nodes(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.blocks.len() as u32
    }

    fn block(&self, node: u32) -> u32 {
        self.blocks.get(node as usize).copied().unwrap_or(NONE)
    }

    fn edges(&self, node: u32) -> &[Edge] {
        let bounds = self.starts.get(node as usize..).and_then(<[u32]>::first_chunk::<2>);
        let [start, end] = bounds.copied().unwrap_or([0, 0]);
        self.edges.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// The blocks that a lost one points to, and how far behind its start.
    pub(super) fn held_by(&self, block: u32) -> impl Iterator<Item = (u32, u32)> {
        let node = self.blocks.binary_search(&block).map_or(NONE, |node| node as u32);
        self.edges(node).iter().map(|edge| (self.block(edge.target), edge.offset))
    }
}

/// What Tarjan's algorithm notes of a node.
#[derive(Clone, Copy)]
struct Note {
    /// When it was met, from 1.
    met: u32,
    /// The earliest that it leads back to.
    low: u32,
    /// Its component, from 1; 0 while that is open.
    component: u32,
    /// The next of its targets to be looked at.
    next: u32,
}

// SAFETY: it is made of integers, for which zeros are values.
unsafe impl Plain for Note {}

/// The strongly connected components, by Tarjan's algorithm (Depth-first search
/// and linear graph algorithms, 1972), with lists in place of recursion.
struct Components {
    notes: Pages<Note>,
    cycles: Cycles,
    met_count: u32,
    component_count: u32,
    /// Nodes from the first to the one at hand, each held by the one before.
    path: List<u32>,
    /// Nodes that were met and whose component is open.
    open: List<u32>,
}

impl Components {
    fn new(graph: &Graph, block_count: usize) -> Option<Self> {
        let count = graph.blocks.len();
        let mut components = Self {
            notes: Pages::new(count)?,
            cycles: Cycles {
                members: List::new(count)?,
                cycles: List::new(count)?,
                cycle_of: Pages::new(block_count)?,
            },
            met_count: 0,
            component_count: 0,
            path: List::new(count)?,
            open: List::new(count)?,
        };
        for node in graph.nodes() {
            if components.note(node).met == 0 {
                components.meet(node);
                while components.step(graph) {}
            }
        }
        Some(components)
    }

    /// The component of a node.
    fn of(&self, node: u32) -> u32 {
        self.note(node).component
    }

    fn note(&self, node: u32) -> Note {
        let none = Note { met: NONE, low: NONE, component: 0, next: 0 };
        self.notes.get(node as usize).copied().unwrap_or(none)
    }

    fn change(&mut self, node: u32, change: impl FnOnce(&mut Note)) {
        if let Some(note) = self.notes.get_mut(node as usize) {
            change(note);
        }
    }

    fn meet(&mut self, node: u32) {
        self.met_count += 1;
        let met = self.met_count;
        self.change(node, |note| (note.met, note.low) = (met, met));
        self.path.push(node);
        self.open.push(node);
    }

    /// Looks at one more target of the node at hand, or leaves it; false where
    /// there is no node at hand.
    fn step(&mut self, graph: &Graph) -> bool {
        let Some(&node) = self.path.last() else { return false };
        let note = self.note(node);
        if let Some(&Edge { target, .. }) = graph.edges(node).get(note.next as usize) {
            self.change(node, |note| note.next += 1);
            let found = self.note(target);
            if found.met == 0 {
                self.meet(target);
            } else if found.component == 0 {
                self.change(node, |note| note.low = note.low.min(found.met));
            }
            return true;
        }
        self.path.pop();
        if let Some(&before) = self.path.last() {
            self.change(before, |before| before.low = before.low.min(note.low));
        }
        if note.low == note.met {
            self.close(node, graph);
        }
        true
    }

    /// The open nodes from this one on are a component.
    fn close(&mut self, node: u32, graph: &Graph) {
        self.component_count += 1;
        let component = self.component_count;
        let first = self.open.iter().rposition(|&open| open == node).unwrap_or(0);
        let count = self.open.len() - first;
        let holds_itself = || graph.edges(node).iter().any(|edge| edge.target == node);
        let is_cycle = count > 1 || holds_itself();
        let start = self.cycles.members.len() as u32;
        for at in first..self.open.len() {
            let Some(&member) = self.open.get(at) else { break };
            self.change(member, |note| note.component = component);
            if is_cycle {
                let block = graph.block(member);
                self.cycles.members.push(block);
                if let Some(place) = self.cycles.cycle_of.get_mut(block as usize) {
                    *place = self.cycles.cycles.len() as u32 + 1;
                }
            }
        }
        if is_cycle {
            self.cycles.cycles.push(Cycle { first: start, count: count as u32 });
        }
        self.open.truncate(first);
    }
}
