//! Stacks, modules and symbols of logs made by hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, Module, StackNode, SymbolChunk, SymbolFrame, SymbolFrames, chunk,
    module, process, stack,
};

use super::log::{CHUNK_SIZE, Log, chunks_of};
use super::{Place, Said};
use crate::analysis::file::LogFile;
use crate::analysis::stacks::Stacks;

/// Where the module of these logs stands in memory.
const BIAS: u64 = 0x5555_0000_0000;

/// A log of one module and one stack of these addresses in its file, outermost
/// first.
fn log_of(module: Module, addresses: &[u64]) -> Vec<u8> {
    let mut bytes = Log::with_traffic(20).bytes();
    let records = (1..).zip(addresses).map(|(index, address)| {
        let node = StackNode { address: module.bias + address, parent: index - 1 };
        node.encode(index).map(u64::to_le_bytes).as_flattened().to_vec()
    });
    append(&mut bytes, ChunkKind::Stacks, 1, &records.collect::<Vec<_>>());
    append(&mut bytes, ChunkKind::Modules, 0, &[module.encode().to_vec()]);
    bytes
}

/// Adds chunks with these records, the first of which has this index.
fn append(bytes: &mut Vec<u8>, kind: ChunkKind, first: u32, records: &[Vec<u8>]) {
    let count = (CHUNK_SIZE - chunk::HEADER_SIZE) / records[0].len();
    for (piece, records) in (0..).zip(records.chunks(count)) {
        let header = ChunkHeader {
            kind: kind as u16,
            index: (bytes.len() / CHUNK_SIZE) as u32,
            owner: first + piece * count as u32,
            sequence: 0,
            thread: 0,
            base_ticks: 0,
            first_event: 0,
            payload_checksum: None,
        };
        let mut chunk = [&header.encode()[..], &records.concat()].concat();
        chunk.resize(CHUNK_SIZE, 0);
        bytes.extend(chunk);
    }
}

fn module(path: &Path, build_id: &[u8]) -> Module {
    Module {
        index: 0,
        flags: module::FLAG_MAIN,
        bias: BIAS,
        start: BIAS,
        end: BIAS + (1 << 32),
        loaded_ticks: 0,
        unloaded_ticks: 0,
        build_id: build_id.to_vec(),
        path: path.to_str().unwrap().to_owned(),
    }
}

fn symbolize(place: &Place, bytes: &[u8], more: &str) -> Said {
    place.put(bytes);
    let out = place.folder.path().join("out.jay");
    let out = out.to_str().unwrap();
    place.ask(format!("log symbolize --no-symbol-cache -o {out} {more}").trim_end())
}

/// A C program with a function that has another inlined into it, by the
/// system's compiler, which is there wherever Rust links.
struct Compiled {
    program: PathBuf,
    build_id: Vec<u8>,
    /// Of its function `outer`: first and last address.
    outer: (u64, u64),
}

const SOURCE: &str = "\
int scale;
static inline __attribute__((always_inline)) int inner(int x) {
    return x * scale + 7;
}
int outer(int x) {
    int y = inner(x);
    return y / (scale + 1);
}
int main(int count, char **words) {
    return outer(count + words[0][0]);
}
";

impl Compiled {
    fn new(folder: &Path, options: &[&str]) -> Self {
        std::fs::write(folder.join("inner.c"), SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-g", "-Wl,--build-id", "-o", "program", "inner.c"]);
        let said = compiler.args(options).current_dir(folder).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        let program = folder.join("program");
        let bytes = std::fs::read(&program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let outer = file.symbols().find(|symbol| symbol.name() == Ok("outer")).unwrap();
        let outer = (outer.address(), outer.address() + outer.size() - 1);
        let build_id = file.build_id().unwrap().unwrap().to_vec();
        Self { program, build_id, outer }
    }

    /// A log with a stack through every byte of `outer`.
    fn log(&self) -> Vec<u8> {
        let addresses: Vec<u64> = (self.outer.0 + 1..=self.outer.1 + 1).collect();
        log_of(module(&self.program, &self.build_id), &addresses)
    }
}

/// The functions, files' names and lines that a log carries, without those
/// that are told twice.
fn carried(log: &Path) -> BTreeSet<(String, String, u32)> {
    let bytes = std::fs::read(log).unwrap();
    let mut lines = BTreeSet::new();
    for (start, _) in chunks_of(&bytes, ChunkKind::Symbols) {
        for frame in SymbolFrames::new(&bytes[start..start + CHUNK_SIZE]) {
            let frame = frame.unwrap();
            let file = frame.file.rsplit('/').next().unwrap();
            lines.insert((frame.function.to_owned(), file.to_owned(), frame.line));
        }
    }
    lines
}

fn line(function: &str, line: u32) -> (String, String, u32) {
    (function.into(), "inner.c".into(), line)
}

/// The lines of `outer` are known, and those of what is inlined into it.
#[track_caller]
fn assert_lines(place: &Place, said: &Said) {
    assert_eq!(said.exit_code, 0, "{said:?}");
    let lines = carried(&place.folder.path().join("out.jay"));
    for expected in [line("inner", 3), line("outer", 6), line("outer", 7)] {
        assert!(lines.contains(&expected), "{expected:?} of {lines:?}: {said:?}");
    }
}

#[test]
fn a_program_tells_lines_and_what_is_inlined() {
    let place = Place::new();
    let compiled = Compiled::new(place.folder.path(), &[]);
    let said = symbolize(&place, &compiled.log(), "");
    assert_lines(&place, &said);
    let count = compiled.outer.1 - compiled.outer.0 + 1;
    let expected = format!("out.jay: {count} of {count} frames have symbols");
    assert!(said.err.contains(&expected), "{}", said.err);
    // A return address may lie behind the function that made the call.
    let lines = carried(&place.folder.path().join("out.jay"));
    assert!(lines.iter().all(|(name, ..)| ["inner", "outer"].contains(&&name[..])), "{lines:?}");
}

#[test]
fn packed_sections_are_unpacked() {
    let place = Place::new();
    let compiled = Compiled::new(place.folder.path(), &["-gz=zlib"]);
    assert_lines(&place, &symbolize(&place, &compiled.log(), ""));
}

#[test]
fn split_debug_information_is_found_where_it_was_made_and_where_it_was_brought() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let place = Place::new();
        let folder = place.folder.path();
        let compiled = Compiled::new(folder, &["-gsplit-dwarf", version]);
        assert_lines(&place, &symbolize(&place, &compiled.log(), ""));
        // The folder where it was made is gone.
        let there = folder.join("brought/deep/split.dwo");
        std::fs::create_dir_all(there.parent().unwrap()).unwrap();
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let split: Vec<PathBuf> =
            files.filter(|path| path.to_str().unwrap().ends_with(".dwo")).collect();
        assert_eq!(split.len(), 1);
        let there = there.with_file_name(split[0].file_name().unwrap());
        std::fs::rename(&split[0], &there).unwrap();
        let said = symbolize(&place, &compiled.log(), "--force");
        assert!(
            said.err.contains("split debug information (.dwo, .dwp) was not found"),
            "{said:?}"
        );
        let symbols = format!("--force --symbols {}", folder.join("brought").display());
        assert_lines(&place, &symbolize(&place, &compiled.log(), &symbols));
        // That of binutils packs version 4 alone.
        let package = folder.join("program.dwp");
        let said = Command::new("dwp").arg(&there).arg("-o").arg(&package).output();
        if version == "-gdwarf-4" && said.is_ok_and(|said| said.status.success()) {
            std::fs::remove_file(&there).unwrap();
            assert_lines(&place, &symbolize(&place, &compiled.log(), "--force"));
        }
    }
}

/// A debug file without a build-id is taken by the checksum in the link to it.
#[test]
fn a_link_to_a_debug_file_has_a_checksum() {
    let place = Place::new();
    let folder = place.folder.path();
    let compiled = Compiled::new(folder, &["-Wl,--build-id=sha1"]);
    let run = |name: &str, words: &[&str]| {
        let said = Command::new(name).args(words).current_dir(folder).output();
        said.is_ok_and(|said| said.status.success())
    };
    let steps = [
        &["--remove-section", ".note.gnu.build-id", "program"][..],
        &["--only-keep-debug", "program", "linked.debug"],
        &["--strip-all", "program"],
        &["--add-gnu-debuglink=linked.debug", "program"],
    ];
    if !steps.iter().all(|step| run("objcopy", step)) {
        println!("without objcopy there are no links");
        return;
    }
    let symbols = folder.join("symbols");
    std::fs::create_dir_all(symbols.join("deep")).unwrap();
    let debug = symbols.join("deep/linked.debug");
    std::fs::rename(folder.join("linked.debug"), &debug).unwrap();
    let log = Compiled { build_id: Vec::new(), ..compiled }.log();
    let more = format!("--force --symbols {}", symbols.display());
    let said = symbolize(&place, &log, &more);
    assert_lines(&place, &said);
    assert!(said.err.contains("program has no build-id: its symbols are wrong if"), "{said:?}");
    let mut bytes = std::fs::read(&debug).unwrap();
    bytes.push(0);
    std::fs::write(&debug, bytes).unwrap();
    let said = symbolize(&place, &log, &more);
    assert!(said.err.contains("linked.debug has another checksum"), "{said:?}");
    assert!(carried(&folder.join("out.jay")).is_empty());
}

#[test]
fn what_is_no_program_is_named_and_costs_no_more() {
    let place = Place::new();
    let path = place.folder.path().join("program");
    let log = log_of(module(&path, &[7; 20]), &[100, 200]);
    let said = symbolize(&place, &log, "");
    assert_eq!(said.exit_code, 0);
    assert!(
        said.err.contains("2 of 2 frames without a symbol: its file was not found"),
        "{said:?}"
    );
    assert!(said.err.contains("(build-id 0707"), "{said:?}");
    std::fs::write(&path, "").unwrap();
    assert!(symbolize(&place, &log, "--force").err.contains("program an empty file"));
    std::fs::write(&path, "#!/bin/sh\nexit\n".repeat(10)).unwrap();
    assert!(symbolize(&place, &log, "--force").err.contains("program not ELF: "));
    std::fs::write(&path, b"\x7FELF\x02\x01\x01").unwrap();
    assert!(symbolize(&place, &log, "--force").err.contains("program not ELF: "));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(symbolize(&place, &log, "--force").err.contains("program not a regular file"));
}

#[test]
fn what_cannot_be_symbolized_is_refused_in_one_line() {
    let place = Place::new();
    let path = place.folder.path().join("program");
    let log = log_of(module(&path, &[7; 20]), &[100]);
    let refused = |said: Said, why: &str| {
        assert_eq!((said.exit_code, said.err.lines().count()), (2, 1), "{said:?}");
        assert!(said.err.contains(why), "{said:?}");
    };
    place.put(&log);
    refused(place.ask("log symbolize"), "needs --output FILE");
    refused(symbolize(&place, &log, "--json"), "has no --json");
    refused(symbolize(&place, &log, "--symbols /no/such"), "--symbols /no/such: No such file");
    let same = format!("log symbolize --force -o {}", place.path().display());
    refused(place.ask(&same), "would overwrite the log");
    refused(symbolize(&place, &Log::with_traffic(5).bytes(), ""), "has no stacks");
    let cut = &log[..log.len() - 5 * CHUNK_SIZE];
    refused(symbolize(&place, cut, ""), "offset ");
    let held = Log { state: process::STATE_RUNNING, ..Log::default() }.bytes();
    place.put(&held);
    let writer = std::fs::File::open(place.path()).unwrap();
    writer.lock().unwrap();
    let out = place.folder.path().join("out.jay");
    let still = format!("log symbolize -o {}", out.display());
    refused(place.ask(&still), "its process still runs");
    drop(writer);
    std::fs::write(&out, "mine").unwrap();
    refused(symbolize(&place, &log, ""), "exists already");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "mine");
    assert_eq!(symbolize(&place, &log, "--force").exit_code, 0);
    assert_ne!(std::fs::read(&out).unwrap(), b"mine");
}

#[test]
fn a_lost_frame_ends_a_stack_and_is_named() {
    let place = Place::new();
    let compiled = Compiled::new(place.folder.path(), &[]);
    let mut log = compiled.log();
    let (start, _) = chunks_of(&log, ChunkKind::Stacks)[0];
    log[start + chunk::HEADER_SIZE + 16] ^= 1;
    let said = symbolize(&place, &log, "");
    assert_eq!(said.exit_code, 1);
    let offset = start + chunk::HEADER_SIZE + 16;
    assert!(said.err.contains(&format!("offset {offset}: ")), "{said:?}");
    assert!(said.err.contains("stacks 2: checksum"), "{said:?}");
    let stacks = Stacks::read(&LogFile::open(&place.path()).unwrap()).unwrap();
    assert_eq!((stacks.frames(1).count(), stacks.frames(2).count()), (1, 0));
    assert_eq!(stacks.frames(5).count(), 3);
    assert_eq!((stacks.frames(0).count(), stacks.frames(u32::MAX).count()), (0, 0));
}

#[test]
fn no_stack_is_deeper_than_the_limit() {
    let place = Place::new();
    let addresses: Vec<u64> = (1..2_000).collect();
    place.put(&log_of(module(Path::new("/program"), &[]), &addresses));
    let stacks = Stacks::read(&LogFile::open(&place.path()).unwrap()).unwrap();
    assert_eq!(stacks.frames(1_999).count(), stack::DEPTH_MAX as usize);
    assert_eq!(stacks.frames(1_999).next(), Some(BIAS + 1_999));
}

/// The symbols that a log carries come before any file; a damaged chunk of
/// them is named, and costs that chunk.
#[test]
fn carried_symbols_come_first() {
    let place = Place::new();
    let compiled = Compiled::new(place.folder.path(), &[]);
    let mut log = compiled.log();
    let mut chunk = SymbolChunk::new(CHUNK_SIZE as u32);
    let frame = SymbolFrame {
        address: BIAS + compiled.outer.0 + 1,
        depth: 0,
        flags: 0,
        function: "carried",
        file: "inner.c",
        line: 99,
        column: 0,
    };
    assert!(chunk.push(&frame));
    let index = (log.len() / CHUNK_SIZE) as u32;
    log.extend(chunk.seal(index));
    let said = symbolize(&place, &log, "");
    assert_lines(&place, &said);
    let out = place.folder.path().join("out.jay");
    assert!(carried(&out).contains(&line("carried", 99)));
    let said = place.ask("log dump --kind symbols");
    assert!(said.out.contains("function=carried file=inner.c line=99"), "{said:?}");
    assert_eq!(place.ask("log verify").exit_code, 0);
    let at = index as usize * CHUNK_SIZE + 200;
    log[at] ^= 1;
    let said = symbolize(&place, &log, "--force");
    assert_eq!(said.exit_code, 1);
    assert!(said.err.contains("sealed symbols chunk: checksum"), "{said:?}");
    let said = place.ask("log verify");
    assert_eq!(said.exit_code, 1);
    assert!(said.out.contains("sealed symbols chunk: checksum"), "{said:?}");
}

/// Whatever stands in debug information, the answer comes, soon.
#[test]
fn damaged_debug_information_upsets_nobody() {
    let place = Place::new();
    let compiled = Compiled::new(place.folder.path(), &[]);
    let log = compiled.log();
    let whole = std::fs::read(&compiled.program).unwrap();
    let file = object::File::parse(&*whole).unwrap();
    let ranges: Vec<_> = file
        .sections()
        .filter(|section| section.name().is_ok_and(|name| name.starts_with(".debug_")))
        .filter_map(|section| section.file_range())
        .collect();
    assert!(ranges.len() > 3);
    for (start, size) in ranges {
        for at in (start..start + size).step_by(1 + size as usize / 40) {
            let mut bytes = whole.clone();
            bytes[at as usize] ^= 0xFF;
            std::fs::write(&compiled.program, bytes).unwrap();
            let said = symbolize(&place, &log, "--force");
            assert_eq!(said.exit_code, 0, "byte {at}: {said:?}");
        }
    }
}
