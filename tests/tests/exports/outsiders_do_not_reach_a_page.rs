//! A page listens on the loopback interface alone; any other address takes a word.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};

use scrubjay::{MetricsPage, MetricsPageError};
use scrubjay_tests::{child, harness};

use super::support::ask;

pub fn test() {
    if outside().is_none() {
        harness::skip("this machine has no address but the loopback interface's");
    }
    child!().succeed();
}

pub fn child(_: &[String]) {
    let outside = outside().expect("the parent saw it");
    let page = MetricsPage::serve(0).expect("a page");
    let port = page.addresses()[0].port();
    let refused = TcpStream::connect(SocketAddr::new(outside, port)).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let everywhere: SocketAddr = ([0, 0, 0, 0], 0).into();
    for address in [everywhere, SocketAddr::new(outside, 0)] {
        let answer = MetricsPage::bind(address).serve();
        assert!(matches!(answer, Err(MetricsPageError::NotLoopback(_))), "{answer:?}");
        let page = MetricsPage::bind(address).reachable_from_outside().serve().expect("a page");
        let address = SocketAddr::new(outside, page.addresses()[0].port());
        // By any name.
        let answer = ask(address, b"GET / HTTP/1.1\r\nHost: model.example\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    // A loopback address takes no word, and a taken port is named.
    let first = MetricsPage::bind(([127, 0, 0, 1], 0).into()).serve().expect("a page");
    let taken = first.addresses()[0];
    let answer = MetricsPage::bind(taken).serve().expect_err("the port is taken");
    assert!(answer.to_string().contains(&taken.to_string()), "{answer}");
    assert!(MetricsPage::serve(taken.port()).is_err());
}

/// An address of ours that others can reach. Nothing is sent.
fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
