//! Threads that stand still, or do not, come or have gone; and what they leave.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::ground::{Ground, Hidden};
use crate::limits::REACH_ANSWER_NS;
use crate::reach::{self, Held};
use crate::{os, thread_blocks};

const LOST: Held = Held::Lost;
/// Stacks of this size are not taken for threads of the usual one.
const LARGE_STACK: usize = 16 << 20;

/// A place of its own on the stack that holds a block's address, deep down.
#[inline(never)]
fn leave_deep(block: Hidden, depth: usize) -> usize {
    let mut frame = [0_usize; 64];
    if depth > 0 {
        let below = leave_deep(block, depth - 1);
        // Not the last thing, so that the frame stays.
        return below + std::hint::black_box(&mut frame)[0];
    }
    let place: *mut usize = &mut frame[32];
    // SAFETY: the place is on this frame.
    unsafe { place.write_volatile(block.address()) };
    std::hint::black_box(&mut frame)[0]
}

/// Lets threads go on, also where a test fails.
struct GoOn<'f>(&'f AtomicBool);

impl Drop for GoOn<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Says that it is there, and waits, in a frame of its own.
#[inline(never)]
fn wait_for(ready: &AtomicU32, go_on: &AtomicBool) {
    ready.fetch_add(1, Ordering::SeqCst);
    while !go_on.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(1));
    }
}

fn await_ready(ready: &AtomicU32, count: u32) {
    while ready.load(Ordering::SeqCst) < count {
        thread::yield_now();
    }
}

#[test]
fn what_a_thread_left_below_its_stack_pointer_holds_nothing() {
    let mut ground = Ground::new(1 << 20);
    let [stale, used] = [(); 2].map(|()| ground.block(64));
    let (ready, go_on, id) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let guard = GoOn(&go_on);
        scope.spawn(|| {
            id.store(os::thread_id(), Ordering::SeqCst);
            std::hint::black_box(leave_deep(stale, 40));
            let mut frame = [0_usize; 4];
            fill(&mut frame, used);
            wait_for(&ready, &go_on);
            std::hint::black_box(&mut frame);
        });
        await_ready(&ready, 1);
        let found = ground.scan();
        drop(guard);
        assert_eq!(found.held(stale), LOST);
        assert_eq!(found.held(used), Held::Stack { thread: id.load(Ordering::SeqCst) });
        assert!(found.scan.counts.is_stop_complete);
        assert!(found.scan.counts.stopped_count > 0);
    });
}

#[inline(never)]
fn fill(frame: &mut [usize], block: Hidden) {
    frame[0] = block.address();
    frame[1] = block.address();
}

#[test]
fn the_stack_of_a_thread_that_has_ended_holds_nothing_once_it_is_known_for_one() {
    let mut ground = Ground::new(1 << 20);
    let [known, unknown] = [(); 2].map(|()| ground.block(64));
    let end = |block, is_noted: bool| {
        let leave = move || {
            if is_noted {
                thread_blocks::note();
            }
            std::hint::black_box(leave_deep(block, 4));
        };
        thread::Builder::new().stack_size(LARGE_STACK).spawn(leave).unwrap()
    };
    // Both at once, so that neither has the other's stack.
    let [first, second] = [end(known, true), end(unknown, false)];
    first.join().unwrap();
    second.join().unwrap();
    let found = ground.scan();
    assert_eq!(found.held(known), LOST);
    // Which shows that such stacks stay, with all that they hold.
    assert_eq!(found.held(unknown), Held::Elsewhere);
}

#[test]
fn what_the_checker_left_in_its_own_frames_holds_nothing() {
    let mut ground = Ground::new(1 << 20);
    let block = ground.block(64);
    crate::stack::scrub_stack(usize::MAX);
    let blocks = ground.blocks();
    let held = reach::aside(|aside| {
        let mut frame = [0_usize; 4];
        fill(&mut frame, block);
        std::hint::black_box(leave_deep(block, 10));
        let scan = aside.scan(blocks, u64::MAX).ok()?;
        std::hint::black_box(&mut frame);
        Some(scan.held(0))
    });
    assert_eq!(held, Ok(Some(LOST)));
}

/// Holds a block by one register alone, as `not` of what it is given.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn hold_in_register(block: Hidden, in_vector: bool, ready: &AtomicU32, go_on: &AtomicBool) {
    let (ready, go_on) = (ready.as_ptr(), go_on.as_ptr());
    if in_vector {
        // SAFETY: two flags are written and read, which live.
        unsafe {
            core::arch::asm!(
                "not r12",
                "movq xmm7, r12",
                "pslldq xmm7, 8",
                "xor r12d, r12d",
                "lock inc dword ptr [{ready}]",
                "2: pause",
                "cmp byte ptr [{go_on}], 0",
                "je 2b",
                "pxor xmm7, xmm7",
                ready = in(reg) ready,
                go_on = in(reg) go_on,
                inout("r12") block.0 => _,
                out("xmm7") _,
            );
        }
    } else {
        // SAFETY: as above.
        unsafe {
            core::arch::asm!(
                "not r12",
                "lock inc dword ptr [{ready}]",
                "2: pause",
                "cmp byte ptr [{go_on}], 0",
                "je 2b",
                "xor r12d, r12d",
                ready = in(reg) ready,
                go_on = in(reg) go_on,
                inout("r12") block.0 => _,
            );
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_register_holds_what_it_points_to() {
    let mut ground = Ground::new(1 << 20);
    let blocks = [(); 2].map(|()| ground.block(64));
    let (ready, go_on) = (AtomicU32::new(0), AtomicBool::new(false));
    let ids = [const { AtomicU32::new(0) }; 2];
    thread::scope(|scope| {
        let guard = GoOn(&go_on);
        for (at, block) in blocks.into_iter().enumerate() {
            let (ready, go_on, id) = (&ready, &go_on, &ids[at]);
            scope.spawn(move || {
                id.store(os::thread_id(), Ordering::SeqCst);
                hold_in_register(block, at == 1, ready, go_on);
            });
        }
        await_ready(&ready, 2);
        // On a busy machine a thread may have no turn for long.
        for _ in 0..20 {
            if ground.scan().scan.counts.running_count == 0 {
                break;
            }
        }
        let found = ground.scan();
        drop(guard);
        for (block, id) in blocks.into_iter().zip(&ids) {
            let thread = id.load(Ordering::SeqCst);
            assert_eq!(found.held(block), Held::Register { thread }, "{:?}", found.scan.counts);
        }
    });
}

/// A register that a function must preserve, of the thread that asks.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_register_of_the_thread_that_asks_holds_what_it_points_to() {
    extern "C" fn scan(ground: *mut Ground, answer: *mut Option<Held>) {
        // SAFETY: the test hands both over, and waits.
        let ground = unsafe { &mut *ground };
        let held = ground.scan().scan.held(0);
        // SAFETY: as above.
        unsafe { *answer = Some(held) };
    }
    let mut ground = Ground::new(1 << 20);
    let block = ground.block(64);
    let mut answer = None;
    // SAFETY: a call as C makes it, on a stack that is a multiple of 16.
    unsafe {
        core::arch::asm!(
            "not r12",
            "call {scan}",
            "xor r12d, r12d",
            scan = sym scan,
            inout("r12") block.0 => _,
            in("rdi") &raw mut ground,
            in("rsi") &raw mut answer,
            clobber_abi("C"),
        );
    }
    assert_eq!(answer, Some(Held::Stack { thread: os::thread_id() }));
}

#[test]
fn a_thread_that_blocks_the_signal_goes_on_and_its_stack_counts_whole() {
    let mut ground = Ground::new(1 << 20);
    let [stale, used] = [(); 2].map(|()| ground.block(64));
    let (ready, go_on) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let guard = GoOn(&go_on);
        scope.spawn(|| {
            thread_blocks::note();
            os::without_signals(|| {
                std::hint::black_box(leave_deep(stale, 40));
                let mut frame = [0_usize; 4];
                fill(&mut frame, used);
                wait_for(&ready, &go_on);
                std::hint::black_box(&mut frame);
            });
        });
        await_ready(&ready, 1);
        let pauses = [(); 5].map(|()| ground.scan().scan.counts.pause_ns);
        let found = ground.scan();
        drop(guard);
        assert!(found.scan.counts.running_count >= 1);
        assert_eq!(found.held(used), Held::Elsewhere);
        assert_eq!(found.held(stale), Held::Elsewhere);
        // It is seen to block the signal, and not waited for.
        assert!(pauses.into_iter().min() < Some(REACH_ANSWER_NS), "{pauses:?}");
    });
    // The signal that came late did nothing.
    assert_eq!(ground.scan().held(used), LOST);
}

#[test]
fn threads_that_allocate_are_stopped_anywhere_and_nobody_waits_for_ever() {
    let mut ground = Ground::new(1 << 20);
    let block = ground.block(64);
    let (ready, go_on) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let guard = GoOn(&go_on);
        for seed in 1..=6_usize {
            let (ready, go_on) = (&ready, &go_on);
            scope.spawn(move || {
                ready.fetch_add(1, Ordering::SeqCst);
                let mut sizes = seed;
                let mut kept = [(core::ptr::null_mut::<u8>(), 0); 16];
                while !go_on.load(Ordering::Relaxed) {
                    sizes = sizes.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed);
                    let size = 1 + (sizes >> 33) % (64 << 10);
                    let (old, old_size) = kept[sizes % 16];
                    if !old.is_null() {
                        let layout = Layout::from_size_align(old_size, 8).unwrap();
                        // SAFETY: allocated below with this layout.
                        unsafe { System.dealloc(old, layout) };
                    }
                    let layout = Layout::from_size_align(size, 8).unwrap();
                    // SAFETY: the size is not 0.
                    kept[sizes % 16] = (unsafe { System.alloc(layout) }, size);
                }
                for (old, size) in kept.into_iter().filter(|(old, _)| !old.is_null()) {
                    let layout = Layout::from_size_align(size, 8).unwrap();
                    // SAFETY: as above.
                    unsafe { System.dealloc(old, layout) };
                }
            });
        }
        await_ready(&ready, 6);
        let begin = Instant::now();
        // On a busy machine each has to wait for its time slice.
        for _ in (0..1_000).take_while(|_| begin.elapsed() < Duration::from_secs(15)) {
            let found = ground.scan();
            assert_eq!(found.held(block), LOST);
            assert!(found.scan.counts.is_stop_complete);
            let counts = found.scan.counts;
            assert!(counts.stopped_count + counts.running_count >= 6, "{counts:?}");
        }
        drop(guard);
    });
}

#[test]
fn threads_may_be_born_and_die_meanwhile() {
    let mut ground = Ground::new(1 << 20);
    let [lost, kept] = [(); 2].map(|()| ground.block(64));
    let go_on = AtomicBool::new(false);
    let begin = Instant::now();
    let mut frame = [0_usize; 4];
    fill(&mut frame, kept);
    thread::scope(|scope| {
        let guard = GoOn(&go_on);
        for _ in 0..3 {
            scope.spawn(|| {
                while !go_on.load(Ordering::Relaxed) {
                    let others = [(); 4].map(|()| thread::spawn(thread::yield_now));
                    for other in others {
                        other.join().unwrap();
                    }
                }
            });
        }
        let mut running_count = 0;
        for _ in (0..200).take_while(|_| begin.elapsed() < Duration::from_secs(15)) {
            let found = ground.scan();
            assert_eq!(found.held(lost), LOST);
            assert!(matches!(found.held(kept), Held::Stack { .. }));
            assert!(found.scan.counts.is_stop_complete);
            running_count += found.scan.counts.running_count;
        }
        drop(guard);
        // Other tests have a thread that blocks the signal.
        assert!(running_count <= 200, "{running_count}");
    });
    std::hint::black_box(&mut frame);
}

/// What the C library keeps for a thread in memory from its own heap.
#[test]
fn a_key_beyond_the_first_ones_holds_what_it_points_to() {
    let mut ground = Ground::new(1 << 20);
    let blocks = [(); 2].map(|()| ground.block(64));
    let mut keys = [0; 48];
    for key in &mut keys {
        // SAFETY: the key is writable, and has no destructor.
        assert_eq!(unsafe { libc::pthread_key_create(key, None) }, 0);
    }
    let (first, last) = (keys[0], keys[47]);
    set_key(first, blocks[0]);
    set_key(last, blocks[1]);
    let found = ground.scan();
    let held = blocks.map(|block| found.held(block));
    for key in keys {
        // SAFETY: the key was made above.
        unsafe { libc::pthread_key_delete(key) };
    }
    let thread = os::thread_id();
    let is_early = first < 32;
    assert_eq!(held[0], if is_early { Held::ThreadLocal { thread } } else { Held::Elsewhere });
    assert_eq!(held[1], Held::Elsewhere);
}

#[inline(never)]
fn set_key(key: u32, block: Hidden) {
    let value = core::ptr::with_exposed_provenance(block.address());
    // SAFETY: the key is the test's.
    assert_eq!(unsafe { libc::pthread_setspecific(key, value) }, 0);
}

#[test]
fn two_searches_at_once_take_turns() {
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // One for all: what a thread has unmapped another one may get, with
                // its addresses on the former one's stack.
                let mut ground = Ground::new(1 << 20);
                barrier.wait();
                for _ in 0..20 {
                    let block = ground.block(32);
                    assert_eq!(ground.scan().held(block), LOST);
                }
            });
        }
    });
}
