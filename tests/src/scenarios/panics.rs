//! Panics: their payloads, and the locals that unwinding drops.

use std::panic::{self, AssertUnwindSafe};
use std::thread;

use crate::releases::{Released, planted};
use crate::thread_stacks::noted;

use super::text::text;

struct Guard(Vec<u8>);

impl Drop for Guard {
    fn drop(&mut self) {
        // What a destructor allocates while it unwinds is freed, too.
        let copy = self.0.clone();
        drop(copy);
    }
}

fn deeper(key: u64, depth: usize) {
    let _locals = (Guard(planted(key, 500 + depth)), text(key, 300));
    match depth {
        0 => panic!("{}", text(key, 1_000)),
        _ => deeper(key, depth - 1),
    }
}

pub(super) fn with_payloads_and_locals(key: u64, _: &mut Released) {
    panic::set_hook(Box::new(|information| {
        // As a logger does.
        drop(information.payload().downcast_ref::<String>().cloned());
        drop(information.to_string());
    }));
    let payloads: [&dyn Fn(); 3] =
        [&|| deeper(key, 10), &|| panic::panic_any(planted(key, 2_000)), &|| {
            panic::resume_unwind(Box::new(text(key, 2_000)))
        }];
    for payload in payloads {
        let payload = panic::catch_unwind(AssertUnwindSafe(payload)).expect_err("it panics");
        drop(payload);
    }
    let thread = thread::spawn(noted(move || {
        let _local = planted(key, 1_000);
        deeper(key, 5);
    }));
    drop(thread.join().expect_err("it panics"));
    drop(panic::take_hook());
}
