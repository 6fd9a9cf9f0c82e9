//! One connection: its request comes, its answer goes, it ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use super::answer::{answer, refusal};
use super::request::{Hosts, head_size, may_be_head};
use super::status::Status;
use crate::limits::{
    PAGE_ANSWER_TIME, PAGE_PARTING_SIZE_MAX, PAGE_PARTING_TIME, PAGE_REQUEST_SIZE_MAX,
    PAGE_REQUEST_TIME,
};

/// A client, and how far we are with it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    state: State,
    /// When the state must have changed.
    until: Instant,
}

#[derive(Debug)]
enum State {
    /// What came so far of the request.
    Request(Vec<u8>),
    /// The answer, and how much of it went.
    Answer(Vec<u8>, usize),
    /// How many bytes came that nobody wants.
    Parting(usize),
}

impl Connection {
    /// Of a stream that does not block.
    pub(super) fn new(stream: TcpStream, now: Instant) -> Self {
        Self { stream, state: State::Request(Vec::new()), until: now + PAGE_REQUEST_TIME }
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// When it must be looked at even if nothing comes.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Whether it waits to write, not to read.
    pub(super) fn is_answering(&self) -> bool {
        matches!(self.state, State::Answer(..))
    }

    /// Goes on with it as far as it gets; whether it stays.
    pub(super) fn go_on(&mut self, now: Instant, hosts: Hosts) -> bool {
        let is_late = now >= self.until;
        match &mut self.state {
            State::Request(bytes) if is_late => {
                let said_nothing = bytes.is_empty();
                !said_nothing && self.give(refusal(Status::RequestTimeout), now)
            }
            State::Answer(..) | State::Parting(_) if is_late => false,
            State::Request(_) => self.receive(now, hosts),
            State::Answer(..) => self.send(now),
            State::Parting(_) => self.part(),
        }
    }

    fn receive(&mut self, now: Instant, hosts: Hosts) -> bool {
        let State::Request(bytes) = &mut self.state else { return false };
        let mut piece = [0; 2048];
        let room = piece.len().min(PAGE_REQUEST_SIZE_MAX - bytes.len());
        match self.stream.read(&mut piece[..room]) {
            Ok(0) => return false,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) => return is_for_later(error.kind()),
        }
        let answer = match head_size(bytes) {
            Some(size) => answer(&bytes[..size], hosts),
            None if !may_be_head(bytes) => refusal(Status::BadRequest),
            None if bytes.len() >= PAGE_REQUEST_SIZE_MAX => refusal(Status::HeadTooLarge),
            None => return true,
        };
        self.give(answer, now)
    }

    fn give(&mut self, answer: Vec<u8>, now: Instant) -> bool {
        self.state = State::Answer(answer, 0);
        self.until = now + PAGE_ANSWER_TIME;
        self.send(now)
    }

    fn send(&mut self, now: Instant) -> bool {
        let State::Answer(answer, sent) = &mut self.state else { return false };
        while *sent < answer.len() {
            match self.stream.write(&answer[*sent..]) {
                Ok(0) => return false,
                Ok(count) => *sent += count,
                Err(error) => return is_for_later(error.kind()),
            }
        }
        self.state = State::Parting(0);
        self.until = now + PAGE_PARTING_TIME;
        self.stream.shutdown(Shutdown::Write).is_ok() && self.part()
    }

    /// Until the client has closed its side, too.
    fn part(&mut self) -> bool {
        let State::Parting(count) = &mut self.state else { return false };
        let mut piece = [0; 2048];
        while *count < PAGE_PARTING_SIZE_MAX {
            match self.stream.read(&mut piece) {
                Ok(0) => return false,
                Ok(more) => *count += more,
                Err(error) => return is_for_later(error.kind()),
            }
        }
        false
    }
}

fn is_for_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
