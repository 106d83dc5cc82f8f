//! A window is final.

use super::shard::{Cx, Shard};
use super::store::{Id, Past, WindowKind, tenant, texts};
use super::time::{DAY, FIVE, HOUR, MINUTE, Size};
use crate::EngineError;
use weir_model::Micros;
use weir_model::records::Part;

impl Shard {
    /// A window is final: it is written, judged, remembered and merged upwards.
    pub fn close(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        size: Size,
        due_at: Micros,
    ) -> Result<(), EngineError> {
        let zone = self.store.owner(at).zone;
        let (start, end) = cx.days.span(size, zone, Micros(due_at.0 - 1));
        // A day that is let go five minutes late ends before its due time.
        let (start, end) = if size == DAY && !self.has(at, size, start) {
            cx.days.span(size, zone, Micros(start.0 - 1))
        } else {
            (start, end)
        };
        let mut row = std::mem::take(&mut cx.scratch.closed);
        let open = &mut self.store.get_mut(at).open;
        let closed = if open.remove(WindowKind::of(size), start, &mut row) {
            self.closed(cx, at, size, (start, end), &row)
        } else {
            Err(EngineError::Invariant(
                "a window that should be final is not open".into(),
            ))
        };
        cx.scratch.closed = row;
        closed
    }

    fn closed(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        size: Size,
        (start, end): (Micros, Micros),
        row: &[u8],
    ) -> Result<(), EngineError> {
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        if plan.stored[size.index()] && cx.emit {
            let name = &self.store.owner(at).name;
            let subject = (tenant(name), texts(name).skip(1));
            let window = (size.window(), start, end);
            cx.sink
                .aggregates
                .add(cx.plan, plan, subject, window, Part::OnTime, row)?;
        }
        if !plan.early.is_empty() {
            self.untell(cx, at, size, end);
        }
        let judges = &plan.tumbling[size.index()];
        if !judges.is_empty() {
            self.judge(cx, at, judges, row, (start, end))?;
        }
        let formed = |s: Size| plan.formed[s.index()];
        if size == MINUTE && formed(FIVE) {
            self.grow(cx, at, FIVE, start, row)?;
        }
        if size == FIVE && formed(HOUR) {
            self.grow(cx, at, HOUR, start, row)?;
        }
        if formed(DAY) && (size == FIVE || size == HOUR) {
            // Out of hours where it is made of them: twelve times fewer merges into the larger row.
            let zone = self.store.owner(at).zone;
            let by_hours = formed(HOUR) && cx.days.of_hours(zone, start);
            if by_hours == (size == HOUR) {
                self.grow(cx, at, DAY, start, row)?;
            }
        }
        if !plan.to_date.is_empty() {
            self.step_to_date(cx, at, size, (start, end), row)?;
        }
        if plan.remembered[size.index()] > 0 {
            let row = row.into();
            self.remember(at, plan.event, size, Past { start, end, row });
        }
        Ok(())
    }

    fn has(&self, at: Id, size: Size, start: Micros) -> bool {
        self.store
            .get(at)
            .open
            .find(WindowKind::of(size), start)
            .is_ok()
    }
}
