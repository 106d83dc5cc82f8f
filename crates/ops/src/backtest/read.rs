//! History, read in the order of time, slice by slice: no more of it is held than one slice has.

use super::archive::Counter;
use super::plan::{From, KeptWindows, Read};
use super::{Backtest, Judge, Row};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use weir_model::codes::HISTORY;
use weir_model::measure::MeasureValue;
use weir_model::{Micros, WindowSize};
use weir_store::history::{Columns, Kept, PartRow, Span, Windows};

/// Rows of a slice, about: days that have more are read in parts.
const ROWS: u64 = 200_000;
/// How many parts a day is read in at most.
const PARTS: u64 = 24;

/// Reads the history of a tenant.
pub(super) struct Reader<'a> {
    of: &'a Backtest<'a>,
    reads: &'a [Read],
    counters: BTreeMap<usize, Counter>,
    /// Late rollups by read, of those that windows are read of.
    late: Vec<Vec<usize>>,
    /// Slices to come, the next one last, with the reads that have something there.
    slices: Vec<(Span, Vec<usize>)>,
    /// Rows in all, about.
    pub total: u64,
    /// Rows read.
    pub done: u64,
    /// Event types of which the archive is read, and what is lacking.
    pub archived: Vec<(String, String)>,
}

impl<'a> Reader<'a> {
    /// Finds out what there is before a time.
    pub async fn new(of: &'a Backtest<'a>, reads: &'a [Read], until: Micros) -> Result<Reader<'a>> {
        let mut reader = Reader {
            of,
            reads,
            counters: BTreeMap::new(),
            late: Vec::new(),
            slices: Vec::new(),
            total: 0,
            done: 0,
            archived: Vec::new(),
        };
        let mut days: BTreeMap<Micros, (u64, Vec<usize>)> = BTreeMap::new();
        for (i, read) in reads.iter().enumerate() {
            let found = match &read.from {
                From::Windows(windows) => {
                    reader.late.push(reader.late_of(read, windows));
                    let windows = reader.windows(i, windows);
                    of.store.part_days(&windows, of.tenant).await?
                }
                From::Archive { lacking } => {
                    reader.late.push(Vec::new());
                    reader.archive(read, lacking).await?
                }
            };
            for (day, n) in found.into_iter().filter(|(day, _)| *day < until) {
                let of_day = days.entry(day).or_default();
                of_day.0 += n;
                of_day.1.push(i);
            }
        }
        for (day, (rows, reads)) in days {
            reader.total += rows;
            let parts = rows.div_ceil(ROWS).clamp(1, PARTS);
            // Parts of a day are whole hours.
            let hours = (24u64.div_ceil(parts)) as i64;
            let mut start = day;
            while start < day.plus(Micros::DAY) {
                let end = start
                    .plus(Micros(hours * Micros::HOUR.0))
                    .min(day.plus(Micros::DAY));
                if start < until {
                    reader.slices.push(((start, end.min(until)), reads.clone()));
                }
                start = end;
            }
        }
        reader.slices.reverse();
        Ok(reader)
    }

    /// Gives the rows of the next slice to the judge; the end of the slice, `None` after the last.
    pub async fn step(
        &mut self,
        judge: &mut Judge,
        on: &mut dyn FnMut(u64),
    ) -> Result<Option<Micros>> {
        let Some((span, reads)) = self.slices.pop() else {
            return Ok(None);
        };
        for i in reads {
            match &self.reads[i].from {
                From::Windows(windows) => self.parts(i, windows, span, judge, on).await?,
                From::Archive { .. } => self.events(i, span, judge, on).await?,
            }
        }
        Ok(Some(span.1))
    }

    /// Rollups of which late parts count: all of them, or those of settings, which hold whenever
    /// they came.
    fn late_of(&self, read: &Read, windows: &KeptWindows) -> Vec<usize> {
        let setting = self.of.judging.events[read.event].setting;
        match self.of.on_time_only && !setting {
            true => Vec::new(),
            false => windows.kept.iter().map(|k| k.rollup).collect(),
        }
    }

    fn windows<'w>(&'w self, i: usize, windows: &'w KeptWindows) -> Windows<'w> {
        Windows {
            event: &self.of.kept.events[self.reads[i].kept_as],
            kept: &windows.kept,
            late: &self.late[i],
        }
    }

    /// Days of an archive that has all the days that windows have.
    async fn archive(&mut self, read: &Read, lacking: &str) -> Result<Vec<(Micros, u64)>> {
        let of = self.of;
        let event = &of.kept.events[read.kept_as];
        let days = of.store.event_days(event, of.tenant).await?;
        let every = |rollup: usize| Kept {
            rollup,
            size: event.rollups[rollup]
                .windows
                .first()
                .copied()
                .unwrap_or(WindowSize::Day),
        };
        let kept: Vec<Kept> = (0..event.rollups.len()).map(every).collect();
        let late: Vec<usize> = (0..event.rollups.len()).collect();
        let parts = Windows {
            event,
            kept: &kept,
            late: &late,
        };
        let parts = of.store.part_days(&parts, of.tenant).await?;
        // A window of a day may begin in the day of UTC before its first event.
        let first = parts.first().map(|(day, _)| day.plus(Micros::DAY));
        let gone = match (first, days.first()) {
            (Some(first), Some((day, _))) => *day > first,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if gone {
            bail!(
                "{HISTORY}: {lacking}: no windows of it are kept, and the archive of {} no longer reaches back to its first day; declare it in the catalog that runs, so that `weir reprocess` keeps it, or leave out what asks for it",
                event.name
            );
        }
        self.archived.push((event.name.clone(), lacking.to_owned()));
        let counter = Counter::new(of.judging, read.event, of.run)?;
        self.counters.insert(read.event, counter);
        Ok(days)
    }

    async fn parts(
        &mut self,
        i: usize,
        windows: &KeptWindows,
        span: Span,
        judge: &mut Judge,
        on: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let of = self.of;
        let read = &self.reads[i];
        let (now, was) = (
            &of.judging.events[read.event],
            &of.kept.events[read.kept_as],
        );
        let active = self.active(i, windows, span).await?;
        let empty: Vec<MeasureValue> = now
            .measures
            .iter()
            .map(|m| m.kind.accumulator().empty())
            .collect();
        let mut done = self.done;
        let asked = self.windows(i, windows);
        let mut take = |part: PartRow| -> Result<()> {
            done += 1;
            on(done);
            let Some(rollup) = windows.rollups[part.rollup] else {
                return Ok(());
            };
            let values: Vec<&str> = was.rollups[part.rollup]
                .dimensions
                .iter()
                .map(|d| part.values[*d].as_str())
                .collect();
            let mut measures = empty.clone();
            for (value, place) in measures.iter_mut().zip(&windows.measures) {
                if let Some(of) = place.and_then(|p| part.measures.get(p)) {
                    *value = of.clone();
                }
            }
            judge.row(&Row {
                event: read.event,
                rollup,
                tenant: of.tenant,
                values: &values,
                pane: pane(&part, now.setting, &active, windows.watched[part.rollup]),
                measures: &measures,
            })
        };
        of.store.parts(&asked, of.tenant, span, &mut take).await?;
        self.done = done;
        Ok(())
    }

    /// Times of the last events of an event type that a rule on silence looks at, by five minutes.
    async fn active(
        &self,
        i: usize,
        windows: &KeptWindows,
        (from, until): Span,
    ) -> Result<BTreeMap<i64, i64>> {
        if !windows.watched.contains(&true) {
            return Ok(BTreeMap::new());
        }
        let event = &self.of.kept.events[self.reads[i].kept_as];
        // A window of an hour may begin before the slice does not: slices are whole hours.
        let step = WindowSize::FiveMinutes.length();
        let found = self
            .of
            .store
            .last_active(event, self.of.tenant, (from, until), step)
            .await?;
        Ok(found.into_iter().collect())
    }

    async fn events(
        &mut self,
        i: usize,
        span: Span,
        judge: &mut Judge,
        on: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let of = self.of;
        let read = &self.reads[i];
        let event = &of.kept.events[read.kept_as];
        let Some(counter) = self.counters.get_mut(&read.event) else {
            return Ok(());
        };
        let done = &mut self.done;
        let mut take = |columns: &Columns| -> Result<()> {
            *done += 1;
            on(*done);
            counter.count(columns, &mut |block| judge.block(block))
        };
        of.store.archived(event, of.tenant, span, &mut take).await?;
        counter.drain(&mut |block| judge.block(block))
    }
}

/// The minute that a part is told to lie in: one of its window, whichever that is, but for those
/// who look at minutes. A setting is known from the end of its window on, at the latest.
fn pane(part: &PartRow, setting: bool, active: &BTreeMap<i64, i64>, watched: bool) -> Micros {
    let last = part.end.minus(Micros::MINUTE);
    if part.late {
        return part.start;
    }
    if watched {
        let seen = active.range(part.start.0..part.end.0).next_back();
        return seen.map_or(last, |(_, at)| Micros(*at).floor(Micros::MINUTE));
    }
    if setting { last } else { part.start }
}
