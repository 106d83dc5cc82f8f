//! Between which values an expression lies.

use super::tree::{Tree, one};
use crate::types::Op;

/// Smallest and largest value that an expression can take, given those of its terms.
pub(crate) fn range(t: &Tree, terms: &dyn Fn(usize) -> (f64, f64)) -> (f64, f64) {
    const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
    const TRUTH: (f64, f64) = (0.0, 1.0);
    let mul = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
    match t {
        Tree::Term(i) => terms(*i),
        Tree::Number(v) => (*v, *v),
        Tree::Days => (0.0, f64::INFINITY),
        // Never a value: it widens nothing.
        Tree::Null => (f64::INFINITY, f64::NEG_INFINITY),
        Tree::One(op, a) => {
            let (lo, hi) = range(a, terms);
            match op {
                Op::Neg => (-hi, -lo),
                Op::Abs if lo >= 0.0 => (lo, hi),
                Op::Abs if hi <= 0.0 => (-hi, -lo),
                Op::Abs => (0.0, hi.max(-lo)),
                Op::Not => TRUTH,
                _ => rising(*op, lo, hi),
            }
        }
        Tree::Two(op, a, b) => {
            let (al, ah) = range(a, terms);
            let (bl, bh) = range(b, terms);
            let r = match op {
                Op::Add => (al + bl, ah + bh),
                Op::Sub => (al - bh, ah - bl),
                Op::Mul => {
                    let p = [mul(al, bl), mul(al, bh), mul(ah, bl), mul(ah, bh)];
                    (
                        p.iter().copied().fold(f64::INFINITY, f64::min),
                        p.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    )
                }
                Op::Div if bl == bh && bl != 0.0 => {
                    let (x, y) = (al / bl, ah / bl);
                    (x.min(y), x.max(y))
                }
                // By something that is never negative: the sign of the dividend stays.
                Op::Div if bl >= 0.0 => (
                    if al >= 0.0 { 0.0 } else { f64::NEG_INFINITY },
                    if ah <= 0.0 { 0.0 } else { f64::INFINITY },
                ),
                Op::Min2 => (al.min(bl), ah.min(bh)),
                Op::Max2 => (al.max(bl), ah.max(bh)),
                Op::Coalesce => (al.min(bl), ah.max(bh)),
                Op::Pow => power((al, ah), (bl, bh)),
                Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne | Op::And | Op::Or => TRUTH,
                _ => ALL,
            };
            if r.0.is_nan() || r.1.is_nan() { ALL } else { r }
        }
        Tree::Select(_, a, b) => {
            let (al, ah) = range(a, terms);
            let (bl, bh) = range(b, terms);
            (al.min(bl), ah.max(bh))
        }
    }
}

/// Never a value: it widens nothing.
const NEVER: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

/// Of a function that only rises, over what of `lo..=hi` has a value.
fn rising(op: Op, lo: f64, hi: f64) -> (f64, f64) {
    let least = match op {
        Op::Sqrt | Op::Ln => 0.0,
        _ => f64::NEG_INFINITY,
    };
    if lo > hi || hi < least {
        return NEVER;
    }
    match (one(op, lo.max(least)), one(op, hi)) {
        (Some(lo), Some(hi)) => (lo, hi),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

/// Of a power: exact for a base that is never negative and an exponent that stands.
fn power((al, ah): (f64, f64), (bl, bh): (f64, f64)) -> (f64, f64) {
    if al > ah || bl > bh {
        NEVER
    } else if al < 0.0 {
        (f64::NEG_INFINITY, f64::INFINITY)
    } else if bl == bh {
        let (x, y) = (libm::pow(al, bl), libm::pow(ah, bl));
        (x.min(y), x.max(y))
    } else {
        (0.0, f64::INFINITY)
    }
}
