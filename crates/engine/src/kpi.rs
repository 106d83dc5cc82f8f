//! KPIs: terms, score, status and momentum.

use crate::detect::{Judged, subject_key};
use crate::{EngineError, expr, varint};
use weir_catalog::types::{Catalog, JudgedWindow, KpiDef, Target, Term};
use weir_model::records::{Kpi, Momentum, Status, Subject};
use weir_model::{Micros, WindowSize, fixed, hash};

/// How long a subject's memory (momentum, detectors) lasts without a final window.
pub const MEMORY: Micros = Micros(40 * Micros::DAY.0);

/// Whether what was last touched by a window ending at `last` is still remembered at one that ends
/// at `end`.
pub fn remembers(last: Micros, end: Micros) -> bool {
    end.minus(last) <= MEMORY
}

/// The last three values of a KPI for one subject, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KpiMemory {
    values: [f64; 3],
    n: u8,
    /// The last window had no value; noted where repeats are not published.
    absent: bool,
}

/// In a snapshot, beside the number of values: the last window had none.
const ABSENT: u8 = 4;

impl KpiMemory {
    /// Takes in a value.
    pub fn push(&mut self, v: f64) {
        self.values.rotate_left(1);
        self.values[2] = v;
        self.n = (self.n + 1).min(3);
    }

    /// Mean of the last three, where there are three.
    pub fn reference(&self) -> Option<f64> {
        let [a, b, c] = self.values;
        (self.n == 3).then_some((a + b + c) / 3.0)
    }

    /// Whether the last window had this value too, or none too.
    fn repeats(&self, value: Option<f64>) -> bool {
        match value {
            None => self.absent,
            Some(v) => !self.absent && self.n > 0 && self.values[2] == v,
        }
    }

    /// Appends it for a snapshot.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.n | (u8::from(self.absent) * ABSENT));
        for v in &self.values[3 - usize::from(self.n)..] {
            varint::put_f64(out, *v);
        }
    }

    /// Reads what [`KpiMemory::encode`] wrote.
    pub fn decode(input: &mut &[u8]) -> Result<KpiMemory, EngineError> {
        let head = varint::byte(input)?;
        let n = head & !ABSENT;
        if n > 3 {
            return Err(EngineError::corrupt(
                "the memory of a KPI",
                "it holds more than three values",
            ));
        }
        let mut memory = KpiMemory::default();
        for _ in 0..n {
            memory.push(varint::f64(input)?);
        }
        memory.absent = head & ABSENT != 0;
        Ok(memory)
    }
}

/// The outcome of one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Rounded to the KPI's decimals.
    pub value: Option<f64>,
    /// 0 to 100, two decimals.
    pub score: Option<f64>,
    /// Against the target.
    pub status: Status,
    /// Against its own past.
    pub momentum: Momentum,
    /// Size of the sample, where declared.
    pub sample: Option<f64>,
    /// The window before had the same value, or none too.
    repeats: bool,
}

impl Scored {
    /// Whether a window that ends at `end` is published, where the one before of the subject ended
    /// at `before`. It is judged in any case.
    pub fn is_published(&self, def: &KpiDef, before: Micros, end: Micros) -> bool {
        let hour = |t: Micros| t.floor(Micros::HOUR);
        !(def.only_changes && self.repeats && hour(before) == hour(end))
    }
}

/// Length of a judged window in days: as many as it has local ones, of 23 or 25 hours too, where it
/// is made of days; else its hours / 24.
pub fn days(window: JudgedWindow, (start, end): (Micros, Micros)) -> f64 {
    let days = end.minus(start).0 as f64 / Micros::DAY.0 as f64;
    match window.stored() {
        WindowSize::Day => days.round(),
        _ => days,
    }
}

/// Evaluates one window, of so many days, against the subject's target ([`KpiDef::target_of`]), and
/// remembers its value.
pub fn score(
    def: &KpiDef,
    memory: &mut KpiMemory,
    terms: &[Option<f64>],
    days: f64,
    target: Option<Target>,
) -> Scored {
    let mut stack = Vec::with_capacity(def.expr.ops.len());
    let sample = def
        .minimum_sample
        .and_then(|(term, _)| terms.get(term).copied().flatten());
    let enough = def
        .minimum_sample
        .is_none_or(|(_, least)| sample.is_some_and(|s| s >= least));
    let value = if enough {
        expr::eval_over(&def.expr, terms, Some(days), &mut stack)
    } else {
        None
    };
    rate(def, memory, value, sample, target)
}

/// What a published value of a subject with this target is worth to the scores that stand on it.
pub fn worth(def: &KpiDef, value: f64, target: Option<Target>) -> Option<f64> {
    match (&def.mix, target) {
        (Some(_), _) => Some(value),
        (None, target) => target.map(|t| against(t.value, t.higher_is_better, value)),
    }
}

/// Rounds a value, holds it against the subject's target and its past, and remembers it.
pub fn rate(
    def: &KpiDef,
    memory: &mut KpiMemory,
    value: Option<f64>,
    sample: Option<f64>,
    target: Option<Target>,
) -> Scored {
    let value = value.map(|v| fixed::round(v, def.decimals));
    let score = value
        .zip(target)
        .map(|(v, t)| against(t.value, t.higher_is_better, v));
    let status = match (value, score) {
        (None, _) => Status::NoData,
        (Some(_), None) => Status::OnTarget,
        (Some(_), Some(s)) if s >= 100.0 => Status::OnTarget,
        (Some(_), Some(s)) if s >= 80.0 => Status::Near,
        _ => Status::Off,
    };
    let repeats = memory.repeats(value);
    memory.absent = def.only_changes && value.is_none();
    let mut momentum = Momentum::Stable;
    if let Some(v) = value {
        let higher = target.is_none_or(|t| t.higher_is_better);
        if let Some(r) = memory.reference() {
            momentum = direction(r, higher, v);
        }
        memory.push(v);
    }
    Scored {
        value,
        score,
        status,
        momentum,
        sample,
        repeats,
    }
}

/// Whether the status of a published value is `off` against this target.
pub fn is_off(target: Target, value: f64) -> bool {
    against(target.value, target.higher_is_better, value) < 80.0
}

fn against(target: f64, higher_is_better: bool, v: f64) -> f64 {
    let raw = if higher_is_better {
        100.0 * v / target
    } else if v <= target {
        100.0
    } else {
        100.0 * target / v
    };
    fixed::round(raw.clamp(0.0, 100.0), 2)
}

fn direction(r: f64, higher_is_better: bool, v: f64) -> Momentum {
    if r == 0.0 {
        return Momentum::Stable;
    }
    let change = (v - r) / r.abs();
    let better = if higher_is_better { change } else { -change };
    if better > 0.05 {
        Momentum::Improving
    } else if better < -0.05 {
        Momentum::Degrading
    } else {
        Momentum::Stable
    }
}

/// The record of a published value.
pub fn record(
    at: &Judged<'_>,
    def: &KpiDef,
    subject: Subject,
    scored: Scored,
    terms: &[Option<f64>],
) -> Kpi {
    let window = def.window.label().to_string();
    Kpi {
        id: hash::result_id(
            &def.name,
            def.version,
            &subject_key(&subject),
            &window,
            at.end,
        ),
        run: at.run,
        catalog: at.catalog.hash,
        kpi: def.name.clone(),
        version: def.version,
        subject,
        window,
        start: at.start,
        end: at.end,
        value: scored.value,
        score: scored.score,
        status: scored.status,
        momentum: scored.momentum,
        sample: scored.sample,
        coverage: None,
        terms: def
            .terms
            .iter()
            .zip(terms)
            .map(|(t, v)| (t.name.clone(), *v))
            .collect(),
        revision: at.revision,
    }
}

/// The values of terms in one window. `read` gives for a term `None` where its subject has no row,
/// else the statistic of the row ([`crate::measure::stat`]). What has no row is 0 or has no value
/// ([`without_row`]), provided another term has a row; false where none has: nothing is published
/// then.
pub fn term_values(
    catalog: &Catalog,
    terms: &[Term],
    mut read: impl FnMut(usize, &Term) -> Result<Option<Option<f64>>, EngineError>,
    out: &mut Vec<Option<f64>>,
) -> Result<bool, EngineError> {
    out.clear();
    let mut any = false;
    for (i, term) in terms.iter().enumerate() {
        let row = read(i, term)?;
        any |= row.is_some();
        out.push(row.unwrap_or_else(|| without_row(catalog, term)));
    }
    if !any {
        out.fill(None);
    }
    Ok(any)
}

/// The value of a term whose subject has no row in the window while another term of the KPI has
/// one: what counts or adds up is 0, all else has no value.
pub fn without_row(catalog: &Catalog, term: &Term) -> Option<f64> {
    let measure = catalog.events.get(term.event)?.measures.get(term.measure)?;
    measure.kind.accumulator().empty().stat(term.stat)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use weir_catalog::types::{Expr, JudgedWindow, Op, Target};
    use weir_model::WindowSize;

    fn kpi(target: Option<(f64, bool)>) -> KpiDef {
        KpiDef {
            name: "ratio".into(),
            version: 1,
            title: String::new(),
            unit: String::new(),
            decimals: 2,
            category: String::new(),
            weight: 1.0,
            dimensions: vec![],
            window: JudgedWindow::Tumbling(WindowSize::Hour),
            terms: vec![],
            expr: Expr {
                source: String::new(),
                ops: vec![Op::Term(0), Op::Term(1), Op::Div],
            },
            target: target.map(|(value, higher_is_better)| Target {
                value,
                higher_is_better,
            }),
            targets: None,
            minimum_sample: Some((1, 2.0)),
            local: true,
            mix: None,
            only_changes: false,
            examples: Vec::new(),
        }
    }

    fn scored(def: &KpiDef, memory: &mut KpiMemory, v: f64) -> Scored {
        score(def, memory, &[Some(v * 10.0), Some(10.0)], 1.0, def.target)
    }

    #[test]
    fn scores_against_the_target() {
        let of = |target, v| {
            let s = scored(&kpi(target), &mut KpiMemory::default(), v);
            (s.score, s.status)
        };
        assert_eq!(of(Some((4.0, true)), 4.0), (Some(100.0), Status::OnTarget));
        assert_eq!(of(Some((4.0, true)), 9.0), (Some(100.0), Status::OnTarget));
        assert_eq!(of(Some((4.0, true)), 3.2), (Some(80.0), Status::Near));
        assert_eq!(of(Some((4.0, true)), 3.19), (Some(79.75), Status::Off));
        assert_eq!(of(Some((4.0, true)), -1.0), (Some(0.0), Status::Off));
        assert_eq!(of(Some((4.0, false)), 4.0), (Some(100.0), Status::OnTarget));
        assert_eq!(of(Some((4.0, false)), 6.0), (Some(66.67), Status::Off));
        assert_eq!(of(Some((0.0, false)), 6.0), (Some(0.0), Status::Off));
        assert_eq!(of(None, 6.0), (None, Status::OnTarget));
    }

    #[test]
    fn a_small_sample_and_no_value_are_no_data_and_not_remembered() {
        let def = kpi(Some((1.0, true)));
        let mut memory = KpiMemory::default();
        for terms in [[Some(1.0), Some(1.9)], [None, Some(5.0)], [Some(1.0), None]] {
            let s = score(&def, &mut memory, &terms, 1.0, def.target);
            assert_eq!(
                (s.value, s.score, s.status, s.momentum),
                (None, None, Status::NoData, Momentum::Stable)
            );
            assert_eq!(s.sample, terms[1]);
        }
        assert_eq!(memory, KpiMemory::default());
        assert_eq!(
            score(&def, &mut memory, &[Some(1.0), Some(3.0)], 1.0, def.target).value,
            Some(0.33)
        );
    }

    #[test]
    fn momentum_is_against_the_mean_of_the_last_three() {
        let (higher, lower) = (kpi(Some((1.0, true))), kpi(Some((1.0, false))));
        for (v, up) in [
            (2.11, Momentum::Improving),
            (2.09, Momentum::Stable),
            (1.91, Momentum::Stable),
            (1.89, Momentum::Degrading),
        ] {
            let down = match up {
                Momentum::Improving => Momentum::Degrading,
                Momentum::Degrading => Momentum::Improving,
                Momentum::Stable => Momentum::Stable,
            };
            for (def, want) in [(&higher, up), (&lower, down)] {
                let mut memory = KpiMemory::default();
                // The first is older than three.
                for before in [900.0, 1.0, 2.0, 3.0] {
                    let s = scored(def, &mut memory, before);
                    assert!(memory.n == 3 || s.momentum == Momentum::Stable);
                }
                let mut bytes = Vec::new();
                memory.encode(&mut bytes);
                let mut memory = KpiMemory::decode(&mut bytes.as_slice()).unwrap();
                assert_eq!(scored(def, &mut memory, v).momentum, want, "{v}");
            }
        }
    }

    #[test]
    fn what_says_changes_says_nothing_twice_in_an_hour() {
        let changes = KpiDef {
            only_changes: true,
            ..kpi(None)
        };
        let minutes = |m: i64| Micros(m * Micros::MINUTE.0);
        let (enough, few) = (Some(10.0), Some(1.0));
        // End in minutes, value, sample, whether it is published.
        let windows = [
            (5, 0.5, enough, true),
            (10, 0.5, enough, false),
            // Rounded it is the same.
            (15, 0.501, enough, false),
            (20, 0.6, enough, true),
            (25, 0.6, few, true),
            (30, 0.7, few, false),
            (55, 0.6, enough, true),
            (60, 0.6, enough, true),
            (65, 0.6, enough, false),
        ];
        let (mut memory, mut before) = (KpiMemory::default(), minutes(0));
        for (end, v, sample, published) in windows {
            // A snapshot keeps what the window before said.
            let mut bytes = Vec::new();
            memory.encode(&mut bytes);
            memory = KpiMemory::decode(&mut bytes.as_slice()).unwrap();
            let terms = [Some(v * 10.0), sample];
            let said = score(&changes, &mut memory, &terms, 1.0, None);
            assert_eq!(
                said.is_published(&changes, before, minutes(end)),
                published,
                "{end}"
            );
            assert!(said.is_published(&kpi(None), before, minutes(end)));
            before = minutes(end);
        }
    }

    #[test]
    fn memory_lasts_forty_days() {
        assert!(remembers(Micros(7), Micros(7).plus(MEMORY)));
        assert!(!remembers(Micros(7), Micros(8).plus(MEMORY)));
    }
}
