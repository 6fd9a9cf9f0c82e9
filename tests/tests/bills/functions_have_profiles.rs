//! A function's profile is what its calls took: sync, generic and async ones, methods,
//! calls within calls, and those that end early or by a panic.

use std::hint::black_box;
use std::num::ParseIntError;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;

use scrubjay::{Profile, profiles};

#[scrubjay::profile]
fn keeps_half(size: usize) -> Vec<u8> {
    let scratch = black_box(vec![1_u8; size]);
    black_box(scratch[..size / 2].to_vec())
}

#[scrubjay::profile]
fn calls_another(size: usize) -> Vec<u8> {
    let kept = keeps_half(2 * size);
    drop(keeps_half(size));
    kept
}

#[scrubjay::profile]
fn recurs(depth: usize) -> Vec<Vec<u8>> {
    let mut kept = match depth {
        0 => Vec::with_capacity(100),
        _ => recurs(depth - 1),
    };
    kept.push(black_box(vec![1_u8; 1_000]));
    kept
}

#[scrubjay::profile]
fn panics(size: usize) -> Vec<u8> {
    let block = black_box(vec![1_u8; size]);
    assert!(size < 1_000, "{} bytes are too many", block.len());
    block
}

#[scrubjay::profile]
fn ends_early(text: &str) -> Result<Box<u64>, ParseIntError> {
    let scratch = black_box(vec![1_u8; 300]);
    let number: u64 = text.parse()?;
    if number == 0 {
        return Ok(Box::new(scratch.len() as u64));
    }
    Ok(Box::new(number))
}

#[scrubjay::profile]
fn generic<T: Clone>(value: &T) -> impl Iterator<Item = T> + use<T> {
    black_box(vec![value.clone(); 100]).into_iter()
}

struct Model {
    weights: Vec<u8>,
}

impl Model {
    #[scrubjay::profile]
    fn grow(&mut self, size: usize) -> &mut [u8] {
        self.weights.extend(black_box(vec![1_u8; size]));
        &mut self.weights
    }

    #[scrubjay::profile]
    async fn answer(&self, size: usize) -> &[u8] {
        let block = black_box(vec![1_u8; size]);
        tokio::time::sleep(Duration::from_micros(100)).await;
        &self.weights[..block.len().min(1)]
    }
}

#[scrubjay::profile]
async fn waits(size: usize) -> Result<Vec<u8>, ParseIntError> {
    let kept = black_box(vec![1_u8; size]);
    for _ in 0..5 {
        let scratch = black_box(vec![1_u8; size]);
        tokio::time::sleep(Duration::from_micros(size as u64)).await;
        drop(scratch);
    }
    let _number: u64 = black_box("1").parse()?;
    Ok(kept)
}

#[scrubjay::profile]
async fn never_ends() {
    let _block = black_box(vec![1_u8; 700]);
    std::future::pending::<()>().await;
}

fn profile(name: &str) -> Profile {
    profiles().get(name).unwrap_or_else(|| panic!("{name} was called")).clone()
}

fn figures(name: &str) -> [u64; 4] {
    let Profile { call_count, increment_bytes, allocated_bytes, peak_bytes, .. } = profile(name);
    [call_count, increment_bytes, allocated_bytes, peak_bytes]
}

pub fn test() {
    drop(calls_another(1_000));
    // Also of the calls below it; the greatest peak of any one.
    assert_eq!(figures("keeps_half"), [2, 1_500, 4_500, 3_000]);
    assert_eq!(figures("calls_another"), [1, 1_000, 4_500, 3_000]);

    let shell = 100 * size_of::<Vec<u8>>() as u64;
    drop(recurs(9));
    drop(recurs(0));
    let [calls, increment, allocated, peak] = figures("recurs");
    assert_eq!((calls, profile("recurs").nested_count), (11, 9));
    assert_eq!(increment, 11_000 + 2 * shell);
    assert_eq!((allocated, peak), (11_000 + 2 * shell, 10_000 + shell));

    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    panic::catch_unwind(AssertUnwindSafe(|| panics(1_000))).unwrap_err();
    panic::set_hook(hook);
    drop(panics(500));
    let [calls, increment, _, peak] = figures("panics");
    // What the unwinding itself keeps is the call's, too.
    assert_eq!(calls, 2);
    assert!((500..1_500).contains(&increment) && peak >= 1_000, "{increment} {peak}");

    drop([ends_early("0"), ends_early("7"), ends_early("seven")]);
    assert_eq!(figures("ends_early"), [3, 16, 916, 308]);

    drop((generic(&1_u8), generic(&1_u64)));
    assert_eq!(figures("generic"), [2, 900, 900, 800]);

    let mut model = Model { weights: Vec::new() };
    assert_eq!(model.grow(1_000).len(), 1_000);
    assert_eq!(figures("grow")[..2], [1, 1_000]);

    asynchronous(&model);
    threads();
    let table = profiles().to_string();
    assert!(table.lines().nth(1).unwrap().contains("functions_have_profiles"), "{table}");
    assert!(table.contains(file!().rsplit('/').next().unwrap()), "{table}");
}

fn asynchronous(model: &Model) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build();
    runtime.unwrap().block_on(async {
        let tasks: Vec<_> = (1..=100).map(|size| tokio::spawn(waits(size))).collect();
        for task in tasks {
            drop(task.await.unwrap().unwrap());
        }
        assert_eq!(model.answer(100).await.len(), 1);
        let task = tokio::spawn(never_ends());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(profiles().get("never_ends").is_none());
        task.abort();
        task.await.unwrap_err();
    });
    let [calls, increment, allocated, peak] = figures("waits");
    // What tokio takes for a timer is the call's, too.
    assert_eq!(calls, 100);
    assert!((5_050..15_000).contains(&increment), "{increment}");
    assert!(allocated >= 6 * 5_050 && (200..5_000).contains(&peak), "{allocated} {peak}");
    assert_eq!(figures("answer")[0], 1);
    let [calls, increment, ..] = figures("never_ends");
    assert_eq!((calls, increment), (1, 0));
}

#[scrubjay::profile]
fn on_many_threads(size: usize) -> Vec<u8> {
    black_box(vec![1_u8; size])
}

fn threads() {
    let calls = || (0..250).for_each(|_| drop(on_many_threads(100)));
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(calls)).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(figures("on_many_threads"), [1_000, 100_000, 100_000, 100]);
}

pub use scrubjay_tests::harness::no_child as child;
