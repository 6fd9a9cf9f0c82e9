//! A file that is read and copied. It is gone when the attack comes: what the
//! kernel keeps of it is not the process's memory.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::releases::{Released, planted};

use super::text::text;

/// Its name, in the folder in which the process runs.
const NAME: &str = "secret";

/// Writes the file that the process will read.
pub(super) fn write(folder: &Path, key: u64) -> io::Result<()> {
    let mut file = File::create(folder.join(NAME))?;
    for line in text(key, 40_000).as_bytes().chunks(97) {
        file.write_all(line)?;
        file.write_all(b"\n")?;
    }
    fs::write(folder.join("bytes"), planted(key, 100_000))
}

/// Removes it.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(NAME))?;
    fs::remove_file(folder.join("bytes"))
}

pub(super) fn read(_: u64, _: &mut Released) {
    read_all().expect("the file can be read");
}

fn read_all() -> io::Result<()> {
    drop(fs::read("bytes")?);
    let whole = fs::read_to_string(NAME)?;
    let lines: Vec<String> = BufReader::new(File::open(NAME)?).lines().collect::<Result<_, _>>()?;
    assert_eq!(lines.iter().map(|line| line.len() + 1).sum::<usize>(), whole.len());
    let mut reader = BufReader::with_capacity(1_000, File::open(NAME)?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && line.len() < 20_000 {}
    let mut piece = vec![0; 5_000];
    reader.read_exact(&mut piece)?;
    let mut writer = BufWriter::new(File::create("/dev/null")?);
    for line in &lines {
        writeln!(writer, "{line}")?;
    }
    writer.flush()?;
    let mut copied = Vec::new();
    io::copy(&mut BufReader::new(File::open("bytes")?), &mut copied)?;
    assert_eq!(copied.len(), 100_000);
    Ok(())
}
