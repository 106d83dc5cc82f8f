//! Parameters of requests: one type for each resource says which there are, and its document is made
//! of the same type. `name[key]=value` is an entry of a map. What is not declared is refused.

use crate::fault::Fault;
use crate::state::Shared;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::civil::Date;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use weir_catalog::suggest;
use weir_model::Micros;

/// The parameters of a request.
pub(crate) struct Params<T>(pub T);

/// `name[key]` and no deeper.
const DEPTH: usize = 1;
/// Rows of a page where nothing is said.
const PAGE: usize = 100;

impl<T: DeserializeOwned> FromRequestParts<Shared> for Params<T> {
    type Rejection = Fault;

    async fn from_request_parts(head: &mut Parts, _: &Shared) -> Result<Params<T>, Fault> {
        let query = head.uri.query().unwrap_or_default();
        read(query)
            .map(Params)
            .map_err(|e| Fault::bad(format!("the parameters cannot be read: {e}")))
    }
}

/// What a query says; a value that is given twice is refused.
fn read<T: DeserializeOwned>(query: &str) -> Result<T, serde_qs::Error> {
    serde_qs::Config::new()
        .use_form_encoding(true)
        .max_depth(DEPTH)
        .duplicate_key_behavior(serde_qs::DuplicateKeyBehavior::Error)
        .deserialize_str(query)
}

/// A moment: RFC 3339, or a day (its midnight, UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub Micros);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(from)?;
        let day = || {
            let day: Date = text.parse().ok()?;
            Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let at = text.parse::<jiff::Timestamp>().ok().or_else(day);
        let at = at.ok_or_else(|| {
            D::Error::custom("a moment is written 2026-03-02T14:00:00Z, or 2026-03-02")
        })?;
        Ok(Moment(Micros(at.as_microsecond())))
    }
}

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day(pub Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Day, D::Error> {
        let text = String::deserialize(from)?;
        match text.parse::<Date>() {
            // ClickHouse's dates end in 2149.
            Ok(day) if text.len() == 10 && (1970..2100).contains(&day.year()) => Ok(Day(day)),
            _ => Err(D::Error::custom("a day is written 2026-03-02")),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// Names, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Names, D::Error> {
        let text = String::deserialize(from)?;
        let names = text.split(',').map(str::trim).filter(|n| !n.is_empty());
        Ok(Names(names.map(str::to_owned).collect()))
    }
}

/// Rows of a page: as many as are asked for, within what an answer may have.
pub(crate) fn page_size(asked: Option<usize>, most: usize) -> Result<usize, Fault> {
    match asked {
        None => Ok(PAGE.min(most)),
        Some(n) if (1..=most).contains(&n) => Ok(n),
        Some(n) => Err(Fault::bad(format!("`limit` is from 1 to {most}, not {n}"))),
    }
}

/// Refuses dimensions that there are not.
pub(crate) fn known_dimensions<'a>(
    subject: &BTreeMap<String, String>,
    dimensions: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Fault> {
    let strange = |name: &&String| !dimensions.clone().any(|d| d == *name);
    match subject.keys().find(strange) {
        None => Ok(()),
        Some(name) => Err(Fault::bad(format!(
            "`subject[{name}]` is no dimension here; {}",
            suggest(name, dimensions)
        ))),
    }
}

/// Refuses a span that ends before it begins.
pub(crate) fn in_order<T: PartialOrd>(from: Option<T>, to: Option<T>) -> Result<(), Fault> {
    match (from, to) {
        (Some(from), Some(to)) if to < from => Err(Fault::bad("`to` lies before `from`")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        subject: BTreeMap<String, String>,
        from: Option<Moment>,
        limit: Option<usize>,
        #[serde(default)]
        by: Names,
    }

    #[test]
    fn parameters_are_what_their_type_says() {
        let query = "subject%5Bteam%5D=R%26D+%C3%A9&subject[model]=a=b&from=2026-03-02&limit=5\
                     &by=team,%20model";
        let asked: Asked = read(query).unwrap();
        assert_eq!(asked.subject["team"], "R&D é");
        assert_eq!(asked.subject["model"], "a=b");
        assert_eq!(asked.from, Some(Moment(Micros(1_772_409_600_000_000))));
        assert_eq!(asked.limit, Some(5));
        assert_eq!(asked.by.0, ["team", "model"]);
        assert!(read::<Asked>("").unwrap().subject.is_empty());
        for wrong in [
            "tennant=a",
            "limit=-1",
            "limit=1&limit=2",
            "from=soon",
            "from=",
        ] {
            assert!(read::<Asked>(wrong).is_err(), "{wrong}");
        }
    }
}
