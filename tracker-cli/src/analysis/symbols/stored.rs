//! Symbols that a log carries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use scrubjay_log_format::{
    ChunkKind, FormatError, SymbolChunk, SymbolFrame, SymbolFrames, symbols,
};

use super::frame::Code;
use super::names::Names;
use crate::analysis::damage::{Damage, Damages};
use crate::analysis::file::LogFile;
use crate::analysis::tables;
use crate::error::Error;

/// What is known of each address: its functions, innermost first; none where
/// it was looked up in vain.
pub type Known = HashMap<u64, Vec<Code>>;

/// Reads the symbols of a log, by the addresses of its stacks.
///
/// # Errors
/// Where the file cannot be read.
pub fn read(file: &LogFile, names: &mut Names, damages: &mut Damages) -> Result<Known, Error> {
    let mut known = Known::new();
    tables::each_chunk(file, ChunkKind::Symbols, damages, |header, bytes, damages| {
        if let Err((at, error)) = read_chunk(bytes, names, &mut known) {
            let offset = file.offset(header.index) + at as u64;
            damages.add(Damage { offset, chunk: header.index, what: format!("symbols: {error}") });
        }
    })?;
    // The rest stood in a chunk that is lost.
    known.retain(|_, codes| codes.last().is_none_or(|outermost| !outermost.is_inlined));
    Ok(known)
}

/// The addresses of which a log carries symbols.
///
/// # Errors
/// Where the file cannot be read.
pub fn addresses(file: &LogFile, damages: &mut Damages) -> Result<HashSet<u64>, Error> {
    let known = read(file, &mut Names::default(), damages)?;
    Ok(known.into_iter().filter(|(_, codes)| !codes.is_empty()).map(|(at, _)| at).collect())
}

/// Reads one chunk; the place of what is wrong with it.
pub fn read_chunk(
    bytes: &[u8],
    names: &mut Names,
    known: &mut Known,
) -> Result<(), (usize, FormatError)> {
    let mut frames = SymbolFrames::new(bytes);
    loop {
        let at = frames.offset();
        match frames.next() {
            None => return Ok(()),
            Some(Err(error)) => return Err((at, error)),
            Some(Ok(frame)) => add(frame, names, known),
        }
    }
}

fn add(frame: SymbolFrame<'_>, names: &mut Names, known: &mut Known) {
    let codes = known.entry(frame.address).or_default();
    // An address that is told twice, as of two logs put together, keeps the
    // first; and one that begins in the middle is not whole.
    if codes.len() != usize::from(frame.depth) {
        return;
    }
    let code = Code {
        function: names.some(frame.function),
        file: names.some(frame.file),
        line: (frame.line != 0).then_some(frame.line),
        column: (frame.column != 0).then_some(frame.column),
        is_inlined: frame.flags & symbols::FLAG_INLINED != 0,
    };
    if code != Code::default() {
        codes.push(code);
    }
}

/// The frames of an address as they are written.
pub fn frames<'c>(
    address: u64,
    codes: impl IntoIterator<Item = &'c Code>,
) -> impl Iterator<Item = SymbolFrame<'c>> {
    fn text(text: &Option<Arc<str>>) -> &str {
        text.as_deref().unwrap_or("")
    }
    codes.into_iter().zip(0..symbols::FRAME_COUNT_MAX).map(move |(code, depth)| SymbolFrame {
        address,
        depth,
        flags: u8::from(code.is_inlined) * symbols::FLAG_INLINED,
        function: text(&code.function),
        file: text(&code.file),
        line: code.line.unwrap_or(0),
        column: code.column.unwrap_or(0),
    })
}

/// Frames as sealed chunks, the first of them at this place.
pub fn chunks<'f>(
    frames: impl IntoIterator<Item = SymbolFrame<'f>>,
    chunk_size: u32,
    first: u32,
) -> Vec<Vec<u8>> {
    let mut sealed = Vec::new();
    let mut open = SymbolChunk::new(chunk_size);
    for frame in frames {
        if !open.push(&frame) {
            let full = std::mem::replace(&mut open, SymbolChunk::new(chunk_size));
            sealed.push(full.seal(first + sealed.len() as u32));
            // Any frame fits an empty chunk.
            open.push(&frame);
        }
    }
    if !open.is_empty() {
        sealed.push(open.seal(first + sealed.len() as u32));
    }
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_that_is_told_twice_or_in_part_no_frame_is_made_up() {
        let code = |function: &str, is_inlined| Code {
            function: Some(function.into()),
            is_inlined,
            ..Code::default()
        };
        let whole = [code("inner", true), code("outer", false)];
        let again = [code("other", true), code("outer", false)];
        let told = frames(7, &whole).chain(frames(7, &again)).chain(frames(8, &whole).skip(1));
        let bytes = chunks(told, 4096, 1).concat();
        let (mut names, mut known) = (Names::default(), Known::new());
        read_chunk(&bytes, &mut names, &mut known).unwrap();
        assert_eq!(known[&7], whole);
        assert!(known[&8].is_empty());
    }
}
