//! The same of futures that were tagged without spans.

use std::future::Future;

use scrubjay::Tagged;
use scrubjay_tests::child;

use super::{blocks, tasks};

pub fn test() {
    let output = blocks::check(child!(), 1_000_000);
    tasks::check(&output);
}

struct ByTag;

impl tasks::Way for ByTag {
    fn under<F>(number: usize, future: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future<Output: Send> + Send,
    {
        future.tagged(blocks::tag(number))
    }
}

pub fn child(_: &[String]) {
    tasks::run::<ByTag>();
}
