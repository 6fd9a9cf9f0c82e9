//! Another process, root's included, reads all of a process's memory and finds
//! nothing of a live secret in secret memory; it finds all of one in ordinary
//! memory, and of one in a vault that had to do without.

use scrubjay::{Tag, Vault};
use scrubjay_tests::child::pause;
use scrubjay_tests::{child, confine, harness};

use crate::support::{Wanted, plant, seed};

static KEY: Tag = Tag::new("key").vault(Vault::new());
static LOCKED: Tag = Tag::new("locked").vault(Vault::new().or_plain_locked());
static PLAIN: Tag = Tag::new("plain").secret();

/// More than a page, so that several lie in a row.
const SIZE: usize = 10_000;

pub fn test() {
    let seeds = [seed(1), seed(2)];
    let wanted = Wanted::new(SIZE, &seeds);
    let all = wanted.all();
    let found = |role: &str| {
        let child = child!().argument(role);
        let child = seeds.iter().fold(child, |child, seed| child.argument(seed.to_string()));
        let mut running = child.start();
        running.lines_until_pause();
        let found = wanted.in_process(running.process());
        running.go_on();
        let finished = running.finish();
        assert!(finished.status.success(), "{finished:?}");
        found
    };
    // Without the kernel's help the pages are as any: the search would see it.
    assert_eq!(found("locked"), all);
    if !confine::has_secret_memory() {
        harness::skip("this kernel has no memfd_secret; plain pages were found");
    }
    assert_eq!(found("key"), [0, all[1]]);
}

pub fn child(arguments: &[String]) {
    let tag = match arguments[0].as_str() {
        "key" => &KEY,
        _ => {
            confine::forbid_secret_memory();
            &LOCKED
        }
    };
    let status = tag.prepare_vault().expect("the vault can be had");
    assert_eq!(status.is_secret_memory(), arguments[0] == "key");
    assert!(status.is_locked() && status.is_guarded());
    let blocks =
        [(tag, &arguments[1]), (&PLAIN, &arguments[2])].map(|(tag, seed)| plant(tag, SIZE, seed));
    pause();
    drop(blocks);
}
