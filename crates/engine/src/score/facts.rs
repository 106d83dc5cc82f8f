//! Facts are kept until their round.

use super::Context;
use super::plan::KpiPlan;
use super::shard::{Shard, TermRows};
use super::silence::{full_hour, hour_of};
use crate::EngineError;
use crate::detect::Finding;
use crate::terms::{Fact, Route, SubjectKey};
use weir_model::{Micros, Since};

const UNKNOWN: EngineError =
    EngineError::corrupt("a message of terms", "it is about nothing in the catalog");

/// The plan of a KPI that is, or is not, one across subjects.
fn plan_of(context: &Context, kpi: usize, cross: bool) -> Result<&KpiPlan, EngineError> {
    let plan = context.plan.kpis.get(kpi);
    plan.filter(|k| k.cross == cross).ok_or(UNKNOWN)
}

impl Shard {
    /// Keeps a fact until its round; false where that has run already.
    pub(super) fn take(&mut self, context: &Context, fact: Fact<'_>) -> Result<bool, EngineError> {
        match fact {
            Fact::Term {
                kpi,
                term,
                subject,
                start,
                end,
                value,
            } => self.take_term(context, kpi, (subject, start, end), (term, value)),
            Fact::Setting {
                kpi,
                term,
                subject,
                from,
                value,
            } => self.take_setting(context, (kpi, term), subject, (from, value)),
            Fact::KpiValue {
                kpi,
                subject,
                end,
                value,
                ..
            } => {
                plan_of(context, kpi, false)?;
                let value = value.map(|v| (v, None));
                Ok(self.take_value(context, Route::Kpi(kpi), (subject, end), value))
            }
            Fact::Verdict {
                detector,
                subject,
                end,
                value,
                found,
                ..
            } => {
                context.plan.detectors.get(detector).ok_or(UNKNOWN)?;
                let value = Some((value, found));
                Ok(self.take_value(context, Route::Detector(detector), (subject, end), value))
            }
            Fact::Active {
                rule,
                subject,
                last_minute_end,
            } => self.take_active(context, rule, subject, last_minute_end),
            Fact::FinalThrough { .. } => Ok(true),
        }
    }

    fn take_term(
        &mut self,
        context: &Context,
        kpi: usize,
        (subject, start, end): (SubjectKey<'_>, Micros, Micros),
        (term, value): (usize, Option<f64>),
    ) -> Result<bool, EngineError> {
        let plan = plan_of(context, kpi, true)?;
        let full = plan.terms.get(term).ok_or(UNKNOWN)?.full;
        // Of all there is, a window begins with the KPI's own terms.
        let start = match plan.to_date {
            Some((Since::All, _)) if !full => Micros::MAX,
            _ => start,
        };
        let Some(round) = self.round(context, Route::Kpi(kpi), end) else {
            return Ok(false);
        };
        let empty = || TermRows {
            start,
            values: Vec::new(),
        };
        let rows = round
            .terms
            .entry(subject.as_str().into())
            .or_insert_with(empty);
        rows.start = rows.start.min(start);
        rows.values.push((term, value));
        Ok(true)
    }

    fn take_setting(
        &mut self,
        context: &Context,
        (kpi, term): (usize, usize),
        subject: SubjectKey<'_>,
        (from, value): (Micros, Option<f64>),
    ) -> Result<bool, EngineError> {
        let plan = plan_of(context, kpi, true)?;
        plan.terms.get(term).filter(|t| t.setting).ok_or(UNKNOWN)?;
        let through = self.final_for(context, Route::Kpi(kpi)).ok_or(UNKNOWN)?;
        if from <= through {
            return Ok(false);
        }
        self.settings
            .put(((kpi, term), subject.as_str()), (from, value), through);
        self.dirty = true;
        Ok(true)
    }

    /// Something for the rules; nothing where the window has no value.
    fn take_value(
        &mut self,
        context: &Context,
        route: Route,
        (subject, end): (SubjectKey<'_>, Micros),
        value: Option<(f64, Option<Finding>)>,
    ) -> bool {
        let Some(round) = self.round(context, route, end) else {
            return false;
        };
        if let Some(value) = value {
            round.values.insert(subject.as_str().into(), value);
        }
        true
    }

    fn take_active(
        &mut self,
        context: &Context,
        rule: usize,
        subject: SubjectKey<'_>,
        last_minute_end: Micros,
    ) -> Result<bool, EngineError> {
        let passed = self.final_for(context, Route::Rule(rule)).ok_or(UNKNOWN)?;
        if hour_of(last_minute_end) <= full_hour(passed) {
            return Ok(false);
        }
        self.silence
            .entry((rule, subject.as_str().into()))
            .or_default()
            .active(last_minute_end);
        self.dirty = true;
        Ok(true)
    }
}
