//! Expressions as ClickHouse SQL, with exactly the meaning that the engine gives them.

use crate::types::{Expr, Op};

const NO_VALUE: &str = "CAST(NULL AS Nullable(Float64))";

/// SQL of type `Nullable(Float64)`, where NULL is "no value". `term_sql[i]` is the SQL of term `i`
/// (`Nullable(Float64)` or `Float64`). No operand is written twice, so the text grows with the
/// expression and not faster.
pub fn expression(expr: &Expr, term_sql: &[String]) -> String {
    expression_over(expr, term_sql, NO_VALUE)
}

/// As [`expression`], where the length of the window in days is the SQL `days` (`Float64`).
pub fn expression_over(expr: &Expr, term_sql: &[String], days: &str) -> String {
    let mut stack: Vec<String> = Vec::new();
    for op in &expr.ops {
        let sql = match op {
            Op::Term(i) => match term_sql.get(*i) {
                Some(sql) => format!("({sql})"),
                None => NO_VALUE.to_string(),
            },
            Op::Number(v) => number(*v),
            Op::Null => NO_VALUE.to_string(),
            Op::Days => format!("({days})"),
            Op::Neg => format!("negate({})", pop(&mut stack)),
            Op::Abs => format!("abs({})", pop(&mut stack)),
            Op::Sqrt => real("sqrt", &pop(&mut stack)),
            Op::Ln => real("log", &pop(&mut stack)),
            Op::Exp => real("exp", &pop(&mut stack)),
            Op::Floor => format!("floor({})", pop(&mut stack)),
            Op::Not => format!("toFloat64(ifNull({} = 0, 1))", pop(&mut stack)),
            Op::Select => {
                let other = pop(&mut stack);
                let then = pop(&mut stack);
                let cond = pop(&mut stack);
                format!("if(ifNull({cond} != 0, 0), {then}, {other})")
            }
            two => {
                let b = pop(&mut stack);
                let a = pop(&mut stack);
                binary(*two, &a, &b)
            }
        };
        stack.push(sql);
    }
    format!("CAST({} AS Nullable(Float64))", pop(&mut stack))
}

/// SQL of `weir_model::fixed::round(sql, decimals)`, bit for bit: scale, round half to even, scale
/// back, and -0 as 0; what leaves the range of floats on the way stays as it is.
pub fn rounded(sql: &str, decimals: u32) -> String {
    let f = number(10f64.powi(decimals as i32));
    format!(
        "arrayMap(v -> ifNull({}, v), [{sql}])[1]",
        finite(&format!("roundBankers(v * {f}) / {f} + 0.0"))
    )
}

fn pop(stack: &mut Vec<String>) -> String {
    stack.pop().unwrap_or_else(|| NO_VALUE.to_string())
}

fn binary(op: Op, a: &str, b: &str) -> String {
    let compare = |sign: &str| format!("toFloat64({a} {sign} {b})");
    // `least` and `greatest` skip NULL or not depending on a setting of the server.
    let pick = |sign: &str| {
        format!(
            "arrayMap((x, y) -> multiIf(isNull(x) OR isNull(y), NULL, x {sign} y, x, y), [{a}], [{b}])[1]"
        )
    };
    match op {
        Op::Add => finite(&format!("({a} + {b})")),
        Op::Sub => finite(&format!("({a} - {b})")),
        Op::Mul => finite(&format!("({a} * {b})")),
        Op::Div => finite(&format!("({a} / nullIf({b}, 0.0))")),
        Op::Lt => compare("<"),
        Op::Le => compare("<="),
        Op::Gt => compare(">"),
        Op::Ge => compare(">="),
        Op::Eq => compare("="),
        Op::Ne => compare("!="),
        Op::And => format!("toFloat64(ifNull({a} != 0, 0) AND ifNull({b} != 0, 0))"),
        Op::Or => format!("toFloat64(ifNull({a} != 0, 0) OR ifNull({b} != 0, 0))"),
        Op::Min2 => pick("<"),
        Op::Max2 => pick(">"),
        Op::Coalesce => format!("ifNull({a}, {b})"),
        Op::Pow => power(a, b),
        _ => NO_VALUE.to_string(),
    }
}

/// A function whose result may be no number too. `ln`, `exp` and `pow` are the server's own: their
/// last digits may differ from the engine's.
fn real(function: &str, operands: &str) -> String {
    format!("arrayMap(v -> if(isFinite(v), v, NULL), [{function}({operands})])[1]")
}

/// The server's `pow` answers with any number where the result leaves the range of floats: whether
/// it does is asked beforehand, by its logarithm.
fn power(a: &str, b: &str) -> String {
    let known = "isNull(x) OR isNull(y) OR (x < 0 AND floor(y) != y)";
    let size = "y * log2(abs(x))";
    format!(
        "arrayMap((x, y) -> multiIf({known}, NULL, {size} >= 1024, NULL, {size} < -1022, 0., \
         isFinite(pow(x, y)), pow(x, y), NULL), [{a}], [{b}])[1]"
    )
}

/// Finite operands never give NaN here (division by zero is NULL already): infinities are all there
/// is to remove.
fn finite(sql: &str) -> String {
    format!("nullIf(nullIf({sql}, inf), -inf)")
}

/// A literal that is read as exactly this `Float64`.
fn number(v: f64) -> String {
    if v < 0.0 {
        format!("({v:?})")
    } else {
        format!("{v:?}")
    }
}
