//! Memory that cannot be read is not passed over in silence.
#![expect(unsafe_code, reason = "maps a file beyond its end")]

use std::fs;
use std::os::fd::AsRawFd;

use scrubjay::Place;
use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;

const MAPPED_SIZE: usize = 64 << 10;
const FILE_SIZE: usize = 5;

pub fn test() {
    let folder = Folder::new();
    let path = folder.join("short");
    fs::write(&path, [1; FILE_SIZE]).unwrap();
    let finished = child!().argument(&path).succeed();
    assert!(finished.errors.contains("bytes could not be searched, first in "), "{finished:?}");
}

pub fn child(arguments: &[String]) {
    let pattern = super::random_bytes(100);
    let before = scrubjay::find_residue(&pattern).unwrap().unreadable_size;
    let file = fs::File::open(&arguments[0]).unwrap();
    let (flags, descriptor) = (libc::MAP_SHARED, file.as_raw_fd());
    // SAFETY: a new mapping, at an address that the kernel chooses.
    let start = unsafe {
        libc::mmap(std::ptr::null_mut(), MAPPED_SIZE, libc::PROT_READ, flags, descriptor, 0)
    };
    assert_ne!(start, libc::MAP_FAILED);
    let search = scrubjay::find_residue(&pattern).unwrap();
    // All but the page in which the file ends.
    assert_eq!(search.unreadable_size - before, (MAPPED_SIZE - 4096) as u64);
    let place = Place::File(arguments[0].clone().into());
    let range = (start.addr() + 4096, MAPPED_SIZE - 4096, place);
    assert!(search.unreadable.contains(&range), "{:?}", search.unreadable);
    scrubjay::assert_no_residue(&pattern);
}
