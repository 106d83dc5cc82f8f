//! Targets and rules that point the wrong way: more failures called better, an alert where all is
//! well.

use super::Findings;
use weir_catalog::{Condition, KpiDef, Literal, MeasureDef, Op, RuleOn};
use weir_model::codes;

/// How a value moves with a term: up, down, not at all, or not known.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Up,
    Down,
    Still,
    Unknown,
}

impl Sign {
    fn turned(self) -> Sign {
        match self {
            Sign::Up => Sign::Down,
            Sign::Down => Sign::Up,
            other => other,
        }
    }

    /// Of a sum of two.
    fn and(self, other: Sign) -> Sign {
        match (self, other) {
            (a, Sign::Still) => a,
            (Sign::Still, b) => b,
            (a, b) if a == b => a,
            _ => Sign::Unknown,
        }
    }
}

pub(super) fn check(kpi: &KpiDef, found: &mut Findings<'_>) {
    let Some(target) = kpi.target else { return };
    for (i, term) in kpi.terms.iter().enumerate() {
        let measure = &found.catalog.events[term.event].measures[term.measure];
        let up = moves(kpi, i);
        let wrong = counts_failures(measure)
            && (up == Sign::Up && target.higher_is_better
                || up == Sign::Down && !target.higher_is_better);
        if wrong {
            let better = if target.higher_is_better {
                "lower"
            } else {
                "higher"
            };
            let said = format!(
                "KPI \"{}\" gets better with more of \"{}\", which counts failures",
                kpi.name, measure.name
            );
            let remedy = format!("write `better: {better}`, or turn the expression round");
            found.of_kpi(kpi, codes::LINT_DIRECTION, said, remedy);
        }
    }
}

/// Rules whose bound lies on the good side of their KPI.
pub(super) fn check_rules(found: &mut Findings<'_>) {
    let rules = found.catalog.rules.iter();
    let looked = rules.flat_map(|r| r.on.conditions().iter().map(move |on| (r, on)));
    for (rule, on) in looked {
        let RuleOn::Kpi { kpi, above, below } = on else {
            continue;
        };
        let kpi = &found.catalog.kpis[*kpi];
        let Some(target) = kpi.target else { continue };
        // Of all subjects, those with targets of their own too: for one it may be meant.
        let good = |aim: f64| match (above, below) {
            (Some(a), None) => target.higher_is_better && *a >= aim,
            (None, Some(b)) => !target.higher_is_better && *b <= aim,
            _ => false,
        };
        if kpi.aims().all(good) {
            let said = format!(
                "rule \"{}\" alerts where KPI \"{}\" has reached its target {}",
                rule.name, kpi.name, target.value
            );
            let remedy = "turn above and below round, or move the bound to the other side";
            found.say(&["alerts", &rule.name], codes::LINT_DIRECTION, said, remedy);
        }
    }
}

/// Its own condition says so: `success: false` or `failed: true`.
fn counts_failures(measure: &MeasureDef) -> bool {
    measure.filter.iter().any(|c| match c {
        Condition::Equals(path, value) => {
            let last = path.rsplit('.').next().unwrap_or(path);
            last == "success" && *value == Literal::Bool(false)
                || last == "failed" && *value == Literal::Bool(true)
        }
        Condition::Holds(_) => false,
    })
}

/// How the KPI's value moves when a term grows; measures are taken as not negative.
fn moves(kpi: &KpiDef, wanted: usize) -> Sign {
    // (how it moves, whether it is a constant below 0)
    let mut stack: Vec<(Sign, bool)> = Vec::new();
    for op in &kpi.expr.ops {
        let mut pop = || stack.pop().unwrap_or((Sign::Unknown, false));
        let next = match op {
            Op::Term(i) if *i == wanted => (Sign::Up, false),
            Op::Term(_) | Op::Null | Op::Days => (Sign::Still, false),
            Op::Number(v) => (Sign::Still, *v < 0.0),
            Op::Neg => (pop().0.turned(), false),
            Op::Add | Op::Min2 | Op::Max2 | Op::Coalesce => {
                let (b, a) = (pop(), pop());
                (a.0.and(b.0), false)
            }
            Op::Sub => {
                let (b, a) = (pop(), pop());
                (a.0.and(b.0.turned()), false)
            }
            Op::Mul => {
                let (b, a) = (pop(), pop());
                let turn = |s: Sign, by: bool| if by { s.turned() } else { s };
                (turn(a.0, b.1).and(turn(b.0, a.1)), false)
            }
            Op::Div => {
                let (b, a) = (pop(), pop());
                let turned = if b.1 { a.0.turned() } else { a.0 };
                // A share: what is above grows with it faster than what is below.
                let both = a.0 == Sign::Up && b.0 == Sign::Up;
                (
                    if both {
                        Sign::Unknown
                    } else {
                        turned.and(b.0.turned())
                    },
                    false,
                )
            }
            Op::Select => {
                let (otherwise, then, condition) = (pop(), pop(), pop());
                let chosen = then.0.and(otherwise.0);
                let fixed = condition.0 == Sign::Still || otherwise.0 == Sign::Still;
                (if fixed { chosen } else { Sign::Unknown }, false)
            }
            // They grow with what they are of.
            Op::Sqrt | Op::Ln | Op::Exp | Op::Floor => (pop().0, false),
            Op::Not | Op::Abs => {
                let a = pop();
                (
                    if a.0 == Sign::Still {
                        a.0
                    } else {
                        Sign::Unknown
                    },
                    false,
                )
            }
            _ => {
                let (b, a) = (pop(), pop());
                let still = a.0 == Sign::Still && b.0 == Sign::Still;
                (if still { Sign::Still } else { Sign::Unknown }, false)
            }
        };
        stack.push(next);
    }
    stack.pop().map_or(Sign::Unknown, |(s, _)| s)
}
