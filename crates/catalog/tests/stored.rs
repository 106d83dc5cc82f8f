//! Which windows a rollup stores where nobody declares them.

#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, load_sources};

const EVENT: &str = "event: llm.call
dimensions: {team: engineer.team, model: model}
measures: {calls: {count: true}}
";

/// The windows of each rollup of the event, e.g. `team: 5m 1h 1d`.
fn stored(event: &str, more: &str) -> Vec<String> {
    let mut sources = Catalog::embedded_sources();
    sources.retain(|(file, _)| file == "events/llm.call.avsc");
    sources.push(("catalog/call.yaml".into(), format!("{EVENT}{event}")));
    sources.push(("catalog/more.yaml".into(), more.into()));
    let catalog = load_sources(sources).unwrap_or_else(|e| panic!("{e}"));
    let event = &catalog.events[0];
    let told = event.rollups.iter().map(|r| {
        let windows: Vec<&str> = r.windows.iter().map(|w| w.label()).collect();
        let by = event.rollup_dimensions(r).join(",");
        format!("{by}: {}", windows.join(" "))
    });
    told.collect()
}

const ROLLUPS: &str = "rollups: [[], [team], [model]]\n";
const KPI: &str = "kpis: {rolling: {by: [team], window: 1h/5m, value: llm.call.calls}}\n";

#[test]
fn hours_and_days_and_what_is_read() {
    assert_eq!(
        stored(ROLLUPS, "{}"),
        [": 1h 1d", "team: 1h 1d", "model: 1h 1d"]
    );
    assert_eq!(
        stored(ROLLUPS, KPI),
        [": 1h 1d", "team: 5m 1h 1d", "model: 1h 1d"]
    );
    // Terms on other subjects are read too, and what a detector looks at.
    let more = "kpis:
  share: {by: [team], window: 5m, terms: {own: llm.call.calls, all: {of: llm.call.calls, at: []}}, \
                value: 'ratio(own, all)', minimum_sample: {all: 1}}
detectors:
  many: {event: llm.call, by: [model], window: 1m, value: calls, limit: {above: 9}}
";
    let read = [": 5m 1h 1d", "team: 5m 1h 1d", "model: 1m 1h 1d"];
    assert_eq!(stored(ROLLUPS, more), read);
}

#[test]
fn what_is_declared_is_stored_as_declared() {
    let rollups = "rollups: [[], {by: [team], windows: [5m]}]\n";
    assert_eq!(stored(rollups, KPI), [": 1h 1d", "team: 5m"]);
    let all = format!("windows: [1m, 1d]\n{rollups}");
    assert_eq!(stored(&all, KPI), [": 1m 1d", "team: 5m"]);
}

#[test]
fn days_that_do_not_begin_with_an_hour_are_made_of_five_minutes() {
    let zone = |zone: &str| format!("tenants: {{zones: {{acme: {zone}}}}}\n");
    let rollups = "rollups: [[]]\n";
    assert_eq!(stored(rollups, &zone("Asia/Kolkata")), [": 5m 1h 1d"]);
    assert_eq!(stored(rollups, &zone("Europe/Berlin")), [": 1h 1d"]);
}

#[test]
fn the_shipped_catalog_stores_finer_windows_for_its_readers_only() {
    let catalog = Catalog::embedded().unwrap();
    for (e, event) in catalog.events.iter().enumerate() {
        for (r, rollup) in event.rollups.iter().enumerate() {
            for size in &rollup.windows {
                let fine = ["1m", "5m"].contains(&size.label());
                let read = catalog.readers(e, r, *size).count() > 0;
                assert!(
                    !fine || read,
                    "{} {:?}",
                    event.name,
                    event.rollup_dimensions(rollup)
                );
            }
        }
    }
}
