//! Windows grow: by rows, and by the smaller windows in them.

use super::plan::RollupPlan;
use super::shard::{Cx, Shard, Step};
use super::store::{Id, WindowKind};
use super::time::{DAY, Size, due};
use crate::partial::RowRef;
use crate::{EngineError, measure};
use weir_model::Micros;

impl Shard {
    /// Takes an on-time row into the windows, activity and setting of its series.
    pub fn take(
        &mut self,
        cx: &mut Cx<'_>,
        plan: &RollupPlan,
        at: Id,
        row: &RowRef<'_>,
    ) -> Result<(), EngineError> {
        if plan.any() {
            let start = self.grow(cx, at, plan.base, row.pane, row.encoded)?;
            if !plan.early.is_empty() && cx.scratch.touched.last() != Some(&start) {
                cx.scratch.touched.push(start);
            }
        }
        if !plan.activity.is_empty() {
            self.active(at, plan.event, row.pane);
        }
        if plan.setting.is_some() {
            self.know(cx, at, row)?;
        }
        Ok(())
    }

    /// Merges a row into the window of a size that holds `t`, opening it where it is new.
    pub fn grow(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        size: Size,
        t: Micros,
        row: &[u8],
    ) -> Result<Micros, EngineError> {
        // Its subject is looked at only where it matters: that is another fetch from memory.
        let zone = if size == DAY {
            self.store.owner(at).zone
        } else {
            0
        };
        let (start, end) = cx.days.span(size, zone, t);
        let series = self.store.get_mut(at);
        let event = cx.plan.rollup(series.rollup).event;
        match series.open.find(WindowKind::of(size), start) {
            Ok(place) => {
                let out = &mut cx.scratch.row;
                out.clear();
                measure::merge(&cx.plan.layouts[event], series.open.row(&place), row, out)?;
                series.open.replace(&place, out);
            }
            Err(gap) => {
                series.open.insert(gap, WindowKind::of(size), start, row);
                let hash = self.store.owner(at).hash;
                self.wait(event, due(end), Step::Close(size), hash, at);
            }
        }
        Ok(start)
    }
}
