//! Which windows a rollup stores where nobody says: those that somebody reads.

use crate::types::{Catalog, DetectorDef, EventDef, EventId, KpiDef, Tenants};
use weir_model::WindowSize;

/// What every rollup stores where `windows` are not declared: what questions over days, weeks and
/// months are answered from.
pub(crate) const ALWAYS: [WindowSize; 2] = [WindowSize::Hour, WindowSize::Day];

/// Completes the rollups that store by need: hours and days, the windows that KPIs and detectors
/// are made of, and 5 minutes where a tenant's days do not begin with an hour of UTC.
pub(crate) fn complete(
    events: &mut [EventDef],
    kpis: &[KpiDef],
    detectors: &[DetectorDef],
    tenants: &Tenants,
) {
    let odd = tenants.zones.iter().map(|(_, zone)| zone);
    let odd = odd
        .chain([&tenants.default_zone])
        .any(begins_days_within_hours);
    for (e, event) in events.iter_mut().enumerate() {
        let by_need = event.rollups.iter_mut().enumerate();
        for (r, rollup) in by_need.filter(|(_, r)| r.by_need) {
            let needed = |size: &WindowSize| {
                let days = odd && *size == WindowSize::FiveMinutes;
                days || ALWAYS.contains(size) || readers(kpis, detectors, (e, r), *size).count() > 0
            };
            rollup.windows = WindowSize::ALL.into_iter().filter(needed).collect();
        }
    }
}

/// Names of the KPIs and detectors that are made of windows of a size of a rollup.
fn readers<'c>(
    kpis: &'c [KpiDef],
    detectors: &'c [DetectorDef],
    (event, rollup): (EventId, usize),
    size: WindowSize,
) -> impl Iterator<Item = &'c str> {
    let stands = move |k: &&KpiDef| {
        let mut terms = k.terms.iter();
        k.window.stored() == size && terms.any(|t| (t.event, t.rollup) == (event, rollup))
    };
    let judges =
        move |d: &&DetectorDef| d.window.stored() == size && (d.event, d.rollup) == (event, rollup);
    let kpis = kpis.iter().filter(stands).map(|k| k.name.as_str());
    kpis.chain(detectors.iter().filter(judges).map(|d| d.name.as_str()))
}

impl Catalog {
    /// Names of the KPIs and detectors that are made of windows of a size of a rollup.
    pub fn readers(
        &self,
        event: EventId,
        rollup: usize,
        size: WindowSize,
    ) -> impl Iterator<Item = &str> {
        readers(&self.kpis, &self.detectors, (event, rollup), size)
    }
}

/// Whether a zone's offset was or will be no whole number of hours since 1970: its days do not
/// begin with an hour of UTC.
pub fn begins_days_within_hours(zone: &jiff::tz::TimeZone) -> bool {
    let odd = |offset: jiff::tz::Offset| offset.seconds() % 3600 != 0;
    let epoch = jiff::Timestamp::UNIX_EPOCH;
    // Rules repeat for ever.
    let soon = jiff::Timestamp::from_second(4_000_000_000).unwrap_or(jiff::Timestamp::MAX);
    odd(zone.to_offset(epoch))
        || zone
            .following(epoch)
            .take_while(|t| t.timestamp() < soon)
            .any(|t| odd(t.offset()))
}
