//! How an operator is doing.

use super::{BACK, OPERATOR, Refused, Source, short};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;
use weir_store::reader::Row;

/// How an operator is doing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Performance {
    /// Who.
    pub operator: String,
    /// KPIs and scores that stand on an operator, at their newest value.
    pub kpis: Vec<Newest>,
}

/// The newest value of a KPI or score.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Newest {
    /// Its name.
    #[schema(value_type = String)]
    pub kpi: Json,
    /// In the unit of the KPI.
    #[schema(value_type = Option<f64>)]
    pub value: Json,
    /// 0 to 100.
    #[schema(value_type = Option<f64>)]
    pub score: Json,
    /// `on_target`, `near`, `off` or `no_data`.
    #[schema(value_type = String)]
    pub status: Json,
    /// When its window ends.
    #[schema(value_type = String, format = DateTime)]
    pub window_end: Json,
}

/// The newest values of all KPIs and scores of an operator in 90 days: the question `kpis`.
///
/// # Errors
/// There is nothing of such an operator, or ClickHouse does not answer.
pub async fn performance(of: &Source<'_>, id: &str) -> Result<Performance, Refused> {
    let given = [("days", BACK.to_string()), ("of", OPERATOR.to_owned())];
    let rows = of.answer("kpis", &given).await?;
    let is_theirs = |row: &Row| row.get("dimensions").is_some_and(|d| d[OPERATOR] == *id);
    let kpis: Vec<Newest> = rows.into_iter().filter(is_theirs).map(newest).collect();
    if kpis.is_empty() {
        let id = short(id);
        return Err(Refused::Nothing(format!(
            "there is nothing of an operator {id} in the last {BACK} days"
        )));
    }
    let operator = id.to_owned();
    Ok(Performance { operator, kpis })
}

fn newest(mut row: Row) -> Newest {
    let mut take = |name: &str| row.remove(name).unwrap_or_default();
    Newest {
        kpi: take("kpi"),
        value: take("value"),
        score: take("score"),
        status: take("status"),
        window_end: take("window_end"),
    }
}
