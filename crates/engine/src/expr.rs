//! The evaluator of compiled expressions.

use weir_catalog::types::{Expr, Op};

/// The value of `expr` over the values of its terms; `None` is "no value". `stack` is scratch:
/// nothing is allocated where its capacity reaches the depth of the program. A program that the
/// catalog did not compile (too few operands, an unknown term) has no value.
pub fn eval(expr: &Expr, terms: &[Option<f64>], stack: &mut Vec<Option<f64>>) -> Option<f64> {
    eval_over(expr, terms, None, stack)
}

/// As [`eval`], of a window that lasts so many days. Without them `days` has no value.
pub fn eval_over(
    expr: &Expr,
    terms: &[Option<f64>],
    days: Option<f64>,
    stack: &mut Vec<Option<f64>>,
) -> Option<f64> {
    stack.clear();
    run(&expr.ops, terms, days, stack)
}

fn run(
    ops: &[Op],
    terms: &[Option<f64>],
    days: Option<f64>,
    stack: &mut Vec<Option<f64>>,
) -> Option<f64> {
    for op in ops {
        let v = match *op {
            Op::Term(i) => terms.get(i).copied().flatten(),
            Op::Number(n) => Some(n),
            Op::Null => None,
            Op::Days => days,
            Op::Neg => stack.pop()?.map(|a| -a),
            Op::Abs => stack.pop()?.map(f64::abs),
            Op::Not => truth(!holds(stack.pop()?)),
            Op::Sqrt => stack.pop()?.map(f64::sqrt),
            Op::Ln => stack.pop()?.map(libm::log),
            Op::Exp => stack.pop()?.map(libm::exp),
            Op::Floor => stack.pop()?.map(f64::floor),
            Op::Select => {
                let (otherwise, then, condition) = (stack.pop()?, stack.pop()?, stack.pop()?);
                if holds(condition) { then } else { otherwise }
            }
            _ => {
                let (b, a) = (stack.pop()?, stack.pop()?);
                binary(*op, a, b)
            }
        };
        stack.push(v.filter(|v| v.is_finite()));
    }
    stack.pop()?
}

#[inline]
fn binary(op: Op, a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match op {
        Op::And => return truth(holds(a) && holds(b)),
        Op::Or => return truth(holds(a) || holds(b)),
        Op::Coalesce => return a.or(b),
        _ => {}
    }
    let (a, b) = (a?, b?);
    match op {
        Op::Add => Some(a + b),
        Op::Sub => Some(a - b),
        Op::Mul => Some(a * b),
        Op::Div if b == 0.0 => None,
        Op::Div => Some(a / b),
        Op::Lt => truth(a < b),
        Op::Le => truth(a <= b),
        Op::Gt => truth(a > b),
        Op::Ge => truth(a >= b),
        Op::Eq => truth(a == b),
        Op::Ne => truth(a != b),
        Op::Min2 => Some(a.min(b)),
        Op::Max2 => Some(a.max(b)),
        Op::Pow => Some(libm::pow(a, b)),
        // Taken by `run` or above.
        _ => None,
    }
}

#[inline]
fn holds(v: Option<f64>) -> bool {
    v.is_some_and(|v| v != 0.0)
}

#[inline]
fn truth(b: bool) -> Option<f64> {
    Some(f64::from(u8::from(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn program(ops: &[Op]) -> Expr {
        Expr {
            source: String::new(),
            ops: ops.to_vec(),
        }
    }

    fn value(ops: &[Op]) -> Option<f64> {
        eval(
            &program(ops),
            &[Some(3.0), None, Some(0.0)],
            &mut Vec::new(),
        )
    }

    #[test]
    fn no_value_spreads_through_arithmetic_and_comparison_but_not_through_logic() {
        use Op::*;
        let (three, none, zero) = (Term(0), Term(1), Term(2));
        for op in [Add, Sub, Mul, Div, Lt, Le, Gt, Ge, Eq, Ne, Min2, Max2, Pow] {
            assert_eq!(value(&[three, none, op]), None, "{op:?}");
            assert_eq!(value(&[none, three, op]), None, "{op:?}");
        }
        assert_eq!(value(&[none, three, And]), Some(0.0));
        assert_eq!(value(&[none, three, Or]), Some(1.0));
        assert_eq!(value(&[none, Not]), Some(1.0));
        assert_eq!(value(&[none, three, zero, Select]), Some(0.0));
        assert_eq!(value(&[none, three, Coalesce]), Some(3.0));
        assert_eq!(value(&[Null, Abs]), None);
        for op in [Neg, Sqrt, Ln, Exp, Floor] {
            assert_eq!(value(&[Null, op]), None, "{op:?}");
        }
    }

    #[test]
    fn what_is_not_finite_has_no_value() {
        use Op::*;
        assert_eq!(value(&[Term(0), Term(2), Div]), None);
        assert_eq!(value(&[Number(1e300), Number(1e300), Mul]), None);
        assert_eq!(
            value(&[Number(1e300), Number(1e300), Mul, Number(7.0), Coalesce]),
            Some(7.0)
        );
        assert_eq!(value(&[Term(0), Number(2.0), Div]), Some(1.5));
        for (x, op) in [(-1e-300, Sqrt), (0.0, Ln), (-1.0, Ln), (710.0, Exp)] {
            assert_eq!(value(&[Number(x), op]), None, "{op:?}({x})");
        }
        for (x, y) in [(0.0, -1.0), (-8.0, 1.0 / 3.0), (10.0, 309.0)] {
            assert_eq!(value(&[Number(x), Number(y), Pow]), None, "pow({x}, {y})");
        }
    }

    #[test]
    fn functions_are_what_they_are_called() {
        use Op::*;
        let of = |x, op| value(&[Number(x), op]);
        assert_eq!(of(6.25, Sqrt), Some(2.5));
        assert_eq!(of(1.0, Ln), Some(0.0));
        // The bits are `libm`'s: one beyond the nearest.
        assert_eq!(of(1.0, Exp), Some(2.718_281_828_459_045_5));
        assert_eq!(of(-2.5, Floor), Some(-3.0));
        assert_eq!(value(&[Number(-2.0), Term(0), Pow]), Some(-8.0));
        assert_eq!(value(&[Term(2), Term(2), Pow]), Some(1.0));
    }

    #[test]
    fn operands_keep_their_order() {
        use Op::*;
        assert_eq!(value(&[Number(1.0), Term(0), Sub]), Some(-2.0));
        assert_eq!(
            value(&[Number(1.0), Number(10.0), Number(20.0), Select]),
            Some(10.0)
        );
        assert_eq!(value(&[Number(1.0), Term(0), Lt]), Some(1.0));
        assert_eq!(value(&[Number(1.0), Term(0), Max2]), Some(3.0));
        // Programs that no catalog compiles.
        assert_eq!(value(&[Add]), None);
        assert_eq!(value(&[Term(9)]), None);
        assert_eq!(value(&[]), None);
    }

    /// An expression as a tree, evaluated in the plain way.
    #[derive(Debug, Clone)]
    enum Tree {
        Leaf(Op),
        Node(Op, Vec<Tree>),
    }

    fn compile(tree: &Tree, ops: &mut Vec<Op>) {
        match tree {
            Tree::Leaf(op) => ops.push(*op),
            Tree::Node(op, children) => {
                children.iter().for_each(|c| compile(c, ops));
                ops.push(*op);
            }
        }
    }

    fn plain(tree: &Tree, terms: &[Option<f64>]) -> Option<f64> {
        let v = match tree {
            Tree::Leaf(Op::Term(i)) => terms[*i],
            Tree::Leaf(Op::Number(n)) => Some(*n),
            Tree::Leaf(_) => None,
            Tree::Node(op, c) => {
                let c: Vec<Option<f64>> = c.iter().map(|c| plain(c, terms)).collect();
                let yes = |v: Option<f64>| matches!(v, Some(x) if x != 0.0);
                let both = |f: fn(f64, f64) -> f64| c[0].zip(c[1]).map(|(a, b)| f(a, b));
                match op {
                    Op::Add => both(|a, b| a + b),
                    Op::Mul => both(|a, b| a * b),
                    Op::Div => both(|a, b| a / b),
                    Op::Lt => both(|a, b| if a < b { 1.0 } else { 0.0 }),
                    Op::And => Some(if yes(c[0]) && yes(c[1]) { 1.0 } else { 0.0 }),
                    Op::Not => Some(if yes(c[0]) { 0.0 } else { 1.0 }),
                    Op::Select => {
                        if yes(c[0]) {
                            c[1]
                        } else {
                            c[2]
                        }
                    }
                    Op::Coalesce => {
                        if c[0].is_some() {
                            c[0]
                        } else {
                            c[1]
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        v.filter(|v| v.is_finite())
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            (0usize..4).prop_map(|i| Tree::Leaf(Op::Term(i))),
            (-3i32..4).prop_map(|n| Tree::Leaf(Op::Number(f64::from(n)))),
            Just(Tree::Leaf(Op::Null)),
        ];
        leaf.prop_recursive(5, 40, 3, |inner| {
            let two = prop_oneof![
                Just(Op::Add),
                Just(Op::Mul),
                Just(Op::Div),
                Just(Op::Lt),
                Just(Op::And),
                Just(Op::Coalesce)
            ];
            prop_oneof![
                (two, inner.clone(), inner.clone())
                    .prop_map(|(op, a, b)| Tree::Node(op, vec![a, b])),
                inner.clone().prop_map(|a| Tree::Node(Op::Not, vec![a])),
                (inner.clone(), inner.clone(), inner)
                    .prop_map(|(a, b, c)| Tree::Node(Op::Select, vec![a, b, c])),
            ]
        })
    }

    proptest! {
        #[test]
        fn programs_mean_their_trees(tree in tree(), terms in prop::collection::vec(prop::option::of(-5i32..6), 4)) {
            let terms: Vec<Option<f64>> = terms.into_iter().map(|t| t.map(f64::from)).collect();
            let mut ops = Vec::new();
            compile(&tree, &mut ops);
            prop_assert_eq!(eval(&program(&ops), &terms, &mut Vec::new()), plain(&tree, &terms));
        }
    }
}
