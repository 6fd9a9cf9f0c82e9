//! What a log lacks: what was lost, and which limits were hit.

use scrubjay_log_format::{process, site};
use serde::Serialize;

use crate::analysis::clock::Clock;
use crate::analysis::file::LogFile;
use crate::analysis::ledger::Ledger;
use crate::analysis::site_ledger::SiteLedger;
use crate::text;

/// What a log lacks, and which of its limits were hit.
#[derive(Serialize)]
pub struct Losses {
    events_dropped: u64,
    journal_end_reason: Option<&'static str>,
    journal_end_at_ns: Option<u64>,
    waits: u64,
    waited_ns: Option<u64>,
    threads_without_slot: u64,
    cell_pages_refused: u64,
    tags_refused: u64,
    spans_refused: u64,
    threads_not_yet_moved: u64,
    damaged_blocks: u64,
    chunks_overwritten: u64,
    events_overwritten: u64,
    sites_refused: u64,
    site_pages_refused: u64,
    stacks_busy: u64,
    stacks_truncated: u64,
    blocks_of_truncated_stacks: u64,
    stacks_lost: u64,
    blocks_of_lost_stacks: u64,
    modules_refused: u64,
    notes_refused: u64,
}

impl Losses {
    /// What the process words, the sites and the slots say.
    pub fn new(file: &LogFile, ledger: &Ledger) -> Self {
        let words = &file.process;
        let clock = Clock::new(file);
        let end_ticks = words[process::JOURNAL_END_TICKS];
        let settled = SiteLedger::settle(ledger, None);
        let flagged = |flag: u8| {
            let sites = ledger.sites.iter().filter(|site| site.has(flag));
            sites.fold((0u64, 0u64), |(sites, blocks), site| {
                let counters = settled.sites.get(&site.index);
                let allocated = counters.map_or(0, |counters| counters[site::ALLOCATED_BLOCKS]);
                (sites + 1, blocks.wrapping_add(allocated))
            })
        };
        let (truncated, lost) = (flagged(site::FLAG_TRUNCATED), flagged(site::FLAG_LOST));
        Self {
            events_dropped: ledger.totals().dropped_events(),
            journal_end_reason: match words[process::JOURNAL_END_REASON] {
                0 => None,
                process::JOURNAL_END_LIMIT => Some("limit"),
                process::JOURNAL_END_NO_SPACE => Some("no-space"),
                _ => Some("unknown"),
            },
            journal_end_at_ns: (end_ticks > 0).then(|| clock.ns(end_ticks)).flatten(),
            waits: words[process::WAIT_COUNT],
            waited_ns: clock.span_ns(words[process::WAIT_TICKS]),
            threads_without_slot: words[process::THREAD_OVERFLOW_COUNT],
            cell_pages_refused: words[process::CELL_OVERFLOW_COUNT],
            tags_refused: words[process::TAG_OVERFLOW_COUNT],
            spans_refused: words[process::SPAN_OVERFLOW_COUNT],
            threads_not_yet_moved: ledger.laggards(),
            damaged_blocks: words[process::CORRUPTION_COUNT],
            chunks_overwritten: words[process::OVERWRITTEN_CHUNK_COUNT],
            events_overwritten: words[process::OVERWRITTEN_EVENT_COUNT],
            sites_refused: words[process::SITE_OVERFLOW_COUNT],
            site_pages_refused: words[process::SITE_CACHE_OVERFLOW_COUNT],
            stacks_busy: words[process::STACK_BUSY_COUNT],
            stacks_truncated: truncated.0,
            blocks_of_truncated_stacks: truncated.1,
            stacks_lost: lost.0,
            blocks_of_lost_stacks: lost.1,
            modules_refused: words[process::MODULE_OVERFLOW_COUNT],
            notes_refused: words[process::NOTE_OVERFLOW_COUNT],
        }
    }

    /// The same in sentences.
    pub fn sentences(&self, events_in_flight: u64) -> Vec<String> {
        let mut lines = Vec::new();
        if self.events_overwritten > 0 {
            let events = text::plural(self.events_overwritten, "event");
            let chunks = text::plural(self.chunks_overwritten, "chunk");
            lines.push(format!(
                "{events} overwritten in {chunks}: the log reached its limit; the ledger has them"
            ));
        }
        let dropped = self.events_dropped.saturating_sub(self.events_overwritten);
        if dropped > 0 {
            let why = match self.journal_end_reason {
                Some("limit") => ": the log reached its limit",
                Some("no-space") => ": the file system had no more room",
                _ => " for want of room, or while it was paused",
            };
            let events = text::plural(dropped, "event");
            lines.push(format!("{events} not in the journal{why}; the ledger has them"));
        }
        if let Some(ns) = self.journal_end_at_ns {
            lines.push(format!("the journal ends at {}", text::time(ns)));
        }
        if self.waits > 0 {
            let waited = text::moment(self.waited_ns);
            lines.push(format!(
                "threads waited {} for room in the journal, {waited} together",
                if self.waits == 1 {
                    "once".into()
                } else {
                    format!("{} times", text::count(self.waits))
                }
            ));
        }
        let counted = [
            (self.threads_without_slot, "thread", "found no slot and counted together"),
            (self.cell_pages_refused, "page", "of counters refused; counted together"),
            (self.tags_refused, "tag", "too many; counted as untagged"),
            (self.spans_refused, "span", "too many; counted under the tag around them"),
            (
                self.threads_not_yet_moved,
                "thread",
                "counted in memory of before the log, as of then",
            ),
            (self.damaged_blocks, "block", "found damaged when freed"),
            (events_in_flight, "event", "in flight at the last moment"),
            (self.sites_refused, "block", "of sites for which there was no room; counted by tag"),
            (self.site_pages_refused, "page", "of site counters refused; counted together"),
            (self.stacks_busy, "stack", "not captured, as every unwinder was busy"),
            (self.modules_refused, "module", "too many; their frames have no symbols"),
            (self.notes_refused, "note", "too many"),
        ];
        for (count, noun, what) in counted {
            if count > 0 {
                lines.push(format!("{} {what}", text::plural(count, noun)));
            }
        }
        let kinds = [
            (self.stacks_truncated, self.blocks_of_truncated_stacks, "longer than the log keeps"),
            (self.stacks_lost, self.blocks_of_lost_stacks, "whose beginning is not known"),
        ];
        for (stacks, blocks, what) in kinds {
            if stacks > 0 {
                let (stacks, blocks) =
                    (text::plural(stacks, "stack"), text::plural(blocks, "block"));
                lines.push(format!("{stacks} {what}, of {blocks}"));
            }
        }
        lines
    }
}
