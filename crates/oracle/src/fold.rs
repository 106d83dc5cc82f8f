//! Reads the raw log record by record: log time, duplicates, lateness, and the cells of every
//! window.

use crate::cells::{Cell, CellKey};
use crate::event::{Event, Schemas};
use crate::held::{Held, SubjectKey};
use crate::needs::Needs;
use crate::settings::Settings;
use crate::share::{BUCKETS, Share};
use crate::shelves::Shelves;
use crate::to_date;
use crate::twice::{Counted, Identities};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use weir_catalog::{Catalog, EventDef, JudgedWindow};
use weir_model::headers::{Mark, Meta};
use weir_model::time::FUTURE_TOLERANCE;
use weir_model::{Micros, WindowSize, hash};

/// One record of a raw partition.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Offset.
    pub offset: i64,
    /// When the broker appended it.
    pub append_time: Micros,
    /// Value.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub meta: Meta,
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Counts {
    /// Events that count.
    pub events: u64,
    /// Of these, too late to be judged.
    pub late: u64,
    /// Of these, from a future that was cut.
    pub clamped: u64,
    /// Repeated within the horizon: not counted.
    pub duplicates: u64,
    /// Dead letters.
    pub dead: u64,
    /// Counted although the same identity was counted before (beyond the horizon, or in another
    /// partition).
    pub counted_twice: u64,
}

/// Counts by event type, and some ids that were counted twice.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Totals {
    /// By event type.
    pub by_event: BTreeMap<String, Counts>,
    /// (event type, identity, partition, offset) of the first ones.
    pub twice: Vec<(String, String, u32, i64)>,
    /// Of each of these: the number of its record, as they were read.
    #[serde(skip)]
    pub twice_at: Vec<u64>,
}

struct Partition {
    log_time: Micros,
    in_replay: bool,
    watermark: Micros,
    /// Log-time minute in which an identity was last read; those of the last ten minutes, at least.
    seen: HashMap<u128, i64>,
    /// So many identities are kept before those that are too old are looked for.
    most: usize,
}

/// Minutes for which an identity is the same event's.
const HORIZON: i64 = 10;

impl Partition {
    /// Log time does not go back: what is older than the horizon is never asked for again.
    fn forget(&mut self, minute: i64) {
        if self.seen.len() < self.most {
            return;
        }
        self.seen.retain(|_, m| minute - *m <= HORIZON);
        self.most = (2 * self.seen.len()).max(LEAST);
    }
}

/// Identities below which none is looked at twice.
const LEAST: usize = 1 << 16;

/// The fold. Give it every record of every raw partition, each partition in order.
pub struct Fold {
    schemas: Schemas,
    partitions: BTreeMap<(usize, u32), Partition>,
    held: Held,
    /// Few, and asked for by any subject: they stay in memory.
    settings: Settings,
    identities: Identities,
    pub(crate) totals: Totals,
    needs: Vec<Vec<Needs>>,
    /// Records taken in.
    read: u64,
    /// Bytes that what was put on shelves took up, by bucket.
    pub(crate) loaded: Vec<usize>,
}

/// By (tenant, values of the rollup's dimensions): end of each judged window, with its start and
/// value.
pub(crate) type Series = BTreeMap<(String, Vec<String>), BTreeMap<Micros, (Micros, Cell)>>;

/// What judging starts from.
pub(crate) struct Judged {
    pub on_time: BTreeMap<CellKey, Cell>,
    pub late: BTreeMap<CellKey, Cell>,
    pub minutes: BTreeMap<SubjectKey, BTreeSet<Micros>>,
    pub settings: Settings,
    /// By event type: what is final.
    pub final_through: Vec<Micros>,
    pub totals: Totals,
}

impl Fold {
    /// `partitions`: number of partitions of each event type's topic; `writers`: (id, GUID, JSON)
    /// of registered schemas.
    ///
    /// # Errors
    /// A schema of the catalog that is none.
    pub fn new(
        catalog: &Catalog,
        partitions: &[u32],
        writers: &[(u32, [u8; 16], String)],
    ) -> Result<Fold, String> {
        let mut all = BTreeMap::new();
        for (event, n) in partitions.iter().enumerate() {
            for p in 0..*n {
                let fresh = Partition {
                    log_time: Micros::MIN,
                    in_replay: false,
                    watermark: Micros::MIN,
                    seen: HashMap::new(),
                    most: LEAST,
                };
                all.insert((event, p), fresh);
            }
        }
        Ok(Fold {
            schemas: Schemas::new(catalog, writers)?,
            partitions: all,
            held: Held::default(),
            settings: Settings::default(),
            identities: Identities::default(),
            totals: Totals::default(),
            needs: Needs::of(catalog),
            read: 0,
            loaded: vec![0; BUCKETS],
        })
    }

    /// Bytes that can be put on shelves, about.
    pub fn bytes(&self) -> usize {
        self.held.bytes + self.identities.bytes()
    }

    /// Puts what it holds on shelves. Then a [`crate::Divided`] judges it.
    ///
    /// # Errors
    /// Those of the shelves.
    pub fn shelve(&mut self, catalog: &Catalog, shelves: &mut dyn Shelves) -> io::Result<()> {
        let Fold { held, loaded, .. } = self;
        held.shelve(catalog, &self.needs, loaded, shelves)?;
        self.identities.shelve(shelves)
    }

    /// A partition was read to its end: which identities it saw last is no longer asked for.
    pub fn end(&mut self, event: usize, partition: u32) {
        if let Some(state) = self.partitions.get_mut(&(event, partition)) {
            state.seen = HashMap::new();
        }
    }

    /// Takes in the next record of a partition.
    pub fn record(&mut self, catalog: &Catalog, event: usize, partition: u32, r: &Record) {
        let def = &catalog.events[event];
        self.read += 1;
        let Some(state) = self.partitions.get_mut(&(event, partition)) else {
            return;
        };
        if r.value.is_none()
            && let Some(mark) = r.meta.mark
        {
            state.in_replay = mark == Mark::Begin;
            if mark == Mark::Begin {
                state.log_time = Micros::MIN;
                state.seen.clear();
            }
            return;
        }
        let said = if state.in_replay {
            r.meta.log_time
        } else {
            Some(r.append_time)
        };
        state.log_time = state.log_time.max(said.unwrap_or(Micros::MIN));
        if r.value.is_none()
            && let Some(tick) = r.meta.tick
        {
            if !state.in_replay || r.meta.log_time.is_some() {
                state.watermark = state
                    .watermark
                    .max(tick.min(state.log_time).minus(def.disorder));
            }
            return;
        }
        let counts = self.totals.by_event.entry(def.name.clone()).or_default();
        let read = match r.value {
            Some(v) => self.schemas.read(catalog, event, v, &r.meta),
            None => Err("no value"),
        };
        let Ok(mut e) = read else {
            counts.dead += 1;
            return;
        };
        let time = e.time();
        if state.log_time == Micros::MIN {
            state.log_time = time;
        }
        let (tenant, identity) = (e.tenant(), e.identity(def));
        let key = hash::identity(format!("{tenant}\0{}\0{identity}", def.name).as_bytes());
        let minute = state.log_time.0.div_euclid(Micros::MINUTE.0);
        let before = state.seen.insert(key, minute);
        state.forget(minute);
        if before.is_some_and(|b| minute - b <= HORIZON) {
            counts.duplicates += 1;
            return;
        }
        self.identities.add(Counted {
            event,
            key,
            read: self.read,
            partition,
            offset: r.offset,
            identity,
        });
        let t = time.min(state.log_time.plus(FUTURE_TOLERANCE));
        let late = t < state.watermark;
        // A setting that comes late: judging knows of it once it was there, and windows that may be
        // final already do not.
        let known = match late {
            true => state.log_time.max(state.watermark),
            false => t,
        };
        counts.events += 1;
        counts.late += u64::from(late);
        counts.clamped += u64::from(t < time);
        state.watermark = state
            .watermark
            .max(time.min(state.log_time).minus(def.disorder));
        e.rename(catalog, def, &tenant);
        self.count(catalog, event, &e, &tenant, t, key as u64, late, known);
    }

    #[allow(clippy::too_many_arguments)]
    fn count(
        &mut self,
        catalog: &Catalog,
        event: usize,
        e: &Event,
        tenant: &str,
        t: Micros,
        id: u64,
        late: bool,
        known: Micros,
    ) {
        let def = &catalog.events[event];
        let zone = catalog.tenants.zone(tenant);
        let pane = t.floor(Micros::MINUTE);
        let mut one = None;
        for (rollup, r) in def.rollups.iter().enumerate() {
            let names = r.dimensions.iter().map(|d| &def.dimensions[*d]);
            let values: Vec<String> = names.map(|d| e.text(&d.path).unwrap_or_default()).collect();
            let needs = self.needs[event][rollup];
            for (i, window) in WindowSize::ALL.into_iter().enumerate() {
                if !needs.stored[i] && (late || !needs.judged[i]) {
                    continue;
                }
                let (start, end) = match window {
                    WindowSize::Day => window.span(pane.floor(Micros(5 * Micros::MINUTE.0)), zone),
                    _ => window.span(pane, zone),
                };
                let key = CellKey {
                    event,
                    rollup,
                    window,
                    start,
                    end,
                    tenant: tenant.to_owned(),
                    values: values.clone(),
                };
                let one = one.get_or_insert_with(|| measured(def, e, t, id));
                self.held.add(key, one, late);
            }
            if needs.in_force {
                let one = one.get_or_insert_with(|| measured(def, e, t, id));
                let series = (event, rollup, tenant.to_owned(), values.clone());
                self.settings.add(series, def, known, one);
            }
            if needs.watched && !late {
                let subject = (event, rollup, tenant.to_owned(), values);
                self.held.minute(subject, pane.plus(Micros::MINUTE));
            }
        }
    }

    /// By event type: what is final.
    pub(crate) fn final_through(&self, catalog: &Catalog) -> Vec<Micros> {
        let of = |event| {
            let of_event = self.partitions.iter().filter(|((e, _), _)| *e == event);
            let watermarks = of_event.map(|(_, p)| p.watermark);
            watermarks.min().unwrap_or(Micros::MIN)
        };
        (0..catalog.events.len()).map(of).collect()
    }

    /// What is in force, moment by moment.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        settings.sum_up();
        settings
    }

    pub(crate) fn judged(self, catalog: &Catalog) -> Judged {
        let final_through = self.final_through(catalog);
        let settings = self.settings();
        let mut totals = self.totals;
        self.identities.tell(catalog, &mut totals);
        Judged {
            on_time: self.held.on_time,
            late: self.held.late,
            minutes: self.held.minutes,
            settings,
            final_through,
            totals,
        }
    }
}

/// The cell of one event.
fn measured(def: &EventDef, e: &Event, t: Micros, id: u64) -> Cell {
    let mut one = Cell::empty(def);
    for (m, v) in def.measures.iter().zip(&mut one.0) {
        if e.matches(&m.filter) {
            v.add(&m.kind, e, t, id);
        }
    }
    one
}

impl Judged {
    /// What the store can know: windows that are final, with their stragglers.
    pub fn into_merged(self, catalog: &Catalog, share: &Share) -> BTreeMap<CellKey, Cell> {
        let mut merged = self.on_time;
        for (key, cell) in self.late {
            match merged.entry(key) {
                Entry::Vacant(e) => {
                    e.insert(cell);
                }
                Entry::Occupied(mut e) => e.get_mut().merge(&cell),
            }
        }
        merged.retain(|key, _| {
            let def = &catalog.events[key.event];
            let rollup = &def.rollups[key.rollup];
            let names = rollup.dimensions.iter().map(|d| &def.dimensions[*d]);
            let named = names
                .zip(&key.values)
                .map(|(d, v)| (d.name.as_str(), v.as_str()));
            rollup.windows.contains(&key.window)
                && key.end <= self.final_through[key.event]
                && share.holds(&key.tenant, named)
        });
        merged
    }

    /// The on-time value of a subject at each end of a judged window, in order; a rolling one at
    /// each slide at which any of its windows holds an event, one to date where it is evaluated. Only
    /// final ones: `through` is what is final.
    pub fn series(
        &self,
        catalog: &Catalog,
        event: usize,
        rollup: usize,
        window: JudgedWindow,
        through: Micros,
    ) -> Series {
        let mut out = Series::new();
        let (size, count) = match window {
            JudgedWindow::Tumbling(s) => (s, 1),
            JudgedWindow::Rolling { count, of } => (of, count),
            JudgedWindow::ToDate { since, step } => {
                let steps = JudgedWindow::Tumbling(step);
                let steps = self.series(catalog, event, rollup, steps, through);
                return to_date::series(catalog, (since, step), steps, through);
            }
        };
        for (key, cell) in &self.on_time {
            if key.event != event || key.rollup != rollup || key.window != size {
                continue;
            }
            let zone = catalog.tenants.zone(&key.tenant);
            let series = out
                .entry((key.tenant.clone(), key.values.clone()))
                .or_default();
            // This window takes part in the judged windows that end with it and with the next count
            // - 1.
            let mut end = key.end;
            for _ in 0..count {
                if end > through {
                    break;
                }
                let start = back(size, end, count, zone);
                let entry = series
                    .entry(end)
                    .or_insert_with(|| (start, Cell::empty(&catalog.events[event])));
                entry.1.merge(cell);
                end = size.span(end, zone).1;
            }
        }
        out
    }
}

/// Start of the judged window of `count` windows that ends at `end`.
fn back(size: WindowSize, end: Micros, count: u16, zone: &jiff::tz::TimeZone) -> Micros {
    let mut start = end;
    for _ in 0..count {
        start = size.span(Micros(start.0 - 1), zone).0;
    }
    start
}
