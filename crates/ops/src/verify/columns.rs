//! What stands in the columns of a row that ClickHouse gave as JSON.

use super::rows::Columns;
use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_model::Fixed;

/// The text in a column, empty where there is none.
pub fn string(row: &Columns, name: &str) -> String {
    row.get(name)
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The whole number in a column, micros of a time for one.
///
/// # Errors
/// There is none.
pub fn integer(row: &Columns, name: &str) -> Result<i128> {
    row.get(name)
        .and_then(whole)
        .with_context(|| format!("ClickHouse gave no column {name}"))
}

/// A number, however it is written.
pub fn number(v: &Json) -> Option<f64> {
    match v {
        Json::String(s) => s.parse().ok(),
        v => v.as_f64(),
    }
}

/// A whole number, however it is written.
pub fn whole(v: &Json) -> Option<i128> {
    match v {
        Json::String(s) => s.parse().ok(),
        v => v.as_i64().map(i128::from),
    }
}

/// Counts by bin.
pub fn pairs(v: &Json) -> Option<BTreeMap<u16, u64>> {
    let pairs = v.as_array()?.iter();
    let pairs = pairs.filter_map(|p| Some((whole(p.get(0)?)? as u16, whole(p.get(1)?)? as u64)));
    Some(pairs.collect())
}

/// A list of whole numbers.
pub fn wholes(v: &Json) -> Option<Vec<u64>> {
    let list = v.as_array()?.iter();
    Some(list.filter_map(|n| whole(n).map(|n| n as u64)).collect())
}

/// `12.5` as billionths, exactly.
pub fn billionths(v: &Json) -> Option<i128> {
    let text = match v {
        Json::String(s) => s.clone(),
        v => v.to_string(),
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.as_str()),
    };
    let (units, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<9}");
    if fraction.len() != 9 {
        return None;
    }
    let n = units.parse::<i128>().ok()? * Fixed::SCALE + fraction.parse::<i128>().ok()?;
    Some(if negative { -n } else { n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        let read = |s: &str| billionths(&Json::String(s.into()));
        assert_eq!(read("12.5"), Some(12_500_000_000));
        assert_eq!(read("-0.000000001"), Some(-1));
        assert_eq!(
            read("99999999999999999999"),
            Some(99_999_999_999_999_999_999_000_000_000)
        );
        assert_eq!(read("1e5"), None);
    }
}
