//! In journal mode, with vault blocks among others, freed by several threads,
//! grown and refused: the log verifies, by the command line and naively.

use scrubjay::{Tag, Vault};
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::random::Random;
use scrubjay_tests::{child, cli, threads};

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked().or_unlocked());
static PLAIN: Tag = Tag::new("plain");

pub fn test() {
    for mode in ["count", "journal"] {
        let folder = Folder::new();
        let path = folder.join("run.jay");
        child!().log(&path).setting("SCRUBJAY_MODE", mode).succeed();
        let log = Log::read(&path);
        log.check();
        let own = log.ledger(KEY.name());
        assert!(own.freed_blocks > 500, "{own:?}");
        assert!(own.failed_count >= 4, "{own:?}");
        let verified = cli::run(["log".as_ref(), "verify".as_ref(), path.as_os_str()]);
        assert!(verified.status.success(), "{verified:?}");
        let wiped = cli::run(["wipes".as_ref(), path.as_os_str()]);
        assert!(wiped.status.success(), "{wiped:?}");
    }
}

pub fn child(_: &[String]) {
    threads::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || work(seed));
        }
    });
}

fn work(seed: u64) {
    let mut random = Random::new(seed);
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for _ in 0..500 {
        let tag = if random.one_in(3) { &PLAIN } else { &KEY };
        match random.below(4) {
            0 if !blocks.is_empty() => drop(blocks.swap_remove(random.below(blocks.len()))),
            1 if !blocks.is_empty() => {
                let index = random.below(blocks.len());
                blocks[index].reserve_exact(random.below(20_000));
            }
            _ => {
                let _scope = tag.enter();
                let block = vec![1; 1 + random.below(10_000)];
                drop(_scope);
                blocks.push(block);
            }
        }
    }
    let scope = KEY.enter();
    assert!(Vec::<u8>::new().try_reserve(1 << 41).is_err());
    drop(scope);
    // Half of them by another thread.
    let others = blocks.split_off(blocks.len() / 2);
    std::thread::spawn(move || drop(others)).join().expect("the thread ends");
    std::mem::forget(blocks.pop());
}
