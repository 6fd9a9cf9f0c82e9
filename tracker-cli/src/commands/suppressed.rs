//! What is known to stay, beside what is left: suppressions put to the sites of
//! a log, and whether more is left than may be.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use scrubjay_suppressions::{Match, Subject, Suppression};
use serde::Serialize;

use super::question::Asked;
use super::reading::Reading;
use super::sites::Figure;
use crate::amount;
use crate::analysis::held::{Held, HeldSite, Source};
use crate::analysis::tag_sums::OWN_TAG;
use crate::error::Error;
use crate::output::Output;
use crate::{text, whole_file};

/// What may stay.
#[derive(Debug, Args)]
pub struct SuppressionArguments {
    /// Take what this file of suppressions names for known: shown apart, and not
    /// left; may be given more than once
    #[arg(long = "suppressions", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Exit with 1 if more bytes are left than this; a size such as 0 or "64 KiB"
    #[arg(long, value_name = "BYTES", value_parser = amount::size)]
    fail_over: Option<u64>,
    /// Exit with 1 if more blocks are left than this
    #[arg(long, value_name = "COUNT", value_parser = amount::count)]
    fail_over_blocks: Option<u64>,
    /// Exit with 1, too, for a suppression that matches nothing, and where an
    /// estimate leaves open whether more is left than may be
    #[arg(long, conflicts_with = "tag")]
    strict: bool,
}

/// An entry, and the file that it is from; none for the one that is built in.
struct Entry {
    file: Option<PathBuf>,
    suppression: Option<Suppression>,
}

/// The entries, put to sites.
pub struct Suppressions {
    entries: Vec<Entry>,
}

/// What is known to stay, and what is left.
#[derive(Debug, Serialize)]
pub struct Suppressed {
    suppressed_bytes: Figure,
    suppressed_blocks: Figure,
    left_bytes: Figure,
    /// Null where only bytes are known.
    left_blocks: Option<Figure>,
    fail_over_bytes: Option<u64>,
    fail_over_blocks: Option<u64>,
    /// Whether more is left than may be; null where nothing was said, or where an
    /// estimate leaves it open.
    is_over: Option<bool>,
    suppressions: Vec<Row>,
    /// The sites that are suppressed.
    #[serde(skip)]
    pub sites: BTreeSet<u32>,
    /// What is to be known of the limits.
    #[serde(skip)]
    limits: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    reason: String,
    /// Null for the one that is built in.
    file: Option<PathBuf>,
    line: Option<usize>,
    bytes: Figure,
    blocks: Figure,
    site_count: usize,
    /// Sites that it would be, if they held more, or less.
    but_for_size_count: usize,
}

/// What an entry was found to be.
#[derive(Clone, Default)]
struct Tally {
    sites: Vec<HeldSite>,
    but_for_size: usize,
}

impl SuppressionArguments {
    /// Whether anything is asked about what may stay.
    pub fn is_asked(&self) -> bool {
        let has_limit = self.fail_over.is_some() || self.fail_over_blocks.is_some();
        !self.files.is_empty() || has_limit
    }

    /// Reads the files.
    ///
    /// # Errors
    /// Where one cannot be read, or says something without a meaning.
    pub fn read(&self) -> Result<Suppressions, Error> {
        let mut entries = Vec::new();
        for path in &self.files {
            let text = whole_file::read(path)?;
            let all = Suppression::read_all(&text)
                .map_err(|fault| Error::Fault { path: path.clone(), fault })?;
            let entry = |one| Entry { file: Some(path.clone()), suppression: Some(one) };
            entries.extend(all.into_iter().map(entry));
        }
        // Last: whoever names it has said why.
        entries.push(Entry { file: None, suppression: None });
        Ok(Suppressions { entries })
    }

    /// Compares what is left with what may be; whether there is something to
    /// find fault with.
    pub fn judge(&self, suppressed: &mut Suppressed) -> bool {
        let limits = [
            (self.fail_over, Some(&suppressed.left_bytes), "--fail-over", true),
            (self.fail_over_blocks, suppressed.left_blocks.as_ref(), "--fail-over-blocks", false),
        ];
        let (mut is_over, mut is_open, mut is_asked) = (false, false, false);
        let mut lines = Vec::new();
        for (limit, left, option, is_bytes) in limits {
            let Some(limit) = limit else { continue };
            is_asked = true;
            let words = |amount: u64| {
                if is_bytes { text::size(amount) } else { text::plural(amount, "block") }
            };
            let Some(left) = left else {
                is_open = true;
                lines.push(format!("how many blocks are left is not known ({option})"));
                continue;
            };
            let bound = i64::try_from(limit).unwrap_or(i64::MAX);
            let (low, high) = left.range();
            let over = words(left.value.saturating_sub(bound).max(0) as u64);
            if low > bound {
                is_over = true;
                lines.push(format!("{over} more than the {} of {option}", words(limit)));
            } else if high > bound {
                is_open = true;
                let limit = words(limit);
                lines.push(format!("it cannot be told whether that is over {limit} ({option})"));
            } else {
                lines.push(format!("within the {} of {option}", words(limit)));
            }
        }
        suppressed.limits = lines;
        suppressed.fail_over_bytes = self.fail_over;
        suppressed.fail_over_blocks = self.fail_over_blocks;
        suppressed.is_over = (is_asked && (is_over || !is_open)).then_some(is_over);
        let is_unused = suppressed.suppressions.iter().any(|row| row.site_count == 0);
        is_over || (self.strict && (is_open || is_unused))
    }
}

impl Suppressions {
    /// Which entry a site is of, counted with it.
    fn find(&self, subject: &Subject<'_>, tallies: &mut [Tally]) -> Option<usize> {
        for (index, entry) in self.entries.iter().enumerate() {
            let found = match &entry.suppression {
                Some(suppression) => suppression.matches(subject),
                None if subject.tag == OWN_TAG => Match::Yes,
                None => Match::No,
            };
            match found {
                Match::Yes => return Some(index),
                Match::ButForSize => tallies[index].but_for_size += 1,
                Match::No => {}
            }
        }
        None
    }

    /// Where an entry is about a tag as such, what is live of that tag is known
    /// better than by a sample of it.
    fn take_whole_tags(&self, tags: &[HeldSite], asked: &Asked, tallies: &mut [Tally]) {
        let is_of = |tag: &HeldSite| {
            let tag = tag.tag;
            move |site: &HeldSite| site.tag == tag
        };
        for tag in tags {
            let name = asked.ledger.name(tag.tag);
            let is_about = |entry: &Entry| match &entry.suppression {
                Some(suppression) => suppression.is_about_tag(&name),
                None => name == OWN_TAG,
            };
            let Some(index) = self.entries.iter().position(is_about) else { continue };
            // What an earlier one has taken of the tag is a part that is estimated.
            if !tallies[..index].iter().any(|tally| tally.sites.iter().any(is_of(tag))) {
                let sites = &mut tallies[index].sites;
                sites.retain(|site| site.tag != tag.tag);
                sites.push(tag.clone());
            }
        }
    }

    /// Divides sites into those that may stay and those that are left; `tags` is
    /// what is live of each, which is exact also where the sites are a sample.
    pub fn divide(
        &self,
        held: &mut Held,
        tags: &[HeldSite],
        has_blocks: bool,
        asked: &Asked,
        reading: &Reading,
    ) -> Suppressed {
        let mut tallies = vec![Tally::default(); self.entries.len()];
        let mut sites = BTreeSet::new();
        // What reads alike is one for an entry, too, however it is shown.
        for site in reading.together(&held.of_tag(asked.tag)) {
            let frames = reading.folded(&site);
            let names: Vec<String> = frames.iter().map(|frame| frame.name()).collect();
            let (bytes, blocks) = (Figure::bytes(&site, held), Figure::blocks(&site));
            let tag = asked.ledger.name(site.tag);
            let subject = Subject {
                tag: &tag,
                functions: names.iter().map(String::as_str).collect(),
                modules: frames.iter().filter_map(|frame| frame.module.as_deref()).collect(),
                bytes: bytes.value.max(0) as u64,
                blocks: blocks.value.max(0) as u64,
            };
            if let Some(index) = self.find(&subject, &mut tallies) {
                sites.extend(&site.sites);
                tallies[index].sites.push(site);
            }
        }
        if held.source == Source::Samples {
            self.take_whole_tags(tags, asked, &mut tallies);
        }
        let sum = |sites: &[HeldSite]| {
            let sum = HeldSite::sum(sites);
            (Figure::bytes(&sum, held), Figure::blocks(&sum))
        };
        let picked: Vec<HeldSite> =
            tallies.iter().flat_map(|tally| tally.sites.iter().cloned()).collect();
        let (bytes, blocks) = sum(&picked);
        let live = HeldSite::sum(tags);
        let row = |(entry, tally): (&Entry, &Tally)| {
            let (bytes, blocks) = sum(&tally.sites);
            let suppression = entry.suppression.as_ref();
            Row {
                name: suppression.map_or("scrubjay", |it| &it.name).into(),
                reason: suppression
                    .map_or("what scrubjay allocates for itself", |it| &it.reason)
                    .into(),
                file: entry.file.clone(),
                line: suppression.map(|it| it.line),
                bytes,
                blocks,
                site_count: tally.sites.len(),
                but_for_size_count: tally.but_for_size,
            }
        };
        let rows = self.entries.iter().zip(&tallies).map(row);
        // Of what is built in nobody needs to know that it was not needed.
        let rows: Vec<Row> = rows.filter(|row| row.file.is_some() || row.site_count > 0).collect();
        held.sites.retain(|site| site.sites.iter().all(|site| !sites.contains(site)));
        Suppressed {
            suppressed_bytes: bytes,
            suppressed_blocks: blocks,
            left_bytes: bytes.rest_of(live.bytes),
            left_blocks: has_blocks.then(|| blocks.rest_of(live.blocks)),
            fail_over_bytes: None,
            fail_over_blocks: None,
            is_over: None,
            suppressions: rows,
            sites,
            limits: Vec::new(),
        }
    }
}

impl Suppressed {
    /// Writes what is left, below what is live.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_left(&self, out: &mut Output) -> Result<(), Error> {
        let blocks = |figure: &Figure| format!(" in {}", figure.count());
        if self.suppressed_blocks.value != 0 || self.suppressed_bytes.value != 0 {
            let size = self.suppressed_bytes.size();
            writeln!(out, "  {size}{} of it suppressed", blocks(&self.suppressed_blocks))?;
        }
        let left = self.left_bytes.size();
        let blocks = self.left_blocks.as_ref().map_or_else(String::new, blocks);
        writeln!(out, "  {left}{blocks} left")?;
        for line in &self.limits {
            writeln!(out, "    {line}")?;
        }
        Ok(())
    }

    /// Writes each entry with what it is about; those that match nothing last.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, out: &mut Output, has_tag: bool, is_narrow: bool) -> Result<(), Error> {
        let fit = |line: String| if is_narrow { text::elide(&line, text::WIDTH) } else { line };
        let (used, unused): (Vec<&Row>, Vec<&Row>) =
            self.suppressions.iter().partition(|row| row.site_count > 0);
        if !used.is_empty() {
            writeln!(out, "\n{}", text::heading("Suppressed"))?;
        }
        for row in used {
            let (bytes, blocks) = (row.bytes.size(), row.blocks.count());
            let sites = text::plural(row.site_count as u64, "site");
            writeln!(out, "  {bytes} in {blocks}, {sites}{}", row.beyond())?;
            writeln!(out, "{}", fit(format!("      {}: {}", row.name, row.reason)))?;
            if let Some(place) = row.place() {
                writeln!(out, "      {place}")?;
            }
        }
        // Another tag's suppressions have nothing to do here.
        if has_tag || unused.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", text::heading("Suppressions that match nothing"))?;
        for row in unused {
            let place = row.place().map_or_else(String::new, |place| format!("{place}: "));
            writeln!(out, "{}", fit(format!("  {place}{}{}", row.name, row.beyond())))?;
        }
        Ok(())
    }
}

impl Row {
    fn place(&self) -> Option<String> {
        Some(format!("{}:{}", self.file.as_ref()?.display(), self.line?))
    }

    /// What it is not, for its size alone.
    fn beyond(&self) -> String {
        match self.but_for_size_count as u64 {
            0 => String::new(),
            1 => "; 1 site would match but for its size".into(),
            count => format!("; {} sites would match but for their size", text::count(count)),
        }
    }
}
