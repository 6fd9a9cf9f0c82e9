//! A page over HTTP that shows live figures, for Prometheus and for people.

mod answer;
mod connection;
mod request;
mod service;
mod status;

use std::error::Error;
use std::fmt;
use std::io;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;

use super::background::{Background, End};
use crate::own;
use request::Hosts;
use service::Service;

/// A page that shows live figures while it lives: OpenMetrics text at `/metrics`, a
/// [`crate::Report`] for people at `/`.
///
/// One thread serves it, eight connections at a time; a request has three seconds to
/// come and 8 KiB, an answer ten to go, so a client that is slow or silent keeps
/// others waiting for no longer. What it allocates is counted under the tag
/// `scrubjay`. It speaks HTTP/1.1 without encryption and asks nobody for a password:
/// therefore it listens on the loopback interface alone unless told otherwise, and
/// turns away requests there that call it by another name than the interface's own.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use scrubjay::MetricsPage;
///
/// let page = MetricsPage::serve(0)?; // or the port that Prometheus asks, such as 9184
/// let mut stream = TcpStream::connect(page.addresses()[0])?;
/// stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("# EOF\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// After a fork without exec the child has the page's sockets, but nobody who answers.
#[derive(Debug)]
#[must_use = "the page is served while it lives"]
pub struct MetricsPage {
    addresses: Vec<SocketAddr>,
    _thread: Background<UnixStream>,
}

/// A page that is not served yet: see [`MetricsPage::bind`].
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is served before `serve`"]
pub struct MetricsPageAddress {
    address: SocketAddr,
    is_for_others: bool,
}

/// Why there is no page.
#[derive(Debug)]
#[non_exhaustive]
pub enum MetricsPageError {
    /// The address is not of the loopback interface, and nobody said that others
    /// may read: see [`MetricsPageAddress::reachable_from_outside`].
    NotLoopback(SocketAddr),
    /// The address cannot be listened at.
    Address(SocketAddr, io::Error),
    /// No thread can be started that serves it.
    NoThread(io::Error),
}

impl MetricsPage {
    /// Serves at a port of the loopback interface, at 127.0.0.1 and, where there is
    /// IPv6, at ::1. Port 0 takes one that is free: see [`MetricsPage::addresses`].
    ///
    /// # Errors
    /// Where another program has the port, or no thread can be started.
    pub fn serve(port: u16) -> Result<Self, MetricsPageError> {
        own::account(|| Self::start(loopback(port)?, Hosts::Loopback))
    }

    /// A page at another address.
    ///
    /// ```
    /// use scrubjay::{MetricsPage, MetricsPageError};
    ///
    /// let everywhere = MetricsPage::bind(([0, 0, 0, 0], 0).into());
    /// assert!(matches!(everywhere.serve(), Err(MetricsPageError::NotLoopback(_))));
    /// let page = everywhere.reachable_from_outside().serve()?;
    /// # Ok::<(), MetricsPageError>(())
    /// ```
    pub fn bind(address: SocketAddr) -> MetricsPageAddress {
        MetricsPageAddress { address, is_for_others: false }
    }

    /// Where it is served, with the port that was taken for 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn start(listeners: Vec<TcpListener>, hosts: Hosts) -> Result<Self, MetricsPageError> {
        let start = || {
            for listener in &listeners {
                listener.set_nonblocking(true)?;
            }
            let addresses: io::Result<_> = listeners.iter().map(TcpListener::local_addr).collect();
            let addresses = addresses?;
            let (end, is_over) = UnixStream::pair()?;
            let service = Service { listeners, hosts, is_over };
            let thread = Background::start("scrubjay-page", end, || service.run())?;
            Ok(Self { addresses, _thread: thread })
        };
        start().map_err(MetricsPageError::NoThread)
    }
}

impl MetricsPageAddress {
    /// Lets others than this machine read the page, who can reach the address. Names
    /// of tags and how much memory each has are then no secret.
    pub fn reachable_from_outside(mut self) -> Self {
        self.is_for_others = true;
        self
    }

    /// Serves it.
    ///
    /// # Errors
    /// Where the address is not of the loopback interface and nobody said that it
    /// may be so, where it cannot be had, or where no thread can be started.
    pub fn serve(self) -> Result<MetricsPage, MetricsPageError> {
        let Self { address, is_for_others } = self;
        if !is_for_others && !address.ip().is_loopback() {
            return Err(MetricsPageError::NotLoopback(address));
        }
        let hosts = if is_for_others { Hosts::Any } else { Hosts::Loopback };
        own::account(|| MetricsPage::start(vec![listen(address)?], hosts))
    }
}

impl End for UnixStream {
    /// Not only closed: a forked child has a copy.
    fn end(self) {
        // Else the other end has gone before.
        let _ = self.shutdown(Shutdown::Both);
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, MetricsPageError> {
    TcpListener::bind(address).map_err(|error| MetricsPageError::Address(address, error))
}

/// One port of both loopback addresses, or of that one which is there.
fn loopback(port: u16) -> Result<Vec<TcpListener>, MetricsPageError> {
    // The port that is free at one address may be taken at the other.
    const TRIES: usize = 16;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let first = listen((Ipv4Addr::LOCALHOST, port).into());
        let taken = match &first {
            Ok(listener) => listener.local_addr().map_or(port, |address| address.port()),
            Err(MetricsPageError::Address(_, error)) if is_absent(error) => port,
            Err(_) => return first.map(|listener| vec![listener]),
        };
        match (listen((Ipv6Addr::LOCALHOST, taken).into()), first) {
            (Ok(second), first) => return Ok(first.into_iter().chain([second]).collect()),
            (Err(MetricsPageError::Address(_, error)), Ok(first)) if is_absent(&error) => {
                return Ok(vec![first]);
            }
            (Err(_), Ok(_)) if port == 0 && attempt < TRIES => {}
            (Err(error), _) => return Err(error),
        }
    }
}

/// Whether the system has no such address at all.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

impl fmt::Display for MetricsPageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(
                formatter,
                "{address} can be reached from outside, which takes reachable_from_outside()"
            ),
            Self::Address(address, error) => write!(formatter, "no page at {address}: {error}"),
            Self::NoThread(error) => write!(formatter, "no thread for the page: {error}"),
        }
    }
}

impl Error for MetricsPageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotLoopback(_) => None,
            Self::Address(_, error) | Self::NoThread(error) => Some(error),
        }
    }
}
