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
use crate::thread_stacks::{self, noted};

/// A way to give blocks up that held the secret of a key.
pub type Way = fn(u64, &mut Released);

/// The ways, by name. Blocks that are freed at exit are one more: [`AT_EXIT`].
pub const WAYS: [(&str, Way); 10] = [
    ("free", free),
    ("free-secret", free_secret),
    ("growth", growth),
    ("shrink", shrink),
    ("shrink-grown", shrink_grown),
    ("over-aligned", over_aligned),
    ("cross-thread", cross_thread),
    ("thread-local", thread_local),
    ("thread-key", thread_key),
    ("panic", panic),
];
/// The name of the way that ends the process.
pub const AT_EXIT: &str = "exit";

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

/// A vector that holds the secret of a key.
pub fn planted(key: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    plant(key, &mut bytes);
    bytes
}

/// The secret of a key, once.
pub fn secret(key: u64) -> Vec<u8> {
    planted(key, PERIOD)
}

/// Prefix of labels of ranges that stay.
const LIVE: &str = "live/";
/// Label of a range that was a thread's stack.
const STACK: &str = "stack";
/// Label of a number of pages that were swapped out.
const SWAPPED: &str = "swapped-pages";
/// Label of another process that waits, too.
const PROCESS: &str = "process";

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

    /// Notes what a vector that was shrunk has given up: its tail, or all of
    /// its old place, each under a label. What is kept stays live, maybe in an
    /// old place: it must not be taken for what was released.
    pub fn note_shrunk(
        &mut self,
        [tail, old]: [&'static str; 2],
        (start, size): (usize, usize),
        mut bytes: Vec<u8>,
    ) {
        if bytes.as_ptr() as usize == start {
            self.note(tail, start + bytes.len(), size - bytes.len());
        } else {
            self.note(old, start, size);
        }
        std::hint::black_box(&mut bytes).fill(0);
        std::mem::forget(bytes);
    }

    /// Gives a vector up.
    pub fn give_up(&mut self, label: &'static str, bytes: Vec<u8>) {
        self.note(label, bytes.as_ptr() as usize, bytes.capacity());
        drop(bytes);
    }

    /// Notes a range that stays, so that it is not taken for one that was
    /// given up. The label begins with `live/`.
    pub fn note_live(&mut self, label: &'static str, bytes: &[u8]) {
        assert!(label.starts_with(LIVE), "{label}");
        self.note(label, bytes.as_ptr() as usize, bytes.len());
    }

    /// Notes how many pages of a block were swapped out.
    pub fn note_swapped(&mut self, count: usize) {
        self.note(SWAPPED, count, 0);
    }

    /// Notes another process, which waits as this one does.
    pub fn note_process(&mut self, process: i32) {
        self.note(PROCESS, process as usize, 0);
    }

    /// Ends the other processes that were noted.
    pub(crate) fn end_processes(&self) {
        let processes = self.0.iter().filter(|(label, ..)| *label == PROCESS);
        processes.for_each(|(_, process, _)| system::end(*process as i32));
    }

    /// Tells the parent of all ranges and waits for it.
    pub fn tell(&self) {
        for (label, start, size) in &self.0 {
            println!("{label} {start} {size}");
        }
        for (start, size) in thread_stacks::all() {
            println!("{STACK} {start} {size}");
        }
        pause();
    }
}

impl Default for Released {
    fn default() -> Self {
        Self::new()
    }
}

/// What a child told of its memory.
#[derive(Debug, Default)]
pub struct Told {
    /// Ranges that were given up: label, start, size.
    pub released: Vec<(String, u64, u64)>,
    /// Ranges that stay.
    pub live: Vec<(String, u64, u64)>,
    /// Stacks of threads, start and end.
    pub stacks: Vec<(u64, u64)>,
    /// How many pages were swapped out.
    pub swapped: Option<u64>,
    /// Processes that wait, too.
    pub processes: Vec<u32>,
}

impl Told {
    /// Reads what a child tells until it waits.
    pub fn by(child: &mut Running) -> Self {
        let mut told = Self::default();
        for line in child.lines_until_pause().iter().filter(|line| *line != BEGIN) {
            let words: Vec<&str> = line.split(' ').collect();
            let [label, start, size] = words[..] else { panic!("not a range: {line}") };
            let [start, size] = [start, size].map(|word| word.parse::<u64>().expect("a number"));
            match label {
                STACK => told.stacks.push((start, start + size)),
                SWAPPED => told.swapped = Some(start),
                PROCESS => told.processes.push(start as u32),
                _ if label.starts_with(LIVE) => told.live.push((label.to_owned(), start, size)),
                _ => told.released.push((label.to_owned(), start, size)),
            }
        }
        told
    }
}

/// The first line of a child: it makes the output's buffer, before the first
/// secret.
pub(crate) const BEGIN: &str = "begin";

/// The child: gives up blocks in one way, with the secret of a key.
pub fn release(way: &str, key: u64) {
    println!("{BEGIN}");
    let mut released = Released::new();
    if way == AT_EXIT {
        return exit(key, released);
    }
    let named = WAYS.iter().find(|(name, _)| *name == way);
    let Some((_, play)) = named else { panic!("no such way: {way}") };
    play(key, &mut released);
    released.tell();
}

const SIZES: [(&str, usize); 13] = [
    ("16", 16),
    ("24", 24),
    ("64", 64),
    ("100", 100),
    ("256", 256),
    ("1000", 1_000),
    ("4096", 4_096),
    ("16384", 16_384),
    ("65536", 65_536),
    ("200000", 200_000),
    ("1048576", 1 << 20),
    ("5000000", 5_000_000),
    ("40000000", 40_000_000),
];
/// What glibc itself writes into a freed block hides the secrets of these: of
/// small ones, and of the 30 bytes by which 1,000 shrink to 970.
pub const HIDDEN_BY_GLIBC: [&str; 3] = ["16", "24", "1000-970"];

fn free(key: u64, released: &mut Released) {
    // All before the first free, so that none takes another's place.
    let count = |size| if size < 4 << 20 { 4 } else { 1 };
    let blocks: Vec<_> = SIZES
        .iter()
        .flat_map(|&(label, size)| (0..count(size)).map(move |_| (label, planted(key, size))))
        .collect();
    blocks.into_iter().for_each(|(label, block)| released.give_up(label, block));
}

fn free_secret(key: u64, released: &mut Released) {
    static SECRET: Tag = Tag::new("secret").secret();
    let _scope = SECRET.enter();
    free(key, released);
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
            released.note_shrunk(["tail", "old"], (start, size), bytes);
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
            released.note_shrunk(["tail", "old"], (start, size), bytes);
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
    let maker = thread::spawn(noted(move || {
        for size in [100, 1_000, 100_000] {
            sender.send(planted(key, size)).expect("somebody listens");
        }
    }));
    maker.join().expect("the maker does not panic");
    receiver.iter().for_each(|block| released.give_up("made-elsewhere", block));
    let blocks = [100, 1_000, 100_000].map(|size| planted(key, size));
    for block in &blocks {
        released.note("freed-elsewhere", block.as_ptr() as usize, block.len());
    }
    thread::spawn(noted(move || drop(blocks))).join().expect("dropping does not panic");
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
        let start = thread::spawn(noted(keep)).join().expect("keeping does not panic");
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
            scope.spawn(noted(keep)).join().expect("keeping does not panic")
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

type Kept = (Vec<Vec<u8>>, Released);
static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// Blocks that are freed when the process exits, which tells of them then.
pub(crate) fn exit(key: u64, released: Released) {
    let blocks = [100, 1_000, 100_000].map(|size| planted(key, size)).into();
    *KEPT.lock().expect("nobody panics") = Some((blocks, released));
    system::at_exit(free_at_exit);
}

extern "C" fn free_at_exit() {
    if let Some((blocks, mut released)) = KEPT.lock().ok().and_then(|mut kept| kept.take()) {
        blocks.into_iter().for_each(|block| released.give_up("exit", block));
        released.tell();
    }
}

/// How many windows of the secret stand in the first pieces that show any of
/// the ranges that a child tells of, by label: 0 only where there is none.
pub fn residue(child: &mut Running, key: u64) -> BTreeMap<String, usize> {
    let told = Told::by(child);
    let windows = Windows::of(&[Secret { name: "secret".into(), pieces: vec![secret(key)] }]);
    let found = told.residue(child.process(), &windows);
    assert!(!found.is_empty(), "the child released nothing");
    found
}

impl Told {
    /// How many windows stand in the first pieces that show any of the ranges
    /// that were given up, by label: 0 only where there is none.
    pub fn residue(&self, process: u32, windows: &Windows) -> BTreeMap<String, usize> {
        let memory = File::open(format!("/proc/{process}/mem")).expect("our own child");
        let mut found = BTreeMap::new();
        for (label, start, size) in &self.released {
            let count = found.entry(label.clone()).or_default();
            let size = *size as usize;
            let mut bytes = vec![0; size];
            read_what_is_there(&memory, *start as usize, &mut bytes);
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
        found
    }
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
        .setting("MALLOC_MMAP_MAX_", "0")
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
