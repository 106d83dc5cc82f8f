//! A slice of subjects: rows come in, windows grow, the watermark lets go of them in order of their
//! end.

use super::marks::Marks;
use super::out::Sink;
use super::plan::{Plan, RollupId, RollupPlan};
use super::store::{Id, Store, put_name};
use super::time::{Days, MINUTE, Size};
use crate::EngineError;
use crate::partial::{Group, RowRef};
use std::collections::BTreeMap;
use weir_model::Micros;
use weir_model::prefetch::prefetch;
use weir_model::records::Part;

/// What a fold works with besides a shard's own state.
pub(crate) struct Cx<'a> {
    pub plan: &'a Plan,
    pub days: &'a mut Days,
    pub sink: &'a mut Sink,
    pub scratch: &'a mut Scratch,
    /// Whether results leave.
    pub emit: bool,
    /// Partition of the partials.
    pub partition: u32,
    /// Run of the derivation.
    pub run: u32,
    /// Offset of the block.
    pub offset: i64,
}

/// Buffers that live from fold to fold.
#[derive(Default)]
pub(crate) struct Scratch {
    pub name: Vec<u8>,
    pub row: Vec<u8>,
    pub other: Vec<u8>,
    /// Row of the window that was closed last.
    pub closed: Vec<u8>,
    pub terms: Vec<Option<f64>>,
    pub stack: Vec<Option<f64>>,
    pub touched: Vec<Micros>,
}

/// Counters since the shard was made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub late_parts: u64,
    pub invariant_breaks: u64,
}

/// What waits for a time: open windows, slides of rolling windows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Step {
    /// A window of a size becomes final; smaller sizes first, they feed the larger ones.
    Close(Size),
    /// Rolling windows over a size slide, after the size's own windows.
    Slide(Size),
    /// The last active minute of an hour is known.
    Activity,
    /// What is in force from a pane on is known.
    Setting,
    /// The period of a window to date is over; the place of its plan.
    Over(u8),
}

/// A series in a queue, with the high half of its subject's hash: its place in the order of
/// emission.
pub(crate) type Ticket = (u32, Id);

/// A queue by due time.
pub(crate) type Queue<K, T> = BTreeMap<K, Vec<T>>;

/// State of a slice of subjects.
pub(crate) struct Shard {
    /// Offset of the last block folded in; -1: none.
    pub covered: i64,
    pub marks: Marks,
    pub store: Store,
    /// By event type.
    pub queues: Vec<Queue<(Micros, Step), Ticket>>,
    /// By KPI: subjects with a window of which some event types are not final.
    pub pending: Vec<Queue<Micros, Id>>,
    /// By event type: series whose detectors may be forgotten.
    pub expiring: Vec<Queue<Micros, Id>>,
    /// By KPI: subjects whose momentum may be forgotten.
    pub fading: Vec<Queue<Micros, Id>>,
    /// Series changed since live values were last read.
    pub changed: Vec<Id>,
    /// Anything but marks moved since the last snapshot.
    pub dirty: bool,
    pub counters: Counters,
    /// Offset and number of parts of its last snapshot.
    pub snapshot: Option<(i64, u32)>,
}

/// Changed series remembered between two reads of live values.
const MOST_CHANGED: usize = 16;

impl Shard {
    pub fn new(plan: &Plan, partitions: &[u32]) -> Shard {
        let events = plan.layouts.len();
        let kpis = plan.kpis.len();
        Shard {
            covered: -1,
            marks: Marks::new(partitions),
            store: Store::default(),
            queues: (0..events).map(|_| Queue::new()).collect(),
            pending: (0..kpis).map(|_| Queue::new()).collect(),
            expiring: (0..events).map(|_| Queue::new()).collect(),
            fading: (0..kpis).map(|_| Queue::new()).collect(),
            changed: Vec::new(),
            dirty: false,
            counters: Counters::default(),
            snapshot: None,
        }
    }

    /// Takes the rows of a group in.
    pub fn add(&mut self, cx: &mut Cx<'_>, group: &Group<'_>) -> Result<(), EngineError> {
        let (id, late) = match cx.plan.rollup_id(group.event, group.rollup) {
            Ok(id) => (id, false),
            Err(e) => match cx.plan.late_setting(group.event, group.rollup) {
                Some(id) => (id, true),
                None => return Err(e),
            },
        };
        let plan = cx.plan.rollup(id);
        if group.values.len() != cx.plan.shapes[usize::from(plan.shape)].len() {
            return Err(EngineError::corrupt(
                "a block of partials",
                "a subject has another number of values",
            ));
        }
        if late {
            return self.add_late_settings(cx, id, group);
        }
        let through = self.marks.final_through(plan.event);
        let mut series = None;
        cx.scratch.touched.clear();
        for row in group.rows() {
            let row = row?;
            let passed = row.pane.plus(Micros::MINUTE) <= through;
            if row.late || passed {
                self.counters.invariant_breaks += u64::from(!row.late);
                self.late(cx, plan, group, &row)?;
                continue;
            }
            if !plan.any() && plan.activity.is_empty() && plan.setting.is_none() {
                continue;
            }
            let at = match series {
                Some(at) => at,
                None => *series.insert(self.series_of(cx, id, group)),
            };
            self.take(cx, plan, at, &row)?;
        }
        if let Some(at) = series {
            self.dirty = true;
            if !plan.early.is_empty() {
                self.early(cx, at)?;
            }
            let s = self.store.get_mut(at);
            if !s.changed && self.changed.len() < MOST_CHANGED {
                s.changed = true;
                self.changed.push(at);
            }
        }
        Ok(())
    }

    pub fn series_of(&mut self, cx: &mut Cx<'_>, rollup: RollupId, group: &Group<'_>) -> Id {
        let name = &mut cx.scratch.name;
        name.clear();
        put_name(name, group.tenant, group.values.iter().copied());
        let shape = cx.plan.rollup(rollup).shape;
        let subject = self
            .store
            .subject(group.hash, shape, name, || cx.days.zone_id(group.tenant));
        self.store.series_of(subject, rollup)
    }

    /// Late rows are counted and touch nothing else.
    fn late(
        &mut self,
        cx: &mut Cx<'_>,
        plan: &RollupPlan,
        group: &Group<'_>,
        row: &RowRef<'_>,
    ) -> Result<(), EngineError> {
        self.counters.late_parts += 1;
        if !cx.emit {
            return Ok(());
        }
        let subject = (group.tenant, group.values.iter().copied());
        let window = (MINUTE.window(), row.pane, row.pane.plus(Micros::MINUTE));
        let part = Part::Late {
            partition: cx.partition as i32,
            offset: cx.offset,
            row: row.index,
        };
        cx.sink
            .aggregates
            .add(cx.plan, plan, subject, window, part, row.encoded)
    }

    pub fn wait(&mut self, event: usize, end: Micros, step: Step, hash: u64, at: Id) {
        self.queues[event]
            .entry((end, step))
            .or_default()
            .push(((hash >> 32) as u32, at));
    }

    /// Lets go of everything that the marks have passed, in order of time.
    pub fn advance(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for event in 0..self.queues.len() {
            let through = self.marks.final_through(event);
            while let Some(first) = self.queues[event].first_entry()
                && first.key().0 <= through
            {
                let ((end, step), tickets) = first.remove_entry();
                self.dirty = true;
                self.release(cx, (end, step), tickets)?;
            }
        }
        self.settle_kpis(cx)?;
        self.forget(cx);
        Ok(())
    }

    fn release(
        &mut self,
        cx: &mut Cx<'_>,
        (end, step): (Micros, Step),
        mut tickets: Vec<Ticket>,
    ) -> Result<(), EngineError> {
        self.order(&mut tickets);
        for (i, (_, at)) in tickets.iter().copied().enumerate() {
            // Those that come soon: nearer ones have more of it known.
            let ahead = |n: usize| tickets.get(i + n).map(|(_, at)| *at);
            if let Some(at) = ahead(16) {
                self.store.prefetch(at);
            }
            if let Some(at) = ahead(8) {
                self.store.prefetch_open(at, true);
            }
            if let Some(at) = ahead(4) {
                prefetch(self.store.owner(at).name.as_ptr());
            }
            match step {
                Step::Close(size) => self.close(cx, at, size, end)?,
                Step::Slide(of) => self.slide(cx, at, of)?,
                Step::Activity => self.tell_active(cx, at, end),
                Step::Setting => self.tell_setting(cx, at, end)?,
                Step::Over(window) => self.period_over(cx, at, window)?,
            }
            self.store.tidy(at);
        }
        Ok(())
    }

    /// By subject hash; by name and rollup where hashes agree: an order that no grouping of commits
    /// changes.
    fn order(&self, tickets: &mut [Ticket]) {
        tickets.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| {
                let (x, y) = (self.store.owner(a.1), self.store.owner(b.1));
                let rollups = (self.store.get(a.1).rollup, self.store.get(b.1).rollup);
                x.hash
                    .cmp(&y.hash)
                    .then_with(|| x.name.cmp(&y.name))
                    .then(rollups.0.cmp(&rollups.1))
            })
        });
    }
}
