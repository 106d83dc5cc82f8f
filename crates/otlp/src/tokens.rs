//! Token classes that are kept apart, whatever the emitter's numbers hold.

use crate::compile::{Condition, Wrong, conditions, source};
use crate::declare::{self, Class, Many};
use crate::join::holds;
use crate::read::{Record, Source, Val};
use serde_json::{Map, Value};

/// Field of the input tokens: an event type that has it has all classes.
pub(crate) const INPUT: &str = "tokens_input";
const CACHE_READ: &str = "tokens_cache_read";
const CACHE_WRITE: &str = "tokens_cache_write";
const CACHE_WRITE_5M: &str = "tokens_cache_write_5m";
const CACHE_WRITE_1H: &str = "tokens_cache_write_1h";
const OUTPUT: &str = "tokens_output";
const REASONING: &str = "tokens_reasoning";

/// What a call that failed counts, if it reports nothing.
const NOTHING: [&str; 5] = [INPUT, CACHE_READ, CACHE_WRITE, OUTPUT, REASONING];

/// A compiled convention.
#[derive(Debug)]
pub(crate) struct Tokens {
    when: Vec<Condition>,
    input: Vec<Source>,
    cache_read: Vec<Source>,
    cache_write: Vec<Source>,
    cache_write_5m: Vec<Source>,
    cache_write_1h: Vec<Source>,
    output: Vec<Source>,
    reasoning: Vec<Source>,
    input_has: Vec<Class>,
    output_has: Vec<Class>,
    never: Vec<Class>,
}

impl Tokens {
    pub fn compile(file: &str, line: u64, t: &declare::Tokens) -> Result<Tokens, Wrong> {
        let list = |names: &Many| -> Result<Vec<Source>, Wrong> {
            let names = names.0.iter();
            names.map(|n| source(file, line, n)).collect()
        };
        Ok(Tokens {
            when: conditions(file, line, &t.when)?,
            input: list(&t.input)?,
            cache_read: list(&t.cache_read)?,
            cache_write: list(&t.cache_write)?,
            cache_write_5m: list(&t.cache_write_5m)?,
            cache_write_1h: list(&t.cache_write_1h)?,
            output: list(&t.output)?,
            reasoning: list(&t.reasoning)?,
            input_has: t.input_has.clone(),
            output_has: t.output_has.clone(),
            never: t.never.clone(),
        })
    }
}

/// Writes the classes by the first convention whose input or output is told. What is not told is
/// left out: unknown, not 0. A call that failed and tells nothing counts 0. An error says what
/// could not be read; then nothing is written.
pub(crate) fn fill(
    conventions: &[Tokens],
    record: &Record,
    event: &mut Map<String, Value>,
) -> Result<(), String> {
    for t in conventions.iter().filter(|t| holds(&t.when, record)) {
        let input = count(record, &t.input)?;
        let output = count(record, &t.output)?;
        if input.is_some() || output.is_some() {
            let classes = classes(t, record, (input, output))?;
            let told = classes.into_iter().filter_map(|(n, v)| Some((n, v?)));
            event.extend(told.map(|(name, value)| (name.to_owned(), value.into())));
            return Ok(());
        }
    }
    if event.get("success") == Some(&Value::Bool(false)) && !conventions.is_empty() {
        for class in NOTHING {
            event.insert(class.to_owned(), 0.into());
        }
    }
    Ok(())
}

fn classes(
    t: &Tokens,
    record: &Record,
    (input, output): (Option<i64>, Option<i64>),
) -> Result<[(&'static str, Option<i64>); 7], String> {
    let class = |sources: &[Source], class: Class| -> Result<Option<i64>, String> {
        let told = count(record, sources)?;
        Ok(told.or_else(|| t.never.contains(&class).then_some(0)))
    };
    let read = class(&t.cache_read, Class::CacheRead)?;
    let written = class(&t.cache_write, Class::CacheWrite)?;
    let reasoning = class(&t.reasoning, Class::Reasoning)?;
    let output = output.or_else(|| t.never.contains(&Class::Output).then_some(0));
    let part = |has: &[Class]| -> i64 {
        let of = |c: &Class| match c {
            Class::CacheRead => read.unwrap_or(0),
            Class::CacheWrite => written.unwrap_or(0),
            Class::Reasoning => reasoning.unwrap_or(0),
            Class::Output => output.unwrap_or(0),
        };
        has.iter().map(of).fold(0, i64::saturating_add)
    };
    Ok([
        (INPUT, rest(input, part(&t.input_has), "input")?),
        (OUTPUT, rest(output, part(&t.output_has), "output")?),
        (CACHE_READ, read),
        (CACHE_WRITE, written),
        (CACHE_WRITE_5M, count(record, &t.cache_write_5m)?),
        (CACHE_WRITE_1H, count(record, &t.cache_write_1h)?),
        (REASONING, reasoning),
    ])
}

/// What is left of a number when the classes that it holds are taken out. A part that is larger
/// than the whole means that the convention is not true of this record: no guess is made.
fn rest(whole: Option<i64>, part: i64, what: &str) -> Result<Option<i64>, String> {
    let Some(whole) = whole else { return Ok(None) };
    if part > whole {
        return Err(format!(
            "{what} tokens are {whole}, but the classes in them {part}"
        ));
    }
    Ok(Some(whole - part))
}

fn count(record: &Record, sources: &[Source]) -> Result<Option<i64>, String> {
    let Some(value) = record.first(sources) else {
        return Ok(None);
    };
    let told = match &value {
        Val::Int(i) => Some(*i),
        Val::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => Some(*f as i64),
        Val::Text(t) => t.trim().parse().ok(),
        _ => None,
    };
    match told {
        Some(n) if n >= 0 => Ok(Some(n)),
        _ => Err(format!("{:?} is no number of tokens", value.text())),
    }
}
