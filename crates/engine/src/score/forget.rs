//! What no window to come can reach is dropped.

use super::Context;
use super::shard::Shard;
use crate::kpi;
use crate::terms::Route;
use weir_model::Micros;

impl Shard {
    /// Drops memories that no window to come can reach.
    pub(super) fn forget(&mut self, context: &Context) {
        let kpis = 0..context.plan.kpis.len();
        let through: Vec<_> = kpis
            .map(|k| self.final_for(context, Route::Kpi(k)))
            .collect();
        let count = self.memory.len();
        self.memory.retain(|(k, _), (last, _)| {
            through
                .get(*k)
                .copied()
                .flatten()
                .is_some_and(|t| kpi::remembers(*last, t))
        });
        self.dirty |= count != self.memory.len();
        self.forget_alerts(context);
    }

    /// Drops alerts that are over and cannot open again, and outcomes that hold no more.
    fn forget_alerts(&mut self, context: &Context) {
        let rules = 0..context.plan.rules.len();
        let through: Vec<Option<Micros>> = rules.map(|r| self.final_for_rule(context, r)).collect();
        let passed = |rule: usize| through.get(rule).copied().flatten();
        let mut dirty = false;
        self.machines.retain(|(rule, _), machine| {
            if let (Some(plan), Some(t)) = (context.plan.rules.get(*rule), passed(*rule)) {
                dirty |= machine.forget(plan.patience, t);
            }
            !machine.is_idle()
        });
        self.dirty |= dirty;
        self.dirty |= self.deferred.forget(&context.plan.rules, &passed);
    }
}
