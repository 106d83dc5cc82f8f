//! Expressions: what is compiled means what was written.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use weir_catalog::{Catalog, Op, load_sources, sql};

/// An expression as the test knows it, beside its text.
#[derive(Debug, Clone)]
enum Ex {
    Term(usize),
    Number(f64),
    Null,
    Bin(&'static str, Box<Ex>, Box<Ex>),
    Call(&'static str, Box<Ex>, Box<Ex>),
    One(&'static str, Box<Ex>),
    Clamp(Box<Ex>, Box<Ex>, Box<Ex>),
    If(&'static str, Box<Ex>, Box<Ex>, Box<Ex>, Box<Ex>),
}

const NAMES: [&str; 3] = ["calls", "failures", "cost"];

fn text(e: &Ex) -> String {
    match e {
        Ex::Term(i) => NAMES[*i].into(),
        Ex::Number(v) => format!("{v:?}"),
        Ex::Null => "null".into(),
        Ex::Bin(op, a, b) => format!("({} {op} {})", text(a), text(b)),
        Ex::Call(f, a, b) => format!("{f}({}, {})", text(a), text(b)),
        Ex::One(f, a) => format!("{f}({})", text(a)),
        Ex::Clamp(x, lo, hi) => format!("clamp({}, {}, {})", text(x), text(lo), text(hi)),
        Ex::If(op, a, b, t, f) => {
            format!("({} {op} {} ? {} : {})", text(a), text(b), text(t), text(f))
        }
    }
}

/// By the words of `docs/semantics.md`, without a stack.
fn meaning(e: &Ex, terms: &[Option<f64>; 3]) -> Option<f64> {
    let v = match e {
        Ex::Term(i) => return terms[*i],
        Ex::Number(v) => *v,
        Ex::Null => return None,
        Ex::Call("coalesce", a, b) => {
            return meaning(a, terms).or_else(|| meaning(b, terms));
        }
        Ex::Bin(op, a, b) | Ex::Call(op, a, b) => {
            let (a, b) = (meaning(a, terms)?, meaning(b, terms)?);
            match *op {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "ratio" if b == 0.0 => return None,
                "ratio" => a / b,
                "pow" => libm::pow(a, b),
                "min" => a.min(b),
                _ => a.max(b),
            }
        }
        Ex::One(f, a) => {
            let a = meaning(a, terms)?;
            match *f {
                "sqrt" if a < 0.0 => return None,
                "ln" if a <= 0.0 => return None,
                "sqrt" => a.sqrt(),
                "ln" => libm::log(a),
                "exp" => libm::exp(a),
                "floor" => a.floor(),
                _ => -a,
            }
        }
        Ex::Clamp(x, lo, hi) => {
            let (x, lo, hi) = (meaning(x, terms)?, meaning(lo, terms)?, meaning(hi, terms)?);
            // The upper bound wins where the two cross.
            if x > hi || lo > hi { hi } else { x.max(lo) }
        }
        Ex::If(op, a, b, t, f) => {
            let holds = match (meaning(a, terms), meaning(b, terms)) {
                (Some(a), Some(b)) if *op == "<" => a < b,
                (Some(a), Some(b)) => a >= b,
                _ => false,
            };
            return meaning(if holds { t } else { f }, terms);
        }
    };
    v.is_finite().then_some(v)
}

/// The stack program, by the words of `types::Op`.
fn run(ops: &[Op], terms: &dyn Fn(usize) -> Option<f64>) -> Option<f64> {
    let mut s: Vec<Option<f64>> = Vec::new();
    for op in ops {
        let mut pop = || s.pop().unwrap();
        let v = match op {
            Op::Term(i) => terms(*i),
            Op::Number(v) => Some(*v),
            Op::Null => None,
            Op::Neg => pop().map(|a| -a),
            Op::Sqrt => pop().map(f64::sqrt),
            Op::Ln => pop().map(libm::log),
            Op::Exp => pop().map(libm::exp),
            Op::Floor => pop().map(f64::floor),
            Op::Select => {
                let (f, t, c) = (pop(), pop(), pop());
                if c.is_some_and(|c| c != 0.0) { t } else { f }
            }
            Op::Coalesce => {
                let (b, a) = (pop(), pop());
                a.or(b)
            }
            two => {
                let (b, a) = (pop(), pop());
                a.zip(b).and_then(|(a, b)| match two {
                    Op::Add => Some(a + b),
                    Op::Sub => Some(a - b),
                    Op::Mul => Some(a * b),
                    Op::Div => (b != 0.0).then_some(a / b),
                    Op::Min2 => Some(a.min(b)),
                    Op::Max2 => Some(a.max(b)),
                    Op::Pow => Some(libm::pow(a, b)),
                    Op::Lt => Some(f64::from(u8::from(a < b))),
                    Op::Ge => Some(f64::from(u8::from(a >= b))),
                    other => panic!("not generated: {other:?}"),
                })
            }
        };
        s.push(v.filter(|v| v.is_finite()));
    }
    assert_eq!(s.len(), 1, "a program leaves one value");
    s[0]
}

fn ex() -> impl Strategy<Value = Ex> {
    let number = prop_oneof![Just(0.0), Just(1e200), 0.0..1000.0f64];
    let leaf = prop_oneof![4 => (0..3usize).prop_map(Ex::Term), 2 => number.prop_map(Ex::Number), 1 => Just(Ex::Null)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let b = inner.prop_map(Box::new);
        let (bin, call, one) = (
            prop::sample::select(vec!["+", "-", "*"]),
            prop::sample::select(vec!["ratio", "min", "max", "coalesce", "pow"]),
            prop::sample::select(vec!["-", "sqrt", "ln", "exp", "floor"]),
        );
        // Bounds that are numbers and cross are refused.
        let bound = (0..3usize).prop_map(|i| Box::new(Ex::Term(i)));
        prop_oneof![
            (bin, b.clone(), b.clone()).prop_map(|(o, x, y)| Ex::Bin(o, x, y)),
            (call, b.clone(), b.clone()).prop_map(|(o, x, y)| Ex::Call(o, x, y)),
            (one, b.clone()).prop_map(|(o, x)| Ex::One(o, x)),
            (b.clone(), b.clone(), bound).prop_map(|(x, lo, hi)| Ex::Clamp(x, lo, hi)),
            (
                prop::sample::select(vec!["<", ">="]),
                b.clone(),
                b.clone(),
                b.clone(),
                b
            )
                .prop_map(|(o, x, y, t, f)| Ex::If(o, x, y, t, f)),
        ]
    })
}

fn catalog(value: &str) -> Catalog {
    let mut all = Catalog::embedded_sources();
    all.retain(|(f, _)| {
        f.starts_with("events/") || f.ends_with("llm.call.yaml") || f.ends_with("prices.yaml")
    });
    let terms = "{calls: llm.call.calls, failures: llm.call.failures, cost: llm.call.cost}";
    let kpi = format!(
        "kpis:\n  k:\n    by: []\n    window: 1h\n    terms: {terms}\n    value: \"{value}\"\n"
    );
    all.push(("catalog/kpis.yaml".into(), kpi));
    load_sources(all).unwrap_or_else(|e| panic!("{value}: {e}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_compiled_expression_means_what_was_written(
        e in ex(),
        terms in prop::array::uniform3(prop::option::of(prop_oneof![Just(0.0), -100.0..100.0f64])),
    ) {
        let c = catalog(&text(&e));
        let program = &c.kpis[0].expr;
        prop_assert_eq!(run(&program.ops, &|i| terms[i]), meaning(&e, &terms), "{}", text(&e));
        // No operand is written twice: the text stays in proportion.
        let sql = sql::expression(program, &NAMES.map(String::from));
        prop_assert!(sql.len() < 200 * (program.ops.len() + 1));
    }
}
