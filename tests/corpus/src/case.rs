//! A case: a small program with its truth about leaks.

/// What a case is, in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A leak: nothing reaches what a run leaves behind.
    Lost,
    /// A leak all the same: a static, a queue, a task or a thread still holds
    /// what a run leaves behind, and holds more after each.
    Kept,
    /// A trap: it looks like a leak to some checker and is none. What the
    /// first runs leave behind, the next ones use or replace.
    Clean,
}

/// Which half of the corpus a case belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Whoever tunes a checker may look at these.
    Open,
    /// Nobody looks at what a checker says of these until it is done.
    Blind,
}

/// What each run leaves behind, from the second on: blocks of Rust's global
/// allocator. What C allocates beside them is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaked {
    /// How many blocks.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether these are the figures of every run. Otherwise they are what a
    /// run leaves at least, on average over many: a container's own room
    /// grows in steps, and std allocates what it likes.
    pub is_exact: bool,
}

impl Leaked {
    /// Nothing is left.
    pub const NOTHING: Self = exactly(0, 0);
}

/// Exactly these, in every run.
pub(crate) const fn exactly(blocks: u64, bytes: usize) -> Leaked {
    Leaked { blocks, bytes: bytes as u64, is_exact: true }
}

/// These at least, on average.
pub(crate) const fn at_least(blocks: u64, bytes: usize) -> Leaked {
    Leaked { blocks, bytes: bytes as u64, is_exact: false }
}

/// A small program, and the truth about it.
#[derive(Debug)]
pub struct Case {
    /// Its name, which no other case has.
    pub name: &'static str,
    /// What it is, in truth.
    pub kind: Kind,
    /// Which half it belongs to.
    pub half: Half,
    /// One round. Rounds of one case run on one thread, one after the other;
    /// rounds of different cases may run at the same time.
    pub run: fn(),
    /// The function that allocates what leaks, never inlined: the last part of
    /// its name in a stack. Empty for traps.
    pub site: &'static str,
    /// What each run leaves behind, from the second on.
    pub leaked: Leaked,
    /// How many runs it takes until no further one leaves anything more behind,
    /// if it is a trap: one, but for those that are slow.
    pub rounds_to_settle: u32,
    /// What happens, in a sentence.
    pub about: &'static str,
    /// Why a conservative scan, or a look at a few rounds, may be wrong about it
    /// by its nature, if it may.
    pub exception: Option<&'static str>,
    /// The name of its file.
    pub file: &'static str,
    /// The text of its file.
    pub(crate) source: &'static str,
}

impl Case {
    /// Whether it leaks, in one way or the other.
    pub fn is_leak(&self) -> bool {
        self.kind != Kind::Clean
    }

    /// The lines of its file that allocate what leaks, 1-based; each of them
    /// is in the site. None for traps.
    pub fn lines(&self) -> impl Iterator<Item = u32> {
        // Read from the text, so that no number has to be kept up by hand. And
        // nothing here allocates: a checker may ask in the middle of a case.
        let numbered = self.source.lines().zip(1..);
        numbered
            .skip_while(|(line, _)| !(self.is_leak() && defines(line, self.site)))
            .take_while(|(line, _)| *line != "}")
            .filter(|(line, _)| line.ends_with(MARK))
            .map(|(_, number)| number)
    }
}

/// Ends the lines that allocate what leaks.
const MARK: &str = "// leaks";

fn defines(line: &str, function: &str) -> bool {
    line.strip_prefix("fn ")
        .and_then(|rest| rest.strip_prefix(function))
        .is_some_and(|rest| rest.starts_with(['(', '<']))
}

/// The cases of a file: kind, half, the function that is one round; for leaks
/// also where they are allocated, unless in that very function, and how much
/// it is; for slow traps how many rounds they take; what happens; why a scan may
/// be wrong.
macro_rules! cases {
    ($file:literal: $(
        $kind:ident $half:ident $run:ident
        $(settles $rounds:literal)? $(at $site:ident)? $(: $leaked:expr)?,
        $about:literal $(, except $exception:literal)?;
    )*) => {
        pub(crate) static CASES: &[$crate::Case] = &[$($crate::Case {
            name: stringify!($run),
            kind: $crate::Kind::$kind,
            half: $crate::Half::$half,
            run: $run,
            site: cases!(@site $kind $run $($site)?),
            leaked: cases!(@leaked $($leaked)?),
            rounds_to_settle: cases!(@rounds $($rounds)?),
            about: $about,
            exception: cases!(@exception $($exception)?),
            file: $file,
            source: include_str!($file),
        }),*];
    };
    (@site Clean $run:ident) => { "" };
    (@site $kind:ident $run:ident $site:ident) => { stringify!($site) };
    (@site $kind:ident $run:ident) => { stringify!($run) };
    (@leaked $leaked:expr) => { $leaked };
    (@leaked) => { $crate::Leaked::NOTHING };
    (@rounds $rounds:literal) => { $rounds };
    (@rounds) => { 1 };
    (@exception $exception:literal) => { Some($exception) };
    (@exception) => { None };
}

pub(crate) use cases;
