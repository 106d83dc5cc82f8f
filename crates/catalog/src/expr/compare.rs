//! Comparing fields of an event: texts with texts, numbers with numbers, truths with truths.

use super::Type;
use super::build::{Compiler, path_of};
use super::tree::Tree;
use crate::types::Op;
use cel::common::ast::{Expr as Cel, IdedExpr, LiteralValue, operators};
use weir_model::codes;

impl Compiler<'_, '_, '_> {
    /// Two numbers, or two truths, of an event.
    pub(super) fn equality(
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
    pub(super) fn compared(&mut self, e: &IdedExpr, c: &Compared<'_>) -> Option<(Tree, Type)> {
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
}

/// `name == 'a'`, `'a' != name`, `name in ['a', 'b']`
pub(super) struct Compared<'a> {
    name: &'a IdedExpr,
    texts: Vec<&'a str>,
    equal: bool,
}

impl<'a> Compared<'a> {
    pub(super) fn of(f: &str, args: &[&'a IdedExpr]) -> Option<Compared<'a>> {
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
