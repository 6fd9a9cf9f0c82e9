//! What an address in a stack is: functions, files and lines.

use std::fmt;
use std::sync::Arc;

use scrubjay_suppressions::names::unnamed;

/// A function, and where in its source; what is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The function's name, readable.
    pub function: Option<Arc<str>>,
    /// The source file, as the compiler was told of it.
    pub file: Option<Arc<str>>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// The function is inlined into that of the next frame.
    pub is_inlined: bool,
}

/// One frame of a stack as people read it. An address has several where
/// functions were inlined, and one that knows its module alone where there
/// was no symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The return address that the stack has.
    pub address: u64,
    /// Which function, and where in it.
    pub code: Code,
    /// The path of the file that the address comes from.
    pub module: Option<Arc<str>>,
    /// The return address within that file.
    pub module_address: u64,
}

impl Frame {
    /// The function's name, or the place in its module where none is known.
    pub fn name(&self) -> String {
        match &self.code.function {
            Some(function) => function.to_string(),
            None => unnamed(self.module.as_deref(), self.module_address, self.address),
        }
    }

    /// The file and line, where they are known.
    pub fn place(&self) -> Option<String> {
        let file = self.code.file.as_ref()?;
        Some(match self.code.line {
            Some(line) => format!("{file}:{line}"),
            None => file.to_string(),
        })
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name())?;
        match self.place() {
            Some(place) => write!(out, " ({place})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_the_best_that_is_known() {
        let mut frame = Frame {
            address: 0x7F00_1234,
            code: Code::default(),
            module: None,
            module_address: 0x1234,
        };
        assert_eq!(frame.to_string(), "0x7f001234");
        frame.module = Some("/usr/lib/libc.so.6".into());
        assert_eq!(frame.to_string(), "libc.so.6+0x1234");
        frame.code.function = Some("qsort".into());
        assert_eq!(frame.to_string(), "qsort");
        frame.code.file = Some("msort.c".into());
        frame.code.line = Some(31);
        assert_eq!(frame.to_string(), "qsort (msort.c:31)");
    }
}
