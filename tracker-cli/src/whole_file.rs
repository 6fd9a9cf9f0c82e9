//! Files that are there whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;

/// Tells the files apart that one process writes at the same time.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner's alone, as a log is.
    Owner,
    /// Whoever could read the file that it replaces; of a new one whoever may
    /// read new files.
    Usual,
}

/// Reads a text.
///
/// # Errors
/// Where it cannot be read, or is no text.
pub fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })
}

/// Writes a file, under another name until it is whole. One that is there is
/// replaced, or left as it is.
///
/// # Errors
/// Where it cannot be written, or is there and must not be replaced; then
/// nothing of it stays.
pub fn write(
    path: &Path,
    readers: Readers,
    replace: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{number}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = (|| {
        let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
        if let Ok(replaced) = fs::metadata(path)
            && readers == Readers::Usual
        {
            file.set_permissions(replaced.permissions())?;
        }
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        drop(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        if replace {
            return fs::rename(&part, path);
        }
        // Unlike renaming, this finds a file that came meanwhile.
        fs::hard_link(&part, path)?;
        fs::remove_file(&part)
    })();
    if written.is_err() {
        // What could not be made may be there in part.
        drop(fs::remove_file(&part));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content = || fs::read_to_string(&path).unwrap_or_default();
        let count = || fs::read_dir(folder.path()).unwrap().count();
        let failed = write(&path, Readers::Owner, true, |file| {
            file.write_all(&[b'x'; 100_000])?;
            Err(io::Error::other("full"))
        });
        assert_eq!((failed.unwrap_err().to_string().as_str(), count()), ("full", 0));
        write(&path, Readers::Owner, false, |file| file.write_all(b"first")).unwrap();
        let again = write(&path, Readers::Owner, false, |file| file.write_all(b"second"));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((content().as_str(), count()), ("first", 1));
        write(&path, Readers::Owner, true, |file| file.write_all(b"third")).unwrap();
        assert_eq!((content().as_str(), count()), ("third", 1));
    }

    #[test]
    fn a_file_is_for_those_whose_it_was() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write(&path, Readers::Owner, false, |file| file.write_all(b"log")).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, Readers::Usual, true, |file| file.write_all(b"text")).unwrap();
        assert_eq!(mode(), 0o640);
        write(&path, Readers::Owner, true, |file| file.write_all(b"log")).unwrap();
        assert_eq!(mode(), 0o600);
    }
}
