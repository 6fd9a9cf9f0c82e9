//! Whatever stands on a stack, a walk ends, and reads nothing else.

use super::looks::{TOLD, prepared, taken, teller, unchanged};
use crate::capture::registers::Registers;
use crate::capture::{self, Bounds, End, Memo, stack_from};

const WORDS: usize = 512;

/// Numbers that repeat from run to run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 24) as usize
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.next() % limit
    }
}

/// A word as it may stand on a stack, and worse.
fn word(random: &mut Random, start: usize, code: &[usize]) -> usize {
    match random.below(8) {
        0..=2 => start + random.below(WORDS) * 8,
        3..=5 => code[random.below(code.len())] + random.below(3),
        6 => random.next() << random.below(40),
        _ => [0, 1, usize::MAX, usize::MAX - 15, 1 << 47][random.below(5)],
    }
}

#[inline(never)]
pub(super) fn real_code() -> Vec<usize> {
    let (mut code, ..) = taken(None, 64, Bounds::of_thread());
    // And places in libraries, at their starts and within.
    capture::each_module(|module| {
        for part in 1..8 {
            code.push((module.start + (module.end - module.start) / 8 * part) as usize);
        }
    });
    code
}

#[test]
fn garbage_is_walked_without_harm() {
    prepared();
    let _unchanged = unchanged();
    let code = real_code();
    let mut modules = Vec::new();
    capture::each_module(|module| modules.push(module.start as usize..module.end as usize + 1));
    let mut random = Random(11);
    // Nothing can be read beside the pages in the middle.
    let pages = crate::os::reserve(3 * WORDS * 8) as usize;
    let start = pages + WORDS * 8;
    let stack: *mut usize = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: the pages were reserved just now.
    let opened =
        unsafe { libc::mprotect(stack.cast(), WORDS * 8, libc::PROT_READ | libc::PROT_WRITE) };
    assert_eq!(opened, 0);
    let own = Bounds { lowest: start, highest: start + WORDS * 8 };
    let other = Bounds { lowest: 1, highest: 1 };
    let memo = Memo::make();
    let (mut frame_count, mut longest) = (0, 0);
    for round in 0..60_000 {
        for index in 0..WORDS {
            if random.below(16) == 0 || round == 0 {
                let place = stack.wrapping_add(index);
                // SAFETY: the word is on the pages.
                unsafe { place.write(word(&mut random, start, &code)) };
            }
        }
        let registers = Registers {
            code: code[random.below(code.len())],
            stack: start + random.below(WORDS) * 8,
            frame: word(&mut random, start, &code),
        };
        let depth = random.below(300);
        let bounds = if round % 4 == 0 { other } else { own };
        let both = [None, memo].map(|memo| {
            let mut told = None;
            let tell = teller(&mut told);
            // SAFETY: nobody's registers, and that is the point: the walk reads
            // only between the stack pointer and the stack's end.
            unsafe { stack_from(memo, TOLD, depth, bounds, registers, tell) };
            told.expect("each is told")
        });
        assert_eq!(both[0], both[1]);
        let [(addresses, end, _), _] = both;
        assert!(addresses.len() <= depth);
        // Of the last one nobody asks what it is where there is no room for more.
        let judged = addresses.len().saturating_sub(usize::from(end == End::Cut));
        for address in &addresses[..judged] {
            assert!(modules.iter().any(|module| module.contains(address)), "{addresses:x?}");
        }
        frame_count += addresses.len();
        longest = longest.max(addresses.len());
    }
    assert!(frame_count > 5_000 && longest > 3, "{frame_count} {longest}");
}

#[test]
fn a_stack_deeper_than_when_it_was_looked_up_is_still_ones_own() {
    // Not in each frame, which without optimisation would have room for it.
    #[inline(never)]
    fn count(bounds: Bounds) -> usize {
        taken(None, 256, bounds).0.len()
    }
    #[inline(never)]
    fn deeper(depth: usize, bounds: Bounds) -> usize {
        let mut room = [1_u8; 4096];
        std::hint::black_box(&mut room);
        let count = if depth == 0 {
            count(bounds)
        } else {
            std::hint::black_box(deeper(depth - 1, bounds))
        };
        count + usize::from(std::hint::black_box(&room)[9]) - 1
    }
    prepared();
    // On a thread: the same all the time. On the first one: see the claim's
    // program, since tests are not run there.
    let bounds = Bounds::of_thread();
    let here = (&raw const bounds) as usize;
    assert!(bounds.end_above(here).is_some());
    assert!(deeper(200, bounds) > 200);
    assert!(bounds.end_above(here - (64 << 20)).is_none());
}
