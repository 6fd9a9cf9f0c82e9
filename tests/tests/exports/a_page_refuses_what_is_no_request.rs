//! Garbage, too much, a wrong method, an unknown path, a foreign name: each has its
//! status, and the page goes on. An answer is whole although more came than was read.

use std::io::Read;

use scrubjay::MetricsPage;
use scrubjay_tests::child;
use scrubjay_tests::random::Random;

use super::support::{ask, connect, get, parts};

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let page = MetricsPage::serve(0).expect("a page");
    let address = page.addresses()[0];
    let of = |line: &str, header: &str| {
        format!("{line}\r\nHost: localhost\r\n{header}\r\n").into_bytes()
    };
    let long = "x".repeat(9_000);
    let cases: [(Vec<u8>, &str); 10] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), "400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "400 Bad Request"),
        (of("GET /metrics/more HTTP/1.1", ""), "404 Not Found"),
        (of("GET /..%2fetc/passwd HTTP/1.1", ""), "404 Not Found"),
        (of("POST /metrics HTTP/1.1", "Content-Length: 3\r\n"), "405 Method Not Allowed"),
        (of("DELETE / HTTP/1.1", ""), "405 Method Not Allowed"),
        (of("GET / HTTP/1.1", "Content-Length: 3\r\n"), "413 Content Too Large"),
        (of("GET http://evil.example/ HTTP/1.1", ""), "421 Misdirected Request"),
        (of("GET / HTTP/1.1", &format!("A: {long}{long}\r\n")), "431 Request Header"),
        (of("GET / HTTP/3", ""), "505 HTTP Version"),
    ];
    for (request, status) in cases {
        let answer = ask(address, &request);
        let (head, body) = parts(&answer);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
        assert!(!body.is_empty() && !body.contains("scrubjay_"), "{answer}");
        assert_eq!(head.contains("Allow: GET, HEAD\r\n"), status.starts_with("405"), "{answer}");
    }
    // A client that goes away at once, and one that says nothing before it goes.
    drop(connect(address));
    let mut silent = connect(address);
    silent.shutdown(std::net::Shutdown::Write).expect("a stream");
    assert_eq!(silent.read(&mut [0; 9]).expect("it is closed"), 0);
    // Bytes by chance: any answer but a page, or none.
    let mut random = Random::new(14);
    for _ in 0..200 {
        let size = 1 + random.below(400);
        let bytes: Vec<u8> = (0..size).map(|_| random.below(256) as u8).collect();
        let mut stream = connect(address);
        let _ = std::io::Write::write_all(&mut stream, &bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    }
    assert!(get(address, "/metrics").ends_with("# EOF\n"));
}
