//! The program as a process: exit codes and closed pipes.

use std::io::Read;
use std::process::{Command, Stdio};

fn scrubjay() -> Command {
    Command::new(env!("CARGO_BIN_EXE_scrubjay"))
}

#[test]
fn help_and_version_are_fine_and_nonsense_is_a_usage_error() {
    for (argument, exit_code) in [("--help", 0), ("--version", 0), ("nonsense", 2)] {
        let said = scrubjay().arg(argument).output().unwrap();
        assert_eq!(said.status.code(), Some(exit_code), "{argument}");
        assert_eq!(said.stdout.is_empty(), exit_code != 0, "{argument}");
        assert_eq!(said.stderr.is_empty(), exit_code == 0, "{argument}");
    }
}

#[test]
fn a_file_that_is_not_there_cannot_be_read() {
    let said = scrubjay().args(["summary", "no-such.jay"]).output().unwrap();
    assert_eq!(said.status.code(), Some(3));
    let line = String::from_utf8(said.stderr).unwrap();
    assert!(line.starts_with("scrubjay: no-such.jay: "), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn a_reader_that_leaves_is_not_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jay");
    std::fs::write(&path, long_log()).unwrap();
    let mut child = scrubjay()
        .args(["log", "dump"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
}

/// A log whose dump does not fit a pipe: chunks of events of one slot.
fn long_log() -> Vec<u8> {
    use scrubjay_log_format::{
        ChunkHeader, ChunkKind, ClockKind, Event, EventKind, FileHeader, Mode, WipePolicy, chunk,
        event,
    };
    const SIZE: usize = 4096;
    let fields = FileHeader {
        chunk_size: SIZE as u32,
        flags: 0,
        mode: Mode::Journal,
        wipe: WipePolicy::All,
        process_id: 1,
        parent_id: 1,
        start_ticks: 1,
        start_monotonic_ns: 1,
        start_realtime_ns: 1,
        clock: ClockKind::Monotonic,
        frame_capacity: 1,
        limit_bytes: 1 << 30,
        page_size: 4096,
        sample_interval: 512 << 10,
        stack_depth: 64,
        program: "long",
        host: "",
    };
    let mut bytes = vec![0; SIZE];
    bytes[..scrubjay_log_format::header::SIZE].copy_from_slice(&fields.encode());
    for index in 1..100 {
        let mut records = vec![0; SIZE];
        for (at, place) in records[chunk::HEADER_SIZE..].chunks_exact_mut(event::SIZE).enumerate() {
            let address = u64::from(index) << 20 | (at as u64) << 4;
            let kind = EventKind::Alloc;
            let words = Event { kind, address, size: 1, site: 0, ticks: 0 }.encode();
            place.copy_from_slice(words.map(u64::to_le_bytes).as_flattened());
        }
        let header = ChunkHeader {
            kind: ChunkKind::Journal as u16,
            index,
            owner: 1,
            sequence: u64::from(index) - 1,
            thread: 1,
            base_ticks: 1,
            first_event: 0,
            payload_checksum: None,
        };
        records[..chunk::HEADER_SIZE].copy_from_slice(&header.encode());
        bytes.extend(records);
    }
    bytes
}
