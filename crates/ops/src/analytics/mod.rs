//! What is asked of operators, costs and boards, for `/api/analytics/...` and `weir analytics`:
//! each number is made here, once, by the views that analysts read.

mod board;
mod cost;
mod operator;
mod overview;
mod role;

pub use board::{Entry, RANKED_BY, leaderboard};
pub use cost::{Breakdown, Item, breakdown, kept_by};
pub use operator::{Newest, Performance, performance};
pub use overview::{Overview, Spent, overview};
pub use role::{Advised, COLUMNS, OPERATOR, Step, advised, of_operator, plan, roles};

use crate::Asked;
use jiff::civil::Date;
use weir_catalog::{Catalog, suggest};
use weir_model::Micros;
use weir_model::codes::{NOT_THERE, QUERY, TOO_MUCH};
use weir_store::reader::{Reader, Row};
use weir_store::{Question, StoreError};

/// Days that are looked back at.
const BACK: u32 = 90;

/// Whose numbers are asked for, and by which declarations.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// One tenant's store.
    pub reader: &'a Reader,
    /// What is declared.
    pub catalog: &'a Catalog,
    /// The named questions.
    pub questions: &'a [Question],
    /// The moment at which is asked.
    pub now: Micros,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What is asked for cannot be.
    #[error("{code}: {0}", code = QUERY)]
    Wrong(String),
    /// There is no such thing.
    #[error("{code}: {0}", code = NOT_THERE)]
    Nothing(String),
    /// The answer would be larger than one may.
    #[error("{code}: {0}", code = TOO_MUCH)]
    TooMuch(String),
    /// ClickHouse refuses or does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Source<'_> {
    /// The tenant's today.
    #[must_use]
    pub fn today(&self) -> Date {
        let zone = self.catalog.tenants.zone(self.reader.tenant()).clone();
        let now = jiff::Timestamp::from_microsecond(self.now.0).unwrap_or_default();
        now.to_zoned(zone).date()
    }

    /// So many days that end with today: first and last.
    fn back(&self, days: u32) -> (Date, Date) {
        let to = self.today();
        let back = jiff::Span::new().days(i64::from(days) - 1);
        (to.saturating_sub(back), to)
    }

    /// The rows of a named question.
    async fn answer(&self, name: &str, given: &[(&str, String)]) -> Result<Vec<Row>, Refused> {
        let question = self.questions.iter().find(|q| q.name == name);
        let question = question.ok_or_else(|| {
            let known = self.questions.iter().map(|q| q.name.as_str());
            Refused::Nothing(format!(
                "there is no question \"{name}\"; {}",
                suggest(name, known)
            ))
        })?;
        let whose = ("tenant", self.reader.tenant().to_owned());
        let given: Vec<(String, String)> = given
            .iter()
            .chain([&whose])
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect();
        let asked = Asked::named(question, &given, self.catalog, self.now);
        let asked = asked.map_err(|e| Refused::Wrong(format!("{e:#}")))?;
        Ok(self.reader.rows(&asked.sql, &asked.params).await?)
    }
}

/// A name as it is told back.
fn short(name: &str) -> String {
    name.chars().take(100).collect()
}
