//! A child that was made past the C library's hooks may map something where
//! its parent's vaults were, before scrubjay sees it. It stays there: the
//! child has no vaults then, and says so; all else goes on.

use scrubjay::{Tag, Vault, VaultError};
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, confine};

use crate::raw;

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());

pub fn test() {
    let finished = child!().succeed();
    let expected = "scrubjay: vault tag key refuses a block: \
                    there is no room for its range of addresses\n";
    assert_eq!(finished.errors, expected);
}

pub fn child(_: &[String]) {
    let keys: Vec<Box<[u8; 100]>> = (0..10)
        .map(|_| {
            let _scope = KEY.enter();
            Box::new([1; 100])
        })
        .collect();
    let (gone, address) = (keys[4].as_ptr(), keys[5].as_ptr() as usize);
    let mut keys = Some(keys);
    let forked = system::fork(Fork::Raw, false, || {
        assert!(confine::map_page_at(address), "the hole is anybody's");
        let theirs = std::ptr::with_exposed_provenance_mut(address);
        raw::fill(theirs, 100, 9);
        // The first event: the rest of the range is closed.
        drop(vec![0_u8; 10]);
        assert!(!confine::map_page_at(gone as usize), "a hole is left");
        drop(keys.take());
        assert!(raw::holds(theirs, 0..100, 9), "their memory was touched");
        let scope = KEY.enter();
        assert!(Vec::<u8>::new().try_reserve(10).is_err(), "a vault in the range of others");
        drop(scope);
        assert_eq!(KEY.vault_status().refusal(), Some(VaultError::NoAddresses));
    });
    system::wait(forked);
    assert!(keys.iter().flatten().all(|key| **key == [1; 100]));
}
