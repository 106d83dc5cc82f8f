//! The engine's evaluator and the oracle's give the same bits.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use weir_catalog::types::{Expr, Op};

const ONE: [Op; 7] = [
    Op::Neg,
    Op::Abs,
    Op::Not,
    Op::Sqrt,
    Op::Ln,
    Op::Exp,
    Op::Floor,
];
const TWO: [Op; 16] = [
    Op::Add,
    Op::Sub,
    Op::Mul,
    Op::Div,
    Op::Lt,
    Op::Le,
    Op::Gt,
    Op::Ge,
    Op::Eq,
    Op::Ne,
    Op::And,
    Op::Or,
    Op::Min2,
    Op::Max2,
    Op::Coalesce,
    Op::Pow,
];

/// Whole programs: each step has its operands.
fn program() -> impl Strategy<Value = Vec<Op>> {
    let leaf = prop_oneof![
        4 => (0usize..4).prop_map(Op::Term),
        2 => number().prop_map(Op::Number),
        1 => Just(Op::Null),
        1 => Just(Op::Days),
    ];
    let leaf = leaf.prop_map(|op| vec![op]);
    leaf.prop_recursive(6, 60, 3, |inner| {
        let (one, two) = (prop::sample::select(&ONE), prop::sample::select(&TWO));
        prop_oneof![
            (inner.clone(), one).prop_map(|(a, op)| [a, vec![op]].concat()),
            (inner.clone(), inner.clone(), two).prop_map(|(a, b, op)| [a, b, vec![op]].concat()),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| [a, b, c, vec![Op::Select]].concat()),
        ]
    })
}

/// Of all sizes, whole ones among them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -3.0..3.0f64,
        (-5i32..6).prop_map(f64::from),
        any::<f64>().prop_filter("terms are finite", |v| v.is_finite()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_oracle_agrees_to_the_bit(
        ops in program(),
        terms in prop::collection::vec(prop::option::weighted(0.8, number()), 4),
        days in prop::option::weighted(0.8, 0.0..1000.0f64),
    ) {
        let expr = Expr { source: String::new(), ops };
        let engine = weir_engine::expr::eval_over(&expr, &terms, days, &mut Vec::new());
        let oracle = weir_oracle::evaluate_over(&expr, &terms, days);
        prop_assert_eq!(engine.map(f64::to_bits), oracle.map(f64::to_bits));
    }
}
