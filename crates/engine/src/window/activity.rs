//! The last active minute of each hour, which rules on silence ask for: an open window of a kind of
//! its own, whose "row" is a time.

use super::shard::{Cx, Shard, Step};
use super::store::{Id, NONE, WindowKind, tenant, texts};
use weir_model::Micros;

impl Shard {
    /// Notes the last active minute of an hour.
    pub fn active(&mut self, at: Id, event: usize, pane: Micros) {
        let hash = self.store.owner(at).hash;
        let end = pane.plus(Micros::MINUTE);
        let hour = pane.floor(Micros::HOUR);
        let series = self.store.get_mut(at);
        let row = end.0.to_le_bytes();
        match series.open.find(WindowKind::ACTIVITY, hour) {
            Ok(place) => {
                if active_end(series.open.row(&place)) < end {
                    series.open.replace(&place, &row);
                }
            }
            Err(gap) => {
                series.open.insert(gap, WindowKind::ACTIVITY, hour, &row);
                self.wait(event, hour.plus(Micros::HOUR), Step::Activity, hash, at);
            }
        }
    }

    /// Tells the last active minute of an hour to the rules on silence.
    pub fn tell_active(&mut self, cx: &mut Cx<'_>, at: Id, end: Micros) {
        let series = self.store.get_mut(at);
        let last = &mut cx.scratch.row;
        if !series
            .open
            .remove(WindowKind::ACTIVITY, end.minus(Micros::HOUR), last)
        {
            return;
        }
        let last = active_end(last);
        let (rollup, owner) = (series.rollup, series.subject);
        if !cx.emit || owner == NONE {
            return;
        }
        let name = &self.store.subject_at(owner).name;
        for &rule in &cx.plan.rollup(rollup).activity {
            cx.sink
                .terms
                .active(rule, tenant(name), texts(name).skip(1), last);
        }
    }
}

/// The time in an activity "row".
fn active_end(row: &[u8]) -> Micros {
    row.try_into()
        .map_or(Micros::MIN, |b| Micros(i64::from_le_bytes(b)))
}
