//! Once dropped nobody answers, the thread is gone and the port is free; clients
//! that it was at do not hold it up.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use scrubjay::MetricsPage;
use scrubjay_tests::child;

use super::support::{await_end, connect, get, has_thread};

const NAME: &str = "scrubjay-page";

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let page = MetricsPage::serve(0).expect("a page");
    let address = page.addresses()[0];
    assert!(get(address, "/").contains("scrubjay"));
    assert!(has_thread(NAME));
    let _silent = connect(address);
    assert!(get(address, "/").contains("scrubjay"));
    let begin = Instant::now();
    drop(page);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    await_end(NAME);
    assert!(TcpStream::connect(address).is_err());
    let again = MetricsPage::serve(address.port()).expect("the port is free");
    assert!(get(address, "/").contains("scrubjay"));
    drop(again);
}
