//! Where the answer goes: stdout or a file, with colours or without, and
//! quietly where nobody listens any more.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};

use crate::analysis::notes::NoteRow;
use crate::error::Error;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

type Styled = BufWriter<AutoStream<Box<dyn Write>>>;

/// A writer that goes on quietly after its reader has left.
pub struct Output {
    writer: Option<Styled>,
    /// The file that the first write creates.
    path: Option<PathBuf>,
    force: bool,
    is_closed: bool,
    /// The program's notes, which stand under the first heading.
    notes: String,
}

impl Output {
    /// Writes to `stdout`.
    pub fn to_stdout(stdout: Box<dyn Write>, color: Color) -> Self {
        let choice = match color {
            Color::Auto => AutoStream::choice(&io::stdout()),
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let writer = BufWriter::new(AutoStream::new(stdout, choice));
        let notes = String::new();
        Self { writer: Some(writer), path: None, force: false, is_closed: false, notes }
    }

    /// Writes to a file, created once there is something to write.
    ///
    /// # Errors
    /// Where the file exists and must not be overwritten.
    pub fn to_file(path: &Path, force: bool) -> Result<Self, Error> {
        if !force && path.symlink_metadata().is_ok() {
            return Err(Error::Exists(path.to_path_buf()));
        }
        let (path, notes) = (Some(path.to_path_buf()), String::new());
        Ok(Self { writer: None, path, force, is_closed: false, notes })
    }

    /// The file that is written, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Takes in what the program noted.
    pub fn set_notes(&mut self, notes: &[NoteRow]) {
        let line = |note: &NoteRow| {
            let more = if note.is_cut { "…" } else { "" };
            format!("  {}: {}{more}\n", one_line(&note.name), one_line(&note.value))
        };
        self.notes = notes.iter().map(line).collect();
    }

    /// Writes the program's notes, a line each.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn write_notes(&mut self) -> io::Result<()> {
        let notes = std::mem::take(&mut self.notes);
        self.write_all(notes.as_bytes())
    }

    /// Whether the reader has left, so that more writing is in vain.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn writer(&mut self) -> io::Result<&mut Styled> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let file: Box<dyn Write> = Box::new(self.create()?);
                BufWriter::new(AutoStream::never(file))
            }
        };
        Ok(self.writer.insert(writer))
    }

    fn create(&self) -> io::Result<File> {
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        let mut options = OpenOptions::new();
        options.write(true);
        if self.force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        options.open(path)
    }

    /// A closed pipe is no error: whoever read it has seen enough.
    fn quiet<T: Default>(&mut self, result: io::Result<T>) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(T::default())
            }
            other => other,
        }
    }
}

/// What a program may note holds no line of an answer.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let result = self.writer()?.write_all(bytes);
        self.quiet(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let result = self.writer.as_mut().map_or(Ok(()), Write::flush);
        self.quiet(result)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // What a broken pipe left in the buffer would be tried again, noisily.
        if self.is_closed
            && let Some(writer) = self.writer.take()
        {
            drop(writer.into_parts());
        }
    }
}
