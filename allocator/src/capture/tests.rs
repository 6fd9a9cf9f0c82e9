//! Stacks, compared with those of `backtrace`.
use super::*;

#[inline(never)]
fn both() -> (Vec<usize>, Vec<usize>, End) {
    let mut frames = Frames::new();
    stack(&mut frames, 256, Bounds::of_thread());
    let mut reference = Vec::new();
    backtrace::trace(|frame| {
        let address = frame.ip() as usize;
        if address != 0 {
            reference.push(address);
        }
        true
    });
    (frames.addresses().to_vec(), reference, frames.end())
}

#[inline(never)]
fn nest<T>(depth: usize, act: &mut dyn FnMut() -> T) -> T {
    let answer = if depth == 0 { act() } else { nest(depth - 1, act) };
    core::hint::black_box(answer)
}

#[test]
fn smoke() {
    assert_ne!(prepare(), Engine::None);
    let (ours, theirs, end) = nest(5, &mut both);
    println!("{:?} {end:?}\n{ours:x?}\n{theirs:x?}", engine());
    let start = theirs.iter().position(|a| *a == ours[0]).unwrap();
    assert_eq!(ours, theirs[start..]);
}

#[test]
fn speed() {
    prepare();
    let bounds = Bounds::of_thread();
    for depth in [5, 20, 60] {
        let mut frames = Frames::new();
        let (best, count) = nest(depth, &mut || {
            let mut best = f64::MAX;
            for _ in 0..200 {
                let start = std::time::Instant::now();
                for _ in 0..1000 {
                    core::hint::black_box(stack(&mut frames, 256, bounds));
                }
                best = best.min(start.elapsed().as_nanos() as f64 / 1000.0);
            }
            (best, frames.addresses().len())
        });
        println!(
            "{:?}: {count} frames, {best:.1} ns, {:.2} a frame {:?}",
            engine(),
            best / count as f64,
            frames.end()
        );
    }
}

#[test]
fn plain_speed() {
    prepare();
    let bounds = Bounds::of_thread();
    for depth in [5, 20, 60] {
        let mut out = [0_usize; 256];
        let mut count = 0;
        let best = nest(depth, &mut || {
            let mut best = f64::MAX;
            for _ in 0..200 {
                let start = std::time::Instant::now();
                for _ in 0..1000 {
                    count = 0;
                    let r = registers::here();
                    let (mut fp, mut sp) = (r.frame, r.stack);
                    let end = bounds.end_above(sp).unwrap() - 16;
                    while fp >= sp && fp <= end && fp % 8 == 0 && count < 256 {
                        let ra = unsafe { *((fp + 8) as *const usize) };
                        sp = fp + 16;
                        fp = unsafe { *(fp as *const usize) };
                        if ra == 0 {
                            break;
                        }
                        out[count] = ra;
                        count += 1;
                    }
                    core::hint::black_box(&out);
                }
                best = best.min(start.elapsed().as_nanos() as f64 / 1000.0);
            }
            best
        });
        println!("plain: {count} frames, {best:.1} ns, {:.2} a frame", best / count as f64);
    }
}
