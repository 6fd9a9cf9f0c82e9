//! What is handed to C, and given back or not.
#![expect(unsafe_code, reason = "hands memory to C, and takes it back")]

use std::ffi::{CString, c_void};
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{LazyLock, Mutex};

use crate::c::{self, Key};
use crate::case::{cases, exactly};
use crate::statics::locked;

cases! { "ffi.rs":
    Lost Open user_data at thread_with_data: exactly(1, 1_100),
        "a C thread's user data is a box that nobody takes back";
    Lost Blind c_strings: exactly(5, 5 * 64), "strings are handed to C by `into_raw`";
    Lost Open held_by_lost_c_struct: exactly(1, 2_222),
        "a box's pointer is in a struct of C's heap that is dropped on the floor",
        except "C's heap has no registry: where it counts as a root, the lost struct holds the box";
    Lost Blind key_overwritten: exactly(1, 1_333),
        "a pthread key without a destructor is overwritten";
    Kept Open registered_in_c at register: exactly(1, 640),
        "callbacks' data are in a list of C's heap, which a static holds",
        except "C's heap has no registry: where it is no root, what it holds looks lost";
    Lost Blind unmapped at map_with: exactly(1, 1_777),
        "the only pointer was in memory that is mapped no longer";
    Kept Blind table_in_mapped_memory at enter: exactly(2, 2 * 272),
        "a table in mapped memory gets entries, and loses none";
    Clean Open specific_key, "a pthread key alone holds a box";
    Clean Blind in_mapped_memory, "mapped memory alone holds a box";
    Clean Open in_c_struct, "a struct of C's heap, which a static holds, holds a box";
    Clean Blind user_data_taken_back, "a C thread takes its user data back";
    Clean Open c_string_taken_back, "a string goes to C and comes back";
}

/// Runs a C thread to its end.
fn run_c_thread(main: extern "C" fn(*mut c_void) -> *mut c_void, data: *mut c_void) {
    let mut thread = 0;
    // SAFETY: the thread's word can be written, and `main` takes such data.
    let refused = unsafe { libc::pthread_create(&mut thread, ptr::null(), main, data) };
    assert_eq!(refused, 0, "a thread can be started");
    // SAFETY: the thread was just started, and nobody else joins it.
    unsafe { libc::pthread_join(thread, ptr::null_mut()) };
}

type Data = [u8; 1_100];

fn user_data() {
    thread_with_data();
}

#[inline(never)]
fn thread_with_data() {
    run_c_thread(look_at_data, Box::into_raw(black_box(Box::new([1_u8; 1_100]))).cast()); // leaks
}

extern "C" fn look_at_data(data: *mut c_void) -> *mut c_void {
    black_box(data);
    ptr::null_mut()
}

extern "C" fn take_data(data: *mut c_void) -> *mut c_void {
    // SAFETY: whoever started the thread gave it such a box.
    drop(unsafe { Box::from_raw(data.cast::<Data>()) });
    ptr::null_mut()
}

fn user_data_taken_back() {
    let data: Box<Data> = black_box(Box::new([1; 1_100]));
    run_c_thread(take_data, Box::into_raw(data).cast());
}

#[inline(never)]
fn c_strings() {
    for _ in 0..5 {
        let text = black_box("a text of sixty-three letters, with what has to stand around it");
        let text = CString::new(text).expect("no zero in it").into_raw(); // leaks
        // SAFETY: it ends in zero.
        assert_eq!(unsafe { libc::strlen(text) }, 63, "as long as it is");
    }
}

fn c_string_taken_back() {
    let text = CString::new(black_box("there and back again")).expect("no zero in it").into_raw();
    // SAFETY: it ends in zero.
    assert_eq!(unsafe { libc::strlen(text) }, 20, "as long as it is");
    // SAFETY: it is from `into_raw`, and as long as it was.
    drop(unsafe { CString::from_raw(text) });
}

/// As C has it: an element of a list.
#[derive(Clone, Copy)]
struct Entry {
    _next: *mut Entry,
    data: *mut c_void,
}

#[inline(never)]
fn held_by_lost_c_struct() {
    let data = Box::into_raw(black_box(Box::new([1_u8; 2_222]))); // leaks
    black_box(c::malloc(Entry { _next: ptr::null_mut(), data: data.cast() }));
}

#[inline(never)]
fn key_overwritten() {
    static KEY: LazyLock<Key> = LazyLock::new(|| Key::new(None));
    KEY.set(Box::into_raw(black_box(Box::new([1_u8; 1_333]))).cast()); // leaks
    KEY.set(ptr::null_mut());
}

fn registered_in_c() {
    register();
}

#[inline(never)]
fn register() {
    static FIRST: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());
    let data = Box::into_raw(black_box(Box::new([1_u8; 640]))); // leaks
    let next = FIRST.load(Ordering::Acquire);
    FIRST.store(c::malloc(Entry { _next: next, data: data.cast() }), Ordering::Release);
}

fn unmapped() {
    let words = map_with();
    // SAFETY: it was just mapped, for this run alone.
    unsafe { c::unmap(words) };
}

#[inline(never)]
fn map_with() -> *mut *mut c_void {
    let words = c::map();
    let data = Box::into_raw(black_box(Box::new([1_u8; 1_777]))); // leaks
    // SAFETY: the first word of what was just mapped.
    unsafe { words.write(data.cast()) };
    black_box(words)
}

fn table_in_mapped_memory() {
    enter();
    enter();
}

/// Mapped words, and how many of them are taken.
struct Table {
    words: *mut *mut c_void,
    count: usize,
}

// SAFETY: nobody else has the mapping.
unsafe impl Send for Table {}

#[inline(never)]
fn enter() {
    static TABLE: LazyLock<Mutex<Table>> =
        LazyLock::new(|| Mutex::new(Table { words: c::map(), count: 0 }));
    let mut table = locked(&TABLE);
    assert!(table.count < c::WORDS, "so many rounds are not run");
    let data = Box::into_raw(black_box(Box::new([1_u8; 272]))); // leaks
    // SAFETY: there are so many words.
    let word = unsafe { table.words.add(table.count) };
    // SAFETY: a word of the table's own mapping.
    unsafe { word.write(data.cast()) };
    table.count += 1;
}

unsafe extern "C" fn drop_data(data: *mut c_void) {
    // SAFETY: the key's values are such boxes, or null, which gets no call.
    drop(unsafe { Box::from_raw(data.cast::<Data>()) });
}

fn specific_key() {
    static KEY: LazyLock<Key> = LazyLock::new(|| Key::new(Some(drop_data)));
    let before = KEY.get();
    let data: Box<Data> = black_box(Box::new([1; 1_100]));
    KEY.set(Box::into_raw(data).cast());
    if !before.is_null() {
        // SAFETY: the run before has set it, on this thread.
        unsafe { drop_data(before) };
    }
}

fn in_mapped_memory() {
    static TABLE: LazyLock<Mutex<Table>> =
        LazyLock::new(|| Mutex::new(Table { words: c::map(), count: 1 }));
    let table = locked(&TABLE);
    let data: Box<Data> = black_box(Box::new([1; 1_100]));
    // SAFETY: the first word of the table's own mapping.
    let before = unsafe { table.words.replace(Box::into_raw(data).cast()) };
    if !before.is_null() {
        // SAFETY: the run before has put it there.
        drop(unsafe { Box::from_raw(before.cast::<Data>()) });
    }
}

fn in_c_struct() {
    static LAST: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());
    let data: Box<Data> = black_box(Box::new([1; 1_100]));
    let entry = c::malloc(Entry { _next: ptr::null_mut(), data: Box::into_raw(data).cast() });
    let before = LAST.swap(entry, Ordering::AcqRel);
    if !before.is_null() {
        // SAFETY: the run before has put it there, and it is there no longer.
        let before = unsafe { c::free(before) };
        // SAFETY: as that run has made it.
        drop(unsafe { Box::from_raw(before.data.cast::<Data>()) });
    }
}
