//! What the catalog asks of stage 2, resolved per rollup: which windows are formed, stored, judged
//! and kept.

use super::setting::SettingPlan;
use super::time::{DAY, FIVE, HOUR, MINUTE, Size};
use crate::measure::Layout;
use crate::{EngineError, detect, kpi};
use std::sync::Arc;
use weir_catalog::types::{Catalog, EventId, JudgedWindow, RuleOn};
use weir_model::Since;

/// Index into [`Plan::rollups`].
pub(crate) type RollupId = u16;

/// The catalog as stage 2 needs it.
pub(crate) struct Plan {
    pub catalog: Arc<Catalog>,
    /// By event type.
    pub layouts: Vec<Layout>,
    /// Every rollup of every event type.
    pub rollups: Vec<RollupPlan>,
    /// Where an event type's rollups begin in `rollups`.
    first: Vec<usize>,
    /// Lists of dimension names. Rollups of several event types that share one share their
    /// subjects.
    pub shapes: Vec<Vec<String>>,
    /// By KPI.
    pub kpis: Vec<KpiPlan>,
    /// Detectors that an alert rule looks at.
    pub watched_detectors: Vec<bool>,
}

/// One rollup.
pub(crate) struct RollupPlan {
    pub event: EventId,
    /// Index among the rollups of its event type.
    pub index: usize,
    pub shape: u16,
    /// Smallest window that rows are merged into.
    pub base: Size,
    /// Windows that are formed, by size.
    pub formed: [bool; 4],
    /// Windows that leave as aggregates, by size.
    pub stored: [bool; 4],
    /// What tumbling windows are judged by, by size.
    pub tumbling: [Judges; 4],
    /// Rolling windows.
    pub rolling: Vec<RollingPlan>,
    /// Windows to date.
    pub to_date: Vec<ToDatePlan>,
    /// How many windows of a size are remembered for rolling ones (0: none), by size.
    pub remembered: [u16; 4],
    /// Rules on silence that watch this rollup.
    pub activity: Vec<usize>,
    /// Early limits on tumbling windows.
    pub early: Vec<EarlyPlan>,
    /// Of a setting that somebody reads.
    pub setting: Option<SettingPlan>,
}

/// A rolling window of a rollup.
pub(crate) struct RollingPlan {
    pub of: Size,
    pub count: u16,
    pub judges: Judges,
}

/// A window to date of a rollup.
pub(crate) struct ToDatePlan {
    pub since: Since,
    pub step: Size,
    pub judges: Judges,
}

/// What looks at one window.
#[derive(Default)]
pub(crate) struct Judges {
    /// Detectors.
    pub detectors: Vec<usize>,
    /// KPIs of one subject.
    pub kpis: Vec<usize>,
    /// (KPI, term) of KPIs across subjects.
    pub terms: Vec<(usize, usize)>,
}

impl Judges {
    pub fn is_empty(&self) -> bool {
        self.detectors.is_empty() && self.kpis.is_empty() && self.terms.is_empty()
    }
}

/// A limit that may speak before its window is final.
pub(crate) struct EarlyPlan {
    pub detector: usize,
    pub size: Size,
}

/// A KPI.
pub(crate) struct KpiPlan {
    /// Rollup of each term.
    pub rollups: Vec<RollupId>,
    /// By term: dimensions of its rollup that are fixed, with their value. Rows of other values are
    /// not told.
    pub fixed: Vec<Vec<(usize, String)>>,
    /// What each term is worth where its row is missing and another is there.
    pub absent: Vec<Option<f64>>,
    /// Event types of the terms, each once.
    pub events: Vec<EventId>,
    /// Of one subject: terms that are settings, with their rollups. No window of theirs is judged.
    pub settings: Vec<(usize, RollupId)>,
    /// All terms stand in one row: judged the moment that row is final.
    pub at_once: bool,
    /// An alert rule looks at it, or a score stands on it.
    pub watched: bool,
    /// Period and steps of a window to date.
    pub to_date: Option<(Since, Size)>,
}

impl KpiPlan {
    /// Whether a subject is one that a term asks for: the dimensions that it fixes have its values.
    pub fn asks<'v>(&self, term: usize, values: impl Iterator<Item = &'v str> + Clone) -> bool {
        self.fixed.get(term).is_none_or(|fixed| {
            fixed
                .iter()
                .all(|(place, wanted)| values.clone().nth(*place) == Some(wanted))
        })
    }
}

impl Plan {
    pub fn new(catalog: Arc<Catalog>) -> Result<Plan, EngineError> {
        let mut plan = Plan {
            layouts: catalog.events.iter().map(Layout::new).collect(),
            rollups: Vec::new(),
            first: Vec::new(),
            shapes: Vec::new(),
            kpis: Vec::new(),
            watched_detectors: vec![false; catalog.detectors.len()],
            catalog: catalog.clone(),
        };
        for (event, def) in catalog.events.iter().enumerate() {
            plan.first.push(plan.rollups.len());
            for (index, rollup) in def.rollups.iter().enumerate() {
                let names: Vec<String> = rollup
                    .dimensions
                    .iter()
                    .map(|&d| def.dimensions.get(d).map(|d| d.name.clone()))
                    .collect::<Option<_>>()
                    .ok_or_else(|| {
                        EngineError::Catalog(format!(
                            "a rollup of {} has an unknown dimension",
                            def.name
                        ))
                    })?;
                let shape = match plan.shapes.iter().position(|s| *s == names) {
                    Some(i) => i,
                    None => {
                        plan.shapes.push(names);
                        plan.shapes.len() - 1
                    }
                };
                let mut r = RollupPlan {
                    event,
                    index,
                    shape: shape as u16,
                    base: FIVE,
                    formed: [false; 4],
                    stored: [false; 4],
                    tumbling: Default::default(),
                    rolling: Vec::new(),
                    to_date: Vec::new(),
                    remembered: [0; 4],
                    activity: Vec::new(),
                    early: Vec::new(),
                    setting: None,
                };
                for &w in &rollup.windows {
                    r.stored[Size::from(w).index()] = true;
                    r.formed[Size::from(w).index()] = true;
                }
                plan.rollups.push(r);
            }
        }
        plan.add_detectors()?;
        plan.add_kpis()?;
        plan.add_rules()?;
        for r in &mut plan.rollups {
            r.close();
        }
        if plan.rollups.len() > usize::from(u16::MAX) || catalog.kpis.len() > usize::from(u16::MAX)
        {
            return Err(EngineError::Catalog(
                "the catalog has more than 65535 rollups or KPIs".into(),
            ));
        }
        Ok(plan)
    }

    /// The rollup of an event type.
    pub fn rollup_id(&self, event: EventId, rollup: usize) -> Result<RollupId, EngineError> {
        let first = *self.first.get(event).ok_or(UNKNOWN)?;
        let end = self
            .first
            .get(event + 1)
            .copied()
            .unwrap_or(self.rollups.len());
        if first + rollup < end {
            Ok((first + rollup) as RollupId)
        } else {
            Err(UNKNOWN)
        }
    }

    /// Dimension names of each rollup of an event type.
    pub fn shapes_of(&self, event: EventId) -> Vec<&[String]> {
        let mine = self.rollups.iter().filter(|r| r.event == event);
        mine.map(|r| self.shapes[usize::from(r.shape)].as_slice())
            .collect()
    }

    pub fn rollup(&self, id: RollupId) -> &RollupPlan {
        &self.rollups[usize::from(id)]
    }

    fn add_detectors(&mut self) -> Result<(), EngineError> {
        let catalog = self.catalog.clone();
        for (d, def) in catalog.detectors.iter().enumerate() {
            let id = self.rollup_id(def.event, def.rollup)?;
            let rollup = &mut self.rollups[usize::from(id)];
            rollup.judges(def.window).detectors.push(d);
            if detect::tells_early(&def.kind)
                && let JudgedWindow::Tumbling(size) = def.window
            {
                rollup.early.push(EarlyPlan {
                    detector: d,
                    size: Size::from(size),
                });
            }
        }
        Ok(())
    }

    fn add_kpis(&mut self) -> Result<(), EngineError> {
        let catalog = self.catalog.clone();
        for (k, def) in catalog.kpis.iter().enumerate() {
            let rollups = def
                .terms
                .iter()
                .map(|t| self.rollup_id(t.event, t.rollup))
                .collect::<Result<Vec<_>, _>>()?;
            let absent = def
                .terms
                .iter()
                .map(|t| kpi::without_row(&catalog, t))
                .collect();
            let mut settings = Vec::new();
            for (t, &id) in rollups.iter().enumerate() {
                if catalog.is_setting(&def.terms[t]) {
                    let plan = self.rollups[usize::from(id)]
                        .setting
                        .get_or_insert_default();
                    if def.local {
                        plan.kpis.push(k);
                        settings.push((t, id));
                    } else {
                        plan.told.push((k, t));
                    }
                    continue;
                }
                let judges = self.rollups[usize::from(id)].judges(def.window);
                if !def.local {
                    judges.terms.push((k, t));
                } else if !judges.kpis.contains(&k) {
                    judges.kpis.push(k);
                }
            }
            let mut events: Vec<EventId> = def.terms.iter().map(|t| t.event).collect();
            events.sort_unstable();
            events.dedup();
            let place = |id: RollupId, name: &str| {
                let shape = self.rollups[usize::from(id)].shape;
                self.shapes[usize::from(shape)]
                    .iter()
                    .position(|n| n == name)
            };
            let fixed = def.terms.iter().zip(&rollups).map(|(term, id)| {
                let fixed = term.fixed.iter();
                fixed
                    .map(|(n, v)| Some((place(*id, n)?, v.clone())))
                    .collect::<Option<Vec<_>>>()
            });
            let fixed = fixed.collect::<Option<Vec<_>>>().ok_or(UNKNOWN)?;
            self.kpis.push(KpiPlan {
                fixed,
                at_once: rollups.windows(2).all(|w| w[0] == w[1]) && settings.is_empty(),
                settings,
                rollups,
                absent,
                events,
                watched: false,
                to_date: match def.window {
                    JudgedWindow::ToDate { since, step } => Some((since, Size::from(step))),
                    _ => None,
                },
            });
        }
        Ok(())
    }

    fn add_rules(&mut self) -> Result<(), EngineError> {
        let catalog = self.catalog.clone();
        let mixes = catalog.kpis.iter().flat_map(|k| &k.mix);
        for (input, _) in mixes.flat_map(|m| &m.inputs) {
            self.kpis.get_mut(*input).ok_or(UNKNOWN)?.watched = true;
        }
        for (r, rule) in catalog.rules.iter().enumerate() {
            for on in rule.on.conditions() {
                match *on {
                    RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                        self.kpis.get_mut(kpi).ok_or(UNKNOWN)?.watched = true;
                    }
                    RuleOn::Detector(d) => {
                        *self.watched_detectors.get_mut(d).ok_or(UNKNOWN)? = true;
                    }
                    RuleOn::NoData { event, rollup, .. } => {
                        let id = self.rollup_id(event, rollup)?;
                        self.rollups[usize::from(id)].activity.push(r);
                    }
                    RuleOn::Several { .. } => return Err(UNKNOWN),
                }
            }
        }
        Ok(())
    }
}

const UNKNOWN: EngineError = EngineError::corrupt("the catalog", "an index points at nothing");

impl RollupPlan {
    fn judges(&mut self, window: JudgedWindow) -> &mut Judges {
        match window {
            JudgedWindow::Tumbling(size) => {
                let size = Size::from(size);
                self.formed[size.index()] = true;
                &mut self.tumbling[size.index()]
            }
            JudgedWindow::Rolling { count, of } => {
                let of = Size::from(of);
                self.formed[of.index()] = true;
                let most = &mut self.remembered[of.index()];
                *most = count.max(*most);
                let at = match self
                    .rolling
                    .iter()
                    .position(|r| r.of == of && r.count == count)
                {
                    Some(i) => i,
                    None => {
                        self.rolling.push(RollingPlan {
                            of,
                            count,
                            judges: Judges::default(),
                        });
                        self.rolling.len() - 1
                    }
                };
                &mut self.rolling[at].judges
            }
            JudgedWindow::ToDate { since, step } => {
                let step = Size::from(step);
                self.formed[step.index()] = true;
                let same = |t: &ToDatePlan| (t.since, t.step) == (since, step);
                let at = self.to_date.iter().position(same).unwrap_or_else(|| {
                    self.to_date.push(ToDatePlan {
                        since,
                        step,
                        judges: Judges::default(),
                    });
                    self.to_date.len() - 1
                });
                &mut self.to_date[at].judges
            }
        }
    }

    /// Hours grow out of five minutes, days too unless there are hours that they are made of; five
    /// minutes out of minutes where those are wanted.
    fn close(&mut self) {
        if self.formed[HOUR.index()] || self.formed[DAY.index()] {
            self.formed[FIVE.index()] = true;
        }
        if self.formed[MINUTE.index()] {
            self.base = MINUTE;
        }
    }

    /// Whether anything at all is formed.
    pub fn any(&self) -> bool {
        self.formed.iter().any(|&f| f)
    }
}
