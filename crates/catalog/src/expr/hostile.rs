//! Expressions that nobody meant well.
#![allow(clippy::unwrap_used)]

use super::*;
use weir_fuzz::rand::Rng;
use weir_fuzz::rand::seq::IndexedRandom;
use weir_fuzz::rounds;

const WORDS: &[&str] = &[
    "a",
    "b",
    "1",
    "0",
    "2.5",
    "1e308",
    "null",
    "true",
    "false",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    "<=",
    "==",
    "!=",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "(",
    ")",
    ",",
    ".",
    "ratio(",
    "min(",
    "max(",
    "abs(",
    "coalesce(",
    "clamp(",
    "pow(",
    "sqrt(",
    "ln(",
    "exp(",
    "floor(",
    "[",
    "]",
    "{",
    "}",
    "'x'",
    "\"",
    "\\",
    "in",
    "has(",
    "a.b",
    "a.all(x, x)",
    "9223372036854775808",
    "0x",
    "ä",
    "\u{0}",
];

fn compiled(source: &str) -> Result<Compiled, Vec<ExprProblem>> {
    compile(source, &mut |name| match name {
        "a" => Ok(Name::Term(0)),
        "b" => Ok(Name::Number(3.0)),
        _ => Err(("there is no such name".into(), String::new())),
    })
}

/// Over fields: `a` is a number, `b` a truth, `a.b` a text.
fn over_fields(source: &str, truth: bool) -> Result<Compiled, Vec<ExprProblem>> {
    let unknown = || ("there is no such name".to_owned(), String::new());
    let mut name = |name: &str| match name {
        "a" => Ok(Name::Term(0)),
        "b" => Ok(Name::Truth(1)),
        _ => Err(unknown()),
    };
    let mut is = |name: &str, _: &str| match name {
        "a.b" => Ok(2),
        _ => Err(unknown()),
    };
    match truth {
        true => condition(source, &mut name, &mut is),
        false => number(source, &mut name, &mut is),
    }
}

#[test]
fn chains_are_refused_before_they_are_parsed() {
    for link in ["+1", ".a", "-a", "?(1", "&&true", " == a"] {
        let e = compiled(&format!("a{}", link.repeat(20_000))).unwrap_err();
        assert_eq!(e[0].code, codes::CATALOG_EXPRESSION);
        assert!(e[0].message.contains("more than"), "{}", e[0].message);
    }
    assert!(compiled(&format!("a{}", "+1".repeat(200))).is_ok());
}

#[test]
fn fuzz_expressions_are_compiled_or_refused() {
    let (mut taken, mut refused) = (0u64, 0u64);
    rounds(5000, |chance| {
        // Whole ones, put together by their grammar, of which a few words are changed.
        let mut words = vec!["a"];
        for _ in 0..chance.random_range(0..12) {
            match chance.random_range(0..4) {
                0 => words.extend(["+", "b"]),
                1 => words.extend(["*", "a"]),
                2 => {
                    words.insert(0, "ratio(");
                    words.extend([",", "b", ")"]);
                }
                _ => {
                    words.insert(0, "(");
                    words.extend([")", "<", "2.5", "?", "a", ":", "null"]);
                    words.insert(0, "(");
                    words.push(")");
                }
            }
        }
        for _ in 0..chance.random_range(0..3) {
            let i = chance.random_range(0..words.len());
            words[i] = WORDS.choose(chance).unwrap();
        }
        if chance.random_ratio(1, 20) {
            words = words.repeat(chance.random_range(1..200));
        }
        let source = words.join(if chance.random() { " " } else { "" });
        match compiled(&source) {
            Ok(c) => {
                range(&c.tree, &|_| (0.0, 1.0));
                c.divides();
                taken += 1;
            }
            Err(problems) => {
                let characters = source.chars().count();
                assert!(problems.iter().all(|p| p.offset <= characters), "{source}");
                refused += 1;
            }
        }
        for truth in [false, true] {
            match over_fields(&source, truth) {
                Ok(c) => assert!(!c.ops.is_empty(), "{source}"),
                Err(problems) => {
                    let characters = source.chars().count();
                    assert!(problems.iter().all(|p| p.offset <= characters), "{source}");
                }
            }
        }
    });
    assert!(
        taken > 100 && refused > 100,
        "{taken} taken, {refused} refused"
    );
}
