//! Silent clients, and ones that send or read byte by byte, keep others waiting for
//! no longer than their time; each is told, or closed.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use scrubjay::MetricsPage;
use scrubjay_tests::child;

use super::support::{connect, get};

/// As many as the page takes at once.
const ROOM: usize = 8;

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let page = MetricsPage::serve(0).expect("a page");
    let address = page.addresses()[0];
    let takes = || {
        let begin = Instant::now();
        assert!(get(address, "/metrics").ends_with("# EOF\n"));
        begin.elapsed()
    };
    // Fewer than there is room for: nobody waits.
    let few: Vec<_> = (0..ROOM - 1).map(|_| connect(address)).collect();
    let took = takes();
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop(few);
    // More: whoever comes waits until three times the first eight have had theirs.
    let mut many: Vec<_> = (0..3 * ROOM).map(|_| connect(address)).collect();
    let took = takes();
    assert!(took > Duration::from_secs(8), "the page takes more than {ROOM}: {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    for silent in &mut many {
        assert_eq!(silent.read(&mut [0; 64]).expect("it is closed"), 0);
    }
    // A byte now and then does not prolong the time.
    let mut slow = connect(address);
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nA: ").expect("it is sent");
    let begin = Instant::now();
    let mut answer = [0; 64];
    slow.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
    let size = loop {
        match slow.read(&mut answer) {
            Ok(size) => break size,
            Err(_) => slow.write_all(b"b").expect("the page listens until it answers"),
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "it may take its time");
    };
    assert!(answer[..size].starts_with(b"HTTP/1.1 408 Request Timeout\r\n"), "{answer:?}");
    drop(slow);
    // One that does not read its answer.
    let mut deaf = connect(address);
    deaf.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
    let took = takes();
    assert!(took < Duration::from_secs(2), "{took:?}");
}
