//! The frames of the ledger: what was live per tag, over time.

use std::collections::{BTreeMap, HashMap};

use scrubjay_log_format::{FileHeader, GROUP_COUNT_MAX, TAGS_PER_GROUP, frame, process};

use super::file::LogFile;

type Row = [u64; TAGS_PER_GROUP as usize];

/// All frames of a log; their number is bounded by the ring's capacity.
#[derive(Debug, Default)]
pub struct Frames {
    moments: BTreeMap<u32, [u64; 4]>,
    rows: HashMap<(u32, u32), Row>,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'f> {
    frames: &'f Frames,
    slot: u32,
    /// When, in ticks.
    pub ticks: u64,
    /// Live bytes of the process, as far as published.
    pub live_bytes: u64,
}

impl Frame<'_> {
    /// Live bytes of a tag, as far as published; a tag whose blocks others
    /// free may be below zero for a moment, which counts as zero.
    pub fn tag_bytes(&self, tag: u32) -> u64 {
        let row = self.frames.rows.get(&(self.slot, tag / TAGS_PER_GROUP));
        row.map_or(0, |row| shown(row[(tag % TAGS_PER_GROUP) as usize]))
    }
}

/// A signed figure as one that can be shown.
fn shown(word: u64) -> u64 {
    (word as i64).max(0) as u64
}

impl Frames {
    /// Takes in record `slot` of the moments.
    pub fn moment(&mut self, slot: u32, record: &[u8]) {
        if let Some(moment) = frame::decode_moment(record) {
            self.moments.insert(slot, moment);
        }
    }

    /// Takes in a record of the rows; zeros are what is assumed anyway.
    pub fn row(&mut self, index: u32, record: &[u8], header: &FileHeader) {
        let Some(slot_count) = header.frame_capacity.checked_add(frame::PEAK_SLOT_COUNT) else {
            return;
        };
        let (group, slot) = (index / slot_count, index % slot_count);
        if let Some(row) = frame::decode_row(record)
            && group < GROUP_COUNT_MAX
            && row != Row::default()
        {
            self.rows.insert((slot, group), row);
        }
    }

    /// The frames of the ring in the order of their time.
    pub fn ring(&self, header: &FileHeader) -> Vec<Frame<'_>> {
        let mut frames: Vec<Frame<'_>> = self
            .moments
            .range(..header.frame_capacity)
            .map(|(&slot, moment)| self.frame(slot, moment))
            .collect();
        frames.sort_by_key(|frame| frame.ticks);
        frames
    }

    /// The newest frame of what made up the process's peak.
    pub fn peak(&self, file: &LogFile) -> Option<Frame<'_>> {
        let slot = u32::try_from(file.process[process::PEAK_FRAME].checked_sub(1)?).ok()?;
        let moment = self.moments.get(&slot)?;
        Some(self.frame(slot, moment))
    }

    /// The last frame of the ring that is not later than a moment.
    pub fn at(&self, header: &FileHeader, ticks: u64) -> Option<Frame<'_>> {
        let mut ring = self.ring(header);
        ring.retain(|frame| frame.ticks <= ticks);
        ring.pop()
    }

    fn frame(&self, slot: u32, moment: &[u64; 4]) -> Frame<'_> {
        Frame {
            frames: self,
            slot,
            ticks: moment[frame::TICKS],
            live_bytes: shown(moment[frame::LIVE]),
        }
    }
}
