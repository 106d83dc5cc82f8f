//! Who has taken on an alert: the view of alerts, joined with what people say about them.

use crate::StoreError;
use crate::client::ident;
use crate::table::EventsTable;
use weir_catalog::Catalog;

/// The event type in which people say so, where the catalog has it.
const EVENT: &str = "alert.acknowledged";
/// Its columns: which alert, and who.
const ALERT: &str = "alert_id";
const WHO: &str = "engineer_email";

/// The SELECT of the view `alerts`, with `acknowledged_by` and `acknowledged_at` (null where nobody
/// has; the first one counts) where the catalog has the event type, else as it is.
///
/// # Errors
/// As of [`EventsTable::of`].
pub(crate) fn joined(catalog: &Catalog, alerts: String) -> Result<String, StoreError> {
    let Some(event) = catalog.event(EVENT) else {
        return Ok(alerts);
    };
    let table = EventsTable::of(event)?;
    let has = |column: &str| table.leaves.iter().any(|l| l.column == column);
    if !has(ALERT) || !has(WHO) {
        return Ok(alerts);
    }
    // Nullable on the right side: what finds no partner is null under every setting.
    Ok(format!(
        "SELECT a.*, k.acknowledged_by AS acknowledged_by, k.acknowledged_at AS acknowledged_at \
         FROM ({alerts}) AS a LEFT JOIN (SELECT tenant AS of_tenant, {ALERT} AS of_alert, \
         toNullable(argMin({WHO}, (event_time, event_id))) AS acknowledged_by, \
         toNullable(min(event_time)) AS acknowledged_at FROM {} FINAL \
         GROUP BY of_tenant, of_alert) AS k ON a.tenant = k.of_tenant AND a.id = k.of_alert",
        ident(&table.name)
    ))
}
