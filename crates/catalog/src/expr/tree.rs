//! The tree between CEL's and the stack program, and what can be told from it alone.

use crate::types::Op;

/// The tree between CEL's and the stack program: small, comparable, without positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Term(usize),
    Number(f64),
    Null,
    /// The length of the window.
    Days,
    One(Op, Box<Tree>),
    Two(Op, Box<Tree>, Box<Tree>),
    /// `condition ? a : b`
    Select(Box<Tree>, Box<Tree>, Box<Tree>),
}

pub(super) fn divides(t: &Tree) -> bool {
    match t {
        Tree::Term(_) | Tree::Number(_) | Tree::Null | Tree::Days => false,
        Tree::One(_, a) => divides(a),
        Tree::Two(op, a, b) => {
            let by = match op {
                Op::Div => varies(b),
                Op::Pow => constant(a).is_none() && constant(b).is_none_or(|y| y < 0.0),
                _ => false,
            };
            by || divides(a) || divides(b)
        }
        Tree::Select(c, a, b) => divides(c) || divides(a) || divides(b),
    }
}

/// The value of a tree without terms.
pub(super) fn constant(t: &Tree) -> Option<f64> {
    match t {
        Tree::Number(v) => Some(*v),
        Tree::One(Op::Neg, a) => Some(-constant(a)?),
        Tree::One(Op::Abs, a) => Some(constant(a)?.abs()),
        Tree::One(Op::Not, _) => None,
        Tree::One(op, a) => one(*op, constant(a)?).filter(|v| v.is_finite()),
        Tree::Two(op, a, b) => {
            let (a, b) = (constant(a)?, constant(b)?);
            match op {
                Op::Add => Some(a + b),
                Op::Sub => Some(a - b),
                Op::Mul => Some(a * b),
                Op::Div if b != 0.0 => Some(a / b),
                Op::Min2 => Some(a.min(b)),
                Op::Max2 => Some(a.max(b)),
                Op::Pow => Some(libm::pow(a, b)).filter(|v| v.is_finite()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A function of one number, as it comes; `None` for what is none.
pub(super) fn one(op: Op, v: f64) -> Option<f64> {
    match op {
        Op::Sqrt => Some(v.sqrt()),
        Op::Ln => Some(libm::log(v)),
        Op::Exp => Some(libm::exp(v)),
        Op::Floor => Some(v.floor()),
        _ => None,
    }
}

pub(super) fn emit(t: &Tree, out: &mut Vec<Op>) {
    match t {
        Tree::Term(i) => out.push(Op::Term(*i)),
        Tree::Number(v) => out.push(Op::Number(*v)),
        Tree::Null => out.push(Op::Null),
        Tree::Days => out.push(Op::Days),
        Tree::One(op, a) => {
            emit(a, out);
            out.push(*op);
        }
        Tree::Two(op, a, b) => {
            emit(a, out);
            emit(b, out);
            out.push(*op);
        }
        Tree::Select(c, a, b) => {
            emit(c, out);
            emit(a, out);
            emit(b, out);
            out.push(Op::Select);
        }
    }
}

/// `max(x, 1)`, `clamp(x, 1, 5)`, `days` and `coalesce`-free forms that cannot be zero.
pub(super) fn never_zero(t: &Tree) -> bool {
    match t {
        Tree::Two(Op::Max2, a, b) => never_zero(a) || never_zero(b),
        Tree::Two(Op::Min2, a, b) => never_zero(a) && never_zero(b),
        Tree::Days => true,
        _ => constant(t).is_some_and(|v| v > 0.0),
    }
}

pub(super) fn mentions(t: &Tree, what: &Tree) -> bool {
    t == what
        || match t {
            Tree::Term(_) | Tree::Number(_) | Tree::Null | Tree::Days => false,
            Tree::One(_, a) => mentions(a, what),
            Tree::Two(_, a, b) => mentions(a, what) || mentions(b, what),
            Tree::Select(c, a, b) => [c, a, b].iter().any(|t| mentions(t, what)),
        }
}

/// Whether `b` holds wherever `a` does, as far as the two show it themselves.
pub(crate) fn implies(a: &Tree, b: &Tree) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Tree::Two(Op::Or, x, y), _) => implies(x, b) && implies(y, b),
        (_, Tree::Two(Op::And, x, y)) => implies(a, x) && implies(a, y),
        (_, Tree::Two(Op::Or, x, y)) if implies(a, x) || implies(a, y) => true,
        (Tree::Two(Op::And, x, y), _) => implies(x, b) || implies(y, b),
        (Tree::Two(f, x, m), Tree::Two(g, y, n)) if x == y => {
            let (Some(m), Some(n)) = (constant(m), constant(n)) else {
                return false;
            };
            match (f, g) {
                (Op::Gt, Op::Gt | Op::Ge) | (Op::Ge, Op::Ge) | (Op::Eq, Op::Ge) => m >= n,
                (Op::Ge | Op::Eq, Op::Gt) => m > n,
                (Op::Lt, Op::Lt | Op::Le) | (Op::Le, Op::Le) | (Op::Eq, Op::Le) => m <= n,
                (Op::Le | Op::Eq, Op::Lt) => m < n,
                _ => false,
            }
        }
        _ => false,
    }
}

/// The same tree with other numbers for its terms.
pub(crate) fn renumbered(t: &Tree, number: &mut dyn FnMut(usize) -> usize) -> Tree {
    let mut inner = |t: &Tree| Box::new(renumbered(t, number));
    match t {
        Tree::Number(_) | Tree::Null | Tree::Days => t.clone(),
        Tree::One(op, a) => Tree::One(*op, inner(a)),
        Tree::Two(op, a, b) => Tree::Two(*op, inner(a), inner(b)),
        Tree::Select(c, a, b) => Tree::Select(inner(c), inner(a), inner(b)),
        Tree::Term(i) => Tree::Term(number(*i)),
    }
}

/// Whether a tree reads a term.
pub(crate) fn varies(t: &Tree) -> bool {
    match t {
        Tree::Term(_) => true,
        Tree::Number(_) | Tree::Null | Tree::Days => false,
        Tree::One(_, a) => varies(a),
        Tree::Two(_, a, b) => varies(a) || varies(b),
        Tree::Select(c, a, b) => [c, a, b].iter().any(|t| varies(t)),
    }
}
