//! What was live of each site at peaks: the process's, and its tag's own. Live
//! words.
//!
//! Both are noted when the peak has risen by a hundredth, in two sets that take
//! turns, so that one is always whole.

use crate::bytes::words;

/// Words of a site's record. Record *i* is of site [`crate::site::FIRST`] + *i*.
pub const SITE_WORD_COUNT: usize = 16;
/// Size of a site's record in bytes.
pub const SITE_SIZE: usize = SITE_WORD_COUNT * 8;
/// Where the two sets of the process's peak begin.
pub const PROCESS: [usize; 2] = [0, 4];
/// Where the two sets of the tag's own peak begin.
pub const TAG: [usize; 2] = [8, 12];

/// Bytes live (signed). Of a sample's site the estimate.
pub const BYTES: usize = 0;
/// Blocks live (signed). Of a sample's site the estimate, in
/// [`crate::site::BLOCK_UNITS`].
pub const BLOCKS: usize = 1;
/// Of a sample's site the variance of the bytes, as in its counters.
pub const VARIANCE_BYTES: usize = 2;
/// Of a sample's site the variance of the blocks.
pub const VARIANCE_BLOCKS: usize = 3;

/// Words of a tag's record. Record *i* is of tag *i*.
pub const TAG_WORD_COUNT: usize = 8;
/// Size of a tag's record in bytes.
pub const TAG_SIZE: usize = TAG_WORD_COUNT * 8;
/// How often the tag's sites were noted; the lowest bit names the set in force.
/// 0: never.
pub const SEQUENCE: usize = 0;
/// When the even and the odd set were noted, in ticks.
pub const TICKS: [usize; 2] = [2, 4];
/// The tag's live bytes at that moment.
pub const LIVE: [usize; 2] = [3, 5];

/// What a record says was live of its site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteAtPeak {
    /// Bytes.
    pub bytes: i64,
    /// Blocks; of a sample in [`crate::site::BLOCK_UNITS`].
    pub blocks: i64,
    /// Of a sample: the variance of the bytes, as in its counters.
    pub variance_bytes: u64,
    /// Of a sample: the variance of the blocks.
    pub variance_blocks: u64,
}

impl SiteAtPeak {
    /// Reads one set of a site's record, which begins at that word.
    pub fn decode(bytes: &[u8], set: usize) -> Option<Self> {
        let [live, blocks, variance_bytes, variance_blocks] = words(bytes.get(set * 8..)?)?;
        let (bytes, blocks) = (live as i64, blocks as i64);
        Some(Self { bytes, blocks, variance_bytes, variance_blocks })
    }
}

/// A tag's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagPeak {
    /// The set in force: an index of [`TAG`].
    pub set: usize,
    /// When it was noted, in ticks.
    pub ticks: u64,
    /// The tag's live bytes at that moment.
    pub live_bytes: i64,
}

impl TagPeak {
    /// Reads a record; `None` where nothing was noted.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let words: [u64; TAG_WORD_COUNT] = words(bytes)?;
        let set = (words[SEQUENCE] & 1) as usize;
        let (ticks, live_bytes) = (words[TICKS[set]], words[LIVE[set]] as i64);
        (words[SEQUENCE] != 0).then_some(Self { set, ticks, live_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_names_the_set_in_force() {
        let mut record = [0_u64; TAG_WORD_COUNT];
        let read = |record: &[u64; TAG_WORD_COUNT]| {
            TagPeak::decode(record.map(u64::to_le_bytes).as_flattened())
        };
        assert_eq!(read(&record), None);
        (record[SEQUENCE], record[TICKS[1]], record[LIVE[1]]) = (1, 7, 100);
        assert_eq!(read(&record), Some(TagPeak { set: 1, ticks: 7, live_bytes: 100 }));
        (record[TICKS[0]], record[LIVE[0]]) = (8, 200);
        assert_eq!(read(&record).map(|peak| peak.ticks), Some(7));
        record[SEQUENCE] = 2;
        assert_eq!(read(&record), Some(TagPeak { set: 0, ticks: 8, live_bytes: 200 }));
    }
}
