//! A copy is found on a stack, in a live block, in a large block's mapping, in
//! a file that is mapped, and at any alignment; and the place is named.

use std::fs;
use std::hint::black_box;
use std::os::fd::AsRawFd;

use scrubjay::{Place, Residue, Tag};
use scrubjay_tests::folder::Folder;
pub use scrubjay_tests::harness::no_child as child;
use scrubjay_tests::threads;

static KEPT: Tag = Tag::new("kept");

fn only(pattern: &[u8]) -> Residue {
    let search = scrubjay::find_residue(pattern).unwrap();
    assert_eq!(search.found_count, 1, "{search}");
    search.found[0].clone()
}

pub fn test() {
    let pattern = super::random_bytes(64);
    in_a_live_block(&pattern);
    in_a_large_block(&pattern);
    on_a_stack(&pattern);
    in_a_mapped_file(&pattern);
    whole_where_it_is_long();
    assert_eq!(scrubjay::find_residue(&pattern).unwrap().found_count, 0);
}

fn in_a_live_block(pattern: &[u8]) {
    let _scope = KEPT.enter();
    for offset in 0..9 {
        let mut block = vec![0_u8; 500];
        block[offset..offset + 64].copy_from_slice(pattern);
        let residue = only(pattern);
        assert_eq!(residue.address, block.as_ptr().addr() + offset);
        assert_eq!((residue.size, residue.offset), (64, 0));
        let of = residue.block.expect("its trailer tells");
        assert_eq!((of.address, of.size), (block.as_ptr().addr(), 500));
        assert!(of.is_live && of.tag == KEPT.name(), "{of:?}");
        black_box(&mut block).fill(0);
    }
}

fn in_a_large_block(pattern: &[u8]) {
    let mut block = vec![0_u8; 40 << 20];
    block[30 << 20..][..64].copy_from_slice(pattern);
    assert_eq!(only(pattern).place, Place::LargeBlock);
    black_box(&mut block).fill(0);
}

/// Memory is read in pieces, and a copy may lie across many of them.
fn whole_where_it_is_long() {
    let pattern = super::random_bytes(3 << 20);
    let copy = black_box(pattern.clone());
    let residue = only(&pattern);
    assert_eq!((residue.address, residue.size), (copy.as_ptr().addr(), copy.len()));
}

#[inline(never)]
fn on_a_stack(pattern: &[u8]) {
    let mut copy = [0_u8; 64];
    copy.copy_from_slice(pattern);
    let residue = only(black_box(pattern));
    assert_eq!((residue.address, residue.place), (copy.as_ptr().addr(), Place::Stack));
    // Another thread finds it, too, and calls it what the system does.
    threads::scope(|scope| scope.spawn(|| assert!(only(pattern).size == 64)));
    black_box(&mut copy).fill(0);
}

#[expect(unsafe_code, reason = "maps a file")]
fn in_a_mapped_file(pattern: &[u8]) {
    let folder = Folder::new();
    let path = folder.join("a file");
    let mut content = vec![0; 10_000];
    content[5000..5064].copy_from_slice(pattern);
    fs::write(&path, &content).unwrap();
    content.fill(0);
    drop(black_box(content));
    let file = fs::File::open(&path).unwrap();
    let (flags, descriptor) = (libc::MAP_SHARED, file.as_raw_fd());
    // SAFETY: a new mapping, at an address that the kernel chooses.
    let start =
        unsafe { libc::mmap(std::ptr::null_mut(), 10_000, libc::PROT_READ, flags, descriptor, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    assert_eq!(only(pattern).place, Place::File(path));
    // SAFETY: the mapping is this test's.
    unsafe { libc::munmap(start, 10_000) };
}
