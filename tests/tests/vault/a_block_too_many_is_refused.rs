//! There is a limit of vault blocks: one more is refused, and the program goes
//! on; once some are released there is room again. A block that is larger than
//! any can be is refused, too.

use scrubjay::{Tag, Vault, VaultError};
use scrubjay_tests::child;

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());

/// As `ARCHITECTURE.md` of the allocator says.
const BLOCKS_MAX: usize = 16_000;

pub fn test() {
    let finished = child!().succeed();
    let expected = "scrubjay: vault tag key refuses a block: \
                    the block is larger than a vault can have\n\
                    scrubjay: vault tag key refuses a block: \
                    there are as many vault blocks as there may be\n";
    assert_eq!(finished.errors, expected);
}

pub fn child(_: &[String]) {
    assert!(reserve(1 << 40).is_none());
    assert_eq!(KEY.vault_status().refusal(), Some(VaultError::TooLarge));
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(BLOCKS_MAX + 1);
    while let Some(mut block) = reserve(16) {
        block.push(blocks.len() as u8);
        blocks.push(block);
    }
    assert_eq!(blocks.len(), BLOCKS_MAX);
    assert_eq!(KEY.vault_status().refusal(), Some(VaultError::TooManyBlocks));
    // Ordinary memory is not concerned.
    drop((0..1_000).map(|_| vec![0_u8; 1 << 18]).collect::<Vec<_>>());
    blocks.truncate(BLOCKS_MAX - 100);
    blocks.extend((0..100).map(|_| reserve(16).expect("there is room again")));
    assert!(reserve(16).is_none());
    let is_whole = |(index, block): (usize, &Vec<u8>)| block.first() == Some(&(index as u8));
    assert!(blocks.iter().enumerate().take(BLOCKS_MAX - 100).all(is_whole));
}

fn reserve(size: usize) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    let _scope = KEY.enter();
    block.try_reserve_exact(size).ok().map(|()| block)
}
