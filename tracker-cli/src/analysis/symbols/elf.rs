//! Files that may have symbols: what they are, and their bytes. Read, not
//! mapped: a file that somebody cuts short meanwhile must not be a SIGBUS.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use object::read::ReadCache;
use object::{CompressionFormat, Object, ObjectSection};

/// Greatest size of a file whose symbols are read.
const FILE_SIZE_MAX: u64 = 8 << 30;
/// Greatest size of a section once it is unpacked, and how much greater than
/// its packed bytes it may say that it is: more is a trap.
const SECTION_SIZE_MAX: u64 = 4 << 30;
const UNPACK_RATIO_MAX: u64 = 1024;

/// How much a file tells of its addresses, from little to much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// The functions that it exports.
    Exports,
    /// All functions.
    Functions,
    /// Lines and inlined functions.
    Lines,
}

/// What a file says about itself.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The linker's identity of its content; empty where it has none.
    pub build_id: Vec<u8>,
    /// The name of its debug file, and the checksum of that.
    pub link: Option<(OsString, u32)>,
    /// The path of a file that its debug information refers to, and that
    /// one's build-id.
    pub supplement: Option<(OsString, Vec<u8>)>,
    /// How much it tells.
    pub detail: Detail,
}

impl Identity {
    /// Looks at a file.
    ///
    /// # Errors
    /// Why it cannot be used, in a few words.
    pub fn of(path: &Path) -> Result<Self, String> {
        let file = open(path)?;
        let cache = ReadCache::new(file);
        let file = object::File::parse(&cache).map_err(|error| format!("not ELF: {error}"))?;
        let bytes = |error: object::Error| error.to_string();
        let link = file.gnu_debuglink().map_err(bytes)?;
        let supplement = file.gnu_debugaltlink().map_err(bytes)?;
        let text = |name: &[u8]| OsString::from_vec(name.to_vec());
        Ok(Self {
            build_id: file.build_id().map_err(bytes)?.unwrap_or_default().to_vec(),
            link: link.map(|(name, checksum)| (text(name), checksum)),
            supplement: supplement.map(|(name, build_id)| (text(name), build_id.to_vec())),
            detail: detail(&file),
        })
    }
}

fn detail<'d>(file: &impl Object<'d>) -> Detail {
    // What was moved to another file leaves a section without content.
    let has = |name: &str| {
        let section = file.section_by_name(name);
        section.and_then(|section| section.file_range()).is_some_and(|(_, size)| size > 0)
    };
    if has(".debug_info") && has(".debug_line") {
        Detail::Lines
    } else if has(".symtab") {
        Detail::Functions
    } else if has(".dynsym") {
        Detail::Exports
    } else {
        Detail::None
    }
}

/// All bytes of a file.
///
/// # Errors
/// Why it cannot be read, in a few words.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    bytes.try_reserve_exact(size as usize).map_err(|error| error.to_string())?;
    // A file that grows meanwhile is not read beyond its size.
    file.take(size).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Opens a file if it is one, of a size that can be read. Looked at before:
/// opening a pipe would wait.
fn open(path: &Path) -> Result<File, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    match about.len() {
        _ if !about.is_file() => Err("not a regular file".into()),
        0 => Err("an empty file".into()),
        size if size > FILE_SIZE_MAX => Err(format!("{size} bytes are too many")),
        _ => File::open(path).map_err(|error| error.to_string()),
    }
}

/// The bytes of a section, unpacked; none where there is no such section.
///
/// # Errors
/// Where it cannot be unpacked, or says that it is larger than can be.
pub fn section<'b>(file: &object::File<'b>, name: &str) -> Result<Cow<'b, [u8]>, object::Error> {
    let Some(section) = file.section_by_name(name) else { return Ok(Cow::default()) };
    let range = section.compressed_file_range()?;
    let is_packed = range.format != CompressionFormat::None;
    let largest = range.compressed_size.saturating_mul(UNPACK_RATIO_MAX).min(SECTION_SIZE_MAX);
    if is_packed && range.uncompressed_size > largest {
        return Ok(Cow::default());
    }
    section.uncompressed_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_file_is_told_from_what_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(Identity::of(&path).unwrap_err().contains("No such file"));
        std::fs::write(&path, "").unwrap();
        assert_eq!(Identity::of(&path).unwrap_err(), "an empty file");
        std::fs::write(&path, "#!/bin/sh\n".repeat(20)).unwrap();
        assert!(Identity::of(&path).unwrap_err().starts_with("not ELF: "));
        assert_eq!(Identity::of(folder.path()).unwrap_err(), "not a regular file");
    }

    #[test]
    fn a_damaged_file_is_refused_or_read_and_never_more() {
        let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        bytes.truncate(4096);
        for at in 0..64 {
            bytes[at] ^= 0xFF;
            std::fs::write(&path, &bytes).unwrap();
            drop(Identity::of(&path));
            bytes[at] ^= 0xFF;
        }
    }
}
