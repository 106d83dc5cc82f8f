//! The text that the meaning of a catalog is hashed from, written out by hand.
//!
//! The text has words of its own. They look like Rust values because they once were printed ones,
//! but they follow no type: a variant or field may be renamed in the code, and the text, the hash
//! and so the run of a system stay. A word changes here only where the meaning changes. Tests pin
//! the text of a catalog with every kind in it.

use crate::types::*;
use weir_model::{Micros, WindowSize};

/// A text in double quotes, with `\` before what needs it.
pub(crate) fn quoted(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '\'' => out.push(c),
            // Beyond ASCII: a character that cannot be seen is written by its number.
            _ => out.extend(c.escape_debug()),
        }
    }
    out.push('"');
    out
}

/// A number with at least one digit after the point; very large and very small ones with an
/// exponent.
pub(crate) fn float(v: f64) -> String {
    let size = v.abs();
    if size >= 1e16 || (size != 0.0 && size < 1e-4) {
        return format!("{v:e}");
    }
    let plain = v.to_string();
    match plain.contains('.') {
        true => plain,
        false => plain + ".0",
    }
}

/// `Some(x)` or `None`.
pub(crate) fn optional<T>(v: Option<T>, one: impl FnOnce(T) -> String) -> String {
    v.map_or("None".to_owned(), |v| format!("Some({})", one(v)))
}

/// `[a, b]`
pub(crate) fn list<T>(items: &[T], one: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(one).collect();
    format!("[{}]", items.join(", "))
}

/// `["a", "b"]`
pub(crate) fn names<T: AsRef<str>>(items: &[T]) -> String {
    list(items, |s| quoted(s.as_ref()))
}

/// A time or a span.
pub(crate) fn micros(t: Micros) -> String {
    format!("Micros({})", t.0)
}

fn window_size(w: &WindowSize) -> String {
    let word = match w {
        WindowSize::Minute => "Minute",
        WindowSize::FiveMinutes => "FiveMinutes",
        WindowSize::Hour => "Hour",
        WindowSize::Day => "Day",
    };
    word.to_owned()
}

/// Of an event type: what is not told by lines of its own.
pub(crate) fn event(e: &EventDef) -> String {
    let bound = |b: &Bound| {
        format!(
            "Bound {{ path: {}, min: {}, max: {} }}",
            quoted(&b.path),
            optional(b.min, float),
            optional(b.max, float)
        )
    };
    format!(
        "{} {} {}{}",
        optional(e.identity.as_deref(), quoted),
        micros(e.disorder),
        list(&e.bounds, bound),
        // What is none is written as before there were any.
        if e.setting { " setting" } else { "" }
    )
}

/// Of a rollup.
pub(crate) fn rollup(r: &RollupDef) -> String {
    format!(
        "{} {}",
        list(&r.dimensions, usize::to_string),
        list(&r.windows, window_size)
    )
}

/// Of a measure. The price book of a cost has its own line: its entries are versioned by their
/// dates.
pub(crate) fn measure(m: &MeasureDef) -> String {
    let kind = m.kind.kind().meaning;
    let kind = match (m.kind.pricing(), m.kind.computed(), m.kind.path()) {
        (Some(c), ..) => format!("{kind} {}", cost(c)),
        (None, Some(c), _) => format!("{kind}({})", field_expr(&c.expr)),
        (None, None, "") => kind.to_owned(),
        (None, None, path) => format!("{kind}({})", quoted(path)),
    };
    format!("{kind} {} {}", list(&m.filter, condition), quoted(&m.unit))
}

fn cost(c: &CostDef) -> String {
    format!(
        "{} {} {} {}",
        optional(c.reported.as_deref(), quoted),
        quoted(&c.provider),
        quoted(&c.model),
        list(&c.tokens, |(path, class)| format!(
            "({}, {})",
            quoted(path),
            quoted(class)
        ))
    )
}

fn condition(c: &Condition) -> String {
    let (path, value) = match c {
        Condition::Equals(path, value) => (path, value),
        Condition::Holds(e) => return format!("Holds({})", field_expr(e)),
    };
    let value = match value {
        Literal::Null => "Null".to_owned(),
        Literal::Bool(b) => format!("Bool({b})"),
        Literal::Number(v) => format!("Number({})", float(*v)),
        Literal::Text(t) => format!("Text({})", quoted(t)),
    };
    format!("Condition {{ path: {}, value: {value} }}", quoted(path))
}

/// Of a price book.
pub(crate) fn book(prices: &[Price]) -> String {
    list(prices, |p| {
        let per_token = list(&p.per_token, |(class, billionths)| {
            format!("({}, {billionths})", quoted(class))
        });
        // What has no condition is written as before there were any.
        let when = p.when.as_ref();
        let when = when.map_or(String::new(), |w| format!(", when: {}", field_expr(w)));
        format!(
            "Price {{ provider: {}, model: {}, from: {}, per_token: {per_token}{when} }}",
            quoted(&p.provider),
            quoted(&p.model),
            micros(p.from)
        )
    })
}

/// Of an expression over fields.
fn field_expr(e: &FieldExpr) -> String {
    format!("{} {}", list(&e.terms, field_term), list(&e.ops, op))
}

fn field_term(t: &FieldTerm) -> String {
    match t {
        FieldTerm::Number(path) => format!("Number({})", quoted(path)),
        FieldTerm::Seconds(path) => format!("Seconds({})", quoted(path)),
        FieldTerm::Truth(path) => format!("Truth({})", quoted(path)),
        FieldTerm::Is(path, text) => format!("Is({}, {})", quoted(path), quoted(text)),
    }
}

/// Of what a KPI or detector is computed from. Names of terms do not matter, what they stand for
/// does.
pub(crate) fn inputs(
    c: &Catalog,
    terms: &[Term],
    expr: &Expr,
    sample: &Option<(usize, f64)>,
) -> String {
    let sample = optional(*sample, |(term, least)| {
        format!("({term}, {})", float(least))
    });
    format!(
        "{} {} {sample}",
        list(terms, |t| quoted(&term(c, t))),
        list(&expr.ops, op)
    )
}

/// The steps of an expression.
pub(crate) fn steps(expr: &Expr) -> String {
    list(&expr.ops, op)
}

fn term(c: &Catalog, t: &Term) -> String {
    let e = &c.events[t.event];
    // What has no fixed dimension is written as before there were any.
    let fixed = match t.fixed.as_slice() {
        [] => String::new(),
        fixed => {
            let one = |(n, v): &(String, String)| format!("({}, {})", quoted(n), quoted(v));
            format!(" fixed {}", list(fixed, one))
        }
    };
    format!(
        "{}.{} {} at {}{fixed}",
        e.name,
        e.measures[t.measure].name,
        stat(t.stat),
        names(&t.at)
    )
}

/// Of a rollup where a judge refers to it: the names of its dimensions.
pub(crate) fn rollup_names(e: &EventDef, rollup: usize) -> String {
    names(&e.rollup_dimensions(&e.rollups[rollup]))
}

fn stat(s: Stat) -> String {
    let word = match s {
        Stat::Value => "Value",
        Stat::Count => "Count",
        Stat::Sum => "Sum",
        Stat::Mean => "Mean",
        Stat::Min => "Min",
        Stat::Max => "Max",
        Stat::Percentile(thousandths) => return format!("Percentile({thousandths})"),
    };
    word.to_owned()
}

fn op(op: &Op) -> String {
    let word = match op {
        Op::Term(i) => return format!("Term({i})"),
        Op::Number(v) => return format!("Number({})", float(*v)),
        Op::Null => "Null",
        Op::Add => "Add",
        Op::Sub => "Sub",
        Op::Mul => "Mul",
        Op::Div => "Div",
        Op::Neg => "Neg",
        Op::Lt => "Lt",
        Op::Le => "Le",
        Op::Gt => "Gt",
        Op::Ge => "Ge",
        Op::Eq => "Eq",
        Op::Ne => "Ne",
        Op::And => "And",
        Op::Or => "Or",
        Op::Not => "Not",
        Op::Select => "Select",
        Op::Min2 => "Min2",
        Op::Max2 => "Max2",
        Op::Abs => "Abs",
        Op::Coalesce => "Coalesce",
        Op::Sqrt => "Sqrt",
        Op::Ln => "Ln",
        Op::Exp => "Exp",
        Op::Floor => "Floor",
        Op::Pow => "Pow",
        Op::Days => "Days",
    };
    word.to_owned()
}
