//! `scrubjay wipes`: where every allocated byte went, what was released
//! unwiped and why, and how old what lives of watched tags is.

use std::io::Write;

use clap::Args;
use scrubjay_log_format::{TagClass, process, tag};
use serde::Serialize;

use super::question::{Asked, TagArguments};
use super::rows::{class_name, request_name};
use super::tree;
use crate::analysis::registry::{self, Watched};
use crate::analysis::run::{End, last_ticks, wipe_name};
use crate::analysis::tag_sums::Tag;
use crate::analysis::wipes::{self, Evidence, Reason};
use crate::error::Error;
use crate::output::Output;
use crate::session::Session;
use crate::text;

/// What is asked.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    about: TagArguments,
    /// Exit with 1, too, if a live block is older than its tag allows, or its
    /// age cannot be told
    #[arg(long)]
    strict_age: bool,
}

#[derive(Serialize)]
struct Wipes {
    /// The tag asked for; null for all.
    tag: Option<String>,
    end: End,
    wipe_policy: &'static str,
    /// Whether each tag's bytes add up; null while the process still counts.
    adds_up: Option<bool>,
    totals: Evidence,
    tags: Vec<Row>,
    /// Blocks of C code that had no trailer when they were freed.
    passed_through_blocks: u64,
    passed_through_bytes: u64,
    /// Blocks that were found to be still blank when they were handed out.
    verified_blocks: u64,
    findings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    tag: String,
    class: &'static str,
    request: Option<&'static str>,
    wipe: bool,
    #[serde(flatten)]
    evidence: Evidence,
    unwiped_reason: Option<Reason>,
    /// What its guarded memory has; null for a tag without.
    vault: Option<Vec<&'static str>>,
    /// Null for a tag that need not be watched.
    watched: Option<Watched>,
}

/// What guarded memory has, by its bit.
const VAULT_WORDS: [(u64, &str); 6] = [
    (tag::VAULT_SECRET, "secret"),
    (tag::VAULT_LOCKED, "locked"),
    (tag::VAULT_NOT_DUMPED, "not-dumped"),
    (tag::VAULT_NOT_FORKED, "not-forked"),
    (tag::VAULT_GUARDED, "guarded"),
    (tag::VAULT_REFUSED, "refused"),
];

/// The same words as a person reads them.
fn vault_sentence(word: &str) -> &'static str {
    match word {
        "secret" => "unreadable for other processes",
        "locked" => "locked",
        "not-dumped" => "not in core files",
        "not-forked" => "not in forked children",
        "guarded" => "guard pages around each block",
        _ => "an allocation was refused for want of what the tag insists on",
    }
}

/// Answers; the exit code.
pub fn run(arguments: &Arguments, mut session: Session<'_>) -> Result<u8, Error> {
    let asked = arguments.about.open(&mut session)?;
    let answer = Wipes::new(&asked, arguments);
    if !answer.findings.is_empty() {
        session.found();
    }
    let damages = &asked.ledger.damages;
    if session.is_json() {
        session.json("wipes", &asked.file, &answer, damages)?;
    } else {
        let is_narrow = session.is_narrow();
        answer.write(&mut session.out, is_narrow)?;
    }
    session.report(&asked.file, damages);
    session.end()
}

impl Wipes {
    fn new(asked: &Asked, arguments: &Arguments) -> Self {
        let Asked { file, ledger, clock, .. } = asked;
        let end = End::of(file);
        let now = match end {
            End::Running => clock.now(),
            _ => None,
        };
        let newest = ledger.registry.iter().map(|(_, block)| block.born_ticks).max();
        let now = last_ticks(file, ledger).max(newest.unwrap_or(0)).max(now.unwrap_or(0));
        let mut watched = registry::watched(ledger, clock, now);
        let is_asked = |&(index, _): &(u32, &Tag)| asked.tag.is_none_or(|tag| tag == index);
        let known: Vec<(u32, &Tag)> = ledger.known().filter(is_asked).collect();

        let mut findings = Vec::new();
        let mut adds_up = true;
        let mut tags = Vec::new();
        for &(index, tag) in &known {
            let row = Row::new(asked, index, tag, watched.remove(&index));
            findings.extend(row.findings(arguments.strict_age));
            if !end.is_moving() {
                let wrong = wipes::contradictions(file, ledger, tag);
                adds_up &= wrong.is_empty();
                findings.extend(wrong.into_iter().map(|what| format!("tag {}: {what}", row.tag)));
                let other = registry::disagreement(file, ledger, tag);
                findings.extend(other.map(|what| format!("tag {}: {what}", row.tag)));
            }
            tags.push(row);
        }
        let totals = match asked.tag {
            Some(index) => Evidence::new(&ledger.tags[index as usize]),
            None => Evidence::new(&ledger.totals()),
        };
        let words = &file.process;
        Self {
            tag: arguments.about.tag.clone(),
            end,
            wipe_policy: wipe_name(file.header.wipe),
            adds_up: (!end.is_moving()).then_some(adds_up),
            totals,
            tags,
            passed_through_blocks: words[process::PASSED_THROUGH_COUNT],
            passed_through_bytes: words[process::PASSED_THROUGH_BYTES],
            verified_blocks: words[process::VERIFIED_COUNT],
            findings,
        }
    }
}

impl Row {
    fn new(asked: &Asked, index: u32, tag: &Tag, watched: Option<Watched>) -> Self {
        let declared = tag.declaration.as_ref();
        let vault = tag.totals[tag::VAULT_STATE];
        let words = VAULT_WORDS.iter().filter(|(bit, _)| vault & bit != 0);
        Self {
            tag: asked.ledger.name(index),
            class: declared.map_or("unknown", |declared| class_name(declared.class)),
            request: declared.map(|declared| request_name(declared.request)),
            wipe: declared.is_some_and(|declared| declared.wipe),
            evidence: Evidence::new(tag),
            unwiped_reason: wipes::reason(&asked.file, tag),
            vault: declared
                .is_some_and(|declared| declared.is_vault)
                .then(|| words.map(|&(_, word)| word).collect()),
            watched,
        }
    }

    fn is_secret(&self) -> bool {
        self.class == class_name(TagClass::Secret)
    }

    /// What an auditor would object to.
    fn findings(&self, strict_age: bool) -> Vec<String> {
        let mut findings = Vec::new();
        if let Some(reason) = self.unwiped_reason
            && (self.is_secret() || reason == Reason::Unexplained)
        {
            let class = if self.is_secret() { "secret " } else { "" };
            let bytes = text::plural(self.evidence.unwiped_bytes, "byte");
            findings.push(format!(
                "{class}tag {}: {bytes} released unwiped: {}",
                self.tag,
                reason.words()
            ));
        }
        if let Some(watched) = &self.watched
            && strict_age
            && !watched.is_within_age()
        {
            let over = text::plural(watched.blocks_over_age, "live block");
            let unknown = match watched.blocks_of_unknown_age {
                0 => String::new(),
                count => format!(", {} of unknown age", text::count(count)),
            };
            findings.push(format!("tag {}: {over} over its greatest age{unknown}", self.tag));
        }
        findings
    }
}

impl Wipes {
    fn write(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        self.write_tags(out, is_narrow)?;
        self.write_totals(out)?;
        self.write_unwiped(out, is_narrow)?;
        self.write_watched(out, is_narrow)?;
        self.write_rest(out)?;
        writeln!(out)?;
        for finding in &self.findings {
            writeln!(out, "{finding}")?;
        }
        let sums = match (self.adds_up, self.end) {
            (None, End::Running) => "It is not added up, since the process still counts",
            (None, _) => "It is not added up, since the process counted on meanwhile",
            (Some(true), _) => "It adds up to the byte",
            (Some(false), _) => "It does not add up",
        };
        let secrets = match self.tags.iter().filter(|row| row.is_secret()).count() {
            0 => "; no tag is secret",
            _ if self.is_secret_unwiped() => "; a secret tag released bytes unwiped",
            _ => "; no secret tag released a byte unwiped",
        };
        writeln!(out, "{}{secrets}", text::heading(sums))?;
        Ok(())
    }

    fn is_secret_unwiped(&self) -> bool {
        self.tags.iter().any(|row| row.is_secret() && row.unwiped_reason.is_some())
    }

    /// Each tag at its place in the tree of names.
    fn write_tags(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        let of = self.tag.as_ref().map_or_else(String::new, |tag| format!(" of {tag}"));
        let title = format!("Where every allocated byte{of} went, wipe {}", self.wipe_policy);
        writeln!(out, "{}", text::heading(&title))?;
        out.write_notes()?;
        let titles = ["tag", "allocated", "live", "wiped", "returned", "carried", "unwiped"];
        let mut table = text::Table::new(&titles, is_narrow);
        let names = self.tags.iter().map(|row| (&row.tag[..], row.evidence.allocated_bytes));
        for name in tree::order(names) {
            let label = tree::label(name);
            match self.tags.iter().find(|row| row.tag == name) {
                Some(row) => table.row(cells(label, &row.evidence)),
                None => table.row([label]),
            }
        }
        if self.tag.is_none() {
            table.row(cells("total".into(), &self.totals));
        }
        write!(out, "{table}")?;
        Ok(())
    }

    fn write_totals(&self, out: &mut Output) -> Result<(), Error> {
        let totals = &self.totals;
        writeln!(out, "\n{}", text::heading("The same together, in bytes"))?;
        let in_flight = match self.end {
            End::Running | End::Dumped => "freed, not yet wiped at this moment",
            _ => "freed, not yet wiped when the process died",
        };
        let parts = [
            ("  live", totals.live_bytes, ""),
            ("+ wiped", totals.wiped_bytes as i64, "overwritten before release"),
            ("+ returned", totals.returned_bytes as i64, "whole pages, blanked by the kernel"),
            ("+ carried", totals.carried_bytes as i64, "stayed in use through a realloc"),
            ("+ unwiped", totals.unwiped_bytes as i64, "released as they were"),
            ("+ in flight", totals.in_flight_bytes, in_flight),
        ];
        for (name, bytes, what) in parts {
            let line = format!("  {name:<13} {:>19}  {what}", text::signed_count(bytes));
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out, "  = {:<11} {:>19}", "allocated", text::count(totals.allocated_bytes))?;
        if totals.inherited_bytes > 0 {
            let bytes = text::count(totals.inherited_bytes);
            writeln!(out, "  + {:<11} {bytes:>19}  live when a fork made it", "inherited")?;
        }
        Ok(())
    }

    fn write_unwiped(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        writeln!(out, "\n{}", text::heading("Released unwiped"))?;
        let mut left: Vec<&Row> =
            self.tags.iter().filter(|row| row.unwiped_reason.is_some()).collect();
        left.sort_by_key(|row| (!row.is_secret(), u64::MAX - row.evidence.unwiped_bytes));
        if left.is_empty() {
            writeln!(out, "  nothing")?;
        }
        for row in left {
            let class = if row.is_secret() { "secret " } else { "" };
            let name = format!("{class}{}", row.tag);
            let name = if is_narrow { text::elide(&name, 24) } else { name };
            let bytes = text::plural(row.evidence.unwiped_bytes, "byte");
            let reason = row.unwiped_reason.map_or("", Reason::words);
            writeln!(out, "  {name}: {bytes}: {reason}")?;
        }
        Ok(())
    }

    fn write_watched(&self, out: &mut Output, is_narrow: bool) -> Result<(), Error> {
        if self.tags.iter().all(|row| row.watched.is_none()) {
            return Ok(());
        }
        let when = match self.end {
            End::Running => "now",
            End::Dumped => "when it was dumped",
            End::Killed => "at the last moment that the log knows of",
            _ => "at the end",
        };
        writeln!(out, "\n{}", text::heading(&format!("Live blocks of watched tags, {when}")))?;
        let titles = ["tag", "class", "blocks", "live", "oldest", "allowed", "over age"];
        let mut table = text::Table::new(&titles, is_narrow);
        let watched = self.tags.iter().filter_map(|row| Some((row, row.watched.as_ref()?)));
        for (row, watched) in watched.clone() {
            let allowed = watched.greatest_age_ms;
            table.row([
                row.tag.clone(),
                row.class.into(),
                text::count(watched.blocks),
                text::size(watched.bytes),
                match (watched.blocks, watched.oldest_age_ns) {
                    (0, _) => String::new(),
                    (_, None) => "unknown".into(),
                    (_, Some(ns)) => text::time(ns),
                },
                allowed.map_or_else(String::new, |age| text::time(age.saturating_mul(1_000_000))),
                if allowed.is_some() { text::count(watched.blocks_over_age) } else { "".into() },
            ]);
        }
        write!(out, "{table}")?;
        for (row, watched) in watched.filter(|(_, watched)| watched.blocks_of_unknown_age > 0) {
            let blocks = text::plural(watched.blocks_of_unknown_age, "live block");
            let why = if !watched.is_registered {
                "this log keeps no registry".into()
            } else {
                let (inherited, full) = (watched.inherited_blocks, watched.unregistered_blocks);
                let inherited = format!("{} inherited by a fork", text::count(inherited));
                format!("{inherited}, {} found no room in the registry", text::count(full))
            };
            writeln!(out, "  {}: {blocks} more, of unknown age: {why}", row.tag)?;
        }
        Ok(())
    }

    fn write_rest(&self, out: &mut Output) -> Result<(), Error> {
        let vaults = self.tags.iter().filter_map(|row| Some((row, row.vault.as_ref()?)));
        for (index, (row, words)) in vaults.enumerate() {
            if index == 0 {
                writeln!(out, "\n{}", text::heading("Guarded memory"))?;
            }
            let words: Vec<&str> = words.iter().map(|word| vault_sentence(word)).collect();
            let what = if words.is_empty() { "not used yet".into() } else { words.join(", ") };
            writeln!(out, "  {}: {what}", row.tag)?;
        }
        let mut lines = Vec::new();
        if self.passed_through_blocks > 0 {
            let blocks = text::plural(self.passed_through_blocks, "block");
            let bytes = text::plural(self.passed_through_bytes, "byte");
            lines.push(format!("{blocks} of C code without a trailer passed through, {bytes}"));
        }
        if self.verified_blocks > 0 {
            let blocks = text::plural(self.verified_blocks, "released block");
            lines.push(format!("{blocks} found to be still blank when looked at again"));
        }
        if !lines.is_empty() && self.tag.is_none() {
            writeln!(out, "\n{}", text::heading("Besides"))?;
            for line in lines {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(())
    }
}

fn cells(label: String, evidence: &Evidence) -> [String; 7] {
    let size = |bytes: u64| if bytes == 0 { "0".into() } else { text::size(bytes) };
    [
        label,
        size(evidence.allocated_bytes),
        match evidence.live_bytes {
            0 => "0".into(),
            bytes => text::signed_size(bytes),
        },
        size(evidence.wiped_bytes),
        size(evidence.returned_bytes),
        size(evidence.carried_bytes),
        size(evidence.unwiped_bytes),
    ]
}
