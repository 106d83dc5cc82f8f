//! One look at everything: what was spent and on what, who is ahead, which alerts are open.

use super::{Breakdown, Entry, Refused, Source, breakdown, leaderboard};
use serde::Serialize;
use weir_catalog::SEVERITIES;
use weir_store::reader::{Finding, Row, alerts};

/// Days that spend is told of.
const SPANS: [u32; 3] = [1, 7, 30];
/// Days that teams and models are told of.
const WEEK: u32 = 7;
/// Operators that are ahead.
const AHEAD: usize = 5;

/// What there is at a look.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// Whose.
    pub tenant: String,
    /// Spend by days up to today.
    pub spend: Vec<Spent>,
    /// Seven days by team, the dearest first.
    pub teams: Breakdown,
    /// Seven days by model, the dearest first.
    pub models: Breakdown,
    /// Operators by experience points.
    pub leaderboard: Vec<Entry>,
    /// Open alerts, the gravest first, of these the newest: rows of the view.
    pub alerts: Vec<Row>,
}

/// What model calls cost in some days.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spent {
    /// So many, up to today.
    pub days: u32,
    /// USD.
    pub usd: f64,
}

/// All of it, with at most so many alerts.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn overview(of: &Source<'_>, most: usize) -> Result<Overview, Refused> {
    let mut spend = Vec::new();
    for days in SPANS {
        let usd = breakdown(of, "", days).await?.total_cost;
        spend.push(Spent { days, usd });
    }
    Ok(Overview {
        tenant: of.reader.tenant().to_owned(),
        spend,
        teams: breakdown(of, "team", WEEK).await?,
        models: breakdown(of, "model", WEEK).await?,
        leaderboard: leaderboard(of, "xp", AHEAD).await?,
        alerts: gravest(of, most).await?,
    })
}

/// Open alerts, at most so many.
async fn gravest(of: &Source<'_>, most: usize) -> Result<Vec<Row>, Refused> {
    let mut all = Vec::new();
    for severity in SEVERITIES.iter().rev() {
        let open = Finding {
            equal: vec![("severity", (*severity).to_owned())],
            over: Some(false),
            ..Finding::default()
        };
        let left = most - all.len();
        if left > 0 {
            all.extend(of.reader.page(&alerts(&open), None, left).await?.rows);
        }
    }
    Ok(all)
}
