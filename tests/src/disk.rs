//! A small file system for one test.
#![expect(unsafe_code, reason = "mounts it")]

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use crate::folder::Folder;

/// A file system in memory with its own limit, in a folder of its own.
pub struct Disk {
    folder: Folder,
}

impl Disk {
    /// A disk of so many bytes; `None` where nothing may be mounted.
    pub fn new(bytes: u64) -> Option<Self> {
        let folder = Folder::new();
        let path = CString::new(folder.as_os_str().as_bytes()).expect("no zero in a path");
        let data = CString::new(format!("size={bytes},mode=0777")).expect("no zero in a number");
        let kind = c"tmpfs".as_ptr();
        let (data, flags) = (data.as_ptr().cast(), libc::MS_NOSUID | libc::MS_NODEV);
        // SAFETY: all of these are texts that end and stay for the call.
        let refused = unsafe { libc::mount(kind, path.as_ptr(), kind, flags, data) };
        (refused == 0).then_some(Self { folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Folder {
        &self.folder
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path = CString::new(self.folder.as_os_str().as_bytes()).expect("no zero in a path");
        // SAFETY: the text ends and stays for the call.
        unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    }
}
