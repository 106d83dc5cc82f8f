//! Provisional values of open windows, for dashboards: never stored, never judged.

use super::out::Blocks;
use super::store::{WindowKind, tenant, texts};
use super::time::{HOUR, MINUTE, Size};
use super::{Cx, Window};
use crate::EngineError;
use weir_model::records::Part;

impl Window {
    /// Writes values, on time so far, of the newest open minute and hour of series that changed
    /// since the last call (the first of them in each shard, if they are many). `into` is for the
    /// event types of the same catalog.
    pub fn live(&mut self, into: &mut Blocks) -> Result<(), EngineError> {
        let plan = self.plan.clone();
        let mut cx = Cx {
            plan: &plan,
            days: &mut self.days,
            sink: &mut self.sink,
            scratch: &mut self.scratch,
            emit: false,
            partition: self.options.partition,
            run: self.options.run,
            offset: 0,
        };
        for shard in &mut self.shards {
            for at in std::mem::take(&mut shard.changed) {
                let series = shard.store.get_mut(at);
                if !std::mem::take(&mut series.changed) {
                    continue;
                }
                let series = shard.store.get(at);
                let rollup = plan.rollup(series.rollup);
                for size in [MINUTE, HOUR] {
                    if !rollup.formed[size.index()] {
                        continue;
                    }
                    let parts = Size::ALL.into_iter().filter(|&s| s <= size);
                    let newest = parts
                        .filter_map(|s| series.open.newest(WindowKind::of(s)))
                        .max();
                    let Some(newest) = newest else { continue };
                    let (start, end) = cx.days.span(size, 0, newest);
                    if shard.so_far(&mut cx, at, size, (start, end))? {
                        let name = &shard.store.owner(at).name;
                        let subject = (tenant(name), texts(name).skip(1));
                        let window = (size.window(), start, end);
                        let row = &cx.scratch.row;
                        into.add(&plan, rollup, subject, window, Part::OnTime, row)?;
                    }
                }
            }
        }
        Ok(())
    }
}
