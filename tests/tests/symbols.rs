//! A stripped program runs on one side; on the other stand its log and its
//! debug file: functions, files and lines are known, inlined ones included.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scrubjay::{Scrubjay, Tag};
use scrubjay_log_format::{ChunkHeader, ChunkKind, FileHeader, SymbolFrames, symbols};
use scrubjay_tests::cli;
use scrubjay_tests::folder::Folder;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static KEPT: Tag = Tag::new("kept");

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        let scope = KEPT.enter();
        allocate_outside();
        drop(scope);
        return;
    }
    if !has_binutils() {
        println!("test symbols ... ignored, binutils are not installed");
        return;
    }
    let site = Site::new();
    let (whole, debug, stripped) = (&site.whole, &site.debug, &site.stripped);
    site.check("the program", &site.folder_of("1", &[(whole, "deep/down/here")]));
    site.check("its debug file", &site.folder_of("2", &[(debug, "any.name"), (stripped, "p")]));
    let build_id = build_id(stripped);
    let by_build_id = format!(".build-id/{}/{}.debug", &build_id[..2], &build_id[2..]);
    site.check("its debug file by place", &site.folder_of("3", &[(debug, &by_build_id)]));
    site.check_cache();
    site.check_refusals();
    site.check_carried();
    println!("test a_stripped_program_and_its_debug_file_tell_lines ... ok");
}

const OUTSIDE_LINE: u32 = line!() + 4;

#[inline(never)]
fn allocate_outside() {
    allocate_inlined(black_box(1_000));
}

const INLINED_LINE: u32 = line!() + 4;

#[inline(always)]
fn allocate_inlined(size: usize) {
    black_box(Vec::<u8>::with_capacity(size)).leak();
}

fn build_id(program: &Path) -> String {
    let said = Command::new("readelf").arg("--notes").arg(program).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = said.lines().find_map(|line| line.trim().strip_prefix("Build ID: "));
    line.expect("the linker gives programs a build-id").to_owned()
}

fn has_binutils() -> bool {
    let answers = |name: &str| Command::new(name).arg("--version").output().is_ok();
    ["objcopy", "strip", "readelf"].iter().all(|name| answers(name))
}

fn tool(name: &str, arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) {
    let said = Command::new(name).args(arguments).output().unwrap();
    assert!(said.status.success(), "{name}: {said:?}");
}

/// The function, file and line of each frame of an address, and whether it is
/// inlined into the next.
type Frames = Vec<(String, String, u32, bool)>;

/// The log of a stripped program that is gone, and what was put aside of it.
struct Site {
    folder: Folder,
    log: PathBuf,
    /// The program before it was stripped, its debug information, its rest.
    whole: PathBuf,
    debug: PathBuf,
    stripped: PathBuf,
}

impl Site {
    fn new() -> Self {
        let folder = Folder::new();
        let [whole, debug, stripped, program] =
            ["whole", "debug", "stripped", "program"].map(|name| folder.join(name));
        std::fs::copy(std::env::current_exe().unwrap(), &whole).unwrap();
        tool("objcopy", [Path::new("--only-keep-debug"), &whole, &debug]);
        tool("strip", [Path::new("--strip-all"), Path::new("-o"), &stripped, &whole]);
        std::fs::copy(&stripped, &program).unwrap();
        let log = folder.join("run.jay");
        let mut child = Command::new(&program);
        child.arg("child").env("SCRUBJAY_LOG", &log).env("SCRUBJAY_MODE", "journal");
        assert!(child.status().unwrap().success());
        std::fs::remove_file(&program).unwrap();
        Self { folder, log, whole, debug, stripped }
    }

    /// A new folder with these files in it, by their new names.
    fn folder_of(&self, name: &str, files: &[(&Path, &str)]) -> PathBuf {
        let folder = self.folder.join(name);
        for (from, to) in files {
            let to = folder.join(to);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from, to).unwrap();
        }
        folder
    }

    /// Writes a log with symbols from a folder; what was said, and the frames
    /// of each address that the log then carries.
    fn symbolize(&self, symbols: &Path, more: &[&str]) -> (String, BTreeMap<u64, Frames>) {
        let out = self.folder.join("symbolized.jay");
        let mut command = Command::new(cli::binary());
        command.args(["log", "symbolize", "--force", "--output"]).arg(&out).arg(&self.log);
        command.arg("--symbols").arg(symbols).args(more);
        let said = command.env("XDG_CACHE_HOME", self.folder.join("cache")).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        (String::from_utf8(said.stderr).unwrap(), carried(&std::fs::read(&out).unwrap()))
    }

    /// The program's own frames are known, whatever they are known by.
    fn check(&self, by: &str, symbols: &Path) {
        let (said, frames) = self.symbolize(symbols, &["--no-symbol-cache"]);
        assert!(knows_lines(&frames), "{by}: {said}{frames:#?}");
        for question in ["leaks", "peak"] {
            let mut command = Command::new(cli::binary());
            command.args([question, "--tag", "kept", "--no-symbol-cache", "--symbols"]);
            let said = command.arg(symbols).arg(&self.log).output().unwrap();
            assert_eq!(said.status.code(), Some(0), "{by}: {said:?}");
            let said = String::from_utf8(said.stdout).unwrap();
            let (_, sites) = said.split_once("by site").unwrap();
            let lines: Vec<&str> = sites.lines().skip(2).take(2).collect();
            let is = |line: &str, function: &str, number: u32| {
                let place = format!("tests/tests/symbols.rs:{number})");
                line.contains(&format!("{function} (")) && line.ends_with(&place)
            };
            assert!(is(lines[0], "allocate_inlined", INLINED_LINE), "{by}: {said}");
            assert!(is(lines[1], "allocate_outside", OUTSIDE_LINE), "{by}: {said}");
        }
        println!("{by}: lines of {} addresses", frames.len());
    }

    fn check_cache(&self) {
        let symbols = self.folder_of("once", &[(&self.debug, "a.debug")]);
        let (_, first) = self.symbolize(&symbols, &[]);
        assert!(knows_lines(&first), "{first:#?}");
        // The folder is empty now, and the cache knows.
        std::fs::remove_file(symbols.join("a.debug")).unwrap();
        assert_eq!(self.symbolize(&symbols, &[]).1, first);
        let folder = self.folder.join("cache/scrubjay/symbols");
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        assert!(!knows_lines(&self.symbolize(&symbols, &[]).1), "a damaged cache is used");
        // It is made anew.
        std::fs::copy(&self.debug, symbols.join("a.debug")).unwrap();
        assert_eq!(self.symbolize(&symbols, &[]).1, first);
        std::fs::remove_file(symbols.join("a.debug")).unwrap();
        assert_eq!(self.symbolize(&symbols, &[]).1, first);
    }

    /// Another build of the program is not taken for it.
    fn check_refusals(&self) {
        let other = self.folder.join("other");
        let note = self.folder.join("note");
        let build_id = [4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0];
        let build_id = [&build_id[..], b"GNU\0", &[1, 2, 3, 4]].concat();
        std::fs::write(&note, build_id).unwrap();
        let mut update = std::ffi::OsString::from("--update-section=.note.gnu.build-id=");
        update.push(&note);
        tool("objcopy", [update.as_os_str(), self.whole.as_os_str(), other.as_os_str()]);
        let symbols = self.folder_of("others", &[(&other, "program"), (&self.log, "a.log")]);
        std::fs::write(symbols.join("empty"), "").unwrap();
        // Where the program was.
        std::fs::copy(&other, self.folder.join("program")).unwrap();
        let (said, frames) = self.symbolize(&symbols, &["--no-symbol-cache"]);
        assert!(!knows_lines(&frames), "{frames:#?}");
        assert!(said.contains("program has another build-id, 01020304"), "{said}");
        assert!(said.contains("with --symbols DIR"), "{said}");
        std::fs::remove_file(self.folder.join("program")).unwrap();
    }

    /// A log that carries its symbols needs nothing else, and is as sound as it
    /// was.
    fn check_carried(&self) {
        let symbols = self.folder_of("carried", &[(&self.debug, "a.debug")]);
        let (_, first) = self.symbolize(&symbols, &["--no-symbol-cache"]);
        let (log, out) = (self.folder.join("carrying.jay"), self.folder.join("symbolized.jay"));
        std::fs::rename(&out, &log).unwrap();
        let [before, after] = [&self.log, &log].map(|path| std::fs::read(path).unwrap());
        let first_symbols = chunks(&after).find(|(header, _)| is_symbols(header)).unwrap().0.index;
        let size = first_symbols as usize * FileHeader::decode(&after).unwrap().chunk_size as usize;
        assert_eq!(before[..size], after[..size]);
        assert!(before[size..].iter().all(|&byte| byte == 0));
        let verdicts = [&self.log, &log].map(|path| {
            let said = cli::run(["log".as_ref(), "verify".as_ref(), path.as_os_str()]);
            assert_eq!(said.status.code(), Some(0), "{said:?}");
            String::from_utf8(said.stdout).unwrap().replace(path.to_str().unwrap(), "LOG")
        });
        assert_eq!(verdicts[0], verdicts[1]);
        assert!(verdicts[1].contains("sound"), "{}", verdicts[1]);
        // Once more: nothing is looked up, nothing added, all is kept.
        let empty = self.folder_of("empty", &[]);
        std::fs::create_dir(&empty).unwrap();
        let again = Self::again(&log, &empty, &out);
        assert!(again.status.success(), "{again:?}");
        assert_eq!(carried(&std::fs::read(&out).unwrap()), first);
        let refused = cli::run([
            "log".as_ref(),
            "symbolize".as_ref(),
            "-o".as_ref(),
            out.as_os_str(),
            log.as_os_str(),
        ]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }

    fn again(log: &Path, symbols: &Path, out: &Path) -> Output {
        let words = ["log", "symbolize", "--no-symbol-cache", "--force", "--output"];
        let mut command = Command::new(cli::binary());
        command.args(words).arg(out).arg(log).arg("--symbols").arg(symbols).output().unwrap()
    }
}

fn knows_lines(frames: &BTreeMap<u64, Frames>) -> bool {
    let is = |frame: &(String, String, u32, bool), name: &str, line: u32, is_inlined: bool| {
        let (function, file, at, inlined) = frame;
        function.ends_with(name)
            && file.ends_with("tests/tests/symbols.rs")
            && (*at, *inlined) == (line, is_inlined)
    };
    // Line tables alone have no paths of inlined functions.
    frames.values().any(|frames| {
        frames.iter().zip(frames.iter().skip(1)).any(|(inner, outer)| {
            is(inner, "allocate_inlined", INLINED_LINE, true)
                && is(outer, "::allocate_outside", OUTSIDE_LINE, false)
        })
    })
}

fn chunks(log: &[u8]) -> impl Iterator<Item = (ChunkHeader, &[u8])> {
    let size = FileHeader::decode(log).unwrap().chunk_size as usize;
    (0..)
        .zip(log.chunks(size))
        .skip(1)
        .filter_map(|(index, bytes)| Some((ChunkHeader::decode(bytes, index).unwrap()?, bytes)))
}

fn is_symbols(header: &ChunkHeader) -> bool {
    header.kind == ChunkKind::Symbols as u16
}

fn carried(log: &[u8]) -> BTreeMap<u64, Frames> {
    let mut all: BTreeMap<u64, Frames> = BTreeMap::new();
    for (_, bytes) in chunks(log).filter(|(header, _)| is_symbols(header)) {
        for frame in SymbolFrames::new(bytes) {
            let frame = frame.unwrap();
            let is_inlined = frame.flags & symbols::FLAG_INLINED != 0;
            let told = (frame.function.to_owned(), frame.file.to_owned(), frame.line, is_inlined);
            all.entry(frame.address).or_default().push(told);
        }
    }
    all
}
