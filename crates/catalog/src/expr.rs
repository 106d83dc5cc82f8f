//! Expressions: CEL's syntax, weir's meaning (64-bit floats and "no value"), compiled to a stack
//! program.

use crate::types::Op;
use cel::common::ast::{Expr as Cel, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::parser::Parser;
use weir_model::{Code, codes, expression};

#[cfg(test)]
mod hostile;

/// What is wrong with an expression, `offset` characters into it.
#[derive(Debug)]
pub(crate) struct ExprProblem {
    pub offset: usize,
    pub code: Code,
    pub message: String,
    pub remedy: String,
}

/// What a name in an expression stands for.
pub(crate) enum Name {
    Term(usize),
    Number(f64),
    /// A term that is 1 or 0.
    Truth(usize),
    /// A part that was named: put in its place.
    Part(Tree),
}

/// The tree between CEL's and the stack program: small, comparable, without positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Term(usize),
    Number(f64),
    Null,
    One(Op, Box<Tree>),
    Two(Op, Box<Tree>, Box<Tree>),
    /// `condition ? a : b`
    Select(Box<Tree>, Box<Tree>, Box<Tree>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    Number,
    Truth,
    /// `null` fits both.
    Any,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Truth => "true or false",
            Type::Any => "no value",
        }
    }
}

/// A compiled expression and what the checks need of it.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub tree: Tree,
    pub ops: Vec<Op>,
}

impl Compiled {
    /// It divides by something that varies: its value is only as good as its sample.
    pub fn divides(&self) -> bool {
        divides(&self.tree)
    }
}

fn divides(t: &Tree) -> bool {
    match t {
        Tree::Term(_) | Tree::Number(_) | Tree::Null => false,
        Tree::One(_, a) => divides(a),
        Tree::Two(op, a, b) => {
            let by = match op {
                Op::Div => constant(b).is_none(),
                Op::Pow => constant(a).is_none() && constant(b).is_none_or(|y| y < 0.0),
                _ => false,
            };
            by || divides(a) || divides(b)
        }
        Tree::Select(c, a, b) => divides(c) || divides(a) || divides(b),
    }
}

/// The value of a tree without terms.
fn constant(t: &Tree) -> Option<f64> {
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
fn one(op: Op, v: f64) -> Option<f64> {
    match op {
        Op::Sqrt => Some(v.sqrt()),
        Op::Ln => Some(libm::log(v)),
        Op::Exp => Some(libm::exp(v)),
        Op::Floor => Some(v.floor()),
        _ => None,
    }
}

/// What expressions call by name.
const FUNCTIONS: &[&str] = &[
    "ratio", "min", "max", "abs", "coalesce", "clamp", "floor", "sqrt", "ln", "exp", "pow",
];

/// Compiles `source`; names are looked up by `resolve`, which tells what is wrong with an unknown
/// one.
pub(crate) fn compile(source: &str, resolve: Resolve<'_>) -> Result<Compiled, Vec<ExprProblem>> {
    program(source, resolve, None, false)
}

/// Compiles a condition over fields. `is` gives the term that is 1 where the text of a name equals
/// another.
pub(crate) fn condition(
    source: &str,
    resolve: Resolve<'_>,
    is: TextIs<'_>,
) -> Result<Compiled, Vec<ExprProblem>> {
    program(source, resolve, Some(is), true)
}

/// Compiles a number over fields; `is` as in [`condition`].
pub(crate) fn number(
    source: &str,
    resolve: Resolve<'_>,
    is: TextIs<'_>,
) -> Result<Compiled, Vec<ExprProblem>> {
    program(source, resolve, Some(is), false)
}

fn program(
    source: &str,
    resolve: Resolve<'_>,
    is: Option<TextIs<'_>>,
    truth: bool,
) -> Result<Compiled, Vec<ExprProblem>> {
    let fields = is.is_some();
    if let Err(e) = expression::check(source) {
        return Err(vec![ExprProblem {
            offset: e.offset,
            code: codes::CATALOG_EXPRESSION,
            message: e.what.into(),
            remedy: "divide it, or let a measure do a part of it".into(),
        }]);
    }
    let (ast, info) = match Parser::default().parse_with_source_info(source) {
        Ok(parsed) => parsed,
        Err(e) => {
            let first = e.errors.first();
            let (line, column) = first.map_or((1, 1), |e| e.pos);
            let before: usize = source
                .split('\n')
                .take(line.max(1) as usize - 1)
                .map(|l| l.chars().count() + 1)
                .sum();
            let said = first.map(|e| e.msg.replace('\n', " ")).unwrap_or_default();
            return Err(vec![ExprProblem {
                offset: before + (column.max(1) as usize - 1),
                code: codes::CATALOG_EXPRESSION,
                message: format!("the expression does not parse: {said}"),
                remedy: match (fields, truth) {
                    (_, true) => "write it like `tokens_input > 200000`".into(),
                    (true, false) => "write it like `tokens_input + tokens_output`".into(),
                    (false, false) => "write it like `ratio(failures, calls) * 100`".into(),
                },
            }]);
        }
    };
    let mut c = Compiler {
        info: &info,
        resolve,
        is,
        guards: Vec::new(),
        problems: Vec::new(),
    };
    let built = c.build(&ast);
    match &built {
        Some((_, Type::Truth)) if !truth => c.problem(
            &ast,
            codes::CATALOG_EXPRESSION,
            "the expression gives true or false where a number is wanted".into(),
            "write `condition ? 1 : 0`".into(),
        ),
        Some((_, Type::Number | Type::Any)) if truth => c.problem(
            &ast,
            codes::CATALOG_EXPRESSION,
            "the condition gives no true or false".into(),
            "compare it, e.g. `tokens_input > 200000`".into(),
        ),
        _ => {}
    }
    match (built, c.problems) {
        (Some((tree, _)), problems) if problems.is_empty() => {
            let mut ops = Vec::new();
            emit(&tree, &mut ops);
            Ok(Compiled { tree, ops })
        }
        (_, problems) => Err(problems),
    }
}

fn emit(t: &Tree, out: &mut Vec<Op>) {
    match t {
        Tree::Term(i) => out.push(Op::Term(*i)),
        Tree::Number(v) => out.push(Op::Number(*v)),
        Tree::Null => out.push(Op::Null),
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

pub(crate) type Resolve<'a> = &'a mut dyn FnMut(&str) -> Result<Name, (String, String)>;

pub(crate) type TextIs<'a> = &'a mut dyn FnMut(&str, &str) -> Result<usize, (String, String)>;

struct Compiler<'i, 'r, 't> {
    info: &'i SourceInfo,
    resolve: Resolve<'r>,
    /// Where texts can be compared.
    is: Option<TextIs<'t>>,
    /// Conditions of the ternaries around the current place.
    guards: Vec<Tree>,
    problems: Vec<ExprProblem>,
}

impl Compiler<'_, '_, '_> {
    fn problem(&mut self, at: &IdedExpr, code: Code, message: String, remedy: String) {
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

    fn build(&mut self, e: &IdedExpr) -> Option<(Tree, Type)> {
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

    fn unsupported(&mut self, e: &IdedExpr, what: &str) -> Option<(Tree, Type)> {
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
        let (op, wants, gives, arity) = match f {
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
            other => {
                let remedy = crate::problem::suggest(other, FUNCTIONS.iter().copied());
                let shown = other.trim_matches('_').trim_start_matches('@');
                self.problem(
                    e,
                    codes::CATALOG_EXPRESSION,
                    format!("there is no function or operator \"{shown}\""),
                    remedy,
                );
                return None;
            }
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

    /// Two numbers, or two truths, of an event.
    fn equality(
        &mut self,
        e: &IdedExpr,
        op: Op,
        a: &IdedExpr,
        b: &IdedExpr,
    ) -> Option<(Tree, Type)> {
        let (left, right) = (self.build(a), self.build(b));
        let ((left, x), (right, y)) = (left?, right?);
        if x == Type::Any || y == Type::Any {
            self.problem(
                e,
                codes::CATALOG_EXPRESSION,
                "nothing equals null here, and nothing differs from it".into(),
                "write `coalesce(x, -1) == -1` with a number that x never is, `x == ''` for a \
                 text, or `where: {x: null}`"
                    .into(),
            );
            return None;
        }
        if x != y {
            self.problem(
                e,
                codes::CATALOG_EXPRESSION,
                format!("{} is compared with {}", x.name(), y.name()),
                "compare two numbers, or two that are true or false".into(),
            );
            return None;
        }
        let tree = Tree::Two(op, Box::new(left), Box::new(right));
        Some((tree, Type::Truth))
    }

    /// A text that equals one of several: one term each.
    fn compared(&mut self, e: &IdedExpr, c: &Compared<'_>) -> Option<(Tree, Type)> {
        let (is, name) = (self.is.as_mut()?, path_of(c.name));
        let Some(name) = name else {
            return self.unsupported(e, "comparing a text with anything but a field is");
        };
        let mut tree: Option<Tree> = None;
        for text in &c.texts {
            let term = match is(&name, text) {
                Ok(i) => Tree::Term(i),
                Err((message, remedy)) => {
                    self.problem(c.name, codes::CATALOG_REFERENCE, message, remedy);
                    return None;
                }
            };
            tree = Some(match tree {
                None => term,
                Some(t) => Tree::Two(Op::Or, Box::new(t), Box::new(term)),
            });
        }
        let tree = tree.unwrap_or(Tree::Number(0.0));
        let tree = match c.equal {
            true => tree,
            false => Tree::One(Op::Not, Box::new(tree)),
        };
        Some((tree, Type::Truth))
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

/// `max(x, 1)`, `clamp(x, 1, 5)` and `coalesce`-free forms that cannot be zero.
fn never_zero(t: &Tree) -> bool {
    match t {
        Tree::Two(Op::Max2, a, b) => never_zero(a) || never_zero(b),
        Tree::Two(Op::Min2, a, b) => never_zero(a) && never_zero(b),
        _ => constant(t).is_some_and(|v| v > 0.0),
    }
}

fn mentions(t: &Tree, what: &Tree) -> bool {
    t == what
        || match t {
            Tree::Term(_) | Tree::Number(_) | Tree::Null => false,
            Tree::One(_, a) => mentions(a, what),
            Tree::Two(_, a, b) => mentions(a, what) || mentions(b, what),
            Tree::Select(c, a, b) => [c, a, b].iter().any(|t| mentions(t, what)),
        }
}

/// `name == 'a'`, `'a' != name`, `name in ['a', 'b']`
struct Compared<'a> {
    name: &'a IdedExpr,
    texts: Vec<&'a str>,
    equal: bool,
}

impl<'a> Compared<'a> {
    fn of(f: &str, args: &[&'a IdedExpr]) -> Option<Compared<'a>> {
        let [a, b] = *args else { return None };
        if f == operators::IN {
            let Cel::List(list) = &b.expr else {
                return None;
            };
            let texts = list.elements.iter().map(text_of).collect::<Option<_>>()?;
            return Some(Compared {
                name: a,
                texts,
                equal: true,
            });
        }
        let equal = match f {
            operators::EQUALS => true,
            operators::NOT_EQUALS => false,
            _ => return None,
        };
        let (name, text) = match (text_of(a), text_of(b)) {
            (None, Some(text)) => (a, text),
            (Some(text), None) => (b, text),
            _ => return None,
        };
        let texts = vec![text];
        Some(Compared { name, texts, equal })
    }
}

fn text_of(e: &IdedExpr) -> Option<&str> {
    match &e.expr {
        Cel::Literal(LiteralValue::String(s)) => Some(s.inner()),
        _ => None,
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
        Tree::Number(_) | Tree::Null => t.clone(),
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
        Tree::Number(_) | Tree::Null => false,
        Tree::One(_, a) => varies(a),
        Tree::Two(_, a, b) => varies(a) || varies(b),
        Tree::Select(c, a, b) => [c, a, b].iter().any(|t| varies(t)),
    }
}

fn path_of(e: &IdedExpr) -> Option<String> {
    match &e.expr {
        Cel::Ident(name) => Some(name.clone()),
        Cel::Select(s) if !s.test => Some(format!("{}.{}", path_of(&s.operand)?, s.field)),
        _ => None,
    }
}

/// Smallest and largest value that an expression can take, given those of its terms.
pub(crate) fn range(t: &Tree, terms: &dyn Fn(usize) -> (f64, f64)) -> (f64, f64) {
    const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
    const TRUTH: (f64, f64) = (0.0, 1.0);
    let mul = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
    match t {
        Tree::Term(i) => terms(*i),
        Tree::Number(v) => (*v, *v),
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
