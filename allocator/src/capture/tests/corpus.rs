//! Stacks are those of `backtrace`, whatever code is on them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::looks::{Looks, allocate};
use crate::capture::End;

/// Runs a scenario and compares every stack of it; at least one of them has
/// this many functions of this file.
fn agrees(least: usize, scenario: impl FnOnce(&Arc<Looks>)) {
    let looks = Arc::new(Looks::new());
    scenario(&looks);
    let taken = looks.take();
    assert!(!taken.is_empty());
    for look in &taken {
        assert_eq!(look.end, End::Whole, "{look:x?}");
        assert_eq!(look.ours, look.reference(), "{look:x?}");
        assert_ne!(look.hash, 0);
    }
    let most = taken.iter().map(|look| look.user_frame_count()).max().unwrap_or(0);
    assert!(most >= least, "{most} of {least} functions");
}

trait Shape {
    fn draw(&self) -> usize;
}

struct Leaf;
struct Group(Vec<Box<dyn Shape>>);

impl Shape for Leaf {
    #[inline(never)]
    fn draw(&self) -> usize {
        allocate();
        1
    }
}

impl Shape for Group {
    #[inline(never)]
    fn draw(&self) -> usize {
        self.0.iter().map(|shape| shape.draw()).sum()
    }
}

#[inline(never)]
fn generic<T: Clone + fmt::Debug>(value: &T, depth: usize) -> usize {
    let pair = (value.clone(), depth);
    if depth == 0 {
        inlined(&pair)
    } else {
        black_box(generic(&Some(1_u8), depth - 1)) + black_box(generic_leaf(&pair))
    }
}

#[inline(never)]
fn generic_leaf<T>(value: &T) -> usize {
    inlined(value)
}

#[inline(always)]
fn inlined<T>(value: &T) -> usize {
    inlined_deeper(value)
}

#[inline(always)]
fn inlined_deeper<T>(value: &T) -> usize {
    allocate();
    size_of_val(value)
}

#[test]
fn generic_and_inlined_code() {
    agrees(6, |looks| {
        looks.during(|| {
            black_box(generic(&"text".to_owned(), 2));
        });
    });
}

#[inline(never)]
pub(super) fn recursive(depth: usize, act: &dyn Fn()) -> usize {
    if depth == 0 {
        act();
        return 0;
    }
    black_box(recursive(depth - 1, act)) + 1
}

#[test]
fn recursion() {
    agrees(101, |looks| {
        looks.during(|| recursive(100, &allocate));
    });
}

#[test]
fn closures() {
    agrees(5, |looks| {
        let inner = |count: usize| {
            let deeper = move || {
                for _ in 0..count {
                    allocate();
                }
                count
            };
            black_box(deeper())
        };
        let boxed: Box<dyn Fn(usize) -> usize> = Box::new(move |count| black_box(inner(count)) + 1);
        let outer = |act: &dyn Fn(usize) -> usize| black_box(act(2)) + 1;
        looks.during(|| black_box(outer(&boxed)));
    });
}

#[test]
fn trait_objects() {
    let nested: Box<dyn Shape> = Box::new(Group(vec![Box::new(Leaf), Box::new(Leaf)]));
    let group = Group(vec![nested, Box::new(Leaf)]);
    agrees(4, |looks| {
        looks.during(|| black_box(group.draw()));
    });
}

#[test]
fn threads() {
    agrees(4, |looks| {
        let own = Arc::clone(looks);
        let spawned = std::thread::Builder::new().name("named".to_owned()).spawn(move || {
            own.during(|| black_box(recursive(2, &allocate)));
        });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| looks.during(|| black_box(recursive(2, &allocate))));
            }
        });
        spawned.unwrap().join().unwrap();
        // What std itself allocates for a thread.
        looks.during(|| std::thread::spawn(|| ()).join().unwrap());
    });
}

/// Pending once, so that a task is polled anew.
struct Yielded(bool);

impl Future for Yielded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn outer_task(looks: &Looks) -> usize {
    let inner = inner_task(looks, 3).await;
    Yielded(false).await;
    inner + inner_task(looks, 2).await
}

async fn inner_task(looks: &Looks, count: usize) -> usize {
    for _ in 0..count {
        Yielded(false).await;
        looks.during(|| black_box(recursive(1, &allocate)));
    }
    count
}

#[test]
fn async_on_tokio() {
    agrees(5, |looks| {
        let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(one.block_on(outer_task(looks)), 5);
        let some = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let looks = Arc::clone(looks);
                some.spawn(async move { outer_task(&looks).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(some.block_on(task).unwrap(), 5);
        }
    });
}

fn split(looks: &Looks, depth: usize) -> usize {
    if depth == 0 {
        looks.during(allocate);
        return 1;
    }
    let (left, right) = rayon::join(|| split(looks, depth - 1), || split(looks, depth - 1));
    left + right
}

#[test]
fn rayon_joins_and_iterators() {
    use rayon::prelude::*;
    agrees(6, |looks| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        assert_eq!(pool.install(|| split(looks, 5)), 32);
        let sum: usize = pool.install(|| {
            (0..64_usize).into_par_iter().map(|index| looks.during(|| generic(&index, 1))).sum()
        });
        assert!(sum > 0);
    });
}

unsafe extern "C" fn compare(left: *const c_void, right: *const c_void) -> i32 {
    allocate();
    // SAFETY: the caller sorts words.
    let left = unsafe { left.cast::<u32>().read() };
    // SAFETY: as above.
    let right = unsafe { right.cast::<u32>().read() };
    left.cmp(&right) as i32
}

#[test]
fn a_callback_from_c() {
    agrees(4, |looks| {
        let mut words = [3_u32, 1, 2, 9, 8, 7, 5, 4];
        looks.during(|| {
            recursive(2, &|| {
                let start = words.as_ptr().cast_mut().cast();
                // SAFETY: the words are ours, and nobody else looks at them.
                unsafe { libc::qsort(start, words.len(), size_of::<u32>(), Some(compare)) };
            })
        });
        words.sort_unstable();
    });
}

unsafe extern "C" fn on_module(_: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> i32 {
    allocate();
    0
}

#[test]
fn a_callback_from_the_loader() {
    agrees(4, |looks| {
        // SAFETY: the function uses no argument.
        let walk = || unsafe {
            libc::dl_iterate_phdr(Some(on_module), std::ptr::null_mut());
        };
        looks.during(|| recursive(2, &walk));
    });
}

struct Last(usize);

impl Drop for Last {
    #[inline(never)]
    fn drop(&mut self) {
        recursive(self.0, &allocate);
    }
}

#[test]
fn unwinding_through_a_panic() {
    agrees(6, |looks| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(|_| allocate()));
        let unwound = panic::catch_unwind(AssertUnwindSafe(|| {
            looks.during(|| {
                let _last = Last(3);
                recursive(2, &|| {
                    let _deeper = Last(2);
                    panic::resume_unwind(Box::new(5));
                });
            });
        }));
        assert!(unwound.is_err());
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            looks.during(|| {
                let _last = Last(1);
                panic!("a message of {}", black_box(5));
            });
        }));
        assert!(caught.is_err());
        panic::set_hook(before);
    });
}

/// Allocates in every trait that std's collections call.
#[derive(Clone, Eq, PartialEq)]
struct Loud(u32);

impl Hash for Loud {
    #[inline(never)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        allocate();
        self.0.hash(state);
    }
}

impl Ord for Loud {
    #[inline(never)]
    fn cmp(&self, other: &Self) -> Ordering {
        allocate();
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Loud {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Loud {
    #[inline(never)]
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        allocate();
        f.pad(&self.0.to_string())
    }
}

fn loud() -> Vec<Loud> {
    (0..40).map(|number| Loud(number * 7 % 40)).collect()
}

#[test]
fn std_plumbing() {
    agrees(3, |looks| {
        looks.during(|| {
            let mut grown = Vec::new();
            for word in 0..1_000_u64 {
                grown.push(word);
            }
            black_box(&grown);
        });
        looks.during(|| black_box(format!("{:>9} and {}", Loud(3), format_args!("{}", Loud(4)))));
        looks.during(|| loud().into_iter().map(|key| (key, 1)).collect::<BTreeMap<_, _>>().len());
        looks.during(|| loud().into_iter().map(|key| (key, 1)).collect::<HashMap<_, _>>().len());
        looks.during(|| loud().sort());
        looks.during(|| loud().sort_unstable_by(|left, right| right.cmp(left)));
        looks.during(|| loud().binary_search(&Loud(11)).is_ok());
        looks.during(|| std::env::vars().count());
        looks.during(|| assert!(std::fs::read_to_string("/proc/self/stat").is_ok()));
    });
}

#[inline(never)]
fn with_a_large_frame(depth: usize) -> usize {
    let mut room = [0_u8; 200 << 10];
    black_box(&mut room);
    if depth == 0 {
        allocate();
    } else {
        black_box(with_a_large_frame(depth - 1));
    }
    usize::from(room[7])
}

#[test]
fn frames_of_hundreds_of_kilobytes() {
    agrees(4, |looks| {
        looks.during(|| black_box(with_a_large_frame(2)));
    });
}

#[test]
fn deep_stacks_are_cut_and_say_so() {
    let looks = Looks::new();
    looks.during(|| recursive(300, &allocate));
    for look in looks.take() {
        assert_eq!(look.end, End::Cut);
        assert_eq!(look.ours.len(), crate::limits::STACK_DEPTH_MAX);
        assert_eq!(look.ours, look.reference()[..look.ours.len()]);
    }
}

#[test]
fn stacks_that_differ_have_hashes_that_differ() {
    let looks = Looks::new();
    looks.during(|| {
        for depth in 0..200 {
            recursive(depth, &allocate);
        }
    });
    let mut hashes: Vec<_> =
        looks.take().iter().map(|look| (look.hash, look.ours.clone())).collect();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 200);
    hashes.dedup_by_key(|(hash, _)| *hash);
    assert_eq!(hashes.len(), 200);
}
