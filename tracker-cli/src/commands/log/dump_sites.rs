//! The records of `log dump` that name who allocated: stacks, sites, modules,
//! notes.

use scrubjay_log_format::site::{self, CachePageOwner};
use scrubjay_log_format::{
    ChunkHeader, ChunkKind, FormatError, Module, Note, SiteDeclaration, StackNode, peak,
};
use serde_json::json;

use super::dump::{Dump, Field};
use crate::analysis::damage::Damage;
use crate::analysis::tables::records;
use crate::error::Error;

type Told = Result<Option<(&'static str, Vec<Field<'static>>)>, FormatError>;

/// Of the two sets of the process's peak, and of those of the tag's own.
const PEAK_NAMES: [&str; peak::SITE_WORD_COUNT] = [
    "process_0_bytes",
    "process_0_blocks",
    "process_0_variance_bytes",
    "process_0_variance_blocks",
    "process_1_bytes",
    "process_1_blocks",
    "process_1_variance_bytes",
    "process_1_variance_blocks",
    "tag_0_bytes",
    "tag_0_blocks",
    "tag_0_variance_bytes",
    "tag_0_variance_blocks",
    "tag_1_bytes",
    "tag_1_blocks",
    "tag_1_variance_bytes",
    "tag_1_variance_blocks",
];
const TAG_PEAK_NAMES: [&str; peak::TAG_WORD_COUNT] = [
    "sequence",
    "reserved_1",
    "ticks_0",
    "live_bytes_0",
    "ticks_1",
    "live_bytes_1",
    "reserved_6",
    "reserved_7",
];

impl Dump<'_, '_> {
    /// Every record of a chunk of one of these kinds.
    pub(super) fn sites(
        &mut self,
        header: &ChunkHeader,
        kind: ChunkKind,
        bytes: &[u8],
    ) -> Result<(), Error> {
        for (index, offset, record) in records(self.file, header, kind, bytes) {
            if record.iter().all(|&byte| byte == 0) {
                continue;
            }
            let told = match kind {
                ChunkKind::Stacks => frame(index, record),
                ChunkKind::Sites => self.site(record),
                ChunkKind::Modules => self.module(record),
                ChunkKind::Notes => self.note(record),
                ChunkKind::SiteCounters => {
                    let words = site::decode_counters(record).unwrap_or_default();
                    let site = index.saturating_add(site::FIRST);
                    let fields = vec![("site", json!(site))];
                    let names = &site::COUNTER_NAMES;
                    self.words(offset, "site-counters", fields, &words, names)?;
                    continue;
                }
                ChunkKind::SitePeaks => {
                    let fields = vec![("site", json!(index.saturating_add(site::FIRST)))];
                    self.words(offset, "site-peaks", fields, &words_of(record), &PEAK_NAMES)?;
                    continue;
                }
                ChunkKind::TagPeaks => {
                    let fields = vec![("tag", json!(self.ledger.name(index)))];
                    self.words(offset, "tag-peak", fields, &words_of(record), &TAG_PEAK_NAMES)?;
                    continue;
                }
                ChunkKind::SiteCaches => {
                    self.cache_page(offset, record)?;
                    continue;
                }
                _ => continue,
            };
            match told {
                Ok(None) => {}
                Ok(Some((name, fields))) => self.line(offset, name, &fields)?,
                Err(error) => {
                    let what = format!("{} {index}: {error}", kind.name());
                    self.damage(Damage { offset, chunk: header.index, what })?;
                }
            }
        }
        Ok(())
    }

    fn site(&self, record: &[u8]) -> Told {
        let Some(declared) = SiteDeclaration::decode(record)? else { return Ok(None) };
        let fields = vec![
            ("site", json!(declared.index)),
            ("tag", json!(self.ledger.name(declared.tag))),
            ("stack", json!(declared.stack)),
            ("owner", json!(declared.owner)),
            ("generation", json!(declared.generation)),
            ("is_truncated", json!(declared.has(site::FLAG_TRUNCATED))),
            ("is_lost", json!(declared.has(site::FLAG_LOST))),
            ("is_sampled", json!(declared.has(site::FLAG_SAMPLED))),
        ];
        Ok(Some(("site", fields)))
    }

    fn module(&self, record: &[u8]) -> Told {
        let Some(module) = Module::decode(record)? else { return Ok(None) };
        let unloaded = (module.unloaded_ticks > 0).then_some(module.unloaded_ticks);
        let build_id: String = module.build_id.iter().map(|byte| format!("{byte:02x}")).collect();
        let fields = vec![
            ("index", json!(module.index)),
            ("path", json!(module.path)),
            ("build_id", json!(build_id)),
            ("bias", json!(format!("{:#x}", module.bias))),
            ("start", json!(format!("{:#x}", module.start))),
            ("end", json!(format!("{:#x}", module.end))),
            ("flags", json!(module.flags)),
            ("loaded_ns", json!(self.clock.ns(module.loaded_ticks))),
            ("unloaded_ns", json!(unloaded.and_then(|ticks| self.clock.ns(ticks)))),
        ];
        Ok(Some(("module", fields)))
    }

    fn note(&self, record: &[u8]) -> Told {
        let Some(note) = Note::decode(record)? else { return Ok(None) };
        let fields = vec![
            ("index", json!(note.index)),
            ("at_ns", json!(self.clock.ns(note.ticks))),
            ("name", json!(note.name)),
            ("value", json!(note.value)),
            ("is_cut", json!(note.is_cut)),
        ];
        Ok(Some(("note", fields)))
    }

    fn cache_page(&mut self, offset: u64, record: &[u8]) -> Result<(), Error> {
        let Some(owner) = CachePageOwner::decode(record) else { return Ok(()) };
        for cached in site::decode_cache_page(record) {
            let mut fields = vec![("slot", json!(owner.slot)), ("site", json!(cached.site))];
            if let Some(moving) = cached.moving {
                fields.push(("moving", json!(moving)));
            }
            let names = &site::COUNTER_NAMES[..cached.counters.len()];
            self.words(offset, "site-cache", fields, &cached.counters, names)?;
        }
        Ok(())
    }
}

fn words_of(record: &[u8]) -> Vec<u64> {
    record.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

fn frame(index: u32, record: &[u8]) -> Told {
    let Some(node) = StackNode::decode(record, index)? else { return Ok(None) };
    let fields = vec![
        ("node", json!(index)),
        ("address", json!(format!("{:#x}", node.address))),
        ("parent", json!(node.parent)),
    ];
    Ok(Some(("stack-frame", fields)))
}
