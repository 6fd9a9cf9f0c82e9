//! Serving a page adds to the tag `scrubjay` and to no other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use scrubjay::{MetricsPage, Report};
use scrubjay_tests::child;

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let page = MetricsPage::serve(0).expect("a page");
    let address = page.addresses()[0];
    // Whatever is made once, by us or by std.
    fetch(address);
    let first = Report::now();
    let second = Report::now();
    for _ in 0..10 {
        fetch(address);
    }
    let third = Report::now();
    let own =
        |report: &Report| report.tag("scrubjay").expect("a page takes memory").allocated_bytes;
    assert!(own(&third) > own(&second) + 10_000, "{third}");
    for tag in first.tags.iter().filter(|tag| tag.name != "scrubjay") {
        let allocated = |report: &Report| report.tag(tag.name).expect("tags stay").allocated_bytes;
        // A report itself is the caller's.
        let of_report = allocated(&second) - allocated(&first);
        assert_eq!(allocated(&third) - allocated(&second), of_report, "{}", tag.name);
    }
}

/// Takes nothing from the heap.
fn fetch(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("the page is served");
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).expect("it is sent");
    let (mut buffer, mut size) = ([0; 4096], 0);
    loop {
        match stream.read(&mut buffer).expect("it is answered") {
            0 => break,
            count => size += count,
        }
    }
    assert!(size > 1_000, "{size}");
}
