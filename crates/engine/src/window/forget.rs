//! What is too old is dropped. Only memory is saved by it: it is not remembered anyway.

use super::shard::{Cx, Shard};
use super::store::Id;
use crate::kpi::{self, MEMORY};
use weir_model::Micros;

/// End of the time after which nothing that ended at `last` is remembered, in steps of a day: a
/// queue's key.
pub(crate) fn fades(last: Micros) -> Micros {
    last.plus(MEMORY).floor(Micros::DAY).plus(Micros::DAY)
}

impl Shard {
    /// Drops what was not touched by a final window for too long.
    pub fn forget(&mut self, cx: &Cx<'_>) {
        for event in 0..self.expiring.len() {
            let through = self.marks.final_through(event);
            while let Some(first) = self.expiring[event].first_entry()
                && *first.key() <= through
            {
                let ids = first.remove();
                self.dirty = true;
                for at in ids {
                    self.forget_detectors(at, event, through);
                }
            }
        }
        for k in 0..self.fading.len() {
            if self.fading[k].is_empty() {
                continue;
            }
            let through = self.kpi_through(cx, k);
            while let Some(first) = self.fading[k].first_entry()
                && *first.key() <= through
            {
                let ids = first.remove();
                self.dirty = true;
                for owner in ids {
                    self.forget_kpi(owner, k, through);
                }
            }
        }
    }

    /// Drops the detectors of a series that are too old; it waits again while there are others.
    fn forget_detectors(&mut self, at: Id, event: usize, through: Micros) {
        let slots = &mut self.store.get_mut(at).memory().detectors;
        slots.retain(|s| kpi::remembers(s.last, through));
        match slots.iter().map(|s| s.last).max() {
            Some(last) => self.expiring[event]
                .entry(fades(last))
                .or_default()
                .push(at),
            None => self.store.tidy(at),
        }
    }

    /// Drops a subject's momentum of a KPI, or lets it wait again.
    fn forget_kpi(&mut self, owner: Id, k: usize, through: Micros) {
        let slots = &mut self
            .store
            .subject_mut(owner)
            .memory
            .get_or_insert_default()
            .kpis;
        let Ok(i) = slots.binary_search_by_key(&(k as u16), |s| s.kpi) else {
            return;
        };
        if kpi::remembers(slots[i].last, through) {
            let at = fades(slots[i].last);
            self.fading[k].entry(at).or_default().push(owner);
        } else {
            slots.remove(i);
            self.store.tidy_subject(owner);
        }
    }
}
