//! From CEL's tree to weir's: what each name and call stands for, types, guards of divisions.

use super::compare::Compared;
use super::tree::{Tree, constant, mentions, never_zero};
use super::{ExprProblem, Name, Resolve, TextIs, Type};
use crate::types::Op;
use cel::common::ast::{Expr as Cel, IdedExpr, LiteralValue, SourceInfo, operators};
use weir_model::{Code, codes};

/// What expressions call by name.
const FUNCTIONS: &[&str] = &[
    "ratio", "min", "max", "abs", "coalesce", "clamp", "floor", "sqrt", "ln", "exp", "pow",
];

/// What a function or operator computes, of what, giving what, and of how many.
fn operation(f: &str) -> Option<(Op, Type, Type, usize)> {
    Some(match f {
        operators::ADD => (Op::Add, Type::Number, Type::Number, 2),
        operators::SUBSTRACT => (Op::Sub, Type::Number, Type::Number, 2),
        operators::MULTIPLY => (Op::Mul, Type::Number, Type::Number, 2),
        operators::DIVIDE | "ratio" => (Op::Div, Type::Number, Type::Number, 2),
        operators::NEGATE => (Op::Neg, Type::Number, Type::Number, 1),
        operators::LESS => (Op::Lt, Type::Number, Type::Truth, 2),
        operators::LESS_EQUALS => (Op::Le, Type::Number, Type::Truth, 2),
        operators::GREATER => (Op::Gt, Type::Number, Type::Truth, 2),
        operators::GREATER_EQUALS => (Op::Ge, Type::Number, Type::Truth, 2),
        operators::EQUALS => (Op::Eq, Type::Number, Type::Truth, 2),
        operators::NOT_EQUALS => (Op::Ne, Type::Number, Type::Truth, 2),
        operators::LOGICAL_AND => (Op::And, Type::Truth, Type::Truth, 2),
        operators::LOGICAL_OR => (Op::Or, Type::Truth, Type::Truth, 2),
        operators::LOGICAL_NOT => (Op::Not, Type::Truth, Type::Truth, 1),
        "min" => (Op::Min2, Type::Number, Type::Number, 2),
        "max" => (Op::Max2, Type::Number, Type::Number, 2),
        "abs" => (Op::Abs, Type::Number, Type::Number, 1),
        "coalesce" => (Op::Coalesce, Type::Number, Type::Number, 2),
        "sqrt" => (Op::Sqrt, Type::Number, Type::Number, 1),
        "ln" => (Op::Ln, Type::Number, Type::Number, 1),
        "exp" => (Op::Exp, Type::Number, Type::Number, 1),
        "floor" => (Op::Floor, Type::Number, Type::Number, 1),
        "pow" => (Op::Pow, Type::Number, Type::Number, 2),
        _ => return None,
    })
}

pub(super) struct Compiler<'i, 'r, 't> {
    pub(super) info: &'i SourceInfo,
    pub(super) resolve: Resolve<'r>,
    /// Where texts can be compared.
    pub(super) is: Option<TextIs<'t>>,
    /// Conditions of the ternaries around the current place.
    pub(super) guards: Vec<Tree>,
    pub(super) problems: Vec<ExprProblem>,
}

impl Compiler<'_, '_, '_> {
    pub(super) fn problem(&mut self, at: &IdedExpr, code: Code, message: String, remedy: String) {
        let offset = self
            .info
            .offset_for(at.id)
            .map_or(0, |(start, _)| start as usize);
        self.problems.push(ExprProblem {
            offset,
            code,
            message,
            remedy,
        });
    }

    pub(super) fn build(&mut self, e: &IdedExpr) -> Option<(Tree, Type)> {
        match &e.expr {
            Cel::Literal(l) => match l {
                LiteralValue::Int(v) => Some((Tree::Number(*v.inner() as f64), Type::Number)),
                LiteralValue::UInt(v) => Some((Tree::Number(*v.inner() as f64), Type::Number)),
                LiteralValue::Double(v) if v.inner().is_finite() => {
                    Some((Tree::Number(*v.inner()), Type::Number))
                }
                LiteralValue::Boolean(v) => Some((
                    Tree::Number(if *v.inner() { 1.0 } else { 0.0 }),
                    Type::Truth,
                )),
                LiteralValue::Null => Some((Tree::Null, Type::Any)),
                _ => self.unsupported(e, "texts, bytes and infinite numbers are"),
            },
            Cel::Ident(name) => self.name(e, name),
            Cel::Select(s) if !s.test => match path_of(e) {
                Some(path) => self.name(e, &path),
                None => self.unsupported(e, "selecting from a value is"),
            },
            Cel::Call(call) if call.target.is_none() => {
                let args: Vec<&IdedExpr> = call.args.iter().collect();
                self.call(e, &call.func_name, &args)
            }
            _ => self.unsupported(e, "methods, lists, maps and macros are"),
        }
    }

    pub(super) fn unsupported(&mut self, e: &IdedExpr, what: &str) -> Option<(Tree, Type)> {
        self.problem(
            e,
            codes::CATALOG_EXPRESSION,
            format!("{what} not part of these expressions"),
            match self.is {
                None => format!(
                    "use numbers, terms, + - * / comparisons, && || !, ?: and {}",
                    FUNCTIONS.join(", ")
                ),
                Some(_) => "use fields, numbers, + - * / comparisons, && || !, and `field == 'text'` or `field in ['a', 'b']`".into(),
            },
        );
        None
    }

    fn name(&mut self, e: &IdedExpr, name: &str) -> Option<(Tree, Type)> {
        match (self.resolve)(name) {
            Ok(Name::Term(i)) => Some((Tree::Term(i), Type::Number)),
            Ok(Name::Number(v)) => Some((Tree::Number(v), Type::Number)),
            Ok(Name::Truth(i)) => Some((Tree::Term(i), Type::Truth)),
            Ok(Name::Days) => Some((Tree::Days, Type::Number)),
            Ok(Name::Part(tree)) => Some((tree, Type::Number)),
            Err((message, remedy)) => {
                self.problem(e, codes::CATALOG_REFERENCE, message, remedy);
                None
            }
        }
    }

    fn call(&mut self, e: &IdedExpr, f: &str, args: &[&IdedExpr]) -> Option<(Tree, Type)> {
        if f == operators::CONDITIONAL {
            return self.conditional(args);
        }
        if f == "clamp" {
            return self.clamp(e, args);
        }
        if self.is.is_some()
            && let Some(compared) = Compared::of(f, args)
        {
            return self.compared(e, &compared);
        }
        let equal = match f {
            operators::EQUALS => Some(Op::Eq),
            operators::NOT_EQUALS => Some(Op::Ne),
            _ => None,
        };
        if self.is.is_some()
            && let (Some(op), [a, b]) = (equal, args)
        {
            return self.equality(e, op, a, b);
        }
        let Some((op, wants, gives, arity)) = operation(f) else {
            let remedy = crate::problem::suggest(f, FUNCTIONS.iter().copied());
            let shown = f.trim_matches('_').trim_start_matches('@');
            self.problem(
                e,
                codes::CATALOG_EXPRESSION,
                format!("there is no function or operator \"{shown}\""),
                remedy,
            );
            return None;
        };
        // CEL folds `a && b && c` into a balanced tree, min and max may be written with more
        // arguments.
        let many = matches!(f, "min" | "max" | "coalesce") && args.len() > 2;
        if !many && !self.takes(e, f, args, arity) {
            return None;
        }
        let built: Vec<Option<Tree>> = args.iter().map(|a| self.argument(a, wants)).collect();
        let mut built = built
            .into_iter()
            .collect::<Option<Vec<Tree>>>()?
            .into_iter();
        let first = built.next()?;
        let tree = if arity == 1 {
            Tree::One(op, Box::new(first))
        } else {
            built.fold(first, |a, b| Tree::Two(op, Box::new(a), Box::new(b)))
        };
        if f == operators::DIVIDE
            && let Tree::Two(_, _, divisor) = &tree
        {
            self.check_guard(e, divisor);
        }
        Some((tree, gives))
    }

    /// Whether a function is given as many arguments as it takes.
    fn takes(&mut self, e: &IdedExpr, f: &str, args: &[&IdedExpr], arity: usize) -> bool {
        if args.len() == arity {
            return true;
        }
        self.problem(
            e,
            codes::CATALOG_EXPRESSION,
            format!(
                "\"{f}\" takes {arity} argument(s) and is given {}",
                args.len()
            ),
            format!("write {f} with {arity} argument(s)"),
        );
        false
    }

    /// `clamp(x, lo, hi)` is `min(max(x, lo), hi)`.
    fn clamp(&mut self, e: &IdedExpr, args: &[&IdedExpr]) -> Option<(Tree, Type)> {
        if !self.takes(e, "clamp", args, 3) {
            return None;
        }
        let built: Vec<Option<Tree>> = args
            .iter()
            .map(|a| self.argument(a, Type::Number))
            .collect();
        let [x, lo, hi]: [Tree; 3] = built
            .into_iter()
            .collect::<Option<Vec<_>>>()?
            .try_into()
            .ok()?;
        if let (Some(low), Some(high)) = (constant(&lo), constant(&hi))
            && low > high
        {
            self.problem(
                e,
                codes::CATALOG_IMPOSSIBLE,
                format!("nothing lies between {low} and {high}"),
                "write clamp(x, lowest, highest)".into(),
            );
            return None;
        }
        let least = Tree::Two(Op::Max2, Box::new(x), Box::new(lo));
        Some((
            Tree::Two(Op::Min2, Box::new(least), Box::new(hi)),
            Type::Number,
        ))
    }

    fn argument(&mut self, a: &IdedExpr, wants: Type) -> Option<Tree> {
        let (tree, is) = self.build(a)?;
        if is != wants && is != Type::Any {
            self.problem(
                a,
                codes::CATALOG_EXPRESSION,
                format!("{} stands where {} is wanted", is.name(), wants.name()),
                match wants {
                    Type::Truth => "compare it, e.g. `x > 0`".into(),
                    _ => "write `condition ? 1 : 0`".into(),
                },
            );
            return None;
        }
        Some(tree)
    }

    fn conditional(&mut self, args: &[&IdedExpr]) -> Option<(Tree, Type)> {
        let [cond, then, other] = args else {
            return None;
        };
        let guard = self.argument(cond, Type::Truth);
        // A condition that does not compile guards nothing, but its problem is already told.
        self.guards.push(guard.clone().unwrap_or(Tree::Null));
        let a = self.build(then);
        let b = self.build(other);
        self.guards.pop();
        let (guard, (a, ta), (b, tb)) = (guard?, a?, b?);
        let gives = match (ta, tb) {
            (Type::Any, t) | (t, Type::Any) => t,
            (s, t) if s == t => s,
            _ => {
                self.problem(
                    other,
                    codes::CATALOG_EXPRESSION,
                    format!("one branch gives {}, the other {}", ta.name(), tb.name()),
                    "let both give numbers".into(),
                );
                return None;
            }
        };
        Some((
            Tree::Select(Box::new(guard), Box::new(a), Box::new(b)),
            gives,
        ))
    }

    fn check_guard(&mut self, e: &IdedExpr, divisor: &Tree) {
        let guarded = match constant(divisor) {
            Some(v) => v != 0.0,
            None => never_zero(divisor) || self.guards.iter().any(|g| mentions(g, divisor)),
        };
        if !guarded {
            self.problem(
                e,
                codes::CATALOG_UNGUARDED_DIVISION,
                "this division can divide by zero".into(),
                "write `ratio(a, b)` (no value where b is 0) or `b > 0 ? a / b : null`".into(),
            );
        }
    }
}

pub(super) fn path_of(e: &IdedExpr) -> Option<String> {
    match &e.expr {
        Cel::Ident(name) => Some(name.clone()),
        Cel::Select(s) if !s.test => Some(format!("{}.{}", path_of(&s.operand)?, s.field)),
        _ => None,
    }
}
