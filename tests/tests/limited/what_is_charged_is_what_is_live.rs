//! After any work of any threads, reallocs and refusals included, a budget has charged
//! what is live under it, to the byte.

use std::sync::Mutex;
use std::thread;

use scrubjay::{Budget, Report, Tag};
use scrubjay_tests::child;
use scrubjay_tests::random::Random;

use super::blocks::{self, Block};

static TAG: Tag = Tag::new("limited").budget(Budget::hard(4 << 20));

pub fn test() {
    for setting in ["count", "sample"] {
        child!().setting("SCRUBJAY_MODE", setting).succeed();
    }
    child!().setting("SCRUBJAY_STACKS", "on").succeed();
    child!().setting("SCRUBJAY_LIVE", "on").succeed();
    child!().setting("SCRUBJAY_WIPE", "off").succeed();
}

pub fn child(_: &[String]) {
    let handed_on: Mutex<Vec<Block>> = Mutex::new(Vec::with_capacity(4_096));
    let live = Mutex::new(0);
    thread::scope(|threads| {
        for seed in 0..4 {
            let (handed_on, live) = (&handed_on, &live);
            threads.spawn(move || {
                let mut random = Random::new(seed);
                let mut held = Vec::with_capacity(4_096);
                for number in 0..4_000 {
                    {
                        let _scope = TAG.enter();
                        blocks::step(&mut held, &mut random, 256 << 10);
                    }
                    if number % 16 == 0 {
                        let mut others = handed_on.lock().expect("nobody panics");
                        std::mem::swap(&mut *others, &mut held);
                    }
                }
                let size: usize = held.iter().map(Block::size).sum();
                *live.lock().expect("nobody panics") += size;
                // They stay live.
                std::mem::forget(held);
            });
        }
    });
    let handed_on = handed_on.into_inner().expect("nobody panics");
    let live = live.into_inner().expect("nobody panics")
        + handed_on.iter().map(Block::size).sum::<usize>();
    assert!(live > 0);
    let status = TAG.budget_status().expect("it has a budget");
    assert_eq!(status.charged_bytes, live as u64);
    assert_eq!(Report::now().tag("limited").map(|tag| tag.live_bytes), Some(live as u64));
    assert!(status.refused_count > 0 && status.most_bytes <= 4 << 20, "{status:?}");
}
