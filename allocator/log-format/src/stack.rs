//! Stacks: a prefix tree of frames.
//!
//! A node is one frame and its caller's node; a stack is the node of its
//! innermost frame. Stacks that share their callers share their nodes. Node 0
//! is the root, the caller of outermost frames, and has no record.

use crate::FormatError;
use crate::bytes::{u32_at, u64_at};

/// Size of a node in bytes.
pub const SIZE: usize = 16;
/// Most nodes that a log can hold, the root included.
pub const NODE_COUNT_MAX: u32 = 1 << 24;
/// Most frames of a stack; outer ones beyond are cut off.
pub const DEPTH_MAX: u32 = 256;

/// One frame and who called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackNode {
    /// The return address of the call that the frame was in.
    pub address: u64,
    /// The caller's node, always below this one's; 0 where none is known.
    pub parent: u32,
}

impl StackNode {
    /// The node's words at its index, to be stored last to first.
    pub fn encode(&self, index: u32) -> [u64; 2] {
        let checksum = checksum(index, self.address, self.parent);
        [self.address, u64::from(self.parent) | u64::from(checksum) << 32]
    }

    /// Reads the node at an index; `Ok(None)` where none was written.
    ///
    /// # Errors
    /// A record that is neither empty nor whole, or whose parent does not come
    /// before it.
    pub fn decode(bytes: &[u8], index: u32) -> Result<Option<Self>, FormatError> {
        let truncated = FormatError::Truncated { needed: SIZE, found: bytes.len() };
        let address = u64_at(bytes, 0).ok_or(truncated)?;
        let parent = u32_at(bytes, 8).ok_or(truncated)?;
        let stored = u32_at(bytes, 12).ok_or(truncated)?;
        if address == 0 {
            // Killed before the last store.
            return Ok(None);
        }
        let computed = checksum(index, address, parent);
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        if parent >= index {
            return Err(FormatError::Limit { field: "parent of a frame", value: parent.into() });
        }
        Ok(Some(Self { address, parent }))
    }
}

fn checksum(index: u32, address: u64, parent: u32) -> u32 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&address.to_le_bytes());
    bytes[8..12].copy_from_slice(&parent.to_le_bytes());
    bytes[12..].copy_from_slice(&index.to_le_bytes());
    crc32fast::hash(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_is_found() {
        let node = StackNode { address: 0x5555_1234, parent: 7 };
        let bytes = node.encode(9).map(u64::to_le_bytes);
        assert_eq!(StackNode::decode(bytes.as_flattened(), 9), Ok(Some(node)));
        assert!(StackNode::decode(bytes.as_flattened(), 10).is_err());
        for bit in 0..SIZE * 8 {
            let mut changed = bytes;
            changed.as_flattened_mut()[bit / 8] ^= 1 << (bit % 8);
            assert!(StackNode::decode(changed.as_flattened(), 9).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_stack_has_an_end() {
        let bytes = StackNode { address: 1, parent: 9 }.encode(9).map(u64::to_le_bytes);
        assert!(StackNode::decode(bytes.as_flattened(), 9).is_err());
    }
}
