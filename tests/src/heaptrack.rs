//! What heaptrack recorded, read in the most naive way from its own format: a
//! line a thing, told by its first letter, in hexadecimal.
//!
//! | line | is |
//! | --- | --- |
//! | `s` length text | the next string |
//! | `i` address module (function file line)… | the next place, and what was inlined there |
//! | `t` place caller | the next stack |
//! | `a` size stack | the next kind of allocation |
//! | `+` kind, `-` kind | one more block of a kind, one less |

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether heaptrack is installed.
pub fn is_here() -> bool {
    let mut command = Command::new("heaptrack");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A recording, and what its lines declare, from 1.
#[derive(Default)]
pub struct Recording {
    strings: Vec<String>,
    places: Vec<Place>,
    stacks: Vec<(usize, usize)>,
    kinds: Vec<(u64, usize)>,
    /// Each allocation and free in turn: its kind, and whether it is the first.
    events: Vec<(usize, bool)>,
}

struct Place {
    module: usize,
    functions: Vec<usize>,
}

/// A kind of allocation: a size at a stack.
pub struct Kind {
    /// A block's bytes.
    pub size: u64,
    /// The file whose code called the C library.
    pub module: String,
    /// Names of functions, innermost first, those that were inlined included.
    pub functions: Vec<String>,
}

impl Recording {
    /// Has heaptrack record a program.
    pub fn of<A: AsRef<OsStr>>(program: &Path, arguments: &[A], folder: &Path) -> Self {
        let file = folder.join("heaptrack");
        let mut command = Command::new("heaptrack");
        command.arg("--output").arg(&file).arg(program).args(arguments);
        let output = command.stdin(Stdio::null()).output().expect("heaptrack starts");
        assert!(output.status.success(), "{output:?}");
        // It packs by what it finds.
        let unpacked = [("zst", "zstd"), ("gz", "gzip")].into_iter().find_map(|(end, program)| {
            let packed = file.with_extension(end);
            let mut unpack = Command::new(program);
            packed.exists().then(|| unpack.arg("-dc").arg(packed).output().expect("it unpacks"))
        });
        let unpacked = unpacked.expect("heaptrack leaves a file");
        assert!(unpacked.status.success(), "{:?}", unpacked.stderr);
        Self::parse(&String::from_utf8(unpacked.stdout).expect("heaptrack writes text"))
    }

    fn parse(text: &str) -> Self {
        let mut recording = Self::default();
        for line in text.lines() {
            let (letter, rest) = line.split_once(' ').unwrap_or((line, ""));
            if letter == "s" {
                let (_, string) = rest.split_once(' ').expect("a length and a string");
                recording.strings.push(string.to_owned());
                continue;
            }
            if !["i", "t", "a", "+", "-"].contains(&letter) {
                continue;
            }
            let words = rest.split(' ');
            let numbers: Vec<u64> = words
                .map(|word| u64::from_str_radix(word, 16).expect("a hexadecimal number"))
                .collect();
            let index = |place: usize| numbers.get(place).map_or(0, |&number| number as usize);
            match letter {
                "i" => {
                    let named = numbers.get(2..).unwrap_or(&[]).chunks(3);
                    let functions = named.map(|function| function[0] as usize).collect();
                    recording.places.push(Place { module: index(1), functions });
                }
                "t" => recording.stacks.push((index(0), index(1))),
                "a" => recording.kinds.push((numbers[0], index(1))),
                _ => recording.events.push((index(0), letter == "+")),
            }
        }
        recording
    }

    /// What its lines say of each kind of allocation.
    pub fn kinds(&self) -> Vec<Kind> {
        self.kinds.iter().map(|&(size, stack)| self.kind(size, stack)).collect()
    }

    fn kind(&self, size: u64, mut stack: usize) -> Kind {
        let mut kind = Kind { size, module: String::new(), functions: Vec::new() };
        let mut is_innermost = true;
        // Strings, places and stacks count from 1; 0 is none.
        while let Some(&(place, caller)) = stack.checked_sub(1).map(|at| &self.stacks[at]) {
            let Place { module, functions } = &self.places[place - 1];
            if std::mem::take(&mut is_innermost) {
                kind.module = self.string(*module);
            }
            let names = functions.iter().map(|&name| self.string(name));
            kind.functions.extend(names.map(|name| demangled(&name)));
            stack = caller;
        }
        kind
    }

    fn string(&self, index: usize) -> String {
        index.checked_sub(1).map_or_else(String::new, |at| self.strings[at].clone())
    }

    /// What was live at the peak and at the end, of some kinds of allocation.
    pub fn figures(&self, is_wanted: &[bool]) -> Figures {
        let mut figures = Figures::default();
        let mut live = Live::default();
        for &(kind, allocates) in self.events.iter().filter(|event| is_wanted[event.0]) {
            let blocks = live.blocks.entry(kind).or_default();
            let size = self.kinds[kind].0;
            if allocates {
                figures.allocated_blocks += 1;
                *blocks += 1;
                live.bytes += size;
                if live.bytes > figures.peak.bytes {
                    figures.peak = live.clone();
                }
            } else {
                *blocks -= 1;
                live.bytes -= size;
            }
        }
        figures.end = live;
        figures
    }
}

/// What a recording says of some kinds of allocation.
#[derive(Debug, Default)]
pub struct Figures {
    /// Allocations, reallocs among them.
    pub allocated_blocks: u64,
    /// What was live when most was.
    pub peak: Live,
    /// What was live at the end.
    pub end: Live,
}

/// What is live.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Bytes of all blocks.
    pub bytes: u64,
    /// Blocks by their kind.
    pub blocks: BTreeMap<usize, u64>,
}

/// A function's name as its author wrote it.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
