//! Every way in which a program gives up a block that held a secret, and what
//! another process then finds in its place.
#![expect(unsafe_code, reason = "calls the global allocator by hand")]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

use scrubjay::Tag;

use crate::attack::{Secret, WINDOW_SIZE, Windows};
use crate::child::{Child, Running, pause};
use crate::random::Random;
use crate::system::{self, Key};

/// The ways, by name.
pub const WAYS: [&str; 10] = [
    "free",
    "growth",
    "shrink",
    "shrink-grown",
    "over-aligned",
    "cross-thread",
    "thread-local",
    "thread-key",
    "panic",
    "exit",
];

/// The secret repeats after so many bytes.
const PERIOD: usize = 4096;
/// How much is searched at once, in bytes.
const PIECE_SIZE: usize = 64 << 10;
const RELEASED_MAX: usize = 4_000;

/// Writes the secret of a key over bytes. It is made where it goes, so that no
/// other copy of it exists.
pub fn plant(key: u64, bytes: &mut [u8]) {
    for piece in bytes.chunks_mut(PERIOD) {
        Random::new(key).fill(piece);
    }
}

fn planted(key: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    plant(key, &mut bytes);
    bytes
}

/// Ranges of memory that were given up.
pub struct Released(Vec<(&'static str, usize, usize)>);

impl Released {
    /// None yet; later ones take no more room.
    pub fn new() -> Self {
        Self(Vec::with_capacity(RELEASED_MAX))
    }

    /// Notes a range, under a label.
    pub fn note(&mut self, label: &'static str, start: usize, size: usize) {
        assert!(self.0.len() < RELEASED_MAX, "room for {RELEASED_MAX} ranges");
        self.0.push((label, start, size));
    }

    /// Gives a vector up.
    pub fn give_up(&mut self, label: &'static str, bytes: Vec<u8>) {
        self.note(label, bytes.as_ptr() as usize, bytes.capacity());
        drop(bytes);
    }

    /// Tells the parent of all ranges and waits for it.
    pub fn tell(&self) {
        for (label, start, size) in &self.0 {
            println!("{label} {start} {size}");
        }
        pause();
    }
}

impl Default for Released {
    fn default() -> Self {
        Self::new()
    }
}

/// The child: gives up blocks in one way, with the secret of a key.
pub fn release(way: &str, key: u64) {
    // Before the first secret: the output's buffer.
    println!("begin");
    let mut released = Released::new();
    match way {
        "free" => free(key, &mut released),
        "growth" => growth(key, &mut released),
        "shrink" => shrink(key, &mut released),
        "shrink-grown" => shrink_grown(key, &mut released),
        "over-aligned" => over_aligned(key, &mut released),
        "cross-thread" => cross_thread(key, &mut released),
        "thread-local" => thread_local(key, &mut released),
        "thread-key" => thread_key(key, &mut released),
        "panic" => panic(key, &mut released),
        "exit" => return exit(key, released),
        _ => panic!("no such way: {way}"),
    }
    released.tell();
}

const SIZES: [(&str, usize); 10] = [
    ("16", 16),
    ("24", 24),
    ("64", 64),
    ("100", 100),
    ("1000", 1_000),
    ("4096", 4_096),
    ("65536", 65_536),
    ("200000", 200_000),
    ("1048576", 1 << 20),
    ("5000000", 5_000_000),
];

fn free(key: u64, released: &mut Released) {
    // All before the first free, so that none takes another's place.
    let blocks: Vec<_> = SIZES
        .iter()
        .flat_map(|&(label, size)| (0..4).map(move |_| (label, planted(key, size))))
        .collect();
    blocks.into_iter().for_each(|(label, block)| released.give_up(label, block));
}

fn growth(key: u64, released: &mut Released) {
    let mut secret = [0; 64];
    let mut bytes: Vec<u8> = Vec::new();
    let mut place = (bytes.as_ptr() as usize, 0);
    // Each stands behind the block where it grows, so that it has to move.
    let mut pins: Vec<Vec<u8>> = Vec::with_capacity(64);
    for round in 0..50_000 {
        // Never with a copy of the whole secret beside.
        if round % PERIOD.div_ceil(64) == 0 {
            bytes.extend([0; 32]);
        }
        plant(key, &mut secret);
        bytes.extend_from_slice(&secret);
        if bytes.as_ptr() as usize != place.0 && place.1 > 0 {
            released.note("grown", place.0, place.1);
        }
        if bytes.capacity() != place.1 {
            pins.push(vec![0; 40]);
        }
        place = (bytes.as_ptr() as usize, bytes.capacity());
    }
    released.give_up("last", bytes);
    secret.fill(0);
    std::hint::black_box(secret);
}

fn shrink(key: u64, released: &mut Released) {
    for (size, kept) in [(100, 20), (5_000, 50), (100_000, 3_000), (400_000, 100)] {
        for turn in 0..4 {
            let mut bytes = planted(key, size);
            let start = bytes.as_ptr() as usize;
            bytes.truncate(kept);
            match turn {
                0..3 => bytes.shrink_to_fit(),
                _ => bytes = bytes.into_boxed_slice().into_vec(),
            }
            if bytes.as_ptr() as usize == start {
                released.note("tail", start + kept, size - kept);
            } else {
                released.note("old", start, size);
            }
            // What is kept stays live, maybe in an old place: it must not be
            // taken for what was released.
            std::hint::black_box(&mut bytes).fill(0);
            std::mem::forget(bytes);
        }
    }
}

/// Large blocks that have grown, which scrubjay maps itself: their tails are
/// given back as whole pages, or overwritten first where they are secret.
fn shrink_grown(key: u64, released: &mut Released) {
    static SECRET: Tag = Tag::new("secret").secret();
    for is_secret in [false, true] {
        for kept in [1, 150_000, 200_001, 2 << 20] {
            let _scope = is_secret.then(|| SECRET.enter());
            let mut bytes = vec![0; 1_000];
            bytes.resize(3 << 20, 0);
            bytes.shrink_to_fit();
            plant(key, &mut bytes);
            let (start, size) = (bytes.as_ptr() as usize, bytes.len());
            bytes.truncate(kept);
            bytes.shrink_to_fit();
            if bytes.as_ptr() as usize == start {
                released.note("tail", start + kept, size - kept);
            } else {
                released.note("old", start, size);
            }
            std::hint::black_box(&mut bytes).fill(0);
            std::mem::forget(bytes);
        }
    }
}

fn over_aligned(key: u64, released: &mut Released) {
    let layouts = [32, 64, 256, 4_096, 65_536]
        .into_iter()
        .flat_map(|align| [32, 500, 10_000].map(|size| Layout::from_size_align(size, align)))
        .map(|layout| layout.expect("a layout"));
    let blocks: Vec<_> = layouts
        .map(|layout| {
            // SAFETY: the layout has a size.
            let block = unsafe { alloc(layout) };
            assert!(!block.is_null());
            // SAFETY: the block is fresh and has this size.
            plant(key, unsafe { std::slice::from_raw_parts_mut(block, layout.size()) });
            (block, layout)
        })
        .collect();
    for (block, layout) in blocks {
        released.note("aligned", block as usize, layout.size());
        // SAFETY: the block is live and of this layout.
        unsafe { dealloc(block, layout) };
    }
}

fn cross_thread(key: u64, released: &mut Released) {
    let (sender, receiver) = mpsc::channel();
    let maker = thread::spawn(move || {
        for size in [100, 1_000, 100_000] {
            sender.send(planted(key, size)).expect("somebody listens");
        }
    });
    maker.join().expect("the maker does not panic");
    receiver.iter().for_each(|block| released.give_up("made-elsewhere", block));
    let blocks = [100, 1_000, 100_000].map(|size| planted(key, size));
    for block in &blocks {
        released.note("freed-elsewhere", block.as_ptr() as usize, block.len());
    }
    thread::spawn(move || drop(blocks)).join().expect("dropping does not panic");
}

fn thread_local(key: u64, released: &mut Released) {
    thread_local! {
        static KEPT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    for size in [100, 1_000, 100_000] {
        let keep = move || {
            KEPT.replace(planted(key, size));
            KEPT.with_borrow(|bytes| bytes.as_ptr() as usize)
        };
        let start = thread::spawn(keep).join().expect("keeping does not panic");
        released.note("thread-local", start, size);
    }
}

fn thread_key(key: u64, released: &mut Released) {
    let at_end = Key::new();
    for size in [100, 1_000, 100_000] {
        let start = thread::scope(|scope| {
            let keep = || {
                let block = planted(key, size);
                let start = block.as_ptr() as usize;
                at_end.at_thread_end(move || drop(block));
                start
            };
            scope.spawn(keep).join().expect("keeping does not panic")
        });
        released.note("thread-key", start, size);
    }
}

fn panic(key: u64, released: &mut Released) {
    std::panic::set_hook(Box::new(|_| ()));
    for size in [100, 1_000, 100_000] {
        let block = planted(key, size);
        released.note("panic", block.as_ptr() as usize, size);
        let unwind = std::panic::AssertUnwindSafe(move || {
            let _block = block;
            std::panic::panic_any(());
        });
        std::panic::catch_unwind(unwind).expect_err("it panics");
    }
}

type AtExit = (Vec<Vec<u8>>, Released);
static AT_EXIT: Mutex<Option<AtExit>> = Mutex::new(None);

fn exit(key: u64, released: Released) {
    let blocks = [100, 1_000, 100_000].map(|size| planted(key, size)).into();
    *AT_EXIT.lock().expect("nobody panics") = Some((blocks, released));
    system::at_exit(free_at_exit);
}

extern "C" fn free_at_exit() {
    if let Some((blocks, mut released)) = AT_EXIT.lock().ok().and_then(|mut kept| kept.take()) {
        blocks.into_iter().for_each(|block| released.give_up("exit", block));
        released.tell();
    }
}

/// How many windows of the secret stand in the first pieces that show any of
/// the ranges that a child tells of, by label: 0 only where there is none.
pub fn residue(child: &mut Running, key: u64) -> BTreeMap<String, usize> {
    let secret = Secret { name: "secret".into(), pieces: vec![planted(key, PERIOD)] };
    let windows = Windows::of(&[secret]);
    let lines = child.lines_until_pause();
    let memory = File::open(format!("/proc/{}/mem", child.process())).expect("our own child");
    let mut found = BTreeMap::new();
    for line in lines.iter().filter(|line| *line != "begin") {
        let words: Vec<&str> = line.split(' ').collect();
        let [label, start, size] = words[..] else { panic!("not a range: {line}") };
        let [start, size] = [start, size].map(|word| word.parse::<usize>().expect("a number"));
        let count = found.entry(label.to_owned()).or_default();
        let mut bytes = vec![0; size];
        read_what_is_there(&memory, start, &mut bytes);
        // Pieces overlap, so that no window is cut; one that shows is enough.
        let overlap = WINDOW_SIZE - 1;
        for at in (0..size.saturating_sub(overlap)).step_by(PIECE_SIZE) {
            let end = size.min(at + PIECE_SIZE + overlap);
            windows.search(&bytes[at..end], |_, _| *count += 1);
            if *count > 0 {
                break;
            }
        }
    }
    assert!(!found.is_empty(), "the child released nothing");
    found
}

/// Pages that went back to the kernel stay zeros.
fn read_what_is_there(memory: &File, start: usize, bytes: &mut [u8]) {
    const PAGE_SIZE: usize = 4096;
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + PAGE_SIZE - (start + at) % PAGE_SIZE);
        if memory.read_exact_at(&mut bytes[at..end], (start + at) as u64).is_err() {
            bytes[at..end].fill(0);
        }
        at = end;
    }
}

/// Settings with which glibc gives nothing back to the kernel: what a program
/// leaves is then there to be found.
pub fn with_all_kept(child: Child) -> Child {
    child
        .setting("MALLOC_MMAP_THRESHOLD_", (32 << 20).to_string())
        .setting("MALLOC_TRIM_THRESHOLD_", (1_u64 << 40).to_string())
}

/// Has a child of a module release in a way, and says what is found.
pub fn found(child: Child, way: &str, key: u64) -> BTreeMap<String, usize> {
    let child = with_all_kept(child).argument(way).argument(key.to_string());
    let mut child = child.start();
    let found = residue(&mut child, key);
    child.go_on();
    let finished = child.finish();
    assert!(finished.status.success(), "{finished:?}");
    found
}

/// A secret's key: another one in each run.
pub fn new_key() -> u64 {
    let mut bytes = [0; 8];
    let random = File::open("/dev/urandom").expect("the system has randomness");
    std::io::Read::read_exact(&mut &random, &mut bytes).expect("and gives it");
    u64::from_le_bytes(bytes)
}
