//! C blocks outlive the thread that asked for them, are freed by others, by
//! destructors of thread keys and by forked children; forks beside threads that
//! allocate do not hang. So, too, where the C library allocates for the hook of
//! a thread's end.
#![expect(unsafe_code, reason = "runs before the allocator's own constructor")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use scrubjay::Report;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::harness::count;
use scrubjay_tests::log::Log;
use scrubjay_tests::system::{self, Fork, Key};
use scrubjay_tests::{child, threads};

use crate::c::{self, Block, counted};

/// Makes keys before scrubjay makes its own: those beyond 32 have no place in
/// a thread but one that is allocated.
#[used]
#[unsafe(link_section = ".init_array.00101")]
static BEFORE_ALL: extern "C" fn() = {
    extern "C" fn make_keys() {
        // SAFETY: the name is a C string.
        let count = unsafe { libc::getenv(c"KEYS_BEFORE".as_ptr()) };
        if count.is_null() {
            return;
        }
        // SAFETY: the environment's values are C strings.
        for _ in 0..unsafe { libc::atoi(count) } {
            let mut key = 0;
            // SAFETY: the key can be written.
            unsafe { libc::pthread_key_create(&mut key, None) };
        }
    }
    make_keys
};

pub fn test() {
    for (mode, keys) in [("count", "0"), ("journal", "0"), ("count", "40"), ("journal", "40")] {
        let folder = Folder::new();
        let child = child!().log(&folder.join("%p.jay")).setting("SCRUBJAY_MODE", mode);
        let finished = child.setting("KEYS_BEFORE", keys).succeed();
        assert_eq!(finished.errors, "");
        assert!(folder.files().len() > 10, "each forked child has a log");
        let log = Log::read(&folder.join(format!("{}.jay", finished.process)));
        log.check();
        assert_eq!(log.process[scrubjay_log_format::process::CORRUPTION_COUNT], 0);
    }
}

pub fn child(_: &[String]) {
    freed_elsewhere();
    freed_at_a_threads_end();
    forked();
    assert_eq!(Report::now().corruption_count, 0);
}

fn filled(size: usize) -> Block {
    let mut block = Block::new(size);
    block.bytes().fill(9);
    block
}

fn freed_elsewhere() {
    let figures = counted(|| {
        let made: Vec<Block> =
            thread::spawn(|| (0..1_000).map(filled).collect()).join().expect("no panic");
        drop(made);
        let made: Vec<Block> = (0..1_000).map(filled).collect();
        thread::spawn(move || drop(made)).join().expect("no panic");
    });
    assert!(figures.allocated_blocks >= 2_000);
    assert!(figures.freed_blocks >= 2_000);
}

fn freed_at_a_threads_end() {
    // Behind scrubjay's own key, and beyond those for which the C library has
    // room without allocating.
    let keys: Vec<Key> = (0..60).map(|_| Key::new()).collect();
    let figures = counted(|| {
        let worker = || {
            for key in &keys {
                let block = filled(500);
                key.at_thread_end(move || drop(block));
            }
        };
        threads::scope(|scope| scope.spawn(worker));
    });
    assert!(figures.freed_blocks >= 60);
}

fn forked() {
    // While there is one thread: a raw clone asks for no locks.
    (0..3).for_each(|number| fork(Fork::Raw, number));
    let done = AtomicBool::new(false);
    threads::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop([10, 100, 1_000, 50_000].map(filled));
                }
            });
        }
        (0..count(10, 200)).for_each(|number| fork(Fork::Library, number));
        done.store(true, Ordering::Relaxed);
    });
}

fn fork(how: Fork, number: usize) {
    let mut mine = filled(700 + number);
    let forked = system::fork(how, number.is_multiple_of(3), || {
        let before = c::figures();
        assert_eq!((before.allocated_blocks, before.freed_blocks), (0, 0));
        drop(std::mem::replace(&mut mine, filled(70)));
        assert!(mine.resize(90_000));
        let after = c::figures();
        assert_eq!((after.allocated_blocks, after.freed_blocks), (2, 2));
    });
    system::wait(forked);
    assert!(mine.bytes().iter().all(|&byte| byte == 9));
}
