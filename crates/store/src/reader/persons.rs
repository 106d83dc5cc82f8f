//! What of a store is about single persons, and about so few that they can be told apart: hidden
//! from who may not see persons. It is hidden where the tables are read, so that no question, view
//! or sum over them can show it.

use super::{Reader, WHOSE, measure_kpi};
use crate::client::{ident, text};
use crate::findings::ABOUT_SUBJECTS;
use crate::kpi_period::kpi_period_of_sql;
use crate::reader::MeasureOf;
use crate::table::underscored;
use crate::{EventsTable, PartsTable, Store, StoreError};
use jiff::civil::Date;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{Catalog, EventDef, MeasureKind, Stat};
use weir_model::person::{Form, forms};

/// Tables of results, with a map `dimensions`.
const RESULTS: [&str; 3] = ["kpis_log", "anomalies_log", "alerts_log"];
/// What is said of alerts is said to colleagues: who said it is shown.
const SAID: [&str; 2] = ["alert.acknowledged", "alert.silenced"];
/// ClickHouse's setting: conditions by table, wherever in a question the table is read.
const SETTING: &str = "additional_table_filters";
/// Bytes of the setting in a URL, which have 64 KiB with all else that stands in it.
const LONGEST: usize = 40_000;

/// Values of dimensions, by dimension.
pub type Small = BTreeMap<String, BTreeSet<String>>;

/// What is hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    persons: BTreeSet<String>,
    small: Small,
    /// Conditions by table.
    filters: BTreeMap<String, String>,
    /// Views of raw events with persons in them.
    archives: Vec<String>,
}

/// Dimensions whose values are persons, by the schemas of their events.
pub fn persons(catalog: &Catalog) -> BTreeSet<String> {
    catalog.events.iter().flat_map(persons_of).collect()
}

/// Those of one event type.
fn persons_of(event: &EventDef) -> BTreeSet<String> {
    let paths = paths(event);
    let theirs = event.dimensions.iter().filter(|d| paths.contains(&d.path));
    theirs.map(|d| d.name.clone()).collect()
}

/// Fields that hold a person.
fn paths(event: &EventDef) -> BTreeSet<String> {
    let all = forms(&event.schema_json).into_iter();
    all.filter(|(_, form)| *form == Form::Email)
        .map(|(path, _)| path)
        .collect()
}

impl Hidden {
    /// Everything about a person, and about these values of dimensions. Where they are too many to
    /// be named, all of the dimension with most of them is hidden as persons are.
    ///
    /// # Errors
    /// The catalog has no such tables.
    pub fn of(catalog: &Catalog, small: Small) -> Result<Hidden, StoreError> {
        let (mut persons, mut small) = (persons(catalog), small);
        loop {
            let hidden = Hidden::all_of(catalog, persons.clone(), small.clone())?;
            let longest = small.iter().max_by_key(|(_, values)| values.len());
            match longest.map(|(name, _)| name.clone()) {
                Some(name) if hidden.length() > LONGEST => {
                    small.remove(&name);
                    persons.insert(name);
                }
                _ => return Ok(hidden),
            }
        }
    }

    fn all_of(
        catalog: &Catalog,
        persons: BTreeSet<String>,
        small: Small,
    ) -> Result<Hidden, StoreError> {
        let mut hidden = Hidden {
            persons,
            small,
            ..Hidden::default()
        };
        for event in &catalog.events {
            if let Some(condition) = hidden.of_parts(event) {
                hidden
                    .filters
                    .insert(PartsTable::of(event)?.name, condition);
            }
            if !paths(event).is_empty() && !SAID.contains(&event.name.as_str()) {
                let nothing = "0".to_owned();
                hidden.filters.insert(EventsTable::of(event)?.name, nothing);
                let view = format!("{}_events", underscored(&event.name));
                hidden.archives.push(view);
            }
        }
        let subject = hidden.of_subjects();
        for table in RESULTS.iter().chain(&ABOUT_SUBJECTS) {
            hidden.filters.insert((*table).to_owned(), subject.clone());
        }
        // The cause of an anomaly may be a person, whatever the anomaly is about.
        let causes = hidden.of_causes();
        if let Some(findings) = hidden.filters.get_mut("findings_log") {
            *findings = format!("{findings} AND {causes}");
        }
        Ok(hidden)
    }

    fn of_parts(&self, event: &EventDef) -> Option<String> {
        let names = event.dimensions.iter().map(|d| d.name.clone());
        let persons: BTreeSet<String> = names.filter(|n| self.is_person(n)).collect();
        let mut all = Vec::new();
        if !persons.is_empty() {
            let names = list(&persons);
            all.push(format!(
                "NOT hasAny(splitByChar(',', toString(rollup)), {names})"
            ));
        }
        let small = event.dimensions.iter();
        let small = small.filter_map(|d| Some((&d.name, self.small.get(&d.name)?)));
        all.extend(
            small.map(|(name, values)| format!("NOT has({}, {})", list(values), ident(name))),
        );
        (!all.is_empty()).then(|| all.join(" AND "))
    }

    /// Of a map `dimensions`.
    fn of_subjects(&self) -> String {
        let names = list(&self.persons);
        let mut all = vec![format!("NOT hasAny(mapKeys(dimensions), {names})")];
        all.extend(self.small.iter().map(|(name, values)| {
            format!("NOT has({}, dimensions[{}])", list(values), text(name))
        }));
        all.join(" AND ")
    }

    fn of_causes(&self) -> String {
        let names = list(&self.persons);
        let small = self.small.iter();
        let small = small.flat_map(|(n, values)| values.iter().map(move |v| format!("{n}={v}")));
        format!(
            "NOT (kind = 'cause' AND (has({names}, splitByChar('=', toString(verdict))[1]) OR \
             has({}, toString(verdict))))",
            list(&small.collect())
        )
    }

    /// Whether a dimension's values are persons.
    #[must_use]
    pub fn is_person(&self, dimension: &str) -> bool {
        self.persons.contains(dimension)
    }

    /// Whether a subject is hidden: of a person, or of too few.
    #[must_use]
    pub fn hides(&self, subject: &serde_json::Map<String, Json>) -> bool {
        let small = |name: &String, value: &Json| {
            let of = self.small.get(name);
            of.zip(value.as_str()).is_some_and(|(s, v)| s.contains(v))
        };
        subject
            .iter()
            .any(|(name, value)| self.is_person(name) || small(name, value))
    }

    /// Whether a question reads raw events that name persons: it would be told of none of them.
    #[must_use]
    pub fn forbids(&self, sql: &str) -> bool {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let mut words = sql.split(|c| !word(c));
        words.any(|w| self.archives.iter().any(|a| a == w))
    }

    /// A store without it: for questions that do not go through a [`Reader`].
    #[must_use]
    pub fn over(&self, store: &Store) -> Store {
        store.with_settings(&[self.setting()])
    }

    /// Bytes that the setting takes in a URL.
    fn length(&self) -> usize {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b" *-._".contains(&b);
        let bytes = self.setting().1.into_bytes().into_iter();
        bytes.map(|b| if plain(b) { 1 } else { 3 }).sum()
    }

    /// As a setting of ClickHouse.
    fn setting(&self) -> (String, String) {
        let each = self.filters.iter();
        let each = each.map(|(table, condition)| format!("{}: {}", text(table), text(condition)));
        let all: Vec<String> = each.collect();
        (SETTING.to_owned(), format!("{{{}}}", all.join(", ")))
    }
}

/// `['a', 'b']`; of none a list of texts too.
fn list(values: &BTreeSet<String>) -> String {
    let all: Vec<String> = values.iter().map(|v| text(v)).collect();
    match all.is_empty() {
        true => "emptyArrayString()".to_owned(),
        false => format!("[{}]", all.join(", ")),
    }
}

/// Values of dimensions that stand for at least one person and fewer than `least` over some days,
/// by the event type that knows most of them.
///
/// # Errors
/// The catalog has no such tables, or ClickHouse refuses or does not answer.
pub async fn small(
    reader: &Reader,
    catalog: &Catalog,
    (from, to): (Date, Date),
    least: u32,
) -> Result<Small, StoreError> {
    let mut selects = Vec::new();
    for (dimension, of) in counted(catalog) {
        let values = kpi_period_of_sql(&measure_kpi(of, catalog), catalog, WHOSE)?;
        selects.push(format!(
            "SELECT tenant, {} AS weir_of, toString({}) AS weir_value, toFloat64(value) AS weir_n \
             FROM (\n{values}\n) WHERE value > 0",
            text(dimension),
            ident(dimension)
        ));
    }
    if selects.is_empty() {
        return Ok(Small::new());
    }
    let sql = format!(
        "SELECT tenant, weir_of, weir_value FROM (\n{}\n)\nGROUP BY tenant, weir_of, weir_value \
         HAVING max(weir_n) < {least}",
        selects.join("\nUNION ALL\n")
    );
    let given = [
        ("from", from.to_string()),
        ("to", to.to_string()),
        ("step", "all".to_owned()),
    ];
    let given = given.map(|(n, v)| (n.to_owned(), v));
    let mut small = Small::new();
    for row in reader.rows(&sql, &given).await? {
        let of = |name: &str| Some(row.get(name)?.as_str()?.to_owned());
        if let (Some(name), Some(value)) = (of("weir_of"), of("weir_value")) {
            small.entry(name).or_default().insert(value);
        }
    }
    Ok(small)
}

/// Dimensions that are no persons themselves, with what counts the persons behind their values.
fn counted(catalog: &Catalog) -> Vec<(&str, MeasureOf)> {
    let mut all = Vec::new();
    for (id, event) in catalog.events.iter().enumerate() {
        let (paths, persons) = (paths(event), persons_of(event));
        let counts = |m: &weir_catalog::MeasureDef| {
            let field = match &m.kind {
                MeasureKind::Distinct(field) => field,
                _ => return false,
            };
            m.filter.is_empty() && paths.contains(field)
        };
        let Some(measure) = event.measures.iter().position(counts) else {
            continue;
        };
        let alone = event
            .dimensions
            .iter()
            .filter(|d| !persons.contains(&d.name));
        for d in alone.filter(|_| !event.setting) {
            if let Some(rollup) = event.rollup_id(&[&d.name]) {
                let of = MeasureOf {
                    event: id,
                    rollup,
                    measure,
                    stat: Stat::Value,
                };
                all.push((d.name.as_str(), of));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn hidden() -> Hidden {
        let small = [("team".to_owned(), ["tiny".to_owned()].into())].into();
        Hidden::of(&Catalog::embedded().unwrap(), small).unwrap()
    }

    #[test]
    fn persons_are_told_by_the_schemas() {
        let all = persons(&Catalog::embedded().unwrap());
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(all, ["actor", "engineer", "operator"]);
    }

    #[test]
    fn every_table_that_can_say_something_of_a_person_is_filtered() {
        let (catalog, hidden) = (Catalog::embedded().unwrap(), hidden());
        for event in &catalog.events {
            let parts = PartsTable::of(event).unwrap();
            let condition = hidden.filters.get(&parts.name);
            let persons = persons_of(event);
            for name in &persons {
                assert!(condition.unwrap().contains(&text(name)), "{}", parts.name);
            }
            if event.dimensions.iter().any(|d| d.name == "team") {
                assert!(condition.unwrap().contains("'tiny'"), "{}", parts.name);
            }
        }
        for table in [
            "kpis_log",
            "anomalies_log",
            "alerts_log",
            "findings_log",
            "trends_log",
            "forecasts_log",
        ] {
            assert!(
                hidden.filters[table].contains("mapKeys(dimensions)"),
                "{table}"
            );
        }
        assert!(hidden.filters["findings_log"].contains("team=tiny"));
        assert_eq!(hidden.filters["events_llm_call"], "0");
        assert!(!hidden.filters.contains_key("events_alert_silenced"));
    }

    #[test]
    fn a_subject_is_hidden_where_it_is_a_person_or_too_few() {
        let hides = |subject: Json| hidden().hides(subject.as_object().unwrap());
        assert!(hides(json!({"engineer": "ada"})));
        assert!(hides(json!({"team": "tiny", "model": "m"})));
        assert!(!hides(json!({"team": "large"})));
        assert!(!hides(json!({})));
        assert!(hidden().forbids("SELECT * FROM llm_call_events"));
        assert!(!hidden().forbids("SELECT * FROM llm_call_1d"));
    }

    #[test]
    fn a_dimension_with_too_many_small_values_is_hidden_as_a_whole() {
        let of = |n: usize| (0..n).map(|i| format!("small-{i}")).collect();
        let small: Small = [("team".to_owned(), of(2000)), ("model".to_owned(), of(2))].into();
        let hidden = Hidden::of(&Catalog::embedded().unwrap(), small).unwrap();
        assert!(hidden.length() <= LONGEST, "{}", hidden.length());
        assert!(hidden.is_person("team") && !hidden.is_person("model"));
        assert!(hidden.filters["kpis_log"].contains("'team'"));
        assert!(!hidden.filters["kpis_log"].contains("'small-3'"));
    }

    #[test]
    fn persons_are_counted_behind_teams_and_models() {
        let catalog = Catalog::embedded().unwrap();
        let names: BTreeSet<&str> = counted(&catalog).into_iter().map(|(d, _)| d).collect();
        assert!(
            names.contains("team") && names.contains("model"),
            "{names:?}"
        );
        assert!(!names.contains("engineer"));
    }
}
