//! A program that does the same in every run, over `Scrubjay`.

use scrubjay::Scrubjay;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() {
    scrubjay_tests::acorns::live_through_winter();
}
