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
use weir_catalog::Stat;
use weir_model::measure::{Accumulator, ValueRef};

/// How an accumulator is stored. SQL speaks of its columns by [`Names`].
struct Stored {
    /// (suffix of the column, its type and codec), in the order of RowBinary.
    columns: &'static [(&'static str, &'static str)],
    /// (suffix, statistic) of what views show.
    shown: &'static [(&'static str, Stat)],
    /// SQL of a statistic of merged parts, `NULL` for "no value" where it can have none.
    statistic: fn(&Names<'_>, Stat) -> String,
    /// (suffix, SQL) of the columns of merged parts.
    merged: fn(&Names<'_>) -> Vec<(&'static str, String)>,
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

/// (suffix of the column, its type and codec), in the order of RowBinary.
pub(crate) fn columns(accumulator: Accumulator) -> &'static [(&'static str, &'static str)] {
    stored(accumulator).columns
}

/// The statistic of merged parts, `NULL` for "no value" where it can have none.
pub fn statistic(measure: &str, accumulator: Accumulator, stat: Stat) -> String {
    (stored(accumulator).statistic)(&Names(measure), stat)
}

/// Columns that show a measure as people read it: numbers and percentiles.
pub(crate) fn plain(measure: &str, accumulator: Accumulator) -> Vec<String> {
    let shown = stored(accumulator).shown.iter();
    let sql = shown.map(|(suffix, stat)| (*suffix, statistic(measure, accumulator, *stat)));
    named(measure, accumulator, sql)
}

/// Columns that show what parts hold, merged: what is compared bit by bit.
pub(crate) fn exact(measure: &str, accumulator: Accumulator) -> Vec<String> {
    let merged = (stored(accumulator).merged)(&Names(measure));
    named(measure, accumulator, merged.into_iter())
}

fn named(
    measure: &str,
    accumulator: Accumulator,
    sql: impl Iterator<Item = (&'static str, String)>,
) -> Vec<String> {
    let names = Names(measure);
    sql.map(|(suffix, sql)| {
        let sql = qualified(&sql, &names, accumulator);
        format!("{sql} AS {}", names.column(suffix))
    })
    .collect()
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
