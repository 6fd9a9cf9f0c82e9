//! Settings: const in the program, overridden by the environment.

use core::ffi::CStr;
use core::fmt;

use scrubjay_log_format as format;

use crate::budget::{Amount, Budget};
use crate::limits;
use crate::line::Line;
use crate::os;

pub use scrubjay_log_format::{Mode, WipePolicy as Wipe};

/// What a thread does that finds no room in the journal yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait until the helper thread has made room. Nothing is lost.
    Wait,
    /// Drop the event and count it.
    Drop,
}

/// What happens to the journal when the log reaches its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLimit {
    /// It ends: the first events are kept.
    Stop,
    /// Its oldest chunks are overwritten: the last events are kept.
    Ring,
}

/// What happens when a block turns out to be damaged at its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCorruption {
    /// Say so on standard error and abort.
    Abort,
    /// Say so, count it, and never hand the block out again.
    Count,
}

/// Why a mode could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModeError {
    /// There is no journal to go on with: no log, or one that began in another
    /// mode. [`crate::start_log`] starts one.
    NoJournal,
    /// No memory for the ledger: nothing is counted.
    NothingCounted,
}

impl fmt::Display for ModeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoJournal => "there is no journal to go on with: start a log",
            Self::NothingCounted => "nothing is counted",
        })
    }
}

impl std::error::Error for ModeError {}

/// The allocator's settings. Each can be overridden by the environment
/// variable that its method names, unless the process runs with more rights
/// than its caller.
///
/// ```
/// use scrubjay::{Config, Scrubjay, Wipe};
///
/// static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().wipe(Wipe::Tagged));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub(crate) log: Option<&'static str>,
    pub(crate) mode: Option<Mode>,
    pub(crate) wipe: Wipe,
    pub(crate) when_full: WhenFull,
    pub(crate) on_corruption: OnCorruption,
    pub(crate) log_limit: u64,
    pub(crate) chunk_size: u32,
    pub(crate) frames: u32,
    pub(crate) mappings: bool,
    pub(crate) clear_registers: bool,
    pub(crate) verify: bool,
    pub(crate) stacks: Option<bool>,
    pub(crate) stack_depth: u32,
    pub(crate) sample_interval: u64,
    pub(crate) at_limit: AtLimit,
    pub(crate) live: bool,
    pub(crate) budget: Option<Budget>,
}

impl Config {
    /// No log, every block wiped, abort on damage.
    pub const fn new() -> Self {
        Self {
            log: None,
            mode: None,
            wipe: Wipe::All,
            when_full: WhenFull::Wait,
            on_corruption: OnCorruption::Abort,
            log_limit: limits::LOG_LIMIT_DEFAULT,
            chunk_size: format::CHUNK_SIZE_DEFAULT,
            frames: limits::FRAMES_DEFAULT,
            mappings: true,
            clear_registers: false,
            verify: false,
            stacks: None,
            stack_depth: limits::STACK_DEPTH_DEFAULT,
            sample_interval: limits::SAMPLE_INTERVAL_DEFAULT,
            at_limit: AtLimit::Stop,
            live: false,
            budget: None,
        }
    }

    /// Writes a log from the start (`SCRUBJAY_LOG`). In the name `%p` stands
    /// for the process id, `%t` for the time, `%e` for the program, `%h` for
    /// the host, `%n` for a counter; a name that exists takes the next number.
    pub const fn log(mut self, name: &'static str) -> Self {
        self.log = Some(name);
        self
    }

    /// What is recorded (`SCRUBJAY_MODE`: `count`, `sample`, `journal`): unless
    /// told otherwise the journal where there is a log, else `Count`. A journal
    /// needs a log; without one it is `Count`, too.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Whose blocks are overwritten at release (`SCRUBJAY_WIPE`: `all`,
    /// `tagged`, `off`).
    pub const fn wipe(mut self, wipe: Wipe) -> Self {
        self.wipe = wipe;
        self
    }

    /// What a thread does that finds no room in the journal (`SCRUBJAY_FULL`:
    /// `wait`, `drop`).
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// What happens when a block turns out to be damaged
    /// (`SCRUBJAY_CORRUPTION`: `abort`, `count`).
    pub const fn on_corruption(mut self, on_corruption: OnCorruption) -> Self {
        self.on_corruption = on_corruption;
        self
    }

    /// Greatest size of the log in bytes (`SCRUBJAY_LOG_LIMIT`); 1 GiB unless
    /// told otherwise. Past it the journal ends, which is counted and said;
    /// the ledger goes on.
    pub const fn log_limit(mut self, bytes: u64) -> Self {
        self.log_limit = if bytes > limits::LOG_LIMIT_MAX { limits::LOG_LIMIT_MAX } else { bytes };
        self
    }

    /// Size of the log's chunks in bytes (`SCRUBJAY_CHUNK_SIZE`), a power of
    /// two from 4 KiB to 2 MiB: what one damaged byte can cost.
    ///
    /// # Panics
    /// On any other size; in a `static`, when it is compiled.
    pub const fn chunk_size(mut self, bytes: u32) -> Self {
        assert!(is_chunk_size(bytes as u64), "a power of two from 4 KiB to 2 MiB");
        self.chunk_size = bytes;
        self
    }

    /// How many frames the timeline holds (`SCRUBJAY_FRAMES`), 4 to 4096; at
    /// least half of them after the first that many milliseconds.
    pub const fn frames(mut self, count: u32) -> Self {
        self.frames = if count < limits::FRAMES_MIN {
            limits::FRAMES_MIN
        } else if count > limits::FRAMES_MAX {
            limits::FRAMES_MAX
        } else {
            count
        };
        self
    }

    /// Whether large blocks over [`crate::System`] get mappings of their own
    /// (`SCRUBJAY_MAPPINGS`: `on`, `off`): grown without copying, given back to
    /// the kernel at release, or kept, wiped, for the next block that grows: up
    /// to 32 MiB. On unless told otherwise.
    pub const fn mappings(mut self, mappings: bool) -> Self {
        self.mappings = mappings;
        self
    }

    /// Whether released blocks are held back for a while, and looked at before
    /// they are handed out again (`SCRUBJAY_VERIFY`: `on`, `off`). One that was
    /// written after its release is named and aborts, or is counted, as
    /// [`Config::on_corruption`] says. Costs a look at every byte that is reused,
    /// and up to 64 MiB. Not held are blocks over 1 MiB, those that are not wiped,
    /// and, unless [`Config::mappings`] are off, those that have grown to 16 KiB.
    /// Off unless told otherwise.
    pub const fn verify_on_alloc(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Whether vector registers are cleared (`SCRUBJAY_REGISTERS`: `on`, `off`)
    /// after a wipe of 64 KiB or more, a large block's return to the kernel, and
    /// a realloc that copied: what copies a secret leaves its last pieces there,
    /// and a core dump shows them. It reaches the vector registers of the thread
    /// at work, at that moment; not general registers, other threads', saved
    /// contexts, or what the program still needs of them. 3 ns. Off unless told
    /// otherwise.
    pub const fn clear_registers(mut self, clear: bool) -> Self {
        self.clear_registers = clear;
        self
    }

    /// Whether sites have stacks (`SCRUBJAY_STACKS`: `on`, `off`); unless told
    /// otherwise they have them in the modes `Sample` and `Journal`.
    pub const fn stacks(mut self, stacks: bool) -> Self {
        self.stacks = Some(stacks);
        self
    }

    /// How many frames of a stack are kept (`SCRUBJAY_STACK_DEPTH`), 1 to 256,
    /// the innermost ones; 64 unless told otherwise. What is cut off is said of
    /// each site.
    pub const fn stack_depth(mut self, frames: u32) -> Self {
        self.stack_depth = if frames < 1 {
            1
        } else if frames > format::stack::DEPTH_MAX {
            format::stack::DEPTH_MAX
        } else {
            frames
        };
        self
    }

    /// The mean distance of two samples in mode `Sample`, in allocated bytes
    /// (`SCRUBJAY_SAMPLE_INTERVAL`); 512 KiB unless told otherwise. A block of
    /// *s* bytes is in the sample with a chance of 1 − exp(−*s* ÷ interval).
    pub const fn sample_interval(mut self, bytes: u64) -> Self {
        self.sample_interval = if bytes < 1 {
            1
        } else if bytes > limits::SAMPLE_INTERVAL_MAX {
            limits::SAMPLE_INTERVAL_MAX
        } else {
            bytes
        };
        self
    }

    /// What happens to the journal when the log reaches its limit
    /// (`SCRUBJAY_LIMIT`: `stop`, `ring`); it stops unless told otherwise.
    pub const fn at_limit(mut self, at_limit: AtLimit) -> Self {
        self.at_limit = at_limit;
        self
    }

    /// Whether there is a registry of all live blocks, from the start of the
    /// process (`SCRUBJAY_LIVE`: `on`, `off`): what leak checks ask, and scans
    /// for what the program can still reach. Takes 40 bytes a block, and 404
    /// instructions, some 33 ns, an allocation with its release. Off unless told
    /// otherwise.
    pub const fn live_blocks(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// How much memory the process may have (`SCRUBJAY_BUDGET` for the hard limit,
    /// `SCRUBJAY_SOFT_BUDGET` for the soft one: bytes as `2G`, or a part of what the
    /// process may have as `80%`). Every block counts, from the first on; costs some
    /// 10 ns an allocation.
    pub const fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The mode of a log that starts now.
    pub(crate) fn log_mode(&self) -> Mode {
        self.mode.unwrap_or(Mode::Journal)
    }

    /// The mode without a log: a journal would be memory that nobody reads.
    pub(crate) fn mode_in_memory(&self) -> Mode {
        match self.mode {
            Some(Mode::Sample) => Mode::Sample,
            _ => Mode::Count,
        }
    }

    /// Whether stacks are captured in a mode.
    pub(crate) fn has_stacks(&self, mode: Mode) -> bool {
        self.stacks.unwrap_or(mode != Mode::Count)
    }

    /// Takes over what the environment says. A value without meaning costs one
    /// line on standard error and changes nothing.
    pub(crate) fn with_environment(mut self) -> Self {
        if os::is_privileged() {
            return self;
        }
        if let Some(name) = value(c"SCRUBJAY_LOG").and_then(|name| str::from_utf8(name).ok()) {
            self.log = (!name.is_empty()).then_some(name);
        }
        choose(&mut self.mode, c"SCRUBJAY_MODE", "count, sample or journal", |word| match word {
            b"count" => Some(Some(Mode::Count)),
            b"sample" => Some(Some(Mode::Sample)),
            b"journal" => Some(Some(Mode::Journal)),
            _ => None,
        });
        choose(&mut self.wipe, c"SCRUBJAY_WIPE", "all, tagged or off", |word| match word {
            b"all" => Some(Wipe::All),
            b"tagged" => Some(Wipe::Tagged),
            b"off" => Some(Wipe::Off),
            _ => None,
        });
        choose(&mut self.when_full, c"SCRUBJAY_FULL", "wait or drop", |word| match word {
            b"wait" => Some(WhenFull::Wait),
            b"drop" => Some(WhenFull::Drop),
            _ => None,
        });
        let corruption = c"SCRUBJAY_CORRUPTION";
        choose(&mut self.on_corruption, corruption, "abort or count", |word| match word {
            b"abort" => Some(OnCorruption::Abort),
            b"count" => Some(OnCorruption::Count),
            _ => None,
        });
        choose(&mut self.mappings, c"SCRUBJAY_MAPPINGS", "on or off", switch);
        choose(&mut self.live, c"SCRUBJAY_LIVE", "on or off", switch);
        choose(&mut self.verify, c"SCRUBJAY_VERIFY", "on or off", switch);
        choose(&mut self.clear_registers, c"SCRUBJAY_REGISTERS", "on or off", switch);
        choose(&mut self.at_limit, c"SCRUBJAY_LIMIT", "stop or ring", |word| match word {
            b"stop" => Some(AtLimit::Stop),
            b"ring" => Some(AtLimit::Ring),
            _ => None,
        });
        choose(&mut self.stacks, c"SCRUBJAY_STACKS", "on or off", |word| switch(word).map(Some));
        choose(&mut self.stack_depth, c"SCRUBJAY_STACK_DEPTH", "1 to 256 frames", |word| {
            let range = 1..=format::stack::DEPTH_MAX.into();
            size(word).filter(|count| range.contains(count)).map(|count| count as u32)
        });
        choose(&mut self.sample_interval, c"SCRUBJAY_SAMPLE_INTERVAL", "1 to 1T bytes", |word| {
            size(word).filter(|bytes| (1..=limits::SAMPLE_INTERVAL_MAX).contains(bytes))
        });
        choose(&mut self.log_limit, c"SCRUBJAY_LOG_LIMIT", "a size up to 1T", |word| {
            size(word).filter(|&bytes| bytes <= limits::LOG_LIMIT_MAX)
        });
        let mut limit = |name: &CStr, set: fn(&mut Budget, Amount)| {
            let mut amount = None;
            choose(&mut amount, name, "a size, or a part as 80%", |word| amount_of(word).map(Some));
            if let Some(amount) = amount {
                set(self.budget.get_or_insert(Budget::unlimited()), amount);
            }
        };
        limit(c"SCRUBJAY_BUDGET", |budget, amount| budget.hard = Some(amount));
        limit(c"SCRUBJAY_SOFT_BUDGET", |budget, amount| budget.soft = Some(amount));
        let sizes = "a power of two from 4K to 2M";
        choose(&mut self.chunk_size, c"SCRUBJAY_CHUNK_SIZE", sizes, |word| {
            size(word).filter(|&bytes| is_chunk_size(bytes)).map(|bytes| bytes as u32)
        });
        choose(&mut self.frames, c"SCRUBJAY_FRAMES", "a count from 4 to 4096", |word| {
            let range = limits::FRAMES_MIN.into()..=limits::FRAMES_MAX.into();
            size(word).filter(|count| range.contains(count)).map(|count| count as u32)
        });
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A chunk must fit in a window of the file.
const fn is_chunk_size(bytes: u64) -> bool {
    bytes.is_power_of_two()
        && bytes >= format::CHUNK_SIZE_MIN as u64
        && bytes <= limits::WINDOW_SIZE as u64
}

fn switch(word: &[u8]) -> Option<bool> {
    match word {
        b"on" => Some(true),
        b"off" => Some(false),
        _ => None,
    }
}

fn value(name: &CStr) -> Option<&'static [u8]> {
    os::environment(name)
}

fn choose<T>(setting: &mut T, name: &CStr, expected: &str, parse: impl Fn(&[u8]) -> Option<T>) {
    let Some(word) = value(name).filter(|word| !word.is_empty()) else { return };
    match parse(word) {
        Some(parsed) => *setting = parsed,
        None => Line::new()
            .bytes(name.to_bytes())
            .text(" is ignored: expected ")
            .text(expected)
            .text(", found \"")
            .bytes(word)
            .text("\"")
            .say(),
    }
}

/// A size, or a part of what the process may have.
fn amount_of(word: &[u8]) -> Option<Amount> {
    match word.split_last()? {
        (b'%', digits) => {
            let percent = size(digits).filter(|&percent| percent <= 100)?;
            Some(Amount::Percent(percent as u8))
        }
        _ => size(word).map(Amount::Bytes),
    }
}

/// A count of bytes with an optional binary unit: `4096`, `64K`, `2M`, `1G`.
fn size(word: &[u8]) -> Option<u64> {
    let (digits, shift) = match word.split_last()? {
        (b'K' | b'k', digits) => (digits, 10),
        (b'M' | b'm', digits) => (digits, 20),
        (b'G' | b'g', digits) => (digits, 30),
        (b'T' | b't', digits) => (digits, 40),
        _ => (word, 0),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for &digit in digits {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number = number.checked_mul(10)?.checked_add(value)?;
    }
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size(b"4096"), Some(4096));
        assert_eq!(size(b"64K"), Some(64 << 10));
        assert_eq!(size(b"2g"), Some(2 << 30));
        for word in [&b""[..], b"K", b"-1", b"1.5M", b"99999999999999999999", b"99999999999T"] {
            assert_eq!(size(word), None, "{word:?}");
        }
    }
}
