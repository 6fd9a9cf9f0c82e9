//! Who holds blocks, by name.

use std::collections::HashMap;
use std::fs;
use std::process;

use super::look::Holder;
use super::statics;

/// Names by number, each once.
#[derive(Debug, Default)]
pub(super) struct Holders {
    names: Vec<String>,
    /// The name of each holder that was met.
    known: HashMap<Holder, u32>,
}

impl Holders {
    /// The number of a holder's name; 0 is nobody's.
    pub(super) fn number(&mut self, holder: Holder) -> u32 {
        let Self { names, known } = self;
        *known.entry(holder).or_insert_with(|| {
            let name = name(holder);
            if name.is_empty() {
                return 0;
            }
            let at = names.iter().position(|known| *known == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            at as u32 + 1
        })
    }

    /// A name by its number.
    pub(super) fn name(&self, number: u32) -> &str {
        let name = (number as usize).checked_sub(1).and_then(|at| self.names.get(at));
        name.map_or("", String::as_str)
    }
}

fn name(holder: Holder) -> String {
    match holder {
        Holder::Unnamed => String::new(),
        Holder::Static(address) => statics::name(address),
        Holder::Thread(thread) if thread == process::id() => "main".to_owned(),
        Holder::Thread(thread) => thread_name(thread),
    }
}

/// What the system calls a thread; nothing where it has ended.
fn thread_name(thread: u32) -> String {
    let name = fs::read(format!("/proc/self/task/{thread}/comm")).unwrap_or_default();
    let name = name.strip_suffix(b"\n").unwrap_or(&name);
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn names_are_had_once() {
        let mut holders = Holders::default();
        assert_eq!(holders.number(Holder::Unnamed), 0);
        assert_eq!(holders.name(0), "");
        let of_main = holders.number(Holder::Thread(process::id()));
        assert_eq!(holders.name(of_main), "main");
        let work = || {
            let thread = crate::os::thread_id();
            thread_name(thread)
        };
        let worker = thread::Builder::new().name("worker-1".to_owned()).spawn(work).unwrap();
        assert_eq!(worker.join().unwrap(), "worker-1");
    }
}
