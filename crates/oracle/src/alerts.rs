//! The life of every alert, computed again.

use crate::detect::{Verdicts, row_id};
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
    /// Value of that window.
    pub value: f64,
    /// Bound that the last bad window crossed, where there is one.
    pub threshold: Option<f64>,
    /// Worst value since it opened.
    pub worst: f64,
    /// Bad windows since it opened.
    pub windows: u32,
}

/// How a window looks to a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub value: f64,
    /// Absent: it is good.
    pub bad: Option<Bad>,
}

/// What is bad about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bad {
    pub threshold: Option<f64>,
    /// Larger is worse.
    pub up: bool,
}

/// The state machine of one rule and subject.
struct Machine<'a> {
    rule: &'a RuleDef,
    subject: Subject,
    bad: u32,
    good: u32,
    open: Option<Open>,
}

/// An open alert, as it was last told.
struct Open {
    id: String,
    row: AlertRow,
    /// As the window said that opened it.
    up: bool,
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

    fn step(&mut self, at: Micros, look: Look, out: &mut BTreeMap<String, AlertRow>) {
        if look.bad.is_some() {
            self.bad += 1;
            self.good = 0;
        } else {
            self.good += 1;
            self.bad = 0;
        }
        match (&mut self.open, look.bad) {
            (None, Some(bad)) if self.bad >= self.rule.open_after.max(1) => {
                let id = row_id(&self.rule.name, self.rule.version, &self.subject, "", at);
                let row = AlertRow {
                    rule: self.rule.name.clone(),
                    subject: self.subject.clone(),
                    state: AlertState::Open,
                    step: 0,
                    opened: at,
                    at,
                    value: look.value,
                    threshold: bad.threshold,
                    worst: look.value,
                    windows: 1,
                };
                out.insert(id.clone(), row.clone());
                self.open = Some(Open {
                    id,
                    row,
                    up: bad.up,
                });
            }
            (Some(open), bad) => {
                let over = bad.is_none() && self.good >= self.rule.resolve_after.max(1);
                let row = &mut open.row;
                if let Some(bad) = bad {
                    row.threshold = bad.threshold;
                    row.worst = if open.up {
                        row.worst.max(look.value)
                    } else {
                        row.worst.min(look.value)
                    };
                    row.windows += 1;
                }
                if bad.is_some() || over {
                    row.step += 1;
                    row.at = at;
                    row.value = look.value;
                    row.state = if over {
                        AlertState::Resolve
                    } else {
                        AlertState::Update
                    };
                    out.insert(open.id.clone(), row.clone());
                }
                if over {
                    self.open = None;
                }
            }
            (None, _) => {}
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
                            let over = above.filter(|a| v > *a).map(|a| (a, true));
                            let crossed = over.or(below.filter(|b| v < *b).map(|b| (b, false)));
                            let bad = crossed.map(|(bound, up)| Bad {
                                threshold: Some(bound),
                                up,
                            });
                            machine.step(r.end, Look { value: v, bad }, &mut out);
                        }
                    }
                }
            }
            RuleOn::Detector(detector) => {
                for ((index, subject), said) in verdicts {
                    if *index == detector {
                        let mut machine = Machine::new(rule, subject);
                        for v in said {
                            machine.step(v.end, v.look, &mut out);
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
            let forgotten = quiet >= 8 * silence.0;
            let hours = |micros: i64| micros as f64 / Micros::HOUR.0 as f64;
            let bad = (quiet >= silence.0 && !forgotten).then(|| Bad {
                threshold: Some(hours(silence.0)),
                up: true,
            });
            let look = Look {
                value: hours(quiet),
                bad,
            };
            if forgotten {
                if machine.open.is_some() {
                    machine.good = machine.rule.resolve_after;
                    machine.step(hour, look, out);
                }
                break;
            }
            machine.step(hour, look, out);
            hour = hour.plus(Micros::HOUR);
        }
        if hour > through {
            break;
        }
    }
}
