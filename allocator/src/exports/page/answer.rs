//! Answers: the two pages, and refusals.

use std::process;

use super::request::{Hosts, Request};
use super::status::Status;
use crate::exports::open_metrics::{CONTENT_TYPE, open_metrics};
use crate::report::Report;

const PLAIN: &str = "text/plain; charset=utf-8";

/// The answer to a request's head.
pub(super) fn answer(head: &[u8], hosts: Hosts) -> Vec<u8> {
    match Request::read(head, hosts) {
        Ok(Request { is_head, path: "/metrics" }) => {
            whole(Status::Ok, CONTENT_TYPE, &open_metrics(), is_head)
        }
        Ok(Request { is_head, path: "/" }) => whole(Status::Ok, PLAIN, &report(), is_head),
        Ok(Request { is_head, .. }) => {
            let there_is = "there is / and /metrics\n";
            whole(Status::NotFound, PLAIN, there_is, is_head)
        }
        Err(status) => refusal(status),
    }
}

/// An answer that says no more than its status.
pub(super) fn refusal(status: Status) -> Vec<u8> {
    whole(status, PLAIN, &format!("{}\n", status.line()), false)
}

/// For people.
fn report() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (process, report) = (process::id(), Report::now());
    format!("scrubjay {version}, process {process}\n\n{report}\nas OpenMetrics text: /metrics\n")
}

fn whole(status: Status, content_type: &str, body: &str, is_head: bool) -> Vec<u8> {
    let allow = if status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        status.line(),
        body.len(),
    );
    let mut answer = head.into_bytes();
    if !is_head {
        answer.extend_from_slice(body.as_bytes());
    }
    answer
}
