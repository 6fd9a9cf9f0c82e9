//! Core files, the kernel's and a debugger's, have nothing of a secret in a
//! vault, of whatever pages it is; they have all of one that is in ordinary
//! memory.

use std::fs;
use std::process::Command;

use scrubjay::{Tag, Vault};
use scrubjay_tests::child::pause;
use scrubjay_tests::confine::Resource;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::{child, confine, harness};

use crate::support::{Wanted, plant, seed};

static KEY: Tag = Tag::new("key").vault(Vault::new().or_plain_locked());
static PLAIN: Tag = Tag::new("plain").secret();

const SIZE: usize = 10_000;

pub fn test() {
    let seeds = [seed(1), seed(2)];
    let wanted = Wanted::new(SIZE, &seeds);
    let all = wanted.all();
    let mut looked_at = Vec::new();
    for pages in ["secret", "plain"] {
        for by in ["kernel", "debugger"] {
            if let Some(found) = core_of(pages, by, &seeds, &wanted) {
                assert_eq!(found, [0, all[1]], "{pages} pages, core file by the {by}");
                looked_at.push(by);
            }
        }
    }
    for by in ["kernel", "debugger"] {
        if !looked_at.contains(&by) {
            println!("note: no core file by the {by} here");
        }
    }
    if looked_at.is_empty() {
        harness::skip("core files are not to be had here");
    }
}

fn core_of(pages: &str, by: &str, seeds: &[u64], wanted: &Wanted) -> Option<Vec<u64>> {
    let folder = Folder::new();
    let child = child!().folder(&folder).argument(pages).argument(by);
    let child = seeds.iter().fold(child, |child, seed| child.argument(seed.to_string()));
    let mut running = child.start();
    running.lines_until_pause();
    if by == "debugger" {
        let process = running.process().to_string();
        let gcore = Command::new("gcore").arg("-o").arg(folder.join("core")).arg(process).output();
        let made = gcore.is_ok_and(|output| output.status.success());
        running.go_on();
        assert!(running.finish().status.success());
        if !made {
            return None;
        }
    } else {
        running.go_on();
        assert!(!running.finish().status.success(), "the child aborts");
    }
    let core = folder.files().into_iter().next()?;
    let size = fs::metadata(&core).map_or(0, |data| data.len());
    (size > 0).then(|| wanted.in_core(&core))
}

pub fn child(arguments: &[String]) {
    if arguments[0] == "plain" {
        confine::forbid_secret_memory();
    }
    KEY.prepare_vault().expect("the vault can be had");
    let blocks =
        [(&KEY, &arguments[2]), (&PLAIN, &arguments[3])].map(|(tag, seed)| plant(tag, SIZE, seed));
    pause();
    if arguments[1] == "kernel" {
        confine::limit(Resource::Core, None);
        std::process::abort();
    }
    drop(blocks);
}
