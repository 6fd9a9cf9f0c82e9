//! Processes that are forked while other threads make, release and freeze
//! vault blocks find all of the vaults' addresses closed, have vaults of their
//! own, and do not hang; neither does their parent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scrubjay::{Tag, Vault};
use scrubjay_tests::random::Random;
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, harness, threads};

use crate::support::closed;

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());
/// One a thread: who freezes must know that nobody writes.
static WEIGHTS: [Tag; 3] = [
    Tag::new("weights/one").vault(Vault::new().or_plain_locked().or_unlocked()),
    Tag::new("weights/two").vault(Vault::new().or_plain_locked().or_unlocked()),
    Tag::new("weights/three").vault(Vault::new().or_plain_locked().or_unlocked()),
];

/// Far below the half second after which a fork goes on without others.
const PATIENCE: Duration = Duration::from_millis(400);

pub fn test() {
    let finished = child!().succeed();
    assert_eq!(finished.errors, "");
}

pub fn child(_: &[String]) {
    let is_over = AtomicBool::new(false);
    let forks = harness::count(100, 2_000);
    threads::scope(|scope| {
        for tag in &WEIGHTS {
            scope.spawn(|| work(tag, &is_over));
        }
        let _over = Over(&is_over);
        let mut slow_count = 0;
        for _ in 0..forks {
            let own = {
                let _scope = KEY.enter();
                Box::new([1_u8; 100])
            };
            let address = own.as_ptr() as usize;
            let start = Instant::now();
            let forked = system::fork(Fork::Library, false, || {
                closed(&[address]).expect("the parent's block is closed");
                let mut new = {
                    let _scope = KEY.enter();
                    Box::new([2_u8; 100])
                };
                new[99] = 3;
                // Or it would be no block at all.
                std::hint::black_box(&new);
                assert!(KEY.vault_status().is_kept_from_children());
                drop(own);
            });
            slow_count += usize::from(start.elapsed() > PATIENCE);
            system::wait(forked);
        }
        // On a busy machine now and then one is.
        assert!(slow_count <= forks / 4, "{slow_count} of {forks} forks are slow");
    });
}

/// Ends the others' work, also where an assertion does not hold.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn work(tag: &'static Tag, is_over: &AtomicBool) {
    let mut random = Random::new(tag.name().len() as u64);
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(30);
    while !is_over.load(Ordering::Relaxed) {
        if blocks.len() > 20 {
            blocks.swap_remove(random.below(blocks.len()));
        }
        let scope = tag.enter();
        let block = vec![1; 1 + random.below(9_000)];
        drop(scope);
        blocks.push(block);
        if random.one_in(10) {
            tag.freeze().expect("a vault can be frozen");
        }
    }
}
