//! `scrubjay log symbolize`: a copy of a log that carries its symbols, to be
//! read where its binaries are not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use scrubjay_log_format::{header, process};

use crate::analysis::file::{Chunks, LogFile, Place};
use crate::analysis::modules::Modules;
use crate::analysis::stacks::Stacks;
use crate::analysis::symbols::{Symbols, stored};
use crate::commands::symbols::{SymbolArguments, report};
use crate::error::Error;
use crate::session::Session;
use crate::text;
use crate::whole_file::{self, Readers};

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The log
    #[arg(value_name = "LOG")]
    path: PathBuf,
    #[command(flatten)]
    symbols: SymbolArguments,
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let options = arguments.symbols.options()?;
    let Some(out) = session.out.path().map(Path::to_path_buf) else {
        return Err(Error::Usage("log symbolize needs --output FILE for the log it writes".into()));
    };
    if session.is_json() {
        return Err(Error::Usage("log symbolize writes a log, and has no --json".into()));
    }
    let file = session.open(&arguments.path)?;
    let name = file.path().display();
    if file.is_being_written() {
        let why = "its process still runs; symbolize it once that has ended, or a dump of it";
        return Err(Error::Usage(format!("{name}: {why}")));
    }
    if let Some(damage) = file.cut_short() {
        let why = "a longer copy would hide that";
        return Err(Error::Usage(format!("{name}: {damage}; {why}")));
    }
    let stacks = Stacks::read(&file)?;
    if stacks.node_count() == 0 {
        return Err(Error::Usage(format!("{name}: has no stacks, so no symbols either")));
    }
    let modules = Modules::read(&file)?;
    let mut damages = stacks.damages.clone();
    damages.merge(modules.damages.clone());

    let carried = stored::addresses(&file, &mut damages)?;
    let addresses: Vec<u64> = stacks.addresses();
    let lacking = addresses.iter().copied().filter(|address| !carried.contains(address));
    let symbols = Symbols::resolve(&file, &modules, lacking, &options)?;
    let frames = addresses.iter().filter(|address| !carried.contains(address));
    let frames = frames.flat_map(|&address| symbols.stored_frames_of(address));
    let first = places_in_use(&file)?;
    let chunks = stored::chunks(frames, file.header.chunk_size, first);
    write(&file, first, &chunks, &out, session.is_forced())?;

    let known = addresses.iter().filter(|address| {
        carried.contains(address) || symbols.stored_frames_of(**address).next().is_some()
    });
    let (known, all) = (known.count() as u64, addresses.len() as u64);
    report(&symbols, &mut session);
    let size = text::size((chunks.len() * file.header.chunk_size as usize) as u64);
    let frames = text::plural(all, "frame");
    let out = out.display();
    session.say(&format!("{out}: {} of {frames} have symbols, {size} of them", text::count(known)));
    session.report(&file, &damages);
    session.end()
}

/// How many places of the log are in use: behind them is room that was
/// reserved, which the copy does without.
fn places_in_use(file: &LogFile) -> Result<u32, Error> {
    let mut count = 1;
    let mut chunks = Chunks::new(file);
    while let Some((index, place)) = chunks.next()? {
        // What should be room and has bytes is for `log verify` to find in the
        // copy, too.
        let is_room =
            matches!(place, Place::Unused) && chunks.load_place()?.iter().all(|&byte| byte == 0);
        if !is_room {
            count = index + 1;
        }
    }
    // Handed out and not begun. A dump counts chunks that it leaves out.
    let counted = file.process[process::CHUNK_COUNT];
    let is_dump = file.header.has(header::FLAG_DUMP);
    let counted = if is_dump { 0 } else { counted.min(file.chunk_count().into()) };
    Ok(count.max(u32::try_from(counted).unwrap_or(u32::MAX)))
}

/// The log's places in use as they are, then the symbols.
fn write(
    file: &LogFile,
    first: u32,
    chunks: &[Vec<u8>],
    out: &Path,
    force: bool,
) -> Result<(), Error> {
    let read_error = |source| Error::Read { path: file.path().to_path_buf(), source };
    let log = File::open(file.path()).map_err(read_error)?;
    let written = whole_file::write(out, Readers::Owner, force, |copy| {
        let size = file.offset(first);
        io::copy(&mut (&log).take(size), copy)?;
        // The last place may be cut short.
        copy.seek(SeekFrom::Start(size))?;
        for chunk in chunks {
            copy.write_all(chunk)?;
        }
        copy.flush()?;
        copy.get_ref().sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(out.to_path_buf()),
        _ => Error::Write(error),
    })
}
