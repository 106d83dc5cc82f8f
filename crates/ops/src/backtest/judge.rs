//! History rows in, published records out: stages 2 and 3 of the engine, one after the other, in
//! event time. Pure: it reads no clock and no store.

use anyhow::{Result, anyhow};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::{Catalog, RuleDef, RuleOn};
use weir_engine::EngineError;
use weir_engine::measure::{Layout, encode};
use weir_engine::partial::{BlockWriter, WatermarkEntry};
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::terms::{Fact, TermsReader};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::measure::MeasureValue;
use weir_model::records::{Alert, Anomaly, Kpi};
use weir_model::{Micros, hash};

/// A block is folded once it has so many bytes: what a commit of stage 1 writes at most.
const BLOCK: usize = 512 * 1024;

/// What would have been published and told.
#[derive(Debug, Default)]
pub struct Told {
    /// Values of KPIs and scores.
    pub kpis: Vec<Kpi>,
    /// Final findings of detectors.
    pub anomalies: Vec<Anomaly>,
    /// Steps of alerts, those of one alert in order.
    pub alerts: Vec<Alert>,
}

/// How many windows something judged, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// Values of KPIs, those without a value left out.
    pub kpis: BTreeMap<String, u64>,
    /// Windows of detectors.
    pub detectors: BTreeMap<String, u64>,
    /// Hours that rules on silence looked at.
    pub silences: BTreeMap<String, u64>,
}

/// A row of history: what a subject's events of some windows add up to.
pub struct Row<'a> {
    /// Index of the event type.
    pub event: usize,
    /// Index of its rollup.
    pub rollup: usize,
    /// Whose.
    pub tenant: &'a str,
    /// A value for each dimension of the rollup.
    pub values: &'a [&'a str],
    /// A minute of the window: the last active one, where that is known.
    pub pane: Micros,
    /// A value for each measure.
    pub measures: &'a [MeasureValue],
}

/// Judges the history of a tenant.
pub struct Judge {
    catalog: Arc<Catalog>,
    layouts: Vec<Layout>,
    run: u32,
    /// Only what ends after the first and at most at the second is told.
    span: (Micros, Micros),
    window: Window,
    score: Score,
    writer: BlockWriter,
    block: Vec<u8>,
    row: Vec<u8>,
    key: Vec<u8>,
    out: WindowOut,
    scored: ScoreOut,
    /// Blocks and messages folded.
    folded: (i64, i64),
    told: Told,
    judged: Judged,
    /// Since when a rule on silence looks at a subject: (rule, subject).
    watched: BTreeMap<(usize, String), Micros>,
    through: Micros,
}

impl Judge {
    /// Judges by a catalog, as a run of this number. What is told ends after the first time of the
    /// span, and at most at the second.
    ///
    /// # Errors
    /// A catalog that the engine refuses.
    pub fn new(catalog: &Arc<Catalog>, run: u32, span: (Micros, Micros)) -> Result<Judge> {
        let judged = Arc::new(listening(catalog));
        let options = WindowOptions {
            partition: 0,
            partials: 1,
            run,
            shards: 1,
            terms: 1,
            partitions: vec![1; catalog.events.len()],
        };
        let scored = ScoreOptions {
            partition: 0,
            partials: 1,
            run,
        };
        Ok(Judge {
            layouts: catalog.events.iter().map(Layout::new).collect(),
            window: Window::new(judged.clone(), options).map_err(refused)?,
            score: Score::new(judged, scored).map_err(refused)?,
            writer: BlockWriter::new(catalog.hash, run),
            catalog: catalog.clone(),
            run,
            span,
            block: Vec::new(),
            row: Vec::new(),
            key: Vec::new(),
            out: WindowOut::default(),
            scored: ScoreOut::default(),
            folded: (0, 0),
            told: Told::default(),
            judged: Judged::default(),
            watched: BTreeMap::new(),
            through: Micros::MIN,
        })
    }

    /// The number of the run that records carry.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// Takes a row in. Its window must not be over yet ([`Judge::advance`]).
    ///
    /// # Errors
    /// The engine refuses it.
    pub fn row(&mut self, row: &Row<'_>) -> Result<()> {
        let def = &self.catalog.events[row.event];
        let names = def.rollup_dimensions(&def.rollups[row.rollup]);
        self.key.clear();
        let pairs = names.into_iter().zip(row.values.iter().copied());
        hash::subject_key(&mut self.key, row.tenant, pairs);
        let hash = hash::subject(&self.key);
        self.row.clear();
        encode(&self.layouts[row.event], row.measures, &mut self.row);
        let values = row.values.iter().copied();
        self.writer
            .group((row.event, row.rollup), hash, row.tenant, values);
        self.writer.row(row.pane, false, &self.row);
        if self.writer.size() >= BLOCK {
            self.flush()?;
        }
        Ok(())
    }

    /// Takes a block of partials in, as stage 1 writes it.
    ///
    /// # Errors
    /// The engine refuses it.
    pub fn block(&mut self, block: &[u8]) -> Result<()> {
        self.window
            .fold(self.folded.0, block, true, &mut self.out)
            .map_err(refused)?;
        self.folded.0 += 1;
        // The stream would store these: they stand in the store already.
        self.out.aggregates.clear();
        for (_, message) in std::mem::take(&mut self.out.terms) {
            self.listen(&message)?;
            self.score
                .fold(self.folded.1, &message, true, &mut self.scored)
                .map_err(refused)?;
            self.folded.1 += 1;
        }
        self.collect();
        Ok(())
    }

    /// All windows that end by then are over: they are judged.
    ///
    /// # Errors
    /// The engine refuses it.
    pub fn advance(&mut self, through: Micros) -> Result<()> {
        for event in 0..self.catalog.events.len() {
            self.writer.watermark(WatermarkEntry {
                event,
                partition: 0,
                partitions: 1,
                watermark: through,
            });
        }
        self.through = through;
        self.flush()
    }

    /// What was said since this was last asked.
    pub fn take(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    /// How much was judged so far, within the span.
    pub fn judged(&self) -> Judged {
        let mut judged = self.judged.clone();
        for ((rule, _), since) in &self.watched {
            let from = (*since).max(self.span.0);
            let hours = self.through.min(self.span.1).minus(from).0 / Micros::HOUR.0;
            let name = self.catalog.rules[*rule].name.clone();
            *judged.silences.entry(name).or_default() += hours.max(0).unsigned_abs();
        }
        judged
    }

    fn flush(&mut self) -> Result<()> {
        let mut block = std::mem::take(&mut self.block);
        self.writer.finish(&mut block);
        let done = self.block(&block);
        self.block = block;
        done
    }

    fn within(&self, end: Micros) -> bool {
        self.span.0 < end && end <= self.span.1
    }

    /// Counts what detectors judged, and whom rules on silence look at.
    fn listen(&mut self, message: &[u8]) -> Result<()> {
        for fact in TermsReader::parse(message).map_err(refused)? {
            match fact.map_err(refused)? {
                Fact::Verdict { detector, end, .. } if self.within(end) => {
                    let name = &self.catalog.detectors[detector].name;
                    count(&mut self.judged.detectors, name);
                }
                Fact::Active {
                    rule,
                    subject,
                    last_minute_end,
                } => {
                    let subject = subject.as_str().to_owned();
                    self.watched
                        .entry((rule, subject))
                        .or_insert(last_minute_end);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn collect(&mut self) {
        let (kpis, scores) = (
            std::mem::take(&mut self.out.kpis),
            std::mem::take(&mut self.scored.kpis),
        );
        for kpi in kpis.into_iter().chain(scores) {
            if self.within(kpi.end) {
                if kpi.value.is_some() {
                    count(&mut self.judged.kpis, &kpi.kpi);
                }
                self.told.kpis.push(kpi);
            }
        }
        for anomaly in std::mem::take(&mut self.out.anomalies) {
            // An early finding is told again when its window is final.
            if !anomaly.early && self.within(anomaly.end) {
                self.told.anomalies.push(anomaly);
            }
        }
        for alert in std::mem::take(&mut self.scored.alerts) {
            if self.within(alert.opened) {
                self.told.alerts.push(alert);
            }
        }
    }
}

fn refused(e: EngineError) -> anyhow::Error {
    anyhow!(e).context("the engine refuses the history")
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(n) => *n += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

/// The catalog with a rule on each detector that no rule looks at, which never opens: so all that
/// detectors judge is told to whom counts it.
fn listening(catalog: &Catalog) -> Catalog {
    let mut listening = catalog.clone();
    let looks_at = |rule: &RuleDef, d: usize| {
        let mut on = rule.on.conditions().iter();
        on.any(|on| matches!(on, RuleOn::Detector(of) if *of == d))
    };
    for (d, def) in catalog.detectors.iter().enumerate() {
        if catalog.rules.iter().any(|r| looks_at(r, d)) {
            continue;
        }
        let event = &catalog.events[def.event];
        let names = event.rollup_dimensions(&event.rollups[def.rollup]);
        listening.rules.push(RuleDef {
            name: String::new(),
            version: 1,
            title: String::new(),
            on: RuleOn::Detector(d),
            dimensions: names.into_iter().map(str::to_owned).collect(),
            open_after: u32::MAX,
            resolve_after: 1,
            severity: def.severity.clone(),
            impact: String::new(),
            action: String::new(),
            unless: None,
            flap_within: 0,
            group_by: None,
            alert_type: String::new(),
            priority: String::new(),
        });
    }
    listening
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = Micros::HOUR.0;

    /// Hourly rows of calls of a team, as (hour, calls), judged slice by slice.
    fn told(calls: &[(i64, u64)], slices: &[i64], span: (Micros, Micros)) -> (Told, Judged) {
        let catalog = Arc::new(Catalog::embedded().unwrap());
        let event = catalog.event_id("llm.call").unwrap();
        let def = &catalog.events[event];
        let rollup = def.rollup_id(&["team"]).unwrap();
        let calls_at = def.measure_id("calls").unwrap();
        let mut judge = Judge::new(&catalog, 1, span).unwrap();
        let (mut from, mut all) = (i64::MIN, Told::default());
        for &until in slices.iter().chain([&1000]) {
            for (hour, n) in calls.iter().filter(|(h, _)| from <= *h && *h < until) {
                let empty = def.measures.iter().map(|m| m.kind.accumulator().empty());
                let mut measures: Vec<MeasureValue> = empty.collect();
                measures[calls_at] = MeasureValue::Count(*n);
                let row = Row {
                    event,
                    rollup,
                    tenant: "acme",
                    values: &["core"],
                    pane: Micros(hour * HOUR),
                    measures: &measures,
                };
                judge.row(&row).unwrap();
            }
            judge.advance(Micros(until * HOUR)).unwrap();
            let said = judge.take();
            all.kpis.extend(said.kpis);
            all.anomalies.extend(said.anomalies);
            all.alerts.extend(said.alerts);
            from = until;
        }
        all.kpis
            .sort_by(|a, b| (a.end, &a.kpi).cmp(&(b.end, &b.kpi)));
        for kpi in &mut all.kpis {
            kpi.revision = 0;
        }
        (all, judge.judged())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn slices_decide_nothing(
            calls in prop::collection::vec((0i64..200, 1u64..400), 1..40),
            mut slices in prop::collection::vec(0i64..220, 0..12),
            seed in any::<u64>(),
        ) {
            slices.sort_unstable();
            slices.dedup();
            let all = (Micros::MIN, Micros::MAX);
            let (whole, judged) = told(&calls, &[], all);
            prop_assert!(!whole.kpis.is_empty());
            let (sliced, same) = told(&calls, &slices, all);
            prop_assert_eq!(&whole.kpis, &sliced.kpis);
            prop_assert_eq!(whole.anomalies.len(), sliced.anomalies.len());
            prop_assert_eq!(&judged, &same);
            // Rows of a slice come in any order.
            let mut mixed = calls.clone();
            let mixed_by = mixed.len().max(1);
            mixed.rotate_left(seed as usize % mixed_by);
            prop_assert_eq!(&told(&mixed, &slices, all).0.kpis, &whole.kpis);
            // A span takes what ends in it.
            let span = (Micros(50 * HOUR), Micros(100 * HOUR));
            let within = |k: &&Kpi| span.0 < k.end && k.end <= span.1;
            let wanted: Vec<&Kpi> = whole.kpis.iter().filter(within).collect();
            let found = told(&calls, &slices, span).0.kpis;
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), wanted);
        }
    }
}
