//! How measures stand in ClickHouse: the columns of a part, their bytes, and the SQL that merges
//! and shows them. One file per accumulator; this file is the list of them.

mod count;
mod distinct;
mod distribution;
mod extreme;
mod last;
mod sum;
mod sumsq;

use crate::client::ident;
use crate::row_binary::Input;
use weir_catalog::Stat;
use weir_model::measure::{Accumulator, MeasureValue, ValueRef};

/// How an accumulator is stored. SQL speaks of its columns by [`Names`].
struct Stored {
    /// (suffix of the column, its type and codec), in the order of RowBinary.
    columns: &'static [(&'static str, &'static str)],
    /// What views show.
    shown: fn() -> Vec<(String, Shown)>,
    /// SQL of a statistic of merged parts, `NULL` for "no value" where it can have none.
    statistic: fn(&Names<'_>, Stat) -> String,
    /// (suffix, SQL) of what parts hold beside what views show.
    beneath: fn(&Names<'_>) -> Vec<(&'static str, String)>,
}

/// A column of a view; its name is the measure's with a suffix.
enum Shown {
    /// A statistic.
    Stat(Stat),
    /// The exact sum in the column with that suffix: beyond 2^53 a float has not all digits.
    Exact(&'static str),
}

/// Views show its number and nothing else.
fn one_number() -> Vec<(String, Shown)> {
    vec![(String::new(), Shown::Stat(Stat::Value))]
}

/// Views show a sum as a number and exactly.
fn number_and_sum() -> Vec<(String, Shown)> {
    let mut shown = one_number();
    shown.push(("_exact".to_owned(), Shown::Exact("")));
    shown
}

/// Views show all there is.
fn nothing(_: &Names<'_>) -> Vec<(&'static str, String)> {
    Vec::new()
}

/// An exact sum as the float nearest to it: the one way from a decimal to a number.
fn nearest(column: &str, scale: i128) -> String {
    format!("weirNearest(reinterpret(sum({column}), 'Int128'), {scale})")
}

/// A column that may hold no number.
const NUMBER: &str = "Nullable(Float64) CODEC(ZSTD(1))";

fn stored(accumulator: Accumulator) -> &'static Stored {
    match accumulator {
        Accumulator::Count => &count::STORED,
        Accumulator::Sum => &sum::STORED,
        Accumulator::Min => &extreme::MIN,
        Accumulator::Max => &extreme::MAX,
        Accumulator::SumSq => &sumsq::STORED,
        Accumulator::Last => &last::STORED,
        Accumulator::Distribution => &distribution::STORED,
        Accumulator::Distinct => &distinct::STORED,
    }
}

/// Appends a value in the columns of its accumulator. A value of another accumulator counts as
/// none.
pub(crate) fn encode(out: &mut Vec<u8>, accumulator: Accumulator, value: &ValueRef<'_>) {
    match (accumulator, *value) {
        (Accumulator::Count, ValueRef::Count(n)) => count::encode(out, n),
        (Accumulator::Sum, ValueRef::Sum(v)) | (Accumulator::SumSq, ValueRef::SumSq(v)) => {
            sum::encode(out, v);
        }
        (Accumulator::Min, ValueRef::Min(v)) | (Accumulator::Max, ValueRef::Max(v)) => {
            extreme::encode(out, v);
        }
        (Accumulator::Last, ValueRef::Last(v)) => last::encode(out, v),
        (Accumulator::Distribution, ValueRef::Distribution(d)) => distribution::encode(out, &d),
        (Accumulator::Distinct, ValueRef::Distinct(h)) => distinct::encode(out, &h),
        _ => encode(out, accumulator, &ValueRef::empty(accumulator)),
    }
}

/// Reads a value out of the columns of its accumulator; `None` where more bytes have to come.
pub(crate) fn decode(input: &mut Input<'_>, accumulator: Accumulator) -> Option<MeasureValue> {
    Some(match accumulator {
        Accumulator::Count => MeasureValue::Count(count::decode(input)?),
        Accumulator::Sum => MeasureValue::Sum(sum::decode(input)?),
        Accumulator::SumSq => MeasureValue::SumSq(sum::decode(input)?),
        Accumulator::Min => MeasureValue::Min(extreme::decode(input)?),
        Accumulator::Max => MeasureValue::Max(extreme::decode(input)?),
        Accumulator::Last => MeasureValue::Last(last::decode(input)?),
        Accumulator::Distribution => MeasureValue::Distribution(distribution::decode(input)?),
        Accumulator::Distinct => MeasureValue::Distinct(distinct::decode(input)?),
    })
}

/// (suffix of the column, its type and codec), in the order of RowBinary.
pub(crate) fn columns(accumulator: Accumulator) -> &'static [(&'static str, &'static str)] {
    stored(accumulator).columns
}

/// The statistic of merged parts, `NULL` for "no value" where it can have none.
pub fn statistic(measure: &str, accumulator: Accumulator, stat: Stat) -> String {
    (stored(accumulator).statistic)(&Names(measure), stat)
}

/// (SQL, name) of the columns that a view shows of a measure.
pub(crate) fn shown(measure: &str, accumulator: Accumulator) -> Vec<(String, String)> {
    let names = Names(measure);
    let sql = |shown| match shown {
        Shown::Stat(stat) => statistic(measure, accumulator, stat),
        Shown::Exact(suffix) => format!("sum({})", names.column(suffix)),
    };
    let all = (stored(accumulator).shown)().into_iter();
    let all = all.map(|(suffix, shown)| {
        let sql = qualified(&sql(shown), &names, accumulator);
        (sql, format!("{measure}{suffix}"))
    });
    all.collect()
}

/// (SQL, name) of what parts hold beside what a view shows: what is compared to the last digit too.
pub(crate) fn beneath(measure: &str, accumulator: Accumulator) -> Vec<(String, String)> {
    let names = Names(measure);
    let all = (stored(accumulator).beneath)(&names).into_iter();
    let all = all.map(|(suffix, sql)| {
        let sql = qualified(&sql, &names, accumulator);
        (sql, format!("{measure}{suffix}"))
    });
    all.collect()
}

/// Columns of the measure as columns of `p`: a result of the same name must not be taken for them.
fn qualified(sql: &str, names: &Names<'_>, accumulator: Accumulator) -> String {
    let mut sql = sql.to_string();
    for (suffix, _) in columns(accumulator) {
        let column = names.column(suffix);
        sql = sql.replace(&column, &format!("p.{column}"));
    }
    sql
}

/// The columns of a measure.
struct Names<'a>(&'a str);

impl Names<'_> {
    /// The column with that suffix, quoted.
    fn column(&self, suffix: &str) -> String {
        ident(&format!("{}{suffix}", self.0))
    }
}
