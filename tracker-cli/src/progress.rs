//! A bar on the terminal for the reading of long logs.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter logs are read before anyone looks.
const LONG_LOG_BYTES: u64 = 256 << 20;

/// How far into the file a command has read.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar for a log of this size: shown if it is long and stderr is a
    /// terminal.
    pub fn new(what: &'static str, size: u64) -> Self {
        let shown = size >= LONG_LOG_BYTES && std::io::stderr().is_terminal();
        Self { bar: shown.then(|| bar(what, size)) }
    }

    /// Says that everything before this offset has been read.
    pub fn reached(&self, offset: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(offset);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, size: u64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let bar = ProgressBar::with_draw_target(Some(size), target).with_message(what);
    let template = "{msg} [{bar:30}] {binary_bytes} of {binary_total_bytes}, {eta} left";
    // A template that does not parse costs the looks, not the answer.
    let style = ProgressStyle::with_template(template).map(|style| style.progress_chars("=> "));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
