//! Provisional values of open windows, for dashboards: never stored, never judged.

use super::out::subject;
use super::store::Kind;
use super::time::{HOUR, MINUTE, Size};
use super::{Cx, Window};
use crate::{EngineError, accumulate};
use weir_catalog::types::EventId;
use weir_model::records::{MeasureValue, Subject};
use weir_model::{Micros, WindowSize};

/// What an open window holds so far, on time.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveValue {
    /// Event type.
    pub event: EventId,
    /// Whose.
    pub subject: Subject,
    /// A minute or an hour.
    pub window: WindowSize,
    /// Window start.
    pub start: Micros,
    /// Window end.
    pub end: Micros,
    /// One per measure of the event type.
    pub values: Vec<MeasureValue>,
}

impl Window {
    /// Values of the newest open minute and hour of series that changed since the last call (the first of them in each
    /// shard, if they are many).
    pub fn live(&mut self, emit: &mut dyn FnMut(LiveValue)) -> Result<(), EngineError> {
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
                    let newest = parts.filter_map(|s| series.open.newest(Kind::of(s))).max();
                    let Some(newest) = newest else { continue };
                    let (start, end) = cx.days.span(size, 0, newest);
                    if shard.so_far(&mut cx, at, size, (start, end))? {
                        emit(LiveValue {
                            event: rollup.event,
                            subject: subject(&plan, shard.store.owner(at)),
                            window: size.window(),
                            start,
                            end,
                            values: accumulate::decode(
                                &plan.layouts[rollup.event],
                                &cx.scratch.row,
                            )?,
                        });
                    }
                }
            }
        }
        Ok(())
    }
}
