//! Which file of the process an address comes from.

use crate::capture::each_module;
use crate::limits::PATH_SIZE_MAX;

/// A file that the loader has loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Its path.
    pub(super) path: String,
    /// What is added to its addresses.
    pub(super) bias: u64,
}

/// The one that an address lies in.
pub(super) fn of(address: u64) -> Option<Module> {
    // Room for it before: while the loader has its lock nothing may be allocated.
    let mut path = Vec::with_capacity(PATH_SIZE_MAX);
    let mut found = None;
    each_module(|module| {
        if found.is_none() && (module.start..module.end).contains(&address) {
            let size = module.path.len().min(path.capacity());
            path.extend_from_slice(&module.path[..size]);
            found = Some(module.bias);
        }
    });
    Some(Module { bias: found?, path: String::from_utf8_lossy(&path).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_lies_in_the_program() {
        let module = of(code_lies_in_the_program as *const () as u64).unwrap();
        assert_eq!(module.path, std::env::current_exe().unwrap().to_str().unwrap());
        assert_eq!(of(8), None);
    }
}
