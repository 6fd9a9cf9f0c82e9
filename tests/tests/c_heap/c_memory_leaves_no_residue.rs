//! Nothing of what C and C++ code frees can be found by another process: not
//! by `free`, `realloc` or on another thread, not in the C library's own
//! buffers, not where C++ has it. The control does not wipe, and finds it.
#![expect(unsafe_code, reason = "calls the C library")]

use std::ffi::{CStr, c_void};
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::mem::transmute;
use std::os::fd::IntoRawFd;
use std::thread;

use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::releases::{self, Released, plant};

use crate::c::{self, Ask, Block};

/// What gives blocks up, and whether it can be had on every system.
const WAYS: [&str; 9] =
    ["free", "growth", "shrink", "threads", "strings", "lines", "files", "sorting", "c++"];

pub fn test() {
    for way in WAYS {
        if way == "c++" && c::function(LIBRARY, NEW).is_none() {
            println!("without C++: libstdc++ is not here");
            continue;
        }
        for mode in ["count", "journal"] {
            let found = found(way, "all", mode);
            assert!(found.iter().all(|(_, count)| *count == 0), "{way}: {found:?}");
        }
        let control = found(way, "off", "count");
        assert!(control.iter().all(|(_, count)| *count > 0), "the control, {way}: {control:?}");
    }
}

fn found(way: &str, wipe: &str, mode: &str) -> Vec<(String, usize)> {
    let folder = Folder::new();
    let child = child!()
        .folder(&folder)
        .log(&folder.join("run.jay"))
        .setting("SCRUBJAY_WIPE", wipe)
        .setting("SCRUBJAY_MODE", mode);
    releases::found(child, way, releases::new_key()).into_iter().collect()
}

pub fn child(arguments: &[String]) {
    let key = arguments[1].parse().expect("a number");
    println!("begin");
    let mut released = Released::new();
    match &arguments[0][..] {
        "free" => free(key, &mut released),
        "growth" => growth(key, &mut released),
        "shrink" => shrink(key, &mut released),
        "threads" => threads(key, &mut released),
        "strings" => strings(key, &mut released),
        "lines" => lines(key, &mut released),
        "files" => files(key, &mut released),
        "sorting" => sorting(key, &mut released),
        "c++" => cpp(key, &mut released),
        way => panic!("no such way: {way}"),
    }
    released.tell();
}

fn give_up(label: &'static str, mut block: Block, released: &mut Released) {
    released.note(label, block.address(), block.bytes().len());
    drop(block);
}

/// A block full of the secret, slack and all.
fn planted(ask: Ask, size: usize, key: u64) -> Block {
    let mut block = Block::by(ask, size).expect("memory");
    plant(key, block.bytes());
    block
}

fn free(key: u64, released: &mut Released) {
    let asks = [
        ("malloc", Ask::Malloc),
        ("calloc", Ask::Calloc),
        ("aligned_alloc", Ask::AlignedAlloc(64)),
        ("posix_memalign", Ask::PosixMemalign(4096)),
        ("memalign", Ask::Memalign(256)),
        ("valloc", Ask::Valloc),
        ("pvalloc", Ask::Pvalloc),
    ];
    let sizes = [40, 100, 1_000, 4_096, 65_536, 200_000, 1 << 20, 5_000_000];
    let blocks: Vec<_> = asks
        .iter()
        .flat_map(|&(label, ask)| sizes.map(|size| (label, planted(ask, size, key))))
        .collect();
    blocks.into_iter().for_each(|(label, block)| give_up(label, block, released));
}

fn growth(key: u64, released: &mut Released) {
    let mut pins = Vec::with_capacity(100);
    let mut block = planted(Ask::Malloc, 50, key);
    while block.size() < 3 << 20 {
        let (start, size) = (block.address(), block.size());
        pins.push(Block::new(40));
        assert!(block.resize(2 * size));
        assert!(block.address() != start, "it has to move");
        released.note("grown", start, size);
        plant(key, block.bytes());
    }
    give_up("last", block, released);
}

fn shrink(key: u64, released: &mut Released) {
    for (size, kept) in [(100, 20), (5_000, 50), (100_000, 3_000), (400_000, 100)] {
        for _ in 0..4 {
            let mut block = planted(Ask::Malloc, size, key);
            let (start, size) = (block.address(), block.size());
            assert!(block.resize(kept));
            assert_eq!(block.address(), start);
            released.note("tail", start + kept, size - kept);
            // What is kept stays live, and must not be taken for the rest.
            let kept = block.size().min(kept);
            block.bytes()[..kept].fill(0);
            block.leave();
        }
    }
}

fn threads(key: u64, released: &mut Released) {
    let sizes = [100, 1_000, 100_000];
    let make = move || sizes.map(|size| planted(Ask::Malloc, size, key));
    let blocks = thread::spawn(make).join().expect("no panic");
    blocks.into_iter().for_each(|block| give_up("made-elsewhere", block, released));
    let blocks = sizes.map(|size| planted(Ask::Malloc, size, key));
    blocks.iter().for_each(|block| released.note("freed-elsewhere", block.address(), block.size()));
    thread::spawn(move || drop(blocks)).join().expect("no panic");
}

/// The secret without NUL and end of line, which it cannot have here. Nearly
/// all of its windows stay whole.
fn text(key: u64, size: usize) -> Vec<u8> {
    let mut text = vec![0; size];
    plant(key, &mut text);
    let is_plain = |byte: &u8| !matches!(byte, 0 | b'\n');
    text.retain(is_plain);
    text
}

fn strings(key: u64, released: &mut Released) {
    let text = std::ffi::CString::new(text(key, 3_000)).expect("no NUL within");
    // SAFETY: the text is a C string.
    let place = black_box(unsafe { libc::strdup(text.as_ptr()) });
    // SAFETY: strdup's answer is a block of the caller's.
    give_up("strdup", unsafe { Block::of(place.cast()) }, released);
    // SAFETY: as above.
    let place = black_box(unsafe { libc::strndup(text.as_ptr(), 2_000) });
    // SAFETY: as above.
    give_up("strndup", unsafe { Block::of(place.cast()) }, released);
}

fn lines(key: u64, released: &mut Released) {
    let path = c"lines";
    let line = text(key, 3_000);
    let mut file = File::create("lines").expect("the folder is the child's");
    for part in [&[b'x'; 50], &b"\n"[..], &line, b"\n"] {
        file.write_all(part).expect("room");
    }
    // SAFETY: the path and the mode are C strings.
    let file = unsafe { libc::fopen(path.as_ptr(), c"r".as_ptr()) };
    assert!(!file.is_null());
    let (mut place, mut size) = (std::ptr::null_mut(), 0);
    for _ in 0..2 {
        // SAFETY: the place is null or getline's own.
        assert!(unsafe { libc::getline(&mut place, &mut size, file) } > 0);
    }
    // SAFETY: getline's line is a block of the caller's.
    give_up("getline", unsafe { Block::of(place.cast()) }, released);
    // SAFETY: the file is open, and nobody uses it any more.
    unsafe { libc::fclose(file) };
}

/// The stream's own buffer, which it has from `malloc`.
fn files(key: u64, released: &mut Released) {
    let file = File::create("written").expect("the folder is the child's").into_raw_fd();
    // SAFETY: the descriptor is open, the mode a C string.
    let file = unsafe { libc::fdopen(file, c"w".as_ptr()) };
    assert!(!file.is_null());
    let mut secret = [0; 2_000];
    plant(key, &mut secret);
    // SAFETY: the bytes can be read.
    unsafe { libc::fwrite(secret.as_ptr().cast(), 1, secret.len(), file) };
    secret.fill(0);
    black_box(&mut secret);
    // glibc's stream begins with its flags, and seven pointers of which the
    // fourth is where its write buffer begins.
    let place = file.cast::<*mut c_void>().wrapping_add(4);
    // SAFETY: the stream has this word.
    let buffer = unsafe { place.read() };
    // SAFETY: the buffer is the stream's block, until it is closed.
    let block = unsafe { Block::of(buffer) };
    released.note("stream", block.address(), block.size());
    block.leave();
    // SAFETY: the file is open, and nobody uses it any more.
    unsafe { libc::fclose(file) };
}

/// What `qsort` moves elements through; it is known by what C asks for next.
fn sorting(key: u64, released: &mut Released) {
    extern "C" fn order(a: *const c_void, b: *const c_void) -> i32 {
        // SAFETY: elements are eight bytes.
        let [a, b] = [a, b].map(|place| unsafe { place.cast::<u64>().read_unaligned() });
        a.cmp(&b) as i32
    }
    // Larger than what it has on the stack, and what a thread's cache keeps.
    let mut elements = vec![0_u8; 4_096];
    plant(key, &mut elements);
    // SAFETY: the elements are 512 of eight bytes.
    unsafe { libc::qsort(elements.as_mut_ptr().cast(), 512, 8, Some(order)) };
    elements.fill(0);
    black_box(&mut elements);
    let scratch = Block::by(Ask::Real, elements.len()).expect("memory");
    released.note("qsort", scratch.address(), elements.len());
    scratch.leave();
}

const LIBRARY: &CStr = c"libstdc++.so.6";
const NEW: &CStr = c"_Znwm";

fn cpp(key: u64, released: &mut Released) {
    let [new, delete] =
        [NEW, c"_ZdlPv"].map(|name| c::function(LIBRARY, name).expect("a function"));
    // SAFETY: `operator new(unsigned long)` has this type.
    let new =
        unsafe { transmute::<*mut c_void, unsafe extern "C" fn(usize) -> *mut u8>(new.as_ptr()) };
    // SAFETY: `operator delete(void*)` has this type.
    let delete =
        unsafe { transmute::<*mut c_void, unsafe extern "C" fn(*mut u8)>(delete.as_ptr()) };
    let blocks = [50, 3_000, 300_000].map(|size| {
        // SAFETY: new throws where it finds no memory, which ends the process.
        let place = unsafe { new(size) };
        // SAFETY: the block has so many bytes.
        plant(key, unsafe { std::slice::from_raw_parts_mut(place, size) });
        (black_box(place), size)
    });
    for (place, size) in blocks {
        released.note("delete", place.addr(), size);
        // SAFETY: the block is new's, and freed once.
        unsafe { delete(place) };
    }
}
