//! A forked child frees what it inherited, and so does its parent. Both wait,
//! and both are attacked.
#![expect(unsafe_code, reason = "a child that outlives its parent would stay")]

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use crate::releases::{Released, planted};
use crate::system::{self, Fork};

use super::text::text;

fn leave_with_the_parent() {
    // SAFETY: it has no conditions.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

fn both_free(how: Fork, key: u64, released: &mut Released) {
    let blocks: Vec<Vec<u8>> =
        [100, 1_000, 100_000, 3_000_000, 40_000_000].map(|size| planted(key, size)).into();
    let name = text(key, 1_000);
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut inherited = Some((blocks, name));
    let process = system::fork(how, false, || {
        leave_with_the_parent();
        drop(inherited.take());
        // What it makes itself goes, too.
        drop((planted(key, 5_000), text(key, 5_000)));
        writer.write_all(b".").expect("the parent listens");
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    });
    reader.read_exact(&mut [0]).expect("the child frees");
    drop(inherited);
    released.note_process(process);
}

pub(super) fn by_the_library(key: u64, released: &mut Released) {
    both_free(Fork::Library, key, released);
}

pub(super) fn by_the_system_call(key: u64, released: &mut Released) {
    both_free(Fork::Raw, key, released);
}
