//! Rules on silence are evaluated by the hour.

use super::machine::Look;
use super::shard::Shard;
use super::silence::full_hour;
use super::tell::{self, Told};
use super::{Context, ScoreOut};
use crate::terms::SubjectKey;
use weir_catalog::types::EventId;
use weir_model::Micros;

/// Times by event type before and after a message, on all partials partitions.
pub(super) struct Passed {
    pub(super) before: Vec<Micros>,
    pub(super) now: Vec<Micros>,
}

impl Passed {
    pub(super) fn ends_a_day(&self) -> bool {
        let mut both = self.before.iter().zip(&self.now);
        both.any(|(b, n)| b.floor(Micros::DAY) != n.floor(Micros::DAY))
    }

    fn ends_no_hour(&self) -> bool {
        let mut both = self.before.iter().zip(&self.now);
        both.all(|(b, n)| full_hour(*b) == full_hour(*n))
    }

    /// The last full hours before and after, of some event types.
    fn hours_of(&self, events: &[EventId]) -> (Micros, Micros) {
        let least = |times: &[Micros]| {
            let of = events.iter().map(|e| times.get(*e).copied());
            full_hour(
                of.map(|t| t.unwrap_or(Micros::MIN))
                    .min()
                    .unwrap_or(Micros::MIN),
            )
        };
        (least(&self.before), least(&self.now))
    }
}

impl Shard {
    /// Rules on silence: each full hour that has become final.
    pub(super) fn hours(
        &mut self,
        context: &Context,
        which: &dyn Fn(usize) -> bool,
        span: &Passed,
        offset: i64,
        out: &mut ScoreOut,
    ) {
        if span.ends_no_hour() {
            return;
        }
        let mut dirty = false;
        let deferred = &mut self.deferred;
        self.silence.retain(|key, state| {
            let (rule, subject) = (key.0, &*key.1);
            if !which(rule) {
                return true;
            }
            let (Some(Some(limit)), Some(plan)) =
                (context.plan.silence.get(rule), context.plan.rules.get(rule))
            else {
                return false;
            };
            let (from, to) = span.hours_of(&plan.events);
            if from >= to {
                return true;
            }
            let was = state.clone();
            let inhibited = |hour| deferred.inhibits(plan, subject, hour);
            let mut steps = Vec::new();
            state.advance(
                (limit.silence, plan.patience),
                (from, to),
                &inhibited,
                &mut |hour, step| steps.push((hour, step)),
            );
            for (hour, step) in steps {
                deferred.note(plan, key, hour, step.state);
                let told = Told::at(rule, hour, Look::Good { value: step.value });
                out.alerts.extend(tell::alert(
                    context,
                    SubjectKey(subject),
                    &told,
                    step,
                    offset,
                ));
            }
            dirty |= *state != was;
            !state.is_forgotten()
        });
        self.dirty |= dirty;
    }
}
