//! The life of every alert, computed again.

use crate::detectors::{Verdicts, row_id};
use crate::fold::Judged;
use crate::kpis::{KpiRow, subject_of};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, RuleDef, RuleOn};
use weir_model::Micros;
use weir_model::records::{AlertState, Subject};

/// The last step of an alert, as it must stand in the store.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AlertRow {
    /// Rule.
    pub rule: String,
    /// About.
    pub subject: Subject,
    /// Last state.
    pub state: AlertState,
    /// Number of the last step.
    pub step: u32,
    /// End of the window that opened it.
    pub opened: Micros,
    /// End of the window of the last step.
    pub at: Micros,
}

/// The state machine of one rule and subject.
struct Machine<'a> {
    rule: &'a RuleDef,
    subject: Subject,
    bad: u32,
    good: u32,
    open: Option<(String, AlertRow)>,
}

impl<'a> Machine<'a> {
    fn new(rule: &'a RuleDef, subject: &Subject) -> Machine<'a> {
        Machine {
            rule,
            subject: subject.clone(),
            bad: 0,
            good: 0,
            open: None,
        }
    }

    fn step(&mut self, at: Micros, bad: bool, out: &mut BTreeMap<String, AlertRow>) {
        if bad {
            self.bad += 1;
            self.good = 0;
        } else {
            self.good += 1;
            self.bad = 0;
        }
        match &mut self.open {
            None if bad && self.bad >= self.rule.open_after.max(1) => {
                let id = row_id(&self.rule.name, self.rule.version, &self.subject, "", at);
                let row = AlertRow {
                    rule: self.rule.name.clone(),
                    subject: self.subject.clone(),
                    state: AlertState::Open,
                    step: 0,
                    opened: at,
                    at,
                };
                out.insert(id.clone(), row.clone());
                self.open = Some((id, row));
            }
            Some((id, row)) => {
                let over = !bad && self.good >= self.rule.resolve_after.max(1);
                if bad || over {
                    row.step += 1;
                    row.at = at;
                    row.state = if over {
                        AlertState::Resolve
                    } else {
                        AlertState::Update
                    };
                    out.insert(id.clone(), row.clone());
                }
                if over {
                    self.open = None;
                }
            }
            None => {}
        }
    }
}

pub(crate) fn run(
    catalog: &Catalog,
    judged: &Judged,
    verdicts: &Verdicts,
    kpis: &BTreeMap<String, KpiRow>,
) -> BTreeMap<String, AlertRow> {
    let mut out = BTreeMap::new();
    for rule in &catalog.rules {
        match rule.on {
            RuleOn::Kpi { kpi, above, below } => {
                let mut rows: Vec<&KpiRow> = kpis.values().filter(|r| r.index == kpi).collect();
                rows.sort_by(|a, b| (&a.subject, a.end).cmp(&(&b.subject, b.end)));
                for of_subject in rows.chunk_by(|a, b| a.subject == b.subject) {
                    let mut machine = Machine::new(rule, &of_subject[0].subject);
                    for r in of_subject {
                        if let Some(v) = r.value {
                            let bad = above.is_some_and(|a| v > a) || below.is_some_and(|b| v < b);
                            machine.step(r.end, bad, &mut out);
                        }
                    }
                }
            }
            RuleOn::Detector(detector) => {
                for ((index, subject), said) in verdicts {
                    if *index == detector {
                        let mut machine = Machine::new(rule, subject);
                        for v in said {
                            machine.step(v.end, v.anomalous, &mut out);
                        }
                    }
                }
            }
            RuleOn::NoData {
                event,
                rollup,
                silence,
            } => {
                for ((e, r, tenant, values), minutes) in &judged.minutes {
                    if (*e, *r) == (event, rollup) {
                        let subject = subject_of(catalog, event, rollup, tenant, values);
                        no_data(
                            rule,
                            &subject,
                            minutes,
                            silence,
                            judged.final_through[event],
                            &mut out,
                        );
                    }
                }
            }
        }
    }
    out
}

/// Every full hour from the first event on, until it is forgotten or time ends.
fn no_data(
    rule: &RuleDef,
    subject: &Subject,
    minutes: &std::collections::BTreeSet<Micros>,
    silence: Micros,
    through: Micros,
    out: &mut BTreeMap<String, AlertRow>,
) {
    let mut rest = minutes.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        let mut machine = Machine::new(rule, subject);
        let mut hour = Micros(first.0 - 1).floor(Micros::HOUR).plus(Micros::HOUR);
        while hour <= through {
            while rest.peek().is_some_and(|m| *m <= hour) {
                last = rest.next().unwrap_or(last);
            }
            let quiet = hour.0 - last.0;
            if quiet >= 8 * silence.0 {
                if machine.open.is_some() {
                    machine.good = machine.rule.resolve_after;
                    machine.step(hour, false, out);
                }
                break;
            }
            machine.step(hour, quiet >= silence.0, out);
            hour = hour.plus(Micros::HOUR);
        }
        if hour > through {
            break;
        }
    }
}
