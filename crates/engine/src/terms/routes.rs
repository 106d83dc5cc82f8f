//! Which facts meet: a rule of several conditions, or one that another rule inhibits, needs what it
//! looks at in one place.

use super::Route;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::{Catalog, RuleOn};

/// For routes that share a rule, the one that stands for all of them. All others go their own way,
/// where they went before there were such rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(BTreeMap<Route, Route>);

impl Routes {
    /// Of a catalog.
    pub fn new(catalog: &Catalog) -> Routes {
        let mut groups: Vec<BTreeSet<Route>> = Vec::new();
        for (i, rule) in catalog.rules.iter().enumerate() {
            let mut group = of_rule(i, &rule.on);
            if let Some(other) = rule.unless
                && let Some(def) = catalog.rules.get(other)
            {
                group.extend(of_rule(other, &def.on));
            }
            let (meeting, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|g| !g.is_disjoint(&group));
            group.extend(meeting.into_iter().flatten());
            groups = apart;
            groups.push(group);
        }
        let mut leads = BTreeMap::new();
        for group in groups.iter().filter(|g| g.len() > 1) {
            if let Some(first) = group.first() {
                leads.extend(group.iter().map(|route| (*route, *first)));
            }
        }
        Routes(leads)
    }

    /// The route whose hash decides where facts of a route go.
    pub fn lead(&self, route: Route) -> Route {
        self.0.get(&route).copied().unwrap_or(route)
    }
}

/// What a rule looks at.
fn of_rule(rule: usize, on: &RuleOn) -> BTreeSet<Route> {
    let each = on.conditions().iter().filter_map(|on| match on {
        RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => Some(Route::Kpi(*kpi)),
        RuleOn::Detector(d) => Some(Route::Detector(*d)),
        RuleOn::NoData { .. } => Some(Route::Rule(rule)),
        RuleOn::Several { .. } => None,
    });
    each.collect()
}
