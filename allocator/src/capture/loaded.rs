//! The modules of the process, for a log that is read elsewhere.

use crate::limits::PATH_SIZE_MAX;
use crate::os;

/// A loaded file.
pub(crate) struct Module<'a> {
    /// Its path, as the loader knows it.
    pub(crate) path: &'a [u8],
    /// By which the very same file is found again; empty where it has none.
    pub(crate) build_id: &'a [u8],
    /// What was added to the file's addresses.
    pub(crate) bias: u64,
    /// Where it begins in memory.
    pub(crate) start: u64,
    /// And where it ends.
    pub(crate) end: u64,
    /// Whether it is the program itself.
    pub(crate) is_program: bool,
}

/// Calls for each module, the program first. Allocates nothing; the loader's
/// lock is held meanwhile, so nothing may be loaded, nor allocated.
pub(crate) fn each_module(mut act: impl FnMut(&Module)) {
    let mut buffer = [0; PATH_SIZE_MAX];
    let program = os::program_path(&mut buffer).unwrap_or(b"");
    let mut is_program = true;
    os::each_object(|object| {
        let segments = || object.segments(libc::PT_LOAD).map(|segment| segment.range);
        let start = segments().map(|range| range.start).min().unwrap_or(0);
        let end = segments().map(|range| range.end).max().unwrap_or(0);
        act(&Module {
            path: if is_program { program } else { object.name.to_bytes() },
            build_id: build_id(object).unwrap_or(b""),
            bias: object.bias as u64,
            start: start as u64,
            end: end as u64,
            is_program,
        });
        is_program = false;
        true
    });
}

fn build_id<'a>(object: &os::Object<'a>) -> Option<&'a [u8]> {
    object
        .segments(libc::PT_NOTE)
        .filter_map(|segment| object.bytes(segment.range))
        .find_map(build_id_in)
}

/// The build id among a segment's notes.
fn build_id_in(mut notes: &[u8]) -> Option<&[u8]> {
    const BUILD_ID: u32 = 3;
    const OWNER: &[u8] = b"GNU\0";
    let word = |bytes: &[u8], index: usize| {
        Some(u32::from_le_bytes(*bytes.get(index * 4..)?.first_chunk::<4>()?))
    };
    loop {
        let (owner_size, size) = (word(notes, 0)? as usize, word(notes, 1)? as usize);
        let kind = word(notes, 2)?;
        let owner = notes.get(12..)?.get(..owner_size)?;
        let rest = notes.get(12 + owner_size.checked_next_multiple_of(4)?..)?;
        if kind == BUILD_ID && owner == OWNER {
            return rest.get(..size);
        }
        notes = rest.get(size.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_comes_first_and_every_module_has_its_place() {
        let mut count = 0;
        each_module(|module| {
            assert_eq!(module.is_program, count == 0);
            assert!(module.start < module.end);
            if module.is_program {
                let path = std::env::current_exe().unwrap();
                assert_eq!(module.path, path.as_os_str().as_encoded_bytes());
                let here = build_id_in as *const () as u64;
                assert!((module.start..module.end).contains(&here));
            }
            count += 1;
        });
        assert!(count > 2, "{count}");
    }

    #[test]
    fn build_ids_are_found_among_notes() {
        let other = [4, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, b'G', b'N', b'U', 0, 9, 9, 9, 0];
        let id = [4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, b'G', b'N', b'U', 0, 7, 8, 0, 0];
        assert_eq!(build_id_in(&[other, id].concat()), Some(&[7, 8][..]));
        assert_eq!(build_id_in(&other), None);
        assert_eq!(build_id_in(&[0xff; 40]), None);
    }
}
