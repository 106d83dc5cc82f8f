//! Rolling windows: final ones are remembered and merged, slide by slide.

use super::shard::{Cx, Shard, Step};
use super::store::{Id, Past, Ring};
use super::time::{Size, due};
use crate::{EngineError, measure};
use weir_model::Micros;

impl Shard {
    /// Keeps a final window as long as rolling ones need it.
    pub fn remember(&mut self, at: Id, event: usize, of: Size, past: Past) {
        let hash = self.store.owner(at).hash;
        let rings = &mut self.store.get_mut(at).memory().rings;
        let ring = match rings.iter().position(|r| r.of == of) {
            Some(i) => &mut rings[i],
            None => {
                rings.push(Ring {
                    of,
                    slide: past.end,
                    rows: Default::default(),
                });
                let last = rings.len() - 1;
                &mut rings[last]
            }
        };
        let idle = ring.rows.is_empty();
        let end = past.end;
        if idle {
            ring.slide = end;
        }
        ring.rows.push_back(past);
        if idle {
            self.wait(event, due(end), Step::Slide(of), hash, at);
        }
    }

    /// The rolling windows over a size that end here; then the next slide, while there is anything
    /// to slide over.
    pub fn slide(&mut self, cx: &mut Cx<'_>, at: Id, of: Size) -> Result<(), EngineError> {
        let (hash, zone) = {
            let owner = self.store.owner(at);
            (owner.hash, owner.zone)
        };
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        let Some(end) = self.ring(at, of).map(|r| r.slide) else {
            return Ok(());
        };
        for rolling in plan.rolling.iter().filter(|r| r.of == of) {
            let start = cx.days.back(of, zone, end, rolling.count);
            if self.merged_past(cx, at, of, start)? {
                let row = std::mem::take(&mut cx.scratch.row);
                let judged = self.judge(cx, at, &rolling.judges, &row, (start, end));
                cx.scratch.row = row;
                judged?;
            }
        }
        let next = cx.days.span(of, zone, end).1;
        let oldest = cx.days.back(of, zone, next, plan.remembered[of.index()]);
        let Some(ring) = self.ring(at, of) else {
            return Ok(());
        };
        while ring.rows.front().is_some_and(|p| p.start < oldest) {
            ring.rows.pop_front();
        }
        if ring.rows.is_empty() {
            ring.rows = Default::default();
            let memory = self.store.get_mut(at).memory();
            memory.rings.retain(|r| !r.rows.is_empty());
        } else {
            ring.slide = next;
            self.wait(plan.event, due(next), Step::Slide(of), hash, at);
        }
        Ok(())
    }

    fn ring(&mut self, at: Id, of: Size) -> Option<&mut Ring> {
        self.store
            .get_mut(at)
            .memory
            .as_mut()?
            .rings
            .iter_mut()
            .find(|r| r.of == of)
    }

    /// Merges the remembered windows from `start` on into the scratch row; false where there is
    /// none.
    fn merged_past(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        of: Size,
        start: Micros,
    ) -> Result<bool, EngineError> {
        let event = cx.plan.rollup(self.store.get(at).rollup).event;
        let layout = &cx.plan.layouts[event];
        let Some(ring) = self.ring(at, of) else {
            return Ok(false);
        };
        let first = ring.rows.partition_point(|p| p.start < start);
        let mut rows = ring.rows.iter().skip(first);
        let (row, other) = (&mut cx.scratch.row, &mut cx.scratch.other);
        row.clear();
        let Some(oldest) = rows.next() else {
            return Ok(false);
        };
        row.extend_from_slice(&oldest.row);
        for past in rows {
            other.clear();
            measure::merge(layout, row, &past.row, other)?;
            std::mem::swap(row, other);
        }
        Ok(true)
    }
}
