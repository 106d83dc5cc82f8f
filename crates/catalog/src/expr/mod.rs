//! Expressions: CEL's syntax, weir's meaning (64-bit floats and "no value"), compiled to a stack
//! program.

mod build;
mod compare;
#[cfg(test)]
mod hostile;
mod range;
mod tree;

pub(crate) use range::range;
pub(crate) use tree::{Tree, implies, renumbered, varies};

use crate::types::Op;
use build::Compiler;
use cel::common::ast::{IdedExpr, SourceInfo};
use cel::parser::Parser;
use tree::{divides, emit};
use weir_model::{Code, codes, expression};

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
    /// The length of the window.
    Days,
    /// A part that was named: put in its place.
    Part(Tree),
}

pub(crate) type Resolve<'a> = &'a mut dyn FnMut(&str) -> Result<Name, (String, String)>;

pub(crate) type TextIs<'a> = &'a mut dyn FnMut(&str, &str) -> Result<usize, (String, String)>;

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
    let (ast, info) = parse(source, is.is_some(), truth)?;
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

/// CEL's tree of a text. `fields` and `truth`: what it should be, for the remedy.
fn parse(
    source: &str,
    fields: bool,
    truth: bool,
) -> Result<(IdedExpr, SourceInfo), Vec<ExprProblem>> {
    if let Err(e) = expression::check(source) {
        return Err(vec![ExprProblem {
            offset: e.offset,
            code: codes::CATALOG_EXPRESSION,
            message: e.what.into(),
            remedy: "divide it, or let a measure do a part of it".into(),
        }]);
    }
    match Parser::default().parse_with_source_info(source) {
        Ok(parsed) => Ok(parsed),
        Err(e) => {
            let first = e.errors.first();
            let (line, column) = first.map_or((1, 1), |e| e.pos);
            let before: usize = source
                .split('\n')
                .take(line.max(1) as usize - 1)
                .map(|l| l.chars().count() + 1)
                .sum();
            let said = first.map(|e| e.msg.replace('\n', " ")).unwrap_or_default();
            Err(vec![ExprProblem {
                offset: before + (column.max(1) as usize - 1),
                code: codes::CATALOG_EXPRESSION,
                message: format!("the expression does not parse: {said}"),
                remedy: match (fields, truth) {
                    (_, true) => "write it like `tokens_input > 200000`".into(),
                    (true, false) => "write it like `tokens_input + tokens_output`".into(),
                    (false, false) => "write it like `ratio(failures, calls) * 100`".into(),
                },
            }])
        }
    }
}
