//! The part of `scrubjay log dump` for budgets, what happened to them, and memory
//! that no allocator sees.

use scrubjay_log_format::pressure::{self, PressureEvent, PressureKind};
use scrubjay_log_format::{ChunkHeader, ChunkKind, external};
use serde_json::json;

use super::dump::Dump;
use crate::analysis::tables::records;
use crate::error::Error;

impl Dump<'_, '_> {
    /// The records of a chunk of one of these kinds.
    pub(super) fn pressure(
        &mut self,
        header: &ChunkHeader,
        kind: ChunkKind,
        bytes: &[u8],
    ) -> Result<(), Error> {
        for (index, offset, record) in records(self.file, header, kind, bytes) {
            match kind {
                ChunkKind::Budgets => self.budget(offset, record)?,
                ChunkKind::PressureEvents => self.pressure_event(offset, record)?,
                _ => self.external(index, offset, record)?,
            }
        }
        Ok(())
    }

    fn whose(&self, budget: u32) -> String {
        if budget == pressure::TOTAL { "total".to_owned() } else { self.ledger.name(budget) }
    }

    fn budget(&mut self, offset: u64, record: &[u8]) -> Result<(), Error> {
        let Some(words) = pressure::decode_budget(record) else { return Ok(()) };
        let limit = |word: usize| Some(words[word]).filter(|&bytes| bytes != u64::MAX);
        let whose = words[pressure::NUMBER].saturating_sub(1).min(u32::MAX.into()) as u32;
        let fields = [
            ("budget", json!(self.whose(whose))),
            ("hard_bytes", json!(limit(pressure::HARD))),
            ("soft_bytes", json!(limit(pressure::SOFT))),
            ("headroom_bytes", json!(words[pressure::HEADROOM])),
            ("most_bytes", json!(words[pressure::MOST])),
            ("refused_count", json!(words[pressure::REFUSED_COUNT])),
            ("refused_bytes", json!(words[pressure::REFUSED_BYTES])),
            ("soft_count", json!(words[pressure::SOFT_COUNT])),
        ];
        self.line(offset, "budget", &fields)
    }

    fn pressure_event(&mut self, offset: u64, record: &[u8]) -> Result<(), Error> {
        let Some(event) = PressureEvent::decode(record) else { return Ok(()) };
        let cause = match event.kind {
            PressureKind::Soft => "soft-limit",
            PressureKind::Refused => "refused",
            PressureKind::Busy => "busy",
        };
        let top: Vec<_> = (event.top.iter())
            .map(|&(site, bytes)| json!({ "site": site, "bytes": bytes }))
            .collect();
        let fields = [
            ("number", json!(event.number)),
            ("cause", json!(cause)),
            ("at_ns", json!(self.clock.ns(event.ticks))),
            ("budget", json!(self.whose(event.budget))),
            ("thread", json!(event.thread)),
            ("site", json!(event.site)),
            ("tag", json!(self.ledger.name(self.ledger.sites.tag(event.site)))),
            ("size", json!(event.size)),
            ("granted_bytes", json!(event.granted)),
            ("limit_bytes", json!(event.limit)),
            ("top", json!(top)),
        ];
        self.line(offset, "pressure", &fields)
    }

    fn external(&mut self, index: u32, offset: u64, record: &[u8]) -> Result<(), Error> {
        let words = external::decode(record).unwrap_or_default();
        if words == [0; external::WORD_COUNT] {
            return Ok(());
        }
        let fields = [
            ("tag", json!(self.ledger.name(index))),
            ("bytes", json!(words[external::BYTES])),
            ("peak_bytes", json!(words[external::PEAK])),
        ];
        self.line(offset, "external", &fields)
    }
}
