//! Silences that hold: what people said last of each rule, alert and subject.

use super::listing::{Key, Kind, Listing};
use crate::StoreError;
use crate::client::ident;
use crate::table::EventsTable;
use weir_catalog::Catalog;

/// The event type in which people say so.
const EVENT: &str = "alert.silenced";
/// Its columns that are read here.
const COLUMNS: [&str; 6] = [
    "rule",
    "alert_id",
    "subject",
    "engineer_email",
    "silenced_until",
    "reason",
];

/// Silences that hold, or the one with this id, those that were said last first; none where the
/// catalog has no event type for them.
///
/// # Errors
/// As of [`EventsTable::of`].
pub fn silences(catalog: &Catalog, id: Option<&str>) -> Result<Option<Listing>, StoreError> {
    let Some(event) = catalog.event(EVENT) else {
        return Ok(None);
    };
    let table = EventsTable::of(event)?;
    let has = |column: &&str| table.leaves.iter().any(|l| l.column == **column);
    if !COLUMNS.iter().all(has) {
        return Ok(None);
    }
    // What was said last is taken as a whole: some of it may be null.
    let last = "argMax(tuple(toString(event_id), rule, alert_id, subject, engineer_email, reason, \
                silenced_until), (event_time, toString(event_id)))";
    let names = ["id", "rule", "alert_id", "subject", "by", "reason", "until"];
    let said = names.iter().enumerate();
    let said = said.map(|(i, name)| format!("tupleElement(said, {}) AS {}", i + 1, ident(name)));
    let from = format!(
        "(SELECT tenant, {}, last AS since FROM (SELECT tenant, {last} AS said, max(event_time) AS \
         last FROM {} FINAL GROUP BY tenant, toString(tuple(rule, alert_id, mapSort(subject)))))",
        said.collect::<Vec<_>>().join(", "),
        ident(&table.name)
    );
    let keys = vec![Key::down("since", Kind::Time), Key::up("id", Kind::Text)];
    let mut listing = Listing::new(from, keys);
    listing.columns = names.iter().chain(&["since"]).map(|c| ident(c)).collect();
    listing.conditions.push("until > now64(6)".to_owned());
    if let Some(id) = id {
        listing.given("id = {}", "String", id);
    }
    Ok(Some(listing))
}
