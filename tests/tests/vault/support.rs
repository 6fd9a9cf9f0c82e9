//! Secrets that are made where they stand, and whoever looks for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scrubjay::Tag;
use scrubjay_tests::attack::{Core, Memory, Secret, Windows};

/// Overwrites bytes with the stream of a seed, byte by byte: no word of it
/// stands in a register or on the stack, and no copy in the binary.
#[inline(never)]
pub fn fill(bytes: &mut [u8], seed: u64) {
    let mut state = seed | 1;
    for byte in bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = std::hint::black_box((state >> 33) as u8);
    }
}

/// A block of a tag, filled with the stream of a seed as an argument says it.
pub fn plant(tag: &'static Tag, size: usize, seed: &str) -> Vec<u8> {
    let seed = seed.parse().expect("a seed");
    let _scope = tag.enter();
    let mut block = vec![0; size];
    fill(&mut block, seed);
    block
}

/// What [`fill`] writes.
pub fn stream(size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    fill(&mut bytes, seed);
    bytes
}

/// Windows of some streams.
pub struct Wanted {
    windows: Windows,
    count: usize,
}

impl Wanted {
    /// Of streams of a size, by their seeds.
    pub fn new(size: usize, seeds: &[u64]) -> Self {
        let secret = |&seed| Secret { name: String::new(), pieces: vec![stream(size, seed)] };
        let secrets: Vec<Secret> = seeds.iter().map(secret).collect();
        Self { windows: Windows::of(&secrets), count: seeds.len() }
    }

    /// How many windows each stream has.
    pub fn all(&self) -> Vec<u64> {
        (0..self.count).map(|index| self.windows.count(index)).collect()
    }

    /// How many of each stand in a process's memory.
    pub fn in_process(&self, process: u32) -> Vec<u64> {
        let memory = Memory::of(process, None).expect("root may read a process");
        self.count(|see| memory.read(see).map(|_| ()).expect("the process is there"))
    }

    /// How many of each stand in a core file.
    pub fn in_core(&self, path: &Path) -> Vec<u64> {
        let core = Core::open(path).expect("a core file");
        self.count(|see| core.read(see).map(|_| ()).expect("a whole core file"))
    }

    fn count(&self, read: impl FnOnce(&mut dyn FnMut(u64, &[u8]))) -> Vec<u64> {
        let mut found = vec![BTreeSet::new(); self.count];
        read(&mut |_, bytes| {
            self.windows.search(bytes, |_, window| {
                found[self.windows.secret(window)].insert(window);
            });
        });
        found.into_iter().map(|found| found.len() as u64).collect()
    }
}

/// A seed that no other run has.
pub fn seed(number: u64) -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("the clock goes forward");
    (now.as_nanos() as u64).rotate_left(20) ^ u64::from(std::process::id()) << 8 ^ number
}

/// Whether the process has mappings at some addresses that nobody may touch.
pub fn closed(addresses: &[usize]) -> Result<(), String> {
    let maps = fs::read_to_string("/proc/self/maps").expect("a process sees its maps");
    for address in addresses {
        let holds = |line: &&str| {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            range.is_some_and(|(start, end)| {
                let bound = |text| usize::from_str_radix(text, 16).unwrap_or(0);
                (bound(start)..bound(end)).contains(address)
            })
        };
        let mapping = maps.lines().find(holds);
        let mapping = mapping.ok_or_else(|| format!("a hole at {address:x}"))?;
        if !mapping.contains(" ---p ") {
            return Err(format!("somebody stands at {address:x}: {mapping}"));
        }
    }
    Ok(())
}
