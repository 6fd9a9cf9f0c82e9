//! A server under load over loopback, and killed in the end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use scrubjay_tests::memory;

use super::cost::{Cost, forget_our_peak};
use crate::workspace;

const CLIENTS: usize = 4;
const REQUESTS_PER_CLIENT: usize = 1_500;
/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a server, asks it for all files of a folder, in turns and as listings,
/// and kills it. Answers what it answered in sum, and what it took.
pub fn load(command: &mut Command, root: &Path) -> Result<(String, Cost)> {
    let port = free_port()?;
    command.args(["--port", &port.to_string()]);
    let paths = paths(root)?;
    forget_our_peak()?;
    let mut child = command.spawn().with_context(|| workspace::shown(command))?;
    let answered = wait_for(port).and_then(|()| {
        let start = Instant::now();
        let answers = ask_all(port, &paths)?;
        Ok((answers, start.elapsed()))
    });
    child.kill()?;
    let (_, usage) = memory::wait_for(child, PATIENCE)?;
    let (answers, wall) = answered.with_context(|| workspace::shown(command))?;
    Ok((answers, Cost { wall, processor: usage.processor, resident: usage.resident }))
}

/// A port that nobody has; nobody else should take it in so short a time.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// What to ask for: the folders in a folder, whose files are listed, and these.
fn paths(root: &Path) -> Result<Vec<String>> {
    let mut paths = vec!["/".to_owned()];
    for entry in fs::read_dir(root)? {
        let folder = entry?;
        let name = folder.file_name().to_string_lossy().into_owned();
        paths.push(format!("/{name}/"));
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let of = file.file_name().to_string_lossy().into_owned();
            // Others may be hidden, or would have to be written in another way.
            let is_plain = of.starts_with(|first: char| first.is_ascii_alphanumeric())
                && of.chars().all(|char| char.is_ascii_alphanumeric() || "._-".contains(char));
            if is_plain && file.file_type()?.is_file() {
                paths.push(format!("/{name}/{of}"));
            }
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn wait_for(port: u16) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        ensure!(start.elapsed() < PATIENCE, "nobody listens at port {port}");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Has all clients ask; the sum of what they were answered.
fn ask_all(port: u16, paths: &[String]) -> Result<String> {
    let answers = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || ask(port, paths, client))).collect();
        let ended = clients.into_iter().map(|client| client.join().expect("a client panicked"));
        ended.collect::<Result<Vec<_>>>()
    })?;
    let bytes: u64 = answers.iter().map(|(bytes, _)| bytes).sum();
    let sum = answers.iter().fold(0_u64, |sum, (_, hash)| sum.wrapping_add(*hash));
    Ok(format!("{} answers, {bytes} bytes, {sum:x}", CLIENTS * REQUESTS_PER_CLIENT))
}

/// One client, on one connection: bytes and a hash of what it was answered. Every
/// other answer may be compressed; what comes compressed differs by no time, so
/// it counts as well.
fn ask(port: u16, paths: &[String], client: usize) -> Result<(u64, u64)> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut to = stream.try_clone()?;
    let mut from = BufReader::new(stream);
    let (mut bytes, mut hash) = (0, 0_u64);
    for number in 0..REQUESTS_PER_CLIENT {
        let path = &paths[(number * CLIENTS + client) % paths.len()];
        let encoding = if number % 2 == 0 { "Accept-Encoding: gzip\r\n" } else { "" };
        to.write_all(
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{encoding}\r\n").as_bytes(),
        )?;
        let body = answer(&mut from).with_context(|| path.clone())?;
        bytes += body.len() as u64;
        // Addition: which client had which part does not matter.
        hash = hash.wrapping_add(hash_of(&body));
    }
    Ok((bytes, hash))
}

/// Reads one answer, which has to be a 200.
fn answer(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "answered {line:?}");
    let (mut size, mut is_chunked) = (0, false);
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            size = value.parse()?;
        }
        is_chunked |= header == "transfer-encoding: chunked";
    }
    let mut body = Vec::new();
    if !is_chunked {
        from.take(size).read_to_end(&mut body)?;
        ensure!(body.len() as u64 == size, "an answer is cut");
        return Ok(body);
    }
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim_end(), 16).context("the size of a chunk")?;
        from.by_ref().take(size).read_to_end(&mut body)?;
        line.clear();
        from.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// FNV-1a.
fn hash_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_or_in_pieces_and_a_cut_one_is_an_error() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(answer(&mut whole.as_bytes()).unwrap(), b"hello");
        let pieces = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nnext";
        let mut from = pieces.as_bytes();
        assert_eq!(answer(&mut from).unwrap(), b"hello");
        assert_eq!(from, b"next");
        assert!(answer(&mut &whole.as_bytes()[..whole.len() - 1]).is_err());
        assert!(answer(&mut "HTTP/1.1 404 Not Found\r\n\r\n".as_bytes()).is_err());
    }
}
