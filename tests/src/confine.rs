//! Takes from the calling process, for good, what guarded memory needs.
#![expect(unsafe_code, reason = "calls the system")]

use std::io;

/// Whether the kernel gives `memfd_secret`.
pub fn has_secret_memory() -> bool {
    // SAFETY: the call has no preconditions.
    let descriptor = unsafe { libc::syscall(MEMFD_SECRET, libc::O_CLOEXEC) };
    let found = i32::try_from(descriptor).is_ok_and(|descriptor| descriptor >= 0);
    if found {
        // SAFETY: the descriptor is ours.
        unsafe { libc::close(descriptor as i32) };
    }
    found
}

const MEMFD_SECRET: libc::c_long = 447;

/// What a process has no end of, unless it is told.
#[derive(Clone, Copy, Debug)]
pub enum Resource {
    /// Addresses, in bytes.
    Addresses,
    /// A core file's size, in bytes.
    Core,
    /// Descriptors.
    Descriptors,
    /// Locked memory, in bytes.
    LockedMemory,
}

/// Limits a resource of the process, soft and hard; `None` for no limit.
pub fn limit(resource: Resource, value: Option<u64>) {
    let resource = match resource {
        Resource::Addresses => libc::RLIMIT_AS,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Descriptors => libc::RLIMIT_NOFILE,
        Resource::LockedMemory => libc::RLIMIT_MEMLOCK,
    };
    let value = value.unwrap_or(libc::RLIM_INFINITY);
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the structure can be read.
    let done = unsafe { libc::setrlimit(resource, &limit) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}

/// Limits locked memory, which does not bind who has root's rights: they are
/// given up, too.
pub fn limit_locked_memory(bytes: u64) {
    limit(Resource::LockedMemory, Some(bytes));
    const NOBODY: libc::uid_t = 65_534;
    // SAFETY: the call has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        // SAFETY: as above.
        let done = unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) };
        assert_eq!(done, 0, "{}", io::Error::last_os_error());
    }
}

/// Has `memfd_secret` answered as by a kernel that does not know it.
pub fn forbid_secret_memory() {
    let load_number = filter(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0);
    let is_it = filter(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, MEMFD_SECRET as u32);
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut filters = [
        load_number,
        is_it,
        filter(libc::BPF_RET | libc::BPF_K, 0, 0, refuse),
        filter(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filters.len() as u16, filter: filters.as_mut_ptr() };
    // SAFETY: the call has no preconditions.
    let done = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
    // SAFETY: the program can be read, and so can its filters.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}

fn filter(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

/// Maps address space, of which nothing is used; where it stands.
pub fn map_nothing(size: usize) -> Option<usize> {
    // SAFETY: no address is asked for, so nothing that exists is touched.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    (address != libc::MAP_FAILED).then_some(address as usize)
}

/// Maps a page where nobody stands yet; whether that could be had.
pub fn map_page_at(address: usize) -> bool {
    const PAGE_SIZE: usize = 4096;
    let wanted = address / PAGE_SIZE * PAGE_SIZE;
    // SAFETY: nothing that exists is replaced.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::with_exposed_provenance_mut(wanted),
            PAGE_SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
            -1,
            0,
        )
    };
    mapped as usize == wanted
}
