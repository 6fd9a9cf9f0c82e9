//! `/metrics` is OpenMetrics text, `/` a report; HEAD has the head alone; both
//! loopback addresses answer.

use scrubjay::MetricsPage;
use scrubjay_tests::child;

use super::support::{ask, get, parts, work};

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let left = work();
    let page = MetricsPage::serve(0).expect("a page");
    assert!(!page.addresses().is_empty() && page.addresses().len() <= 2, "{page:?}");
    let port = page.addresses()[0].port();
    for &address in page.addresses() {
        assert!(address.ip().is_loopback() && address.port() == port, "{page:?}");
        let answer = get(address, "/metrics?unused");
        let (head, body) = parts(&answer);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let content =
            "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
        assert!(head.contains(content), "{head}");
        assert!(head.ends_with("Connection: close"), "{head}");
        let line = "\nscrubjay_live_bytes{tag=\"export/weights\",class=\"public\"} 40000\n";
        assert!(body.contains(line) && body.ends_with("\n# EOF\n"), "{body}");

        let answer = get(address, "/");
        let (head, body) = parts(&answer);
        assert!(head.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{head}");
        let row = body.lines().find(|line| line.starts_with("export/weights "));
        assert!(row.is_some_and(|row| row.contains(" 40000 ")), "{body}");

        let request = b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer = ask(address, request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"));
        assert!(answer.contains(content) && !answer.contains("Content-Length: 0"), "{answer}");
        // What comes behind the request is not asked for.
        let answer = ask(address, &[&request[..], request].concat());
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    drop(left);
}
