//! What pointers may look like: tagged, inside a block, behind its end, and
//! such as no scan can read; and values that are bypassed by raw pointers.
#![expect(unsafe_code, reason = "raw pointers are what this is about")]

use std::hint::black_box;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::case::{cases, exactly};
use crate::statics::{ROOM, locked};

cases! { "pointers.rs":
    Lost Open overwritten_by_write at first_value: exactly(1, 901),
        "`ptr::write` over a live vector";
    Lost Blind swapped_out: exactly(1, 560), "what an atomic swap answers is ignored";
    Lost Open part_not_dropped at outer: exactly(1, 480),
        "a box is freed without dropping the vector in it";
    Lost Blind length_set_to_zero at words: exactly(7, 7 * 29),
        "a vector of strings gets the length 0, and is dropped";
    Lost Open detached_middle at list: exactly(3, 3 * size_of::<Element>()),
        "the middle of a linked list is bypassed";
    Lost Blind slots_never_assumed_init at slots: exactly(6, 6 * 51),
        "strings in slots of `MaybeUninit`, whose box is dropped";
    Lost Open number_like_an_address: exactly(1, 1_450),
        "a block is lost, but a static list of numbers has its address",
        except "a word that looks like a pointer counts as one: only growth tells";
    Kept Blind masked_and_kept: exactly(1, 350),
        "a static list holds pointers XOR-ed with a key, more each run",
        except "no scan can read a masked pointer: what is kept looks lost";
    Clean Open tagged, "the only pointer, in a static, has its low bits set";
    Clean Blind inside_an_arc, "the only pointer, in a static, is behind the counts";
    Clean Open middle_of_a_slice, "the only pointer, in a static, is to the middle";
    Clean Blind past_the_end, "the only pointer, in a static, is one past the end";
    Clean Open swapped_in, "a box is put into a static by an atomic swap";
    Clean Blind chain_of_insides, "a block holds the only pointer, into another's middle";
    Clean Open unaligned, "the only pointer is at an odd address of a packed struct",
        except "a scan reads aligned words";
    Clean Blind masked, "the only pointer, in a static, is XOR-ed with a key",
        except "no scan can read a masked pointer";
    Clean Open in_two_halves, "the only pointer is in two words of a static, 32 bits in each",
        except "no scan can put a compressed pointer together";
    Clean Blind high_bits_taken, "the only pointer, in a static, has a tag in its high bits",
        except "a scan does not know which high bits to clear";
}

fn overwritten_by_write() {
    let mut value = first_value();
    black_box(&mut value);
    // SAFETY: the place is valid for writes; what was there is lost, soundly.
    unsafe { ptr::write(&mut value, Vec::new()) };
    black_box(value);
}

#[inline(never)]
fn first_value() -> Vec<u8> {
    black_box(vec![1; black_box(901)]) // leaks
}

#[inline(never)]
fn swapped_out() {
    static LAST: AtomicPtr<[u8; 560]> = AtomicPtr::new(ptr::null_mut());
    let new = Box::into_raw(black_box(Box::new([1_u8; 560]))); // leaks
    LAST.swap(new, Ordering::AcqRel);
}

struct Outer {
    _name: [u8; 90],
    _load: Vec<u8>,
}

fn part_not_dropped() {
    let outer = Box::into_raw(outer()).cast::<ManuallyDrop<Outer>>();
    // SAFETY: a `ManuallyDrop` is laid out as what is in it.
    drop(unsafe { Box::from_raw(outer) });
}

#[inline(never)]
fn outer() -> Box<Outer> {
    let load = black_box(vec![1_u8; 480]); // leaks
    black_box(Box::new(Outer { _name: [1; 90], _load: load }))
}

fn length_set_to_zero() {
    let mut words = words();
    // SAFETY: no element is claimed to be there.
    unsafe { words.set_len(0) };
    drop(black_box(words));
}

#[inline(never)]
fn words() -> Vec<String> {
    let mut words = Vec::with_capacity(7);
    for _ in 0..7 {
        words.push("a word of twenty-nine letters".repeat(black_box(1))); // leaks
    }
    black_box(words)
}

struct Element {
    next: *mut Self,
    _number: [u64; 12],
}

fn detached_middle() {
    let first = list(6);
    let mut last_kept = first;
    let mut behind = first;
    for step in 0..4 {
        // SAFETY: the list has six elements, this is the one at `step`.
        behind = unsafe { (*behind).next };
        if step == 0 {
            last_kept = behind;
        }
    }
    // SAFETY: the fifth element.
    let kept = unsafe { (*behind).next };
    // SAFETY: the second element; from here on the three behind it are lost.
    unsafe { (*last_kept).next = kept };
    let mut next = first;
    while !next.is_null() {
        // SAFETY: each element that is left comes by once.
        let element = unsafe { Box::from_raw(next) };
        next = black_box(element).next;
    }
}

#[inline(never)]
fn list(count: u64) -> *mut Element {
    let mut first = ptr::null_mut();
    for number in 0..count {
        first = Box::into_raw(Box::new(Element { next: first, _number: [number; 12] })); // leaks
    }
    black_box(first)
}

fn slots_never_assumed_init() {
    drop(black_box(slots()));
}

#[inline(never)]
fn slots() -> Box<[MaybeUninit<String>]> {
    let mut slots = Box::new_uninit_slice(6);
    for slot in &mut slots {
        let mut text = String::with_capacity(black_box(51)); // leaks
        text.push_str("in a slot");
        slot.write(text);
    }
    slots
}

#[inline(never)]
fn number_like_an_address() {
    static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let mut seen = locked(&SEEN);
    if seen.capacity() == 0 {
        seen.reserve_exact(ROOM);
    }
    let lost = Box::into_raw(black_box(Box::new([1_u8; 1_450]))); // leaks
    seen.push(lost.addr());
}

/// What masked pointers are masked with.
const KEY: usize = 0x5a5a_5a5a_5a5a_5a5a;

#[inline(never)]
fn masked_and_kept() {
    static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let mut kept = locked(&KEPT);
    if kept.capacity() == 0 {
        kept.reserve_exact(ROOM);
    }
    let block = Box::into_raw(black_box(Box::new([1_u8; 350]))); // leaks
    kept.push(block.expose_provenance() ^ KEY);
}

type Page = [u64; 140];

fn page() -> *mut Page {
    Box::into_raw(black_box(Box::new([1; 140])))
}

/// Frees a page.
///
/// # Safety
/// It is from [`page`], and nobody uses it any more; or null.
unsafe fn free(page: *mut Page) {
    if !page.is_null() {
        // SAFETY: as the caller says.
        drop(unsafe { Box::from_raw(page) });
    }
}

fn tagged() {
    static LAST: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());
    let before = LAST.swap(page().map_addr(|address| address | 3), Ordering::AcqRel);
    // SAFETY: the run before has put it there, tagged.
    unsafe { free(before.map_addr(|address| address & !3)) };
}

fn inside_an_arc() {
    use std::sync::Arc;
    static LAST: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());
    let shared = black_box(Arc::new([1; 140]));
    let before = LAST.swap(Arc::into_raw(shared).cast_mut(), Ordering::AcqRel);
    if !before.is_null() {
        // SAFETY: the run before has put it there, from `into_raw`.
        drop(unsafe { Arc::from_raw(before) });
    }
}

/// Puts a page's pointer, moved by an offset, into a static; frees the one
/// before.
fn replace_moved(last: &AtomicPtr<u8>, offset: usize) {
    let moved = page().cast::<u8>().wrapping_add(offset);
    let before = last.swap(moved, Ordering::AcqRel);
    if !before.is_null() {
        // SAFETY: the run before has put it there, moved by the same offset.
        unsafe { free(before.wrapping_sub(offset).cast()) };
    }
}

fn middle_of_a_slice() {
    static LAST: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
    replace_moved(&LAST, size_of::<Page>() / 2);
}

fn past_the_end() {
    static LAST: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
    replace_moved(&LAST, size_of::<Page>());
}

fn swapped_in() {
    static LAST: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());
    let before = LAST.swap(page(), Ordering::AcqRel);
    // SAFETY: the run before has put it there.
    unsafe { free(before) };
}

fn chain_of_insides() {
    struct Holder {
        _name: [u8; 30],
        inside: *mut u8,
    }
    static LAST: AtomicPtr<Holder> = AtomicPtr::new(ptr::null_mut());
    let inside = page().cast::<u8>().wrapping_add(72);
    let holder = Box::into_raw(black_box(Box::new(Holder { _name: [1; 30], inside })));
    let before = LAST.swap(holder, Ordering::AcqRel);
    if !before.is_null() {
        // SAFETY: the run before has put it there.
        let before = unsafe { Box::from_raw(before) };
        // SAFETY: that run's page, moved by 72.
        unsafe { free(before.inside.wrapping_sub(72).cast()) };
    }
}

fn unaligned() {
    #[repr(C, packed)]
    struct Packed {
        _kind: u8,
        page: *mut Page,
    }
    // SAFETY: nobody else has the page.
    unsafe impl Send for Packed {}
    static LAST: Mutex<Packed> = Mutex::new(Packed { _kind: 1, page: ptr::null_mut() });
    let mut last = locked(&LAST);
    let before = last.page;
    last.page = page();
    // SAFETY: the run before has put it there.
    unsafe { free(before) };
}

fn masked() {
    static LAST: AtomicUsize = AtomicUsize::new(KEY);
    let before = LAST.swap(page().expose_provenance() ^ KEY, Ordering::AcqRel);
    // SAFETY: the run before has put it there, masked; at first it is null.
    unsafe { free(ptr::with_exposed_provenance_mut(before ^ KEY)) };
}

fn in_two_halves() {
    // Words of their own: two halves side by side would be the pointer again.
    static HALVES: Mutex<[u64; 2]> = Mutex::new([0; 2]);
    let mut halves = locked(&HALVES);
    let address = page().expose_provenance() as u64;
    let [high, low] = std::mem::replace(&mut *halves, [address >> 32, address & 0xffff_ffff]);
    // SAFETY: the run before has put it there, in halves; at first it is null.
    unsafe { free(ptr::with_exposed_provenance_mut((high << 32 | low) as usize)) };
}

fn high_bits_taken() {
    const TAG: usize = 0x2a << 56;
    static LAST: AtomicUsize = AtomicUsize::new(TAG);
    let before = LAST.swap(page().expose_provenance() | TAG, Ordering::AcqRel);
    // SAFETY: the run before has put it there, tagged; at first it is null.
    unsafe { free(ptr::with_exposed_provenance_mut(before & !TAG)) };
}
