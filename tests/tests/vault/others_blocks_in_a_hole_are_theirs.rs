//! Where a child made past the C library's hooks lets its inner allocator have
//! addresses that its parent's vaults had, what stands there is an ordinary
//! block: reallocated, wiped and released as any.

use std::alloc::Layout;

use scrubjay::{Tag, Vault};
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, confine};

use crate::{planted, raw};

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    let layout = |size| Layout::from_size_align(size, 1).expect("a layout");
    let scope = KEY.enter();
    let key = raw::allocate(layout(10_000));
    drop(scope);
    let forked = system::fork(Fork::Raw, false, || {
        let page = key as usize / 4_096 * 4_096;
        assert!(confine::map_page_at(page), "the hole is anybody's");
        for grows in [false, true] {
            planted::plant(page);
            let block = raw::allocate(layout(planted::SIZE));
            assert_eq!(block as usize, page);
            raw::fill(block, planted::SIZE, 9);
            if grows {
                let moved = raw::resize(block, layout(planted::SIZE), 200);
                assert!(raw::holds(moved, 0..planted::SIZE, 9));
                raw::release(moved, layout(200));
            } else {
                raw::release(block, layout(planted::SIZE));
            }
            assert!(!planted::is_live(), "it was not handed back");
            assert!(raw::holds(block, 0..planted::SIZE, 0), "it was not wiped");
        }
    });
    system::wait(forked);
    raw::release(key, layout(10_000));
}
