//! The state of a shard as a stream of bytes.
//!
//! ```text
//! shard   = marks, n, n * subject
//! subject = shape, hash (8 bytes), name, n, n * momentum, n, n * waiting, n, n * series
//! series  = rollup, n, n * open window, held, what is held
//! ```

use super::{MEMORY, SETTING, SUMMED};
use crate::varint;
use crate::window::shard::Shard;
use crate::window::store::SubjectMemory;
use crate::window::to_date::ToDate;
use weir_model::Micros;

impl Shard {
    /// marks, n, n * subject; a subject with its memory, then its series.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.marks.encode(&mut out);
        varint::put_u64(&mut out, self.store.len().0 as u64);
        for (id, subject) in self.store.subjects() {
            varint::put_u64(&mut out, u64::from(subject.shape));
            out.extend_from_slice(&subject.hash.to_le_bytes());
            varint::put_bytes(&mut out, &subject.name);
            put_momenta(&mut out, subject.memory.as_deref());
            self.put_waiting(&mut out, subject.memory.as_deref());
            varint::put_u64(&mut out, self.store.series_ids(id).count() as u64);
            for at in self.store.series_ids(id) {
                self.put_series(&mut out, at);
            }
        }
        out
    }

    /// What waits of a subject's KPIs, and what is known of those to date: as one that waits, of a
    /// KPI beyond them all.
    fn put_waiting(&self, out: &mut Vec<u8>, memory: Option<&SubjectMemory>) {
        let Some(SubjectMemory { pending, known, .. }) = memory else {
            varint::put_u64(out, 0);
            return;
        };
        varint::put_u64(out, (pending.len() + known.len()) as u64);
        for p in pending {
            put_pending(out, (usize::from(p.kpi), p.start, p.end), &p.terms);
        }
        for k in known {
            let kpi = self.pending.len() + usize::from(k.kpi);
            put_pending(out, (kpi, k.start, k.until), &k.terms);
        }
    }

    fn put_series(&self, out: &mut Vec<u8>, at: u32) {
        let series = self.store.get(at);
        varint::put_u64(out, u64::from(series.rollup));
        varint::put_u64(out, series.open.iter().count() as u64);
        for open in series.open.iter() {
            out.push(open.kind().0);
            varint::put_i64(out, open.start().0);
            varint::put_bytes(out, open.row);
        }
        let Some(memory) = &series.memory else {
            out.push(0);
            return;
        };
        let setting = u8::from(memory.setting.is_some()) * SETTING;
        let summed = u8::from(!memory.to_date.is_empty()) * SUMMED;
        out.push(MEMORY | setting | summed);
        varint::put_u64(out, memory.detectors.len() as u64);
        for slot in &memory.detectors {
            varint::put_u64(out, u64::from(slot.detector));
            varint::put_i64(out, slot.last.0);
            slot.state.encode(out);
        }
        varint::put_u64(out, memory.rings.len() as u64);
        for ring in &memory.rings {
            out.push(ring.of.code());
            varint::put_i64(out, ring.slide.0);
            varint::put_u64(out, ring.rows.len() as u64);
            for past in &ring.rows {
                varint::put_i64(out, past.start.0);
                varint::put_i64(out, past.end.0);
                varint::put_bytes(out, &past.row);
            }
        }
        varint::put_u64(out, memory.told.len() as u64);
        for (detector, end) in &memory.told {
            varint::put_u64(out, u64::from(*detector));
            varint::put_i64(out, end.0);
        }
        if let Some(setting) = &memory.setting {
            setting.encode(out);
        }
        if !memory.to_date.is_empty() {
            varint::put_u64(out, memory.to_date.len() as u64);
            memory.to_date.iter().for_each(|s| put_to_date(out, s));
        }
    }
}

fn put_momenta(out: &mut Vec<u8>, memory: Option<&SubjectMemory>) {
    let kpis = memory.map_or(&[][..], |m| &m.kpis);
    varint::put_u64(out, kpis.len() as u64);
    for slot in kpis {
        varint::put_u64(out, u64::from(slot.kpi));
        varint::put_i64(out, slot.last.0);
        slot.memory.encode(out);
    }
}

fn put_to_date(out: &mut Vec<u8>, sum: &ToDate) {
    out.push(sum.window);
    for t in [sum.start, sum.until, sum.told] {
        varint::put_i64(out, t.0);
    }
    varint::put_bytes(out, &sum.row);
}

fn put_pending(
    out: &mut Vec<u8>,
    (kpi, start, end): (usize, Micros, Micros),
    terms: &[Option<Option<f64>>],
) {
    varint::put_u64(out, kpi as u64);
    varint::put_i64(out, start.0);
    varint::put_i64(out, end.0);
    for term in terms {
        match term {
            None => out.push(0),
            Some(None) => out.push(1),
            Some(Some(v)) => {
                out.push(2);
                varint::put_f64(out, *v);
            }
        }
    }
}
