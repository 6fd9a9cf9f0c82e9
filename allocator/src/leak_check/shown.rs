//! A report as text: bounded, in an order of its own, and with no character that a
//! terminal would obey or a JUnit file could not hold.

use std::collections::HashSet;
use std::fmt;

use super::descriptors::Descriptor;
use super::held_by::HeldBy;
use super::plain::Plain;
use super::report::{Exceeded, Leak, LeakKind, LeakReport, Limit, Signals};
use super::symbols;

/// How many leaks are shown.
const LEAKS_MAX: usize = 10;
/// How many cycles are shown.
const CYCLES_MAX: usize = 4;

impl fmt::Display for LeakReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ok() {
            return write!(out, "{}: nothing is leaked", Plain(&self.name));
        }
        self.list(out)
    }
}

impl LeakReport {
    /// The listing, also of a report that is good.
    pub(super) fn listing(&self) -> String {
        struct Listing<'r>(&'r LeakReport);
        impl fmt::Display for Listing<'_> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.list(out)
            }
        }
        Listing(self).to_string()
    }

    fn list(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, blocks) = (self.leaked_bytes(), self.leaked_blocks());
        let name = Plain(&self.name);
        if blocks > 0 {
            writeln!(out, "{name} leaks {bytes} bytes in {blocks} blocks")?;
        } else {
            writeln!(out, "{name} takes more than it may")?;
        }
        let is_about_leaks =
            |over: &&Exceeded| matches!(over.limit, Limit::LeakedBytes | Limit::LeakedBlocks);
        for over in self.exceeded.iter().filter(|over| !is_about_leaks(over) || over.allowed > 0) {
            writeln!(out, "  {} {}, where {} may be", over.found, over.limit, over.allowed)?;
        }
        for Descriptor { number, kind, target, .. } in &self.descriptors {
            writeln!(out, "    {kind} {number}: {}", Plain(&target.to_string_lossy()))?;
        }
        for leak in self.leaks.iter().take(LEAKS_MAX) {
            leak.show(out)?;
        }
        if let Some(rest) = self.leaks.len().checked_sub(LEAKS_MAX).filter(|&rest| rest > 0) {
            writeln!(out, "  … and {rest} sites more")?;
        }
        for cycle in self.cycles.iter().take(CYCLES_MAX) {
            cycle.show(out)?;
        }
        if let Some(rest) = self.cycles.len().checked_sub(CYCLES_MAX).filter(|&rest| rest > 0) {
            writeln!(out, "  … and {rest} cycles more")?;
        }
        let kept: u64 = self.kept.iter().map(|leak| leak.bytes).sum();
        if kept > 0 {
            let sites: HashSet<_> = self.kept.iter().map(|leak| (leak.tag, &leak.frames)).collect();
            writeln!(out, "  kept, and no leak: {kept} bytes of {} sites", sites.len())?;
        }
        for (leak, reason) in &self.allowed {
            writeln!(out, "  let pass: {} bytes ({})", leak.bytes, Plain(reason))?;
        }
        for reason in &self.unused {
            writeln!(out, "  nothing to let pass: {}", Plain(reason))?;
        }
        write!(out, "  {}", self.signals)?;
        if self.rounds > 1 {
            write!(out, ", {} rounds", self.rounds)?;
        }
        for doubt in &self.doubts {
            write!(out, "\n  {}", Plain(doubt))?;
        }
        Ok(())
    }
}

impl fmt::Display for Signals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals = [
            (self.reach, "what nothing reaches"),
            (self.warm_up, "a warm-up round"),
            (self.growth, "growth over rounds"),
        ];
        let had: Vec<&str> =
            signals.iter().filter(|(had, _)| *had).map(|(_, signal)| *signal).collect();
        write!(out, "judged by {}", if had.is_empty() { "nothing".into() } else { had.join(", ") })
    }
}

/// What holds a leak's blocks, by name if it has one.
struct Holding<'l>(&'l Leak);

impl fmt::Display for Holding<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leak { held_by, holder, through, .. } = self.0;
        let is_named = !holder.is_empty();
        let holder = Plain(holder);
        match held_by {
            HeldBy::Static if is_named => write!(out, "held by static {holder}")?,
            HeldBy::ThreadLocal if is_named => write!(out, "held by a thread-local of {holder}")?,
            HeldBy::Stack if is_named => write!(out, "held by the stack of {holder}")?,
            other => write!(out, "{other}")?,
        }
        match through {
            _ if held_by.is_lost() => Ok(()),
            0 => Ok(()),
            1 => write!(out, " through another block"),
            count => write!(out, " through {count} blocks"),
        }
    }
}

impl Leak {
    fn show(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, blocks) = (self.bytes, self.blocks);
        let held_by = Holding(self);
        write!(out, "  {bytes} bytes in {blocks} blocks, ")?;
        match self.kind {
            LeakKind::Growing => {
                let levels: Vec<String> = self.levels.iter().map(u64::to_string).collect();
                write!(out, "{held_by} and growing: {} bytes", levels.join(", "))?;
            }
            LeakKind::Lost | LeakKind::Kept => write!(out, "{held_by}")?,
        }
        let thread = if self.thread.is_empty() { "a thread" } else { &self.thread };
        let (tag, thread) = (Plain(self.tag), Plain(thread));
        writeln!(out, "; tag {tag}, {thread}, {:.1?} old", self.age)?;
        symbols::show(&self.frames, out)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::leak_check::Frame;

    fn leak(held_by: HeldBy, holder: &str, through: u64) -> Leak {
        Leak {
            kind: LeakKind::Kept,
            held_by,
            holder: holder.to_owned(),
            through,
            bytes: 8,
            blocks: 1,
            tag: "t\u{1b}",
            thread: "a\u{7}thread".to_owned(),
            age: Duration::ZERO,
            frames: vec![Frame {
                function: "a::f\u{b}".to_owned(),
                file: Some(PathBuf::from("/a\u{8}/b.rs")),
                line: Some(7),
            }],
            levels: Vec::new(),
        }
    }

    #[test]
    fn what_holds_has_its_name() {
        for (held_by, holder, through, told) in [
            (HeldBy::Static, "a::B", 0, "held by static a::B"),
            (HeldBy::Static, "", 1, "held by a static through another block"),
            (HeldBy::ThreadLocal, "main", 2, "held by a thread-local of main through 2 blocks"),
            (HeldBy::Stack, "wor\tker", 0, "held by the stack of wor\\tker"),
            (HeldBy::Lost, "", 3, "only lost blocks reach it"),
        ] {
            assert_eq!(Holding(&leak(held_by, holder, through)).to_string(), told);
        }
    }

    #[test]
    fn names_are_shown_without_what_a_terminal_obeys() {
        let report = LeakReport {
            name: "n\u{0}".to_owned(),
            leaks: vec![leak(HeldBy::Static, "s\u{9b}", 0)],
            allowed: vec![(leak(HeldBy::Nothing, "", 0), "known\r".to_owned())],
            ..LeakReport::default()
        };
        let text = report.listing();
        assert_eq!(text.find(|c: char| c.is_control() && c != '\n'), None, "{text:?}");
        for told in [
            "n\\u{0} leaks 8 bytes",
            "held by static s\\u{9b}; tag t\\u{1b}, a\\u{7}thread, 0.0ns old\n",
            "\n    /a\\u{8}/b.rs:7 a::f\\u{b}\n",
            "let pass: 8 bytes (known\\r)",
        ] {
            assert!(text.contains(told), "{text}");
        }
    }
}
