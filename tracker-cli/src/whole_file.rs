//! Files that are there whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tells the files apart that one process writes at the same time.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Writes a file for its owner alone, under another name until it is whole.
/// One that is there is replaced, or left as it is.
///
/// # Errors
/// Where it cannot be written, or is there and must not be replaced; then
/// nothing of it stays.
pub fn write(
    path: &Path,
    replace: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{number}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = (|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
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
        let failed = write(&path, true, |file| {
            file.write_all(&[b'x'; 100_000])?;
            Err(io::Error::other("full"))
        });
        assert_eq!((failed.unwrap_err().to_string().as_str(), count()), ("full", 0));
        write(&path, false, |file| file.write_all(b"first")).unwrap();
        let again = write(&path, false, |file| file.write_all(b"second"));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((content().as_str(), count()), ("first", 1));
        write(&path, true, |file| file.write_all(b"third")).unwrap();
        assert_eq!((content().as_str(), count()), ("third", 1));
    }
}
