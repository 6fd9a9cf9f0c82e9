//! `assert_released` passes where all was released, and else names what is left of
//! each tag.

use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};

use scrubjay::{Bill, Context, Lease, Tag};

static CACHE: Tag = Tag::new("left/cache");
static OTHER: Tag = Tag::new("left/other");

fn failure(bill: &Bill) -> Option<String> {
    // What the panic itself takes is not the lease's.
    let _nobody = Context::nobodys().adopt();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| bill.assert_released()));
    panic::set_hook(hook);
    outcome.err().map(|payload| *payload.downcast::<String>().unwrap())
}

pub fn test() {
    let lease = Lease::begin("request 7");
    let kept: Vec<Vec<u8>> = {
        let _scope = CACHE.enter();
        black_box((0..3).map(|_| vec![1_u8; 100]).collect())
    };
    {
        let _scope = OTHER.enter();
        drop(black_box(vec![1_u8; 900]));
    }
    let bill = lease.bill();
    let own = 3 * size_of::<Vec<u8>>() as u64;
    assert_eq!(bill.live_bytes, 300 + own);
    assert_eq!(
        failure(&bill).unwrap(),
        format!(
            "request 7 did not release {0} bytes in 4 blocks\n  left/cache: {0} bytes in 4",
            300 + own
        )
    );
    let table = bill.to_string();
    assert!(table.lines().any(|line| line.starts_with("left/cache")), "{table}");
    drop((kept, table));
    let bill = lease.end();
    assert_eq!(failure(&bill), None);
    assert!(bill.is_released());
}

pub use scrubjay_tests::harness::no_child as child;
