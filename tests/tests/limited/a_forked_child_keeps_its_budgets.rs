//! A forked child has its parent's budgets, with what it inherited charged; what it does
//! changes nothing for the parent.
#![expect(unsafe_code, reason = "forks")]

use scrubjay::{Budget, Tag};
use scrubjay_tests::child;

use super::blocks::Block;

static TAG: Tag = Tag::new("limited").budget(Budget::hard(1 << 20).headroom(0));

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let _scope = TAG.enter();
    let mut inherited = Block::new(600 << 10, 0);
    assert!(inherited.is_some());
    // SAFETY: there is one thread, and the child only allocates and exits.
    let process = unsafe { libc::fork() };
    if process == 0 {
        let is_refused = Block::new(500 << 10, 0).is_none();
        drop(inherited.take());
        let whole = Block::new(1 << 20, 0).is_some();
        let is_empty = TAG.budget_status().is_some_and(|status| status.charged_bytes == 0);
        // SAFETY: nothing is to be run at this process's exit.
        unsafe { libc::_exit(if is_refused && whole && is_empty { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the status is writable.
    unsafe { libc::waitpid(process, &mut status, 0) };
    assert_eq!(status, 0);
    assert_eq!(TAG.budget_status().map(|status| status.charged_bytes), Some(600 << 10));
    drop(inherited);
}
