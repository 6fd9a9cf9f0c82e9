//! Requests: as much of HTTP/1.1 as a page needs that is only read, and strictly.

use std::net::{IpAddr, Ipv6Addr};

use super::status::Status;

/// A request that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// The answer's body stays here.
    pub(super) is_head: bool,
    /// Without what follows a `?`.
    pub(super) path: &'a str,
}

/// Whose names a request may call us by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Those of the loopback interface: a browser that a foreign page leads here,
    /// by a name of its own for our address, is turned away.
    Loopback,
    /// Any.
    Any,
}

/// Where a request's head ends, its closing empty line included.
pub(super) fn head_size(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    bytes.windows(END.len()).position(|window| window == END).map(|at| at + END.len())
}

/// Whether bytes can be the beginning of a head.
pub(super) fn may_be_head(bytes: &[u8]) -> bool {
    let is_text = |&byte: &u8| byte >= b' ' && byte != 0x7f || b"\r\n\t".contains(&byte);
    bytes.first().is_none_or(|&byte| is_token_byte(byte)) && bytes.iter().all(is_text)
}

impl<'a> Request<'a> {
    /// Reads a whole head.
    ///
    /// # Errors
    /// With the status of the refusal.
    pub(super) fn read(head: &'a [u8], hosts: Hosts) -> Result<Self, Status> {
        let head = core::str::from_utf8(head).map_err(|_| Status::BadRequest)?;
        let lines = head.strip_suffix("\r\n\r\n").ok_or(Status::BadRequest)?;
        let mut lines = lines.split("\r\n");
        let line = lines.next().unwrap_or("");
        let (method, target, is_1_1) = start(line)?;
        let headers = Headers::read(lines)?;
        if is_1_1 && headers.host.is_none() {
            return Err(Status::BadRequest);
        }
        let is_head = match method {
            "GET" => false,
            "HEAD" => true,
            _ => return Err(Status::MethodNotAllowed),
        };
        if headers.has_body {
            return Err(Status::ContentTooLarge);
        }
        let (host, path) = match target.strip_prefix("http://") {
            None if target.starts_with('/') => (headers.host, target),
            None => return Err(Status::BadRequest),
            Some(rest) => {
                let at = rest.find('/').unwrap_or(rest.len());
                let (host, path) = rest.split_at(at);
                (Some(host), if path.is_empty() { "/" } else { path })
            }
        };
        if hosts == Hosts::Loopback && !host.is_none_or(is_loopback) {
            return Err(Status::MisdirectedRequest);
        }
        Ok(Self { is_head, path: path.split(['?', '#']).next().unwrap_or(path) })
    }
}

/// The method, the target, and whether the version is 1.1.
fn start(line: &str) -> Result<(&str, &str, bool), Status> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Status::BadRequest);
    };
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token(method) || !is_plain(target) {
        return Err(Status::BadRequest);
    }
    match version {
        "HTTP/1.1" => Ok((method, target, true)),
        "HTTP/1.0" => Ok((method, target, false)),
        other if other.starts_with("HTTP/") => Err(Status::VersionNotSupported),
        _ => Err(Status::BadRequest),
    }
}

/// What of the headers matters.
#[derive(Default)]
struct Headers<'a> {
    host: Option<&'a str>,
    has_body: bool,
}

impl<'a> Headers<'a> {
    fn read(lines: impl Iterator<Item = &'a str>) -> Result<Self, Status> {
        let mut headers = Self::default();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(Status::BadRequest)?;
            let value = value.trim_matches([' ', '\t']);
            let is_control = |byte: u8| byte < b' ' && byte != b'\t' || byte == 0x7f;
            if !is_token(name) || value.bytes().any(is_control) {
                return Err(Status::BadRequest);
            }
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if is("host") && headers.host.replace(value).is_some() {
                return Err(Status::BadRequest);
            }
            headers.has_body |= is("transfer-encoding") || is("content-length") && value != "0";
        }
        Ok(headers)
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a host, with its port or without, is this machine's own name for itself.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, rest)) => {
            let is_ours = address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback());
            return is_ours && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
        }
        None => host.split_once(':').unwrap_or((host, "0")),
    };
    let is_ours = name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    (is_ours || name.eq_ignore_ascii_case("localhost")) && is_port(port)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<(bool, &str), Status> {
        let request = Request::read(head.as_bytes(), Hosts::Loopback)?;
        Ok((request.is_head, request.path))
    }

    #[test]
    fn requests_are_read() {
        let of = |line: &str| format!("{line}\r\nHost: localhost:9184\r\nAccept: */*\r\n\r\n");
        assert_eq!(read(&of("GET /metrics HTTP/1.1")), Ok((false, "/metrics")));
        assert_eq!(read(&of("HEAD / HTTP/1.1")), Ok((true, "/")));
        assert_eq!(read(&of("GET /metrics?name=a HTTP/1.1")), Ok((false, "/metrics")));
        assert_eq!(read(&of("GET http://127.0.0.1:1/metrics HTTP/1.1")), Ok((false, "/metrics")));
        assert_eq!(read(&of("GET http://[::1] HTTP/1.1")), Ok((false, "/")));
        assert_eq!(read("GET / HTTP/1.0\r\n\r\n"), Ok((false, "/")));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let bad = [
            "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
            "GET / FTP/1.1\r\nHost: localhost\r\n\r\n",
            "\r\n\r\n",
        ];
        for head in bad {
            assert_eq!(read(head), Err(Status::BadRequest), "{head:?}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused_by_its_status() {
        let of = |line: &str, header: &str| format!("{line}\r\nHost: localhost\r\n{header}\r\n");
        let post = of("POST /metrics HTTP/1.1", "Content-Length: 3\r\n");
        assert_eq!(read(&post), Err(Status::MethodNotAllowed));
        let body = of("GET / HTTP/1.1", "Content-Length: 3\r\n");
        assert_eq!(read(&body), Err(Status::ContentTooLarge));
        let chunks = of("GET / HTTP/1.1", "Transfer-Encoding: chunked\r\n");
        assert_eq!(read(&chunks), Err(Status::ContentTooLarge));
        assert_eq!(read(&of("GET / HTTP/2.0", "")), Err(Status::VersionNotSupported));
    }

    #[test]
    fn a_foreign_name_for_the_loopback_address_is_turned_away() {
        let of = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:9"] {
            assert_eq!(read(&of(host)), Ok((false, "/")), "{host}");
        }
        let foreign =
            ["evil.example", "localhost.evil.example:80", "10.0.0.1", "[::2]", "[::1]x", "a:b:c"];
        for host in foreign {
            assert_eq!(read(&of(host)), Err(Status::MisdirectedRequest), "{host}");
            let head = of(host);
            assert!(Request::read(head.as_bytes(), Hosts::Any).is_ok(), "{host}");
        }
    }

    #[test]
    fn garbage_is_known_by_its_first_bytes() {
        for garbage in [&b"\x16\x03\x01\x02"[..], b"\r\n", b" GET", b"GET /\0", b"{"] {
            assert!(!may_be_head(garbage), "{garbage:?}");
        }
        for beginning in [&b""[..], b"G", b"GET / HTTP/1.1\r\nHost:\t\xc3\xa9"] {
            assert!(may_be_head(beginning), "{beginning:?}");
        }
        assert_eq!(head_size(b"GET / HTTP/1.0\r\n\r\nmore"), Some(18));
        assert_eq!(head_size(b"GET / HTTP/1.0\r\n\r"), None);
    }
}
