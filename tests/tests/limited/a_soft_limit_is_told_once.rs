//! A soft limit refuses nothing and is told once when it is passed, with what held most,
//! on a thread of its own; once more only after it was well below.

use std::sync::mpsc;
use std::time::Duration;

use scrubjay::{Budget, Pressure, PressureCause, Tag};
use scrubjay_tests::child;

use super::blocks::Block;

const MIB: usize = 1 << 20;

static ALL: Tag = Tag::new("all").budget(Budget::soft(8 << 20));
static SMALL: Tag = Tag::new("all/small");
static LARGE: Tag = Tag::new("all/large");

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let (sender, receiver) = mpsc::channel::<Pressure>();
    let watch = scrubjay::on_pressure(move |pressure| {
        sender.send(pressure.clone()).expect("somebody waits");
    })
    .expect("a thread starts");
    ALL.declare();
    let under = |tag: &'static Tag, size: usize| {
        let _scope = tag.enter();
        Block::new(size, 0).expect("a soft limit refuses nothing")
    };
    let told = || receiver.recv_timeout(Duration::from_secs(20)).expect("it is told");
    let small = under(&SMALL, 2 * MIB);
    let large = under(&LARGE, 5 * MIB);
    let last = under(&SMALL, 3 * MIB);
    let pressure = told();
    assert_eq!(pressure.cause, PressureCause::SoftLimit);
    assert_eq!((pressure.budget, pressure.tag), ("all", "all/small"));
    assert_eq!((pressure.limit_bytes, pressure.size_bytes), (8 << 20, 3 << 20));
    assert!(pressure.granted_bytes >= 10 << 20, "{pressure:?}");
    // The last block is about to come.
    assert_eq!(pressure.top, [("all/large", 5 << 20), ("all/small", 2 << 20)]);
    // Around the limit, from above and a little from below.
    for _ in 0..100 {
        drop(under(&SMALL, MIB));
    }
    drop(last);
    drop(under(&SMALL, 3 * MIB));
    drop((small, large));
    drop(under(&LARGE, 9 * MIB));
    assert_eq!(told().tag, "all/large");
    assert_eq!(ALL.budget_status().map(|status| status.soft_count), Some(2));
    drop(watch);
    assert!(receiver.recv().is_err(), "and no more");
}
