//! Sites: which tag and which stack an event's or a block's site stands for.

use scrubjay_log_format::site::{COUNT_MAX, FIRST};
use scrubjay_log_format::{FormatError, SiteDeclaration, StackNode, TAG_COUNT_MAX};

/// Stands for the tag of a site that is not declared.
pub const UNKNOWN_TAG: u32 = TAG_COUNT_MAX;
const UNDECLARED: u16 = u16::MAX;

/// All sites of a log.
#[derive(Debug, Default)]
pub struct Sites {
    declared: Vec<SiteDeclaration>,
    /// Where each site's declaration is, by the site; and its tag.
    place: Vec<u32>,
    tags: Vec<u16>,
    /// The nodes of stacks that were read, a bit each.
    frames: Vec<u64>,
    frame_count: u64,
    /// The process was still writing when they were read: there may be more.
    pub may_grow: bool,
}

impl Sites {
    /// Takes in the declaration at an index of the table.
    ///
    /// # Errors
    /// A record that is neither empty nor whole, or stands where it does not
    /// belong.
    pub fn declaration(&mut self, index: u32, record: &[u8]) -> Result<(), FormatError> {
        let Some(declared) = SiteDeclaration::decode(record)? else { return Ok(()) };
        let site = index.saturating_add(FIRST);
        if declared.index != site {
            return Err(FormatError::Misplaced { stored: declared.index, found: site });
        }
        let index = index as usize;
        if self.tags.len() <= index {
            self.tags.resize(index + 1, UNDECLARED);
            self.place.resize(index + 1, 0);
        }
        self.tags[index] = declared.tag as u16;
        self.place[index] = self.declared.len() as u32;
        self.declared.push(declared);
        Ok(())
    }

    /// Takes in the node of a stack at its index.
    ///
    /// # Errors
    /// A record that is neither empty nor whole.
    pub fn frame(&mut self, index: u32, record: &[u8]) -> Result<(), FormatError> {
        if StackNode::decode(record, index)?.is_none() {
            return Ok(());
        }
        let word = (index / 64) as usize;
        if self.frames.len() <= word {
            self.frames.resize(word + 1, 0);
        }
        self.frames[word] |= 1 << (index % 64);
        self.frame_count += 1;
        Ok(())
    }

    /// The tag of a site; [`UNKNOWN_TAG`] where nothing declares it.
    #[inline]
    pub fn tag(&self, site: u32) -> u32 {
        let Some(index) = site.checked_sub(FIRST) else { return site };
        match self.tags.get(index as usize) {
            None | Some(&UNDECLARED) => UNKNOWN_TAG,
            Some(&tag) => tag.into(),
        }
    }

    /// A site's declaration.
    pub fn get(&self, site: u32) -> Option<&SiteDeclaration> {
        let index = site.checked_sub(FIRST)? as usize;
        if *self.tags.get(index)? == UNDECLARED {
            return None;
        }
        self.declared.get(*self.place.get(index)? as usize)
    }

    /// Whether a site is one that a log could have.
    pub fn is_possible(site: u32) -> bool {
        site < COUNT_MAX
    }

    /// Those that are declared.
    pub fn iter(&self) -> impl Iterator<Item = &SiteDeclaration> {
        self.declared.iter()
    }

    /// How many are declared.
    pub fn count(&self) -> u64 {
        self.declared.len() as u64
    }

    /// How many frames their stacks consist of.
    pub fn frame_count(&self) -> u64 {
        self.frame_count
    }

    /// Whether a node of a stack was read; the root needs no record.
    pub fn has_frame(&self, node: u32) -> bool {
        let word = self.frames.get((node / 64) as usize);
        node == 0 || word.is_some_and(|word| word >> (node % 64) & 1 != 0)
    }

    /// What is missing below the highest record of each table, in sentences:
    /// sites and frames are numbered without gaps.
    pub fn gaps(&self) -> Vec<String> {
        let mut found = Vec::new();
        let undeclared = |&(_, tag): &(u32, &u16)| *tag == UNDECLARED;
        let missing: Vec<u32> =
            (FIRST..).zip(&self.tags).filter(undeclared).map(|(site, _)| site).collect();
        found.extend(missing.first().map(|first| {
            format!("{} of the sites have no declaration, the first is {first}", missing.len())
        }));
        let end = self
            .frames
            .last()
            .map_or(0, |word| self.frames.len() as u64 * 64 - u64::from(word.leading_zeros()));
        let nodes = end.saturating_sub(1);
        if self.frame_count < nodes {
            let missing = nodes - self.frame_count;
            found.push(format!("{missing} of the frames of stacks are missing"));
        }
        let torn = self.declared.iter().filter(|site| !self.has_frame(site.stack));
        found.extend(
            torn.map(|site| format!("site {}: its stack {} is not there", site.index, site.stack)),
        );
        found
    }
}
