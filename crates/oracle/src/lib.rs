//! The plain fold behind `weir verify`: the raw log counted again with ordered maps and exact
//! arithmetic, following `docs/semantics.md` and sharing no code with the engine. It is slow, and
//! meant to be read.

mod alerts;
mod avro;
mod cells;
mod conditions;
mod detect;
mod divided;
mod event;
mod fields;
mod fold;
mod held;
mod kpis;
mod measure;
mod needs;
mod scores;
mod settings;
mod share;
mod shelves;
mod to_date;
mod twice;

pub use alerts::AlertRow;
pub use cells::{Cell, CellKey};
pub use detect::{AnomalyRow, Crossing};
pub use divided::Divided;
pub use fold::{Counts, Fold, Record, Totals};
pub use kpis::{KpiRow, evaluate, evaluate_over};
pub use measure::{Distribution, Kept, Part, Value};
pub use share::{BUCKETS, Share};
pub use shelves::Shelves;

use std::collections::BTreeMap;
use weir_catalog::Catalog;

/// Everything the log says, of all subjects or of a share of them.
#[derive(Debug, Default)]
pub struct Truth {
    /// Every event of a final window exactly once, by stored window.
    pub merged: BTreeMap<CellKey, Cell>,
    /// Final findings, by id.
    pub anomalies: BTreeMap<String, AnomalyRow>,
    /// Published KPI values, by id.
    pub kpis: BTreeMap<String, KpiRow>,
    /// Last step of each alert, by id.
    pub alerts: BTreeMap<String, AlertRow>,
    /// Up to where windows are final, by event type (order of the catalog).
    pub final_through: Vec<weir_model::Micros>,
    /// What was counted.
    pub totals: Totals,
}

/// Judges what was folded: detectors, KPIs, alerts. Of a fold that is in memory as a whole; what was
/// put on shelves is judged by [`Divided`].
pub fn conclude(catalog: &Catalog, fold: Fold) -> Truth {
    let judged = fold.judged(catalog);
    concluded(catalog, judged, &Share::WHOLE)
}

/// What the cells say of the subjects of a share.
fn concluded(catalog: &Catalog, judged: fold::Judged, share: &Share) -> Truth {
    let (mut anomalies, verdicts) = detect::run(catalog, &judged);
    let mut kpis = kpis::run(catalog, &judged);
    scores::run(catalog, &judged, &mut kpis);
    let mut alerts = alerts::run(catalog, &judged, &verdicts, &kpis);
    // What is there of other subjects is there for KPIs that join it.
    anomalies.retain(|_, row| share.has(&row.subject));
    kpis.retain(|_, row| row.published && share.has(&row.subject));
    alerts.retain(|_, row| share.has(&row.subject));
    Truth {
        anomalies,
        kpis,
        alerts,
        final_through: judged.final_through.clone(),
        totals: judged.totals.clone(),
        merged: judged.into_merged(catalog, share),
    }
}
