//! Bills: what a piece of work took, for people and programs to read.

use core::fmt;
use std::borrow::Cow;
use std::time::Duration;

use crate::owner::{Account, Totals};
use crate::{json, tag};

/// What a piece of work took, from [`crate::Lease::bill`] or
/// [`crate::Lease::end`]. Sizes are in bytes as the program asked for them.
///
/// Totals are the sums over [`Bill::tags`], but for the peaks: tags have theirs at
/// different times. Exact while no other thread allocates or frees for the lease;
/// with such threads a figure lacks at most the events that are under way, and a peak
/// can be so many blocks off.
///
/// `freed = wiped + returned + unwiped + what reallocs kept in place`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bill {
    /// What the lease was begun for.
    pub name: Cow<'static, str>,
    /// False where all figures are 0 because nothing was counted: see
    /// [`crate::Lease::is_counted`].
    pub is_counted: bool,
    /// How long the lease has been there.
    pub duration: Duration,
    /// Bytes allocated; a successful realloc allocates its new size.
    pub allocated_bytes: u64,
    /// Blocks allocated; a successful realloc is one more.
    pub allocated_blocks: u64,
    /// Bytes of these that were freed, by whichever thread.
    pub freed_bytes: u64,
    /// Blocks of these that were freed.
    pub freed_blocks: u64,
    /// Bytes of these that are still live.
    pub live_bytes: u64,
    /// Blocks of these that are still live.
    pub live_blocks: u64,
    /// Greatest live at one time.
    pub peak_bytes: u64,
    /// Freed bytes that were overwritten before release.
    pub wiped_bytes: u64,
    /// Freed bytes that went back to the kernel as whole pages.
    pub returned_bytes: u64,
    /// Freed bytes that were left as they were, by policy.
    pub unwiped_bytes: u64,
    /// Allocations and reallocs that were refused.
    pub refused_count: u64,
    /// The same by tag, greatest total first. Tags beyond the first 32 are one
    /// entry, [`TagBill::OTHER`], the last.
    pub tags: Vec<TagBill>,
}

/// One tag's part of a [`Bill`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagBill {
    /// The tag's name; `untagged` for what has none.
    pub name: &'static str,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Blocks allocated.
    pub allocated_blocks: u64,
    /// Bytes of these that are still live.
    pub live_bytes: u64,
    /// Blocks of these that are still live.
    pub live_blocks: u64,
    /// Greatest live of this tag at one time.
    pub peak_bytes: u64,
    /// Freed bytes that were overwritten before release.
    pub wiped_bytes: u64,
}

impl TagBill {
    /// The name of the entry that sums up tags which found no room in a bill.
    pub const OTHER: &'static str = "other tags";

    fn new(index: Option<u32>, totals: &Totals) -> Self {
        Self {
            name: index.map_or(Self::OTHER, tag::name_or_unknown),
            allocated_bytes: totals.allocated_bytes,
            allocated_blocks: totals.allocated_blocks,
            live_bytes: totals.live_bytes,
            live_blocks: totals.live_blocks,
            peak_bytes: totals.peak_bytes,
            wiped_bytes: totals.wiped_bytes,
        }
    }

    fn numbers(&self) -> [(&'static str, u64); 6] {
        [
            ("allocated_bytes", self.allocated_bytes),
            ("allocated_blocks", self.allocated_blocks),
            ("live_bytes", self.live_bytes),
            ("live_blocks", self.live_blocks),
            ("peak_bytes", self.peak_bytes),
            ("wiped_bytes", self.wiped_bytes),
        ]
    }

    fn to_json(&self) -> String {
        format!("{{\"name\":{}{}}}", json::text(self.name), members(&self.numbers()))
    }
}

/// Each with a comma before it.
fn members(numbers: &[(&str, u64)]) -> String {
    numbers.iter().map(|(key, number)| format!(",\"{key}\":{number}")).collect()
}

impl Bill {
    /// The bill of an account; of none, the one that says so.
    pub(crate) fn new(
        name: Cow<'static, str>,
        duration: Duration,
        account: Option<&Account>,
    ) -> Self {
        let (mut tags, mut sums) = (Vec::new(), Totals::default());
        if let Some(account) = account {
            // The very figures that are shown by tag.
            account.each_tag(|index, totals| {
                sums.add(&totals);
                tags.push(TagBill::new(index, &totals));
            });
        }
        let is_other = |tag: &TagBill| tag.name == TagBill::OTHER;
        tags.sort_by_key(|tag| (is_other(tag), core::cmp::Reverse(tag.allocated_bytes), tag.name));
        Self {
            name,
            is_counted: account.is_some(),
            duration,
            allocated_bytes: sums.allocated_bytes,
            allocated_blocks: sums.allocated_blocks,
            freed_bytes: sums.freed_bytes,
            freed_blocks: sums.freed_blocks,
            live_bytes: sums.live_bytes,
            live_blocks: sums.live_blocks,
            peak_bytes: account.map_or(0, Account::peak_bytes).max(sums.live_bytes),
            wiped_bytes: sums.wiped_bytes,
            returned_bytes: sums.returned_bytes,
            unwiped_bytes: sums.unwiped_bytes,
            refused_count: account.map_or(0, Account::refused_count),
            tags,
        }
    }

    /// One tag's part, by its name.
    pub fn tag(&self, name: &str) -> Option<&TagBill> {
        self.tags.iter().find(|tag| tag.name == name)
    }

    /// Whether nothing is live of what was allocated. False of a bill that was not
    /// counted.
    pub fn is_released(&self) -> bool {
        self.is_counted && self.live_blocks == 0
    }

    /// Passes where nothing is live of what the work allocated.
    ///
    /// # Panics
    /// Where something is, with what is left of each tag; and where nothing was
    /// counted, so that nothing can be said.
    #[track_caller]
    #[expect(clippy::panic, reason = "what a failing assertion does")]
    pub fn assert_released(&self) {
        if !self.is_counted {
            panic!("nothing is known of what {} released: it was not counted", self.name);
        }
        if self.live_blocks == 0 {
            return;
        }
        let Self { name, live_bytes, live_blocks, .. } = self;
        let left: String = (self.tags.iter().filter(|tag| tag.live_blocks > 0))
            .map(|tag| format!("\n  {}: {} bytes in {}", tag.name, tag.live_bytes, tag.live_blocks))
            .collect();
        panic!("{name} did not release {live_bytes} bytes in {live_blocks} blocks{left}");
    }

    /// The bill as one JSON object. Its keys are those of the fields; `duration_ns`
    /// is in nanoseconds.
    pub fn to_json(&self) -> String {
        let tags: Vec<String> = self.tags.iter().map(TagBill::to_json).collect();
        let numbers = [
            ("duration_ns", u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX)),
            ("allocated_bytes", self.allocated_bytes),
            ("allocated_blocks", self.allocated_blocks),
            ("freed_bytes", self.freed_bytes),
            ("freed_blocks", self.freed_blocks),
            ("live_bytes", self.live_bytes),
            ("live_blocks", self.live_blocks),
            ("peak_bytes", self.peak_bytes),
            ("wiped_bytes", self.wiped_bytes),
            ("returned_bytes", self.returned_bytes),
            ("unwiped_bytes", self.unwiped_bytes),
            ("refused_count", self.refused_count),
        ];
        format!(
            "{{\"schema_version\":1,\"name\":{},\"is_counted\":{}{},\"tags\":[{}]}}",
            json::text(&self.name),
            self.is_counted,
            members(&numbers),
            tags.join(","),
        )
    }

    /// Emits the bill as one event of `tracing`: target `scrubjay`, level info, with
    /// the fields `name`, `total`, `peak`, `live`, `wiped` (bytes), `blocks`,
    /// `refused` and `duration_ns`.
    #[cfg(feature = "tracing")]
    pub fn log(&self) {
        tracing::info!(
            target: "scrubjay",
            name = &*self.name,
            total = self.allocated_bytes,
            peak = self.peak_bytes,
            live = self.live_bytes,
            wiped = self.wiped_bytes,
            blocks = self.allocated_blocks,
            refused = self.refused_count,
            duration_ns = u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
            "bill"
        );
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_counted {
            return writeln!(out, "{}: not counted", self.name);
        }
        let names = self.tags.iter().map(|tag| tag.name).chain([&*self.name]);
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        writeln!(
            out,
            "{:width$} {:>15} {:>10} {:>13} {:>13} {:>11} {:>13}",
            "tag",
            "allocated bytes",
            "blocks",
            "peak bytes",
            "live bytes",
            "live blocks",
            "wiped bytes"
        )?;
        let mut row = |name: &str, numbers: [u64; 6]| {
            let [bytes, blocks, live_bytes, live_blocks, peak, wiped] = numbers;
            writeln!(
                out,
                "{name:width$} {bytes:>15} {blocks:>10} {peak:>13} {live_bytes:>13} \
                 {live_blocks:>11} {wiped:>13}"
            )
        };
        for tag in &self.tags {
            row(tag.name, tag.numbers().map(|(_, number)| number))?;
        }
        let sums = [
            self.allocated_bytes,
            self.allocated_blocks,
            self.live_bytes,
            self.live_blocks,
            self.peak_bytes,
            self.wiped_bytes,
        ];
        row(&self.name, sums)?;
        match self.refused_count {
            0 => writeln!(out, "in {:?}", self.duration),
            count => writeln!(out, "in {:?}; {count} allocations were refused", self.duration),
        }
    }
}
