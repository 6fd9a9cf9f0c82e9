//! The stacks of a log: a prefix tree of frames.

use scrubjay_log_format::stack::{DEPTH_MAX, NODE_COUNT_MAX, SIZE, StackNode};
use scrubjay_log_format::{ChunkKind, FormatError};

use super::damage::Damages;
use super::file::LogFile;
use super::tables;
use crate::error::Error;

/// All stacks of a log, by the number of their innermost frame's node.
#[derive(Debug, Default)]
pub struct Stacks {
    /// The nodes by index; one without an address was not written, or is lost.
    nodes: Vec<StackNode>,
    /// What could not be read.
    pub damages: Damages,
}

const ABSENT: StackNode = StackNode { address: 0, parent: 0 };

impl Stacks {
    /// Reads the tree.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(file: &LogFile) -> Result<Self, Error> {
        let mut stacks = Self::default();
        let Self { nodes, damages } = &mut stacks;
        // Nodes are numbered without gaps, so the file has room for them all.
        let count_max = (file.size() / SIZE as u64).min(NODE_COUNT_MAX.into());
        tables::each_record(file, ChunkKind::Stacks, damages, |index, record| {
            let Some(node) = StackNode::decode(record, index)? else {
                return Ok(());
            };
            if u64::from(index) >= count_max {
                let (field, value) = ("index of a frame", index.into());
                return Err(FormatError::Limit { field, value });
            }
            let index = index as usize;
            if nodes.len() <= index {
                nodes.resize(index + 1, ABSENT);
            }
            nodes[index] = node;
            Ok(())
        })?;
        tracing::debug!(nodes = stacks.nodes.len(), "stacks read");
        Ok(stacks)
    }

    /// The return addresses of a stack, innermost first. It ends early where a
    /// frame is lost; 0 is the stack without frames.
    pub fn frames(&self, stack: u32) -> impl Iterator<Item = u64> + '_ {
        // A parent stands below its child, so this ends; the limit is for
        // trees that no recorder would write.
        let node = |index: u32| {
            let node = self.nodes.get(index as usize)?;
            (node.address != 0).then_some(node)
        };
        let nodes = std::iter::successors(node(stack), move |child| node(child.parent));
        nodes.take(DEPTH_MAX as usize).map(|node| node.address)
    }

    /// How many frames the tree holds.
    pub fn node_count(&self) -> u64 {
        self.nodes.iter().filter(|node| node.address != 0).count() as u64
    }

    /// Every address of every stack, sorted, each once.
    pub fn addresses(&self) -> Vec<u64> {
        let nodes = self.nodes.iter().filter(|node| node.address != 0);
        let mut addresses: Vec<u64> = nodes.map(|node| node.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}
