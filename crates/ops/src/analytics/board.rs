//! Operators by what they have reached.

use super::{BACK, OPERATOR, Refused, Source};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use weir_store::reader::Row;

/// What operators are ranked by: as it is asked for, and the column of the question.
pub const RANKED_BY: [(&str, &str); 6] = [
    ("xp", "xp"),
    ("level", "level"),
    ("sessions", "sessions"),
    ("hours", "hours"),
    ("success_rate", "success_percent"),
    ("certifications", "certifications"),
];

/// An operator's place.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Entry {
    /// From 1; who have the same value share one.
    pub rank: usize,
    /// The operator.
    pub name: String,
    /// What is ranked by.
    pub value: f64,
    /// All that there is to rank by.
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    pub values: BTreeMap<&'static str, Json>,
}

/// The first operators by one of [`RANKED_BY`]: the question `leaderboard` over 90 days.
///
/// # Errors
/// There is nothing of that name to rank by, or ClickHouse does not answer.
pub async fn leaderboard(of: &Source<'_>, by: &str, limit: usize) -> Result<Vec<Entry>, Refused> {
    let found = RANKED_BY.iter().find(|(name, _)| *name == by);
    let Some((_, column)) = found else {
        let names: Vec<&str> = RANKED_BY.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        return Err(Refused::Wrong(format!(
            "what is ranked by is one of {names}"
        )));
    };
    let most = of.reader.limits().rows;
    let given = [("days", BACK.to_string()), ("limit", most.to_string())];
    let rows = of.answer("leaderboard", &given).await?;
    Ok(ranked(rows, column, limit.min(most)))
}

/// The first so many by a column, the largest first; rows without it have no place.
fn ranked(rows: Vec<Row>, column: &str, limit: usize) -> Vec<Entry> {
    let valued = |row: Row| Some((row.get(column)?.as_f64()?, row));
    let mut rows: Vec<(f64, Row)> = rows.into_iter().filter_map(valued).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut entries: Vec<Entry> = Vec::new();
    for (place, (value, row)) in rows.into_iter().enumerate().take(limit) {
        let before = entries.last().filter(|e| e.value == value);
        let rank = before.map_or(place + 1, |e| e.rank);
        entries.push(entry(rank, value, &row));
    }
    entries
}

fn entry(rank: usize, value: f64, row: &Row) -> Entry {
    let name = row.get(OPERATOR).and_then(Json::as_str);
    let values = RANKED_BY.iter();
    let values = values.map(|(n, column)| (*n, row.get(*column).cloned().unwrap_or_default()));
    Entry {
        rank,
        name: name.unwrap_or_default().to_owned(),
        value,
        values: values.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_share_a_place_and_missing_ones_have_none() {
        let row = |name: &str, xp: Json| -> Row {
            [(OPERATOR.to_owned(), json!(name)), ("xp".to_owned(), xp)].into()
        };
        let rows = vec![
            row("a", json!(10)),
            row("b", json!(30.5)),
            row("c", json!(10)),
            row("d", Json::Null),
            row("e", json!(5)),
        ];
        let told = ranked(rows, "xp", 4);
        let told: Vec<(usize, &str)> = told.iter().map(|e| (e.rank, e.name.as_str())).collect();
        assert_eq!(told, [(1, "b"), (2, "a"), (2, "c"), (4, "e")]);
    }
}
