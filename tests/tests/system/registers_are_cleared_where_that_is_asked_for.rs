//! After a secret was copied by memcpy, and its block released or moved, the
//! vector registers hold no window of it where they are to be cleared; the
//! control, where they are not, finds some.

use std::collections::HashSet;
use std::hint::black_box;

use scrubjay_tests::random::Random;
use scrubjay_tests::{child, harness, registers};

const SECRET_SIZE: usize = 1000;
const WINDOW_SIZE: usize = 8;

pub fn test() {
    for way in ["release", "realloc"] {
        let [cleared, left] = ["on", "off"].map(|setting| {
            let child = child!().setting("SCRUBJAY_REGISTERS", setting).argument(way);
            let mut running = child.start();
            assert_eq!(running.line(), "about to stop");
            let state = match registers::of_stopped(running.process()) {
                Ok(state) => state,
                Err(why) => harness::skip(format!("registers cannot be read: {why}")),
            };
            assert!(running.finish().status.success());
            windows_in(&state)
        });
        println!("  {way}: {cleared} windows in registers, control {left}");
        assert_eq!(cleared, 0, "{way}");
        assert!(left > 0, "{way}: the control finds nothing, so the test says nothing");
    }
}

fn secret() -> Vec<u8> {
    let mut secret = vec![0; SECRET_SIZE];
    Random::new(77).fill(&mut secret);
    secret
}

fn windows_in(state: &[u8]) -> usize {
    let secret = secret();
    let windows: HashSet<&[u8]> = secret.windows(WINDOW_SIZE).collect();
    state.windows(WINDOW_SIZE).filter(|window| windows.contains(window)).count()
}

pub fn child(arguments: &[String]) {
    let secret = secret();
    println!("about to stop");
    match arguments[0].as_str() {
        "release" => {
            let mut block = black_box(vec![0_u8; 1 << 20]);
            black_box(&mut block[4096..][..SECRET_SIZE]).copy_from_slice(black_box(&secret));
            drop(block);
            registers::stop();
        }
        _ => {
            // Alone in its size class, so that it has to move.
            let mut block = black_box(secret);
            block.reserve_exact(50 * SECRET_SIZE);
            registers::stop();
            drop(black_box(block));
        }
    }
}
