//! Expressions over columns that have no type: each use of a column is read as what its place asks
//! for. `row.id + '/'` takes the text of the file, `row.cost * 2.0` a number.

use super::rows::Reads;
use super::value::Want;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators as op};
use cel::parser::Parser;

/// A compiled expression.
#[derive(Debug)]
pub struct Program(IdedExpr);

impl Program {
    /// Its value in a context.
    pub fn run(&self, context: &cel::Context) -> Result<cel::Value, cel::ExecutionError> {
        cel::Value::resolve(&self.0, context)
    }
}

/// Compiles `source`, whose result is taken as it is; `hint` says what for. Notes which columns it
/// reads.
pub fn compile(source: &str, hint: Want, reads: &mut Reads) -> Result<Program, String> {
    let mut tree = Parser::default().parse(source).map_err(|e| {
        match e.errors.first() {
            // What else could stand there is a list of all that the language has.
            Some(first) => format!(
                "cannot be read at character {} ({})",
                first.pos.1,
                first.msg.split(" expecting ").next().unwrap_or_default()
            ),
            None => "cannot be read".into(),
        }
    })?;
    Typer { hint, reads }.read(&mut tree, Want::Raw);
    Ok(Program(tree))
}

struct Typer<'a> {
    hint: Want,
    reads: &'a mut Reads,
}

impl Typer<'_> {
    /// Makes `e` give what is wanted.
    fn read(&mut self, e: &mut IdedExpr, want: Want) {
        if is_row(e) {
            self.reads.all = true;
            return;
        }
        if is_column(e) {
            self.column(e);
            wrap(e, want);
            return;
        }
        match &mut e.expr {
            Expr::Select(select) if select.test => {
                if is_row(&select.operand) {
                    self.reads.optional.insert(select.field.clone());
                } else if is_column(&select.operand) {
                    self.column(&mut select.operand);
                } else {
                    self.read(&mut select.operand, Want::Raw);
                }
            }
            Expr::Select(select) => self.read(&mut select.operand, Want::Plain),
            Expr::Call(call) => self.call(call, want),
            Expr::Comprehension(c) => {
                let parts = [
                    &mut c.iter_range,
                    &mut c.accu_init,
                    &mut c.loop_cond,
                    &mut c.loop_step,
                    &mut c.result,
                ];
                parts.into_iter().for_each(|p| self.read(p, Want::Plain));
            }
            Expr::List(list) => {
                let items = list.elements.iter_mut();
                items.for_each(|p| self.read(p, element(want)));
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.read(&mut entry.key, Want::Text);
                        self.read(&mut entry.value, Want::Plain);
                    }
                }
            }
            Expr::Literal(LiteralValue::Int(n)) if want == Want::Real => {
                let real = *n.inner() as f64;
                e.expr = Expr::Literal(LiteralValue::Double(real.into()));
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &mut CallExpr, want: Want) {
        let shapes: Vec<Option<Want>> = call.args.iter().map(shape).collect();
        let any = |w: Want| shapes.contains(&Some(w));
        let wants: Vec<Want> = match call.func_name.as_str() {
            op::CONDITIONAL => vec![Want::Truth, want, want],
            op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT => vec![Want::Truth; 2],
            op::EQUALS | op::NOT_EQUALS => {
                let as_what = match shapes.iter().flatten().next() {
                    Some(Want::Number | Want::Real) => Want::Either,
                    Some(other) => *other,
                    None => Want::Text,
                };
                vec![as_what; 2]
            }
            op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS => {
                let as_what = match shapes.iter().flatten().next() {
                    Some(Want::Text) => Want::Text,
                    Some(_) if any(Want::Real) => Want::Real,
                    Some(_) => Want::Number,
                    None => Want::Either,
                };
                vec![as_what; 2]
            }
            op::ADD if any(Want::Text) => vec![Want::Text; 2],
            op::ADD if !any(Want::Number) && !any(Want::Real) && self.is_text(want) => {
                vec![Want::Text; 2]
            }
            op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE => {
                let real = any(Want::Real) || want == Want::Real;
                let real = real || (want == Want::Raw && self.hint == Want::Real);
                vec![if real { Want::Real } else { Want::Number }; 2]
            }
            op::IN => match shapes.get(1).copied().flatten() {
                Some(Want::Text) => vec![Want::Text; 2],
                Some(Want::Number | Want::Real) => vec![Want::Either; 2],
                _ => vec![Want::Plain; 2],
            },
            "string" => vec![Want::Text],
            "double" => vec![Want::Real],
            "int" | "uint" => vec![Want::Number],
            "contains" | "startsWith" | "endsWith" | "matches" => vec![Want::Text],
            _ => Vec::new(),
        };
        if let Some(target) = &mut call.target {
            let as_what = match call.func_name.as_str() {
                "contains" | "startsWith" | "endsWith" | "matches" => Want::Text,
                _ => Want::Plain,
            };
            self.read(target, as_what);
        }
        for (i, arg) in call.args.iter_mut().enumerate() {
            self.read(arg, wants.get(i).copied().unwrap_or(Want::Plain));
        }
    }

    fn is_text(&self, want: Want) -> bool {
        want == Want::Text || (want == Want::Raw && self.hint == Want::Text)
    }

    /// Notes the column of a chain, and reads the expressions inside its brackets.
    fn column(&mut self, e: &mut IdedExpr) {
        match &mut e.expr {
            Expr::Select(select) if is_row(&select.operand) => {
                self.reads.columns.insert(select.field.clone());
            }
            Expr::Select(select) => self.column(&mut select.operand),
            Expr::Call(call) => {
                if let [of, at] = call.args.as_mut_slice() {
                    match &at.expr {
                        Expr::Literal(LiteralValue::String(name)) if is_row(of) => {
                            self.reads.columns.insert(name.inner().to_owned());
                        }
                        _ if is_row(of) => self.reads.all = true,
                        _ => self.column(of),
                    }
                    self.read(at, Want::Plain);
                }
            }
            _ => {}
        }
    }
}

/// What the items of a list are read as.
fn element(want: Want) -> Want {
    match want {
        Want::Raw => Want::Plain,
        other => other,
    }
}

fn is_row(e: &IdedExpr) -> bool {
    matches!(&e.expr, Expr::Ident(name) if name == "row")
}

/// Whether it is a path that begins at the row: `row.a`, `row['a'].b[0]`.
fn is_column(e: &IdedExpr) -> bool {
    let of = match &e.expr {
        Expr::Select(select) if !select.test => &*select.operand,
        Expr::Call(call) if call.func_name == op::INDEX && call.args.len() == 2 => &call.args[0],
        _ => return false,
    };
    is_row(of) || is_column(of)
}

fn wrap(e: &mut IdedExpr, want: Want) {
    if let Some(function) = want.function() {
        let id = e.id;
        let inner = std::mem::take(e);
        *e = IdedExpr {
            id,
            expr: Expr::Call(CallExpr {
                func_name: function.to_owned(),
                target: None,
                args: vec![inner],
            }),
        };
    }
}

/// What an expression is by itself; `None` for a column, which is what it is taken for. `Raw` is
/// null.
fn shape(e: &IdedExpr) -> Option<Want> {
    match &e.expr {
        Expr::Literal(literal) => Some(match literal {
            LiteralValue::String(_) => Want::Text,
            LiteralValue::Int(_) | LiteralValue::UInt(_) => Want::Number,
            LiteralValue::Double(_) => Want::Real,
            LiteralValue::Boolean(_) => Want::Truth,
            LiteralValue::Null => Want::Raw,
            LiteralValue::Bytes(_) => return None,
        }),
        Expr::Ident(name) if name == "number" => Some(Want::Number),
        Expr::List(list) => list.elements.iter().find_map(shape),
        Expr::Select(select) if select.test => Some(Want::Truth),
        Expr::Call(call) => {
            let inner = || call.args.iter().map(shape);
            match call.func_name.as_str() {
                "string" => Some(Want::Text),
                "double" => Some(Want::Real),
                "int" | "uint" | "size" => Some(Want::Number),
                op::CONDITIONAL => inner().skip(1).flatten().find(|w| *w != Want::Raw),
                op::ADD
                    if !inner()
                        .flatten()
                        .any(|w| w == Want::Number || w == Want::Real) =>
                {
                    inner().flatten().find(|w| *w == Want::Text)
                }
                op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE => {
                    let real = inner().flatten().any(|w| w == Want::Real);
                    Some(if real { Want::Real } else { Want::Number })
                }
                op::INDEX => None,
                _ => Some(Want::Truth),
            }
        }
        _ => None,
    }
}
