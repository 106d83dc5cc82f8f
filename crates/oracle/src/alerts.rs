//! The life of every alert, computed again.

use crate::conditions::{self, Outcomes, step};
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
    /// Value of that window, of the first condition.
    pub value: Option<f64>,
    /// Bound that the last bad window crossed, where there is one.
    pub threshold: Option<f64>,
    /// Worst value since it opened.
    pub worst: Option<f64>,
    /// Bad windows since it opened.
    pub windows: u32,
    /// How often it opened again.
    pub reopenings: u32,
    /// Names of the conditions that are bad, where there are several.
    pub failing: String,
    /// What it is grouped by, where it is.
    pub group_key: String,
}

/// How a window looks to a condition.
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

/// What a rule makes of a moment.
struct Moment {
    value: Option<f64>,
    /// Absent: it is good.
    bad: Option<Bad>,
    failing: String,
}

impl Moment {
    fn of(look: Look) -> Moment {
        Moment {
            value: Some(look.value),
            bad: look.bad,
            failing: String::new(),
        }
    }
}

/// When a rule opened and resolved for a subject: (time, whether it is open from then on).
type Turns = BTreeMap<(usize, Subject), Vec<(Micros, bool)>>;

/// What is known of all alerts so far.
#[derive(Default)]
struct Known {
    rows: BTreeMap<String, AlertRow>,
    turns: Turns,
}

impl Known {
    fn is_open(&self, rule: usize, subject: &Subject, at: Micros) -> bool {
        let turns = self.turns.get(&(rule, subject.clone()));
        let mut before = turns.into_iter().flatten().filter(|(t, _)| *t <= at);
        before.next_back().is_some_and(|(_, open)| *open)
    }
}

/// The state machine of one rule and subject.
struct Machine<'a> {
    catalog: &'a Catalog,
    index: usize,
    rule: &'a RuleDef,
    subject: Subject,
    bad: u32,
    good: u32,
    open: Option<Open>,
    /// The last one that is over, and when that was.
    over: Option<(Open, Micros)>,
}

/// An alert, as it was last told.
struct Open {
    id: String,
    row: AlertRow,
    /// As the window said that opened it.
    up: bool,
}

impl<'a> Machine<'a> {
    fn new(catalog: &'a Catalog, index: usize, subject: &Subject) -> Machine<'a> {
        Machine {
            catalog,
            index,
            rule: &catalog.rules[index],
            subject: subject.clone(),
            bad: 0,
            good: 0,
            open: None,
            over: None,
        }
    }

    fn inhibited(&self, known: &Known, at: Micros) -> bool {
        self.rule.unless.is_some_and(|other| {
            let names = &self.catalog.rules[other].dimensions;
            let own = self.subject.dimensions.iter();
            let of = Subject {
                tenant: self.subject.tenant.clone(),
                dimensions: own.filter(|(n, _)| names.contains(n)).cloned().collect(),
            };
            known.is_open(other, &of, at)
        })
    }

    fn step(&mut self, at: Micros, moment: Moment, known: &mut Known) {
        if moment.bad.is_some() {
            self.bad += 1;
            self.good = 0;
        } else {
            self.good += 1;
            self.bad = 0;
        }
        match (self.open.take(), moment.bad) {
            (None, None) => {}
            (None, Some(bad)) => {
                if self.bad >= self.rule.open_after.max(1) && !self.inhibited(known, at) {
                    let open = self.opened(at, &moment, bad);
                    self.tell(open, known, Some(true));
                }
            }
            (Some(open), _) if self.rule.tells_once() => self.open = Some(open),
            (Some(mut open), Some(bad)) => {
                open.again(at, &moment, bad, AlertState::Update);
                self.tell(open, known, None);
            }
            (Some(mut open), None) => {
                if self.good < self.rule.resolve_after.max(1) {
                    self.open = Some(open);
                    return;
                }
                open.row.step += 1;
                open.row.at = at;
                open.row.value = moment.value;
                open.row.failing = moment.failing;
                open.row.state = AlertState::Resolve;
                self.tell(open, known, Some(false));
            }
        }
    }

    /// A new alert, or the last one come back.
    fn opened(&mut self, at: Micros, moment: &Moment, bad: Bad) -> Open {
        let flap = i64::from(self.rule.flap_within) * longest(self.catalog, self.rule);
        match self.over.take() {
            Some((mut last, over)) if at.0 - over.0 <= flap => {
                last.row.reopenings += 1;
                last.again(at, moment, bad, AlertState::Reopened);
                last
            }
            _ => Open {
                id: row_id(&self.rule.name, self.rule.version, &self.subject, "", at),
                row: AlertRow {
                    rule: self.rule.name.clone(),
                    subject: self.subject.clone(),
                    state: AlertState::Open,
                    step: 0,
                    opened: at,
                    at,
                    value: moment.value,
                    threshold: bad.threshold,
                    worst: moment.value,
                    windows: 1,
                    reopenings: 0,
                    failing: moment.failing.clone(),
                    group_key: group_key(self.rule, &self.subject),
                },
                up: bad.up,
            },
        }
    }

    fn tell(&mut self, alert: Open, known: &mut Known, turn: Option<bool>) {
        known.rows.insert(alert.id.clone(), alert.row.clone());
        let at = alert.row.at;
        if let Some(open) = turn {
            let key = (self.index, self.subject.clone());
            known.turns.entry(key).or_default().push((at, open));
        }
        if turn == Some(false) {
            self.over = Some((alert, at));
        } else {
            self.open = Some(alert);
        }
    }
}

impl Open {
    /// One more bad window.
    fn again(&mut self, at: Micros, moment: &Moment, bad: Bad, state: AlertState) {
        let row = &mut self.row;
        row.step += 1;
        row.windows += 1;
        row.at = at;
        row.state = state;
        row.value = moment.value;
        row.threshold = bad.threshold;
        row.failing = moment.failing.clone();
        let both = [row.worst, moment.value].into_iter().flatten();
        row.worst = if self.up {
            both.reduce(f64::max)
        } else {
            both.reduce(f64::min)
        };
    }
}

fn longest(catalog: &Catalog, rule: &RuleDef) -> i64 {
    let steps = rule.on.conditions().iter().map(|on| step(catalog, on).0);
    steps.max().unwrap_or(0)
}

fn group_key(rule: &RuleDef, subject: &Subject) -> String {
    let Some(by) = &rule.group_by else {
        return String::new();
    };
    let mut parts = vec![format!("tenant={}", subject.tenant)];
    for (name, value) in &subject.dimensions {
        if by.contains(name) {
            parts.push(format!("{name}={value}"));
        }
    }
    format!("{}{{{}}}", rule.name, parts.join(","))
}

pub(crate) fn run(
    catalog: &Catalog,
    judged: &Judged,
    verdicts: &Verdicts,
    kpis: &BTreeMap<String, KpiRow>,
) -> BTreeMap<String, AlertRow> {
    let mut known = Known::default();
    for index in in_order(catalog) {
        let rule = &catalog.rules[index];
        let through = known_through(catalog, judged, index);
        if let RuleOn::NoData {
            event,
            rollup,
            silence,
        } = rule.on
        {
            for ((e, r, tenant, values), minutes) in &judged.minutes {
                if (*e, *r) == (event, rollup) {
                    let subject = subject_of(catalog, event, rollup, tenant, values);
                    let machine = || Machine::new(catalog, index, &subject);
                    no_data(&machine, minutes, silence, through, &mut known);
                }
            }
            continue;
        }
        for (subject, outcomes) in conditions::outcomes(catalog, rule, verdicts, kpis) {
            let mut machine = Machine::new(catalog, index, &subject);
            for at in outcomes.times().into_iter().filter(|at| *at <= through) {
                machine.step(at, moment(catalog, rule, &outcomes, at), &mut known);
            }
        }
    }
    known.rows
}

/// Each rule after the one that inhibits it.
fn in_order(catalog: &Catalog) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < catalog.rules.len() {
        let ready = |i: &usize| {
            let unless = catalog.rules[*i].unless;
            !order.contains(i) && unless.is_none_or(|u| order.contains(&u))
        };
        let Some(next) = (0..catalog.rules.len()).find(ready) else {
            // The catalog has no circles.
            break;
        };
        order.push(next);
    }
    order
}

/// Until when all that a rule asks is final.
fn known_through(catalog: &Catalog, judged: &Judged, index: usize) -> Micros {
    let rule = &catalog.rules[index];
    let own = conditions::events(catalog, &rule.on)
        .into_iter()
        .map(|e| judged.final_through[e])
        .min()
        .unwrap_or(Micros::MIN);
    match rule.unless {
        Some(other) => own.min(known_through(catalog, judged, other)),
        None => own,
    }
}

/// What a rule makes of all that its conditions have said at a time.
fn moment(catalog: &Catalog, rule: &RuleDef, outcomes: &Outcomes, at: Micros) -> Moment {
    let on = rule.on.conditions();
    let looks: Vec<Option<Look>> = on
        .iter()
        .enumerate()
        .map(|(i, on)| outcomes.holding(i, at, Micros(2 * step(catalog, on).0)))
        .collect();
    let is_bad = |look: &Option<Look>| look.is_some_and(|l| l.bad.is_some());
    let bad = match rule.on {
        RuleOn::Several { all: false, .. } => looks.iter().any(is_bad),
        _ => looks.iter().all(is_bad),
    };
    let first = looks[0];
    let of_first = first.and_then(|l| l.bad).unwrap_or(Bad {
        threshold: None,
        up: conditions::up(catalog, &on[0]),
    });
    let several = matches!(rule.on, RuleOn::Several { .. });
    let failing: Vec<&str> = on
        .iter()
        .zip(&looks)
        .filter(|(_, look)| several && is_bad(look))
        .map(|(on, _)| conditions::name(catalog, on))
        .collect();
    Moment {
        value: first.map(|l| l.value),
        bad: bad.then_some(of_first),
        failing: failing.join(","),
    }
}

/// Every full hour from the first event on, until it is forgotten or time ends.
fn no_data<'a>(
    new: &dyn Fn() -> Machine<'a>,
    minutes: &std::collections::BTreeSet<Micros>,
    silence: Micros,
    through: Micros,
    known: &mut Known,
) {
    let mut rest = minutes.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        let mut machine = new();
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
                    machine.step(hour, Moment::of(look), known);
                }
                break;
            }
            machine.step(hour, Moment::of(look), known);
            hour = hour.plus(Micros::HOUR);
        }
        if hour > through {
            break;
        }
    }
}

#[cfg(test)]
mod tests;
