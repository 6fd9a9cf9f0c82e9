//! The tree of stacks: frames that were entered once, found by their caller.
//!
//! All of it happens under the lock on sites.

use core::sync::atomic::{AtomicU32, Ordering};

use scrubjay_log_format::StackNode;

use crate::limits::STACK_NODES_MAX;
use crate::os;
use crate::published::Published;
use crate::store::{Store, store_bytes};

use super::copy_words;

/// Places: never more than half of them are taken.
const PLACES: usize = STACK_NODES_MAX * 2;

/// The nodes' indices by the hash of caller and address; 0 where there is none.
/// Made with the first stack.
static TABLE: Published<[AtomicU32; PLACES]> = Published::empty();
/// Nodes that there are, the root included.
static COUNT: AtomicU32 = AtomicU32::new(1);

/// Whether a stack may find no room.
pub(super) fn are_full() -> bool {
    COUNT.load(Ordering::Relaxed) as usize >= STACK_NODES_MAX
}

/// Enters a stack, given outermost frame first, and answers its node. `None`
/// where there is no room.
pub(super) fn enter(store: &Store, addresses: impl Iterator<Item = usize>) -> Option<u32> {
    let table = match TABLE.get() {
        Some(table) => table,
        None => make()?,
    };
    let mut node = 0;
    for address in addresses {
        node = child(store, table, StackNode { address: address as u64, parent: node })?;
    }
    Some(node)
}

fn make() -> Option<&'static [AtomicU32; PLACES]> {
    let place: *mut [AtomicU32; PLACES] = os::map_private(size_of::<[AtomicU32; PLACES]>()).cast();
    // SAFETY: the mapping is fresh and never undone, and zeros are valid for
    // atomics.
    let table = unsafe { place.as_ref() }?;
    TABLE.set(table);
    Some(table)
}

/// The index of a node, made if need be.
fn child(store: &Store, table: &[AtomicU32; PLACES], node: StackNode) -> Option<u32> {
    let start = hash(node);
    for step in 0..PLACES {
        let place = &table[(start + step) % PLACES];
        let index = place.load(Ordering::Relaxed);
        if index == 0 {
            return make_node(store, place, node);
        }
        let words = store.node(index)?;
        let parent = words[1].load(Ordering::Relaxed) as u32;
        if parent == node.parent && words[0].load(Ordering::Relaxed) == node.address {
            return Some(index);
        }
    }
    None
}

/// Calls `then` with the addresses from a node to the root.
#[cfg(feature = "leak-check")]
pub(super) fn each_address(store: &Store, mut node: u32, mut then: impl FnMut(usize)) {
    while let Some(words) = store.node(node).filter(|_| node != 0) {
        then(words[0].load(Ordering::Relaxed) as usize);
        // A caller's node lies below.
        node = (words[1].load(Ordering::Relaxed) as u32).min(node - 1);
    }
}

fn make_node(store: &Store, place: &AtomicU32, node: StackNode) -> Option<u32> {
    let index = COUNT.load(Ordering::Relaxed);
    if index as usize >= STACK_NODES_MAX {
        return None;
    }
    let bytes = node.encode(index).map(u64::to_le_bytes);
    store_bytes(store.node_or_take(index)?, bytes.as_flattened());
    COUNT.store(index + 1, Ordering::Relaxed);
    place.store(index, Ordering::Relaxed);
    Some(index)
}

fn hash(node: StackNode) -> usize {
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4), of both words.
    let both = node.address ^ u64::from(node.parent).rotate_left(40);
    (both.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

/// Copies all nodes into another store.
pub(super) fn copy(from: &Store, to: &Store) {
    for index in 1..COUNT.load(Ordering::Relaxed) {
        if let (Some(old), Some(new)) = (from.node(index), to.node_or_take(index)) {
            copy_words(old, new);
        }
    }
}
