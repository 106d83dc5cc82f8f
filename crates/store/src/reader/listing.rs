//! Lists, read page by page. A page begins after the last row of the one before, by the values that
//! rows are sorted by, never by a number: rows that come meanwhile move nothing, so each row that
//! was there is seen once.

use super::{Row, WHOSE};
use crate::StoreError;
use crate::client::{Param, ident};
use serde_json::Value as Json;
use weir_model::Micros;

/// What the values of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A moment.
    Time,
    /// A day.
    Day,
    /// A text.
    Text,
    /// A whole number.
    Number,
}

/// A column that rows are sorted by; it is never null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub column: String,
    /// What is in it.
    pub kind: Kind,
    /// The largest comes first.
    pub descending: bool,
}

impl Key {
    /// The smallest comes first.
    pub fn up(column: &str, kind: Kind) -> Key {
        Key {
            column: column.to_owned(),
            kind,
            descending: false,
        }
    }

    /// The largest comes first.
    pub fn down(column: &str, kind: Kind) -> Key {
        Key {
            descending: true,
            ..Key::up(column, kind)
        }
    }
}

/// Where a page ends: the values of the keys of its last row, as they are bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Vec<String>);

impl Place {
    /// From values as [`Place::values`] gave them; none where they are not values of these keys.
    pub fn of(values: Vec<String>, keys: &[Key]) -> Option<Place> {
        let fits = |(value, key): (&String, &Key)| match key.kind {
            Kind::Time => value.parse::<i64>().is_ok(),
            Kind::Day => value.parse::<jiff::civil::Date>().is_ok(),
            Kind::Text => true,
            Kind::Number => value.parse::<i64>().is_ok(),
        };
        let all = values.len() == keys.len() && values.iter().zip(keys).all(fits);
        all.then_some(Place(values))
    }

    /// The values.
    pub fn values(&self) -> &[String] {
        &self.0
    }
}

/// Rows that are read page by page.
#[derive(Clone, Debug)]
pub struct Listing {
    /// A SELECT, or the name of a view, with a column `tenant`.
    pub(super) from: String,
    /// Columns that are shown; empty: all but `tenant`.
    pub(super) columns: Vec<String>,
    /// Conditions on rows.
    pub(super) conditions: Vec<String>,
    /// What they name.
    pub(super) params: Vec<Param>,
    /// What rows are sorted by: all together differ from row to row.
    pub(super) keys: Vec<Key>,
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Where the next one begins; none: this is the last one.
    pub next: Option<Place>,
}

impl Listing {
    pub(super) fn new(from: impl Into<String>, keys: Vec<Key>) -> Listing {
        Listing {
            from: from.into(),
            columns: Vec::new(),
            conditions: Vec::new(),
            params: Vec::new(),
            keys,
        }
    }

    /// What its rows are sorted by.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// With a condition on a value that is bound: `{}` stands for it.
    pub(super) fn given(&mut self, condition: &str, kind: &str, value: impl Into<String>) {
        let name = format!("g{}", self.params.len());
        let place = format!("{{{name}:{kind}}}");
        self.conditions.push(condition.replace("{}", &place));
        self.params.push((name, value.into()));
    }

    /// With a condition on a column of moments: from the first on, before the second.
    pub(super) fn within(&mut self, column: &str, (from, to): (Option<Micros>, Option<Micros>)) {
        for (sign, at) in [(">=", from), ("<", to)] {
            if let Some(at) = at {
                let condition = format!("{column} {sign} {}", MOMENT.replace("KIND", "{}"));
                self.given(&condition, "Int64", at.0.to_string());
            }
        }
    }

    pub(super) fn sql(&self, after: Option<&Place>, rows: usize) -> (String, Vec<Param>) {
        let mut params = self.params.clone();
        let mut conditions = vec![WHOSE.to_owned()];
        conditions.extend(self.conditions.iter().cloned());
        if let Some(place) = after {
            conditions.push(self.beyond());
            let named = place.0.iter().enumerate();
            params.extend(named.map(|(i, v)| (format!("k{i}"), v.clone())));
        }
        let shown = match self.columns.is_empty() {
            true => "* EXCEPT (tenant)".to_owned(),
            false => self.columns.join(", "),
        };
        // Keys are read by names of their own: what is shown of them is for people.
        let keys: Vec<String> = self
            .keys
            .iter()
            .enumerate()
            .map(|(i, key)| format!("{} AS {}", key.read(), own(i)))
            .collect();
        let order: Vec<String> = self.keys.iter().map(Key::order).collect();
        let sql = format!(
            "SELECT {shown}, {} FROM {} WHERE {} ORDER BY {} LIMIT {rows}",
            keys.join(", "),
            self.from,
            conditions.join(" AND "),
            order.join(", "),
        );
        (sql, params)
    }

    /// The condition that a row comes after the place that is bound.
    fn beyond(&self) -> String {
        let each = self.keys.iter().enumerate().map(|(i, key)| {
            let sign = if key.descending { "<" } else { ">" };
            let before = self.keys[..i].iter().enumerate();
            let same: String = before
                .map(|(j, k)| format!("{} = {} AND ", ident(&k.column), k.bound(j)))
                .collect();
            format!("({same}{} {sign} {})", ident(&key.column), key.bound(i))
        });
        format!("({})", each.collect::<Vec<_>>().join(" OR "))
    }

    pub(super) fn page(&self, mut rows: Vec<Row>, size: usize) -> Result<Page, StoreError> {
        let more = rows.len() > size;
        rows.truncate(size);
        let mut place = None;
        for row in &mut rows {
            let values = (0..self.keys.len()).map(|i| row.remove(&own(i)));
            place = values.collect::<Option<Vec<Json>>>();
        }
        let unreadable = || StoreError::Answer("a row without its keys".to_owned());
        let text = |v: Json| match v {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let next = match more {
            true => Some(Place(
                place
                    .ok_or_else(unreadable)?
                    .into_iter()
                    .map(text)
                    .collect(),
            )),
            false => None,
        };
        Ok(Page { rows, next })
    }
}

/// Name of a key in an answer.
fn own(i: usize) -> String {
    format!("weir_key_{i}")
}

/// A moment of microseconds that are bound.
const MOMENT: &str = "fromUnixTimestamp64Micro(KIND, 'UTC')";

impl Key {
    /// SQL of its value, as it is bound again.
    fn read(&self) -> String {
        let column = ident(&self.column);
        match self.kind {
            Kind::Time => format!("toUnixTimestamp64Micro({column})"),
            Kind::Day => format!("toString({column})"),
            Kind::Text | Kind::Number => column,
        }
    }

    /// SQL of the value that is bound for it.
    fn bound(&self, i: usize) -> String {
        match self.kind {
            Kind::Time => MOMENT.replace("KIND", &format!("{{k{i}:Int64}}")),
            Kind::Day => format!("{{k{i}:Date}}"),
            Kind::Text => format!("{{k{i}:String}}"),
            Kind::Number => format!("{{k{i}:Int64}}"),
        }
    }

    fn order(&self) -> String {
        let way = if self.descending { "DESC" } else { "ASC" };
        format!("{} {way}", ident(&self.column))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn listing() -> Listing {
        let keys = vec![Key::down("at", Kind::Time), Key::up("id", Kind::Text)];
        Listing::new("alerts", keys)
    }

    #[test]
    fn nothing_given_stands_in_the_text() {
        let mut of = listing();
        of.given("rule = {}", "String", "x' OR 1=1 --");
        let place = Place::of(vec!["17".into(), "a' --".into()], of.keys()).unwrap();
        let (sql, params) = of.sql(Some(&place), 3);
        assert_eq!(
            sql,
            "SELECT * EXCEPT (tenant), toUnixTimestamp64Micro(`at`) AS weir_key_0, `id` AS \
             weir_key_1 FROM alerts WHERE tenant = {tenant:String} AND rule = {g0:String} AND \
             ((`at` < fromUnixTimestamp64Micro({k0:Int64}, 'UTC')) OR (`at` = \
             fromUnixTimestamp64Micro({k0:Int64}, 'UTC') AND `id` > {k1:String})) ORDER BY `at` \
             DESC, `id` ASC LIMIT 3"
        );
        let bound: Vec<&str> = params.iter().map(|(_, v)| v.as_str()).collect();
        assert_eq!(bound, ["x' OR 1=1 --", "17", "a' --"]);
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let row = |at: i64, id: &str| -> Row {
            let row = json!({"id": id, "weir_key_0": at, "weir_key_1": id});
            serde_json::from_value(row).unwrap()
        };
        let rows = vec![row(9, "a"), row(9, "b"), row(8, "a")];
        let page = listing().page(rows.clone(), 2).unwrap();
        assert_eq!(page.rows.len(), 2);
        assert_eq!(page.rows[1].keys().collect::<Vec<_>>(), ["id"]);
        assert_eq!(page.next.unwrap().values(), ["9", "b"]);
        assert_eq!(listing().page(rows, 3).unwrap().next, None);
    }

    #[test]
    fn a_place_has_values_of_its_keys() {
        let of = |values: &[&str]| {
            let values = values.iter().map(|v| (*v).to_owned()).collect();
            Place::of(values, listing().keys()).is_some()
        };
        assert!(of(&["1", "x"]));
        assert!(!of(&["soon", "x"]));
        assert!(!of(&["1"]));
        assert!(!of(&["1", "x", "y"]));
    }
}
