//! A forked child has nothing of its parent's vaults: nothing can be found in
//! its memory, a release does nothing, a `realloc` gives null, and the
//! addresses become nobody else's. Vaults of its own it can have. The parent
//! does not notice.

use scrubjay::{Report, Tag, Vault};
use scrubjay_tests::child::pause;
use scrubjay_tests::system::{self, Fork};
use scrubjay_tests::{child, confine};

use crate::support::{Wanted, closed, fill, seed, stream};

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked());
static PLAIN: Tag = Tag::new("plain").secret();

const SIZE: usize = 10_000;
const COUNT: usize = 20;

pub fn test() {
    let seeds = [seed(1), seed(2)];
    let wanted = Wanted::new(SIZE, &seeds);
    for how in ["library", "raw"] {
        for pages in ["secret", "plain"] {
            let child = child!().argument(how).argument(pages);
            let child = seeds.iter().fold(child, |child, seed| child.argument(seed.to_string()));
            let mut running = child.start();
            let lines = running.lines_until_pause();
            let forked = lines.last().expect("the forked child is named").parse();
            let found = wanted.in_process(forked.expect("a number"));
            assert_eq!(found, [0, wanted.all()[1]], "{how}, {pages} pages");
            running.go_on();
            let finished = running.finish();
            assert!(finished.status.success(), "{finished:?}");
        }
    }
}

pub fn child(arguments: &[String]) {
    if arguments[1] == "plain" {
        confine::forbid_secret_memory();
    }
    let how = if arguments[0] == "raw" { Fork::Raw } else { Fork::Library };
    let seeds: Vec<u64> = arguments[2..].iter().map(|seed| seed.parse().expect("a seed")).collect();
    let mut keys: Vec<Vec<u8>> = Vec::with_capacity(COUNT);
    let scope = KEY.enter();
    keys.extend((0..COUNT).map(|_| {
        let mut key = vec![0; SIZE];
        fill(&mut key, seeds[0]);
        key
    }));
    drop(scope);
    let mut plain = {
        let _scope = PLAIN.enter();
        vec![0; SIZE]
    };
    fill(&mut plain, seeds[1]);
    let forked = system::fork(how, false, || {
        let addresses: Vec<usize> = keys.iter().map(|key| key.as_ptr() as usize).collect();
        // Half of them grown, half of them dropped.
        for key in &mut keys[..COUNT / 2] {
            assert!(key.try_reserve(SIZE).is_err(), "a child has nothing to grow");
        }
        let report = Report::now();
        let stats = report.tag(KEY.name()).expect("the tag was entered");
        assert_eq!((stats.failed_count, stats.live_blocks), (COUNT as u64 / 2, 0));
        drop(std::mem::take(&mut keys));
        let own = {
            let _scope = KEY.enter();
            vec![7_u8; SIZE]
        };
        assert!(!addresses.contains(&(own.as_ptr() as usize)), "an address is used again");
        assert!(own.iter().all(|&byte| byte == 7));
        nobody_else_stands_at(&addresses);
        drop(own);
        println!("{}", std::process::id());
        pause();
    });
    system::wait(forked);
    assert!(keys.iter().all(|key| *key == stream(SIZE, seeds[0])), "the parent's are untouched");
}

/// In the forked child: whatever is mapped, the addresses stay closed.
fn nobody_else_stands_at(addresses: &[usize]) {
    for shift in [12, 16, 30, 40] {
        for _ in 0..64 {
            confine::map_nothing(1 << shift);
        }
    }
    closed(addresses).expect("nobody stands there");
}
