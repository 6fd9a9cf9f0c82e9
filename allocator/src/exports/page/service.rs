//! What the page's thread does: it waits for clients and for its end.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::connection::Connection;
use super::request::Hosts;
use crate::limits::{PAGE_CONNECTIONS_MAX, PAGE_REST_TIME};
use crate::os::{Awaited, wait_for};

/// One thread's work: all listeners, and few connections at once.
pub(super) struct Service {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) hosts: Hosts,
    /// Ready once the thread is to return.
    pub(super) is_over: UnixStream,
}

impl Service {
    /// Serves until the other end of `is_over` is shut.
    pub(super) fn run(self) {
        let mut connections: Vec<Connection> = Vec::new();
        let mut rest_until = None;
        loop {
            let now = Instant::now();
            rest_until = rest_until.filter(|&until| now < until);
            let lets_in = rest_until.is_none() && connections.len() < PAGE_CONNECTIONS_MAX;
            let mut awaited = vec![Awaited::to_read(self.is_over.as_raw_fd())];
            awaited.extend(connections.iter().map(awaited_of));
            if lets_in {
                let listeners = self.listeners.iter();
                awaited.extend(listeners.map(|each| Awaited::to_read(each.as_raw_fd())));
            }
            let until = connections.iter().map(Connection::until).chain(rest_until).min();
            if !wait_for(&mut awaited, until.map(|until| until.saturating_duration_since(now))) {
                return;
            }
            let (over, rest) = awaited.split_at(1);
            if over.iter().any(Awaited::is_ready) {
                return;
            }
            let now = Instant::now();
            let (of_clients, of_listeners) = rest.split_at(connections.len());
            let mut ready = of_clients.iter().map(Awaited::is_ready);
            connections.retain_mut(|connection| {
                let is_ready = ready.next().unwrap_or(false);
                let is_due = is_ready || now >= connection.until();
                !is_due || connection.go_on(now, self.hosts)
            });
            let knocks = self.listeners.iter().zip(of_listeners).filter(|(_, at)| at.is_ready());
            for (listener, _) in knocks {
                if !let_in(listener, &mut connections, now) {
                    rest_until = Some(now + PAGE_REST_TIME);
                }
            }
        }
    }
}

fn awaited_of(connection: &Connection) -> Awaited {
    let descriptor = connection.descriptor();
    if connection.is_answering() {
        Awaited::to_write(descriptor)
    } else {
        Awaited::to_read(descriptor)
    }
}

/// Takes whom there is room for. False where the system has none: it would say
/// so again at once.
fn let_in(listener: &TcpListener, connections: &mut Vec<Connection>, now: Instant) -> bool {
    while connections.len() < PAGE_CONNECTIONS_MAX {
        match listener.accept() {
            Ok((stream, _)) => connections.extend(connection(stream, now)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return true,
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                _ => return false,
            },
        }
    }
    true
}

fn connection(stream: TcpStream, now: Instant) -> Option<Connection> {
    stream.set_nonblocking(true).ok()?;
    Some(Connection::new(stream, now))
}
