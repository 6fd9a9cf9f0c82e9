//! Does what is live at one time follow the size of the input?

use super::{LeakCheck, fail};

/// Fails where work that claims to stream does not: runs it with `n`, `2n` and
/// `4n`, where `n` is 64, and fails if its live peak is over `bytes` or grows
/// from each to the next by more than a tenth of `bytes`.
///
/// ```
/// # use scrubjay::{Config, Scrubjay};
/// # #[global_allocator]
/// # static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true));
/// scrubjay::assert_bounded(4096, |n| {
///     let mut line = String::new();
///     for number in 0..n {
///         line.clear();
///         line.push_str(&number.to_string());
///     }
/// });
/// ```
///
/// # Panics
/// With the three peaks where they are not bounded, and where no check could be
/// made.
#[track_caller]
pub fn assert_bounded(bytes: u64, mut work: impl FnMut(usize)) {
    const SIZE: usize = 64;
    // What is made at first use is not the stream's.
    if let Err(error) = LeakCheck::new().rounds(1).run(|| work(SIZE)) {
        fail(&error);
    }
    let mut peaks = [0; 3];
    for (peak, size) in peaks.iter_mut().zip([SIZE, 2 * SIZE, 4 * SIZE]) {
        match LeakCheck::new().rounds(1).run(|| work(size)) {
            Ok(report) => *peak = report.peak_bytes,
            Err(error) => fail(&error),
        }
    }
    let step = bytes / 10;
    let grows = peaks.windows(2).all(|pair| pair[1] > pair[0] + step);
    if grows || peaks.iter().any(|&peak| peak > bytes) {
        let [one, two, four] = peaks;
        let told = format!(
            "not bounded by {bytes} bytes: {one} bytes live at {SIZE}, {two} at {}, {four} at {}",
            2 * SIZE,
            4 * SIZE
        );
        fail(&told);
    }
}
