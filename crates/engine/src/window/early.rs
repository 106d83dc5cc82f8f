//! Open windows: what they hold so far, and limits that are told before the window is final.

use super::out::subject;
use super::shard::{Cx, Shard};
use super::store::{Id, WindowKind};
use super::time::{DAY, HOUR, Size};
use crate::{EngineError, detect, measure};
use weir_model::Micros;

impl Shard {
    /// Tells early limits of the windows that the last rows went into.
    pub fn early(&mut self, cx: &mut Cx<'_>, at: Id) -> Result<(), EngineError> {
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        let mut touched = std::mem::take(&mut cx.scratch.touched);
        touched.sort_unstable();
        for early in &plan.early {
            let def = &cx.plan.catalog.detectors[early.detector];
            let zone = self.store.owner(at).zone;
            let mut before = None;
            for &t in &touched {
                let (start, end) = cx.days.span(early.size, zone, t);
                let told = (early.detector as u16, end);
                let known = self
                    .store
                    .get(at)
                    .memory
                    .as_ref()
                    .is_some_and(|m| m.told.contains(&told));
                if before.replace(end) == Some(end) || known {
                    continue;
                }
                // Of the rows only what the limit looks at is merged: most of the time there is
                // nothing to tell.
                let by_hours = self.by_hours(cx, at, early.size, start);
                let rows = self.parts(at, early.size, (start, end), by_hours);
                let Some(x) = cx.value(def, rows)? else {
                    continue;
                };
                let Some(found) = detect::early(def, x) else {
                    continue;
                };
                self.store.get_mut(at).memory().told.push(told);
                if cx.emit {
                    let subject = subject(cx.plan, self.store.owner(at));
                    let span = (start, end);
                    cx.sink.anomalies.push(detect::anomaly(
                        &cx.judged(span),
                        def,
                        subject,
                        x,
                        found,
                        true,
                    ));
                }
            }
        }
        cx.scratch.touched = touched;
        Ok(())
    }

    /// Forgets that early limits of a window were told: it is final.
    pub fn untell(&mut self, cx: &Cx<'_>, at: Id, size: Size, end: Micros) {
        let series = self.store.get_mut(at);
        let plan = cx.plan.rollup(series.rollup);
        let Some(memory) = series.memory.as_mut() else {
            return;
        };
        let of_size = |d: u16| {
            plan.early
                .iter()
                .any(|e| e.detector == usize::from(d) && e.size == size)
        };
        memory.told.retain(|&(d, e)| e > end || !of_size(d));
    }

    /// Merges what an open window holds so far into the scratch row. False where it holds nothing.
    pub fn so_far(
        &self,
        cx: &mut Cx<'_>,
        at: Id,
        size: Size,
        span: (Micros, Micros),
    ) -> Result<bool, EngineError> {
        let by_hours = self.by_hours(cx, at, size, span.0);
        let layout = &cx.plan.layouts[cx.plan.rollup(self.store.get(at).rollup).event];
        let (row, other) = (&mut cx.scratch.row, &mut cx.scratch.other);
        row.clear();
        let mut any = false;
        for part in self.parts(at, size, span, by_hours) {
            if any {
                other.clear();
                measure::merge(layout, row, part, other)?;
                std::mem::swap(row, other);
            } else {
                row.extend_from_slice(part);
                any = true;
            }
        }
        Ok(any)
    }

    /// The rows that an open window holds so far: its own and those of the smaller windows in it
    /// that are still open.
    fn parts(
        &self,
        at: Id,
        size: Size,
        (start, end): (Micros, Micros),
        by_hours: bool,
    ) -> impl Iterator<Item = &[u8]> + Clone {
        let open = &self.store.get(at).open;
        Size::ALL
            .into_iter()
            .filter(move |&s| s == size || (s < size && (s < HOUR || by_hours)))
            .flat_map(move |s| open.between(WindowKind::of(s), start, end))
            .map(|o| o.row)
    }

    /// Whether a window is a day that grows out of hours; one that is not made of them grows out of
    /// five minutes, beside them.
    fn by_hours(&self, cx: &mut Cx<'_>, at: Id, size: Size, start: Micros) -> bool {
        size == DAY && cx.days.of_hours(self.store.owner(at).zone, start)
    }
}
