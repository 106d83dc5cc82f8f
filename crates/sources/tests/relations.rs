//! What the truth file says of a simulation is what its events show.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::Catalog;
use weir_events::{AnyEvent, Event as _};
use weir_model::Micros;
use weir_sources::simulate::{Options, Simulation, TruthKind};

const DAYS: u32 = 14;

struct Made {
    simulation: Simulation,
    /// Each event once, in the order of event time.
    events: Vec<AnyEvent<'static>>,
    end: Micros,
}

fn made(engineers: usize, seed: u64) -> Made {
    let mut simulation = Simulation::new(Options {
        engineers,
        days: DAYS,
        seed,
        start: Micros::from_secs(1_762_128_000),
        tenant: "acme".into(),
        intensity: 1.0,
        anomalies: true,
        only: Vec::new(),
    });
    let (mut seen, mut events) = (BTreeSet::new(), Vec::new());
    while let Some(hour) = simulation.next_hour() {
        for (log_time, event) in hour {
            assert!(
                log_time >= event.event_time(),
                "{event:?} before it happened"
            );
            if seen.insert(event.event_id()) {
                events.push(event);
            }
        }
    }
    events.sort_by_key(|e| (e.event_time(), e.event_id()));
    let end = simulation.end();
    Made {
        simulation,
        events,
        end,
    }
}

impl Made {
    fn coefficient(&self, name: &str) -> f64 {
        let all = self.simulation.coefficients();
        all.iter().find(|c| c.coefficient == name).unwrap().value
    }

    fn labelled(&self, kind: TruthKind) -> Vec<&str> {
        let all = self.simulation.truth().iter();
        all.filter(|t| t.kind == kind)
            .map(|t| t.value.as_str())
            .collect()
    }

    /// Whether the value that the truth file names lies within the 95 % interval of an estimate.
    fn holds(&self, name: &'static str, (estimate, error): (f64, f64)) -> (&'static str, bool) {
        let truth = self.coefficient(name);
        // An interval that holds anything would say nothing.
        let narrow = if truth == 0.0 { 8.0 } else { truth.abs() * 0.8 };
        assert!(
            error > 0.0 && 1.96 * error < narrow,
            "{name}: {estimate} +- {error}"
        );
        (name, (estimate - truth).abs() <= 1.96 * error)
    }
}

/// Slope of the least squares line, and its standard error.
fn slope(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mx, my) = (
        points.iter().map(|p| p.0).sum::<f64>() / n,
        points.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let sxy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let b = sxy / sxx;
    let rest: f64 = points
        .iter()
        .map(|p| (p.1 - my - b * (p.0 - mx)).powi(2))
        .sum();
    (b, (rest / (n - 2.0) / sxx).sqrt())
}

fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance / n)
}

#[test]
fn every_event_type_is_made_and_half_as_many_events_again() {
    let made = made(50, 1);
    let mut by_type: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &made.events {
        *by_type.entry(event.event_type()).or_default() += 1;
    }
    let declared: BTreeSet<String> = Catalog::embedded()
        .unwrap()
        .events
        .iter()
        .map(|e| e.name.clone())
        // What the gateway alone makes, of what comes over OTLP, and who changed what.
        .filter(|name| {
            !["otel.", "emitter.", "audit."]
                .iter()
                .any(|p| name.starts_with(p))
        })
        .collect();
    let found: BTreeSet<String> = by_type.keys().map(|t| (*t).to_owned()).collect();
    assert_eq!(found, declared);
    let old = ["llm.call", "capability.executed", "productivity.recorded"];
    let old: usize = old.iter().map(|t| by_type[t]).sum();
    let share = made.events.len() as f64 / old as f64;
    assert!((1.3..1.7).contains(&share), "{share}: {by_type:?}");
}

#[test]
fn relations_are_recovered_within_their_intervals() {
    let mut held: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..10 {
        let made = made(40, seed);
        let found = [
            skill_grows_with_training(&made),
            incidents_follow_deployments(&made),
            satisfaction_falls_with_waiting(&made),
            load_follows_queries(&made),
            experiment(&made, "new-ranker", "experiment_effect_new_ranker"),
            experiment(&made, "warm-start", "experiment_effect_warm_start"),
        ];
        for (name, holds) in found {
            *held.entry(name).or_default() += u32::from(holds);
        }
        assert_eq!(made.labelled(TruthKind::ExperimentEffect), ["new-ranker"]);
        assert_eq!(made.labelled(TruthKind::ExperimentNoEffect), ["warm-start"]);
    }
    // Of intervals at 95 %, fewer than seven of ten hold once in a thousand times.
    assert!(held.values().all(|n| *n >= 7), "{held:?}");
}

fn skill_grows_with_training(made: &Made) -> (&'static str, bool) {
    let plateau = made.labelled(TruthKind::Plateau);
    assert_eq!(plateau.len(), 1);
    let (mut sessions, mut points) = (BTreeMap::new(), Vec::new());
    for event in &made.events {
        let AnyEvent::TrainingSession(s) = event else {
            continue;
        };
        let before: &mut u32 = sessions.entry(s.operator.email.to_string()).or_default();
        if s.operator.email != plateau[0] {
            points.push((f64::from(1 + *before).ln(), (1.0 - s.score).ln()));
        }
        *before += 1;
    }
    made.holds("learning_exponent", slope(&points))
}

fn incidents_follow_deployments(made: &Made) -> (&'static str, bool) {
    let mut caused = BTreeSet::new();
    for event in &made.events {
        if let AnyEvent::IncidentRecorded(i) = event {
            caused.extend(i.deployment_id.as_deref().map(str::to_owned));
        }
    }
    // Of the last day, not all incidents are over.
    let known = made.end.minus(Micros::DAY);
    let failed: Vec<f64> = made
        .events
        .iter()
        .filter_map(|e| match e {
            AnyEvent::DeploymentRecorded(d) if d.event_time < known => {
                Some(f64::from(u8::from(caused.contains(&*d.deployment_id))))
            }
            _ => None,
        })
        .collect();
    let (share, squared) = mean(&failed);
    made.holds("incidents_per_deployment", (share, squared.sqrt()))
}

fn satisfaction_falls_with_waiting(made: &Made) -> (&'static str, bool) {
    let rated = made.events.iter().filter_map(|e| match e {
        // Below a minute no rating reaches the end of its scale.
        AnyEvent::AiQuery(q) if q.response_ms < 50_000.0 => q
            .satisfaction
            .map(|rating| (q.response_ms / 1000.0, rating)),
        _ => None,
    });
    made.holds("satisfaction_per_second", slope(&rated.collect::<Vec<_>>()))
}

fn load_follows_queries(made: &Made) -> (&'static str, bool) {
    let of = |component: &str, t: Micros| (component.to_owned(), t.floor(Micros::HOUR));
    let mut load = BTreeMap::<_, f64>::new();
    for event in &made.events {
        if let AnyEvent::AiQuery(q) = event {
            *load.entry(of(&q.component, q.event_time)).or_default() += 1.0;
        }
    }
    let sampled = made.events.iter().filter_map(|e| match e {
        AnyEvent::ResourceSampled(r) => {
            let queries = load.get(&of(&r.component, r.event_time));
            Some((queries.copied().unwrap_or(0.0), r.cpu_percent?))
        }
        _ => None,
    });
    made.holds("cpu_percent_per_query", slope(&sampled.collect::<Vec<_>>()))
}

fn experiment(made: &Made, name: &str, coefficient: &'static str) -> (&'static str, bool) {
    let of = |variant: &str| {
        let values = made.events.iter().filter_map(|e| match e {
            AnyEvent::ExperimentObserved(o) if o.experiment == name && o.variant == variant => {
                Some(o.value)
            }
            _ => None,
        });
        mean(&values.collect::<Vec<_>>())
    };
    let ((canary, a), (baseline, b)) = (of("canary"), of("baseline"));
    made.holds(coefficient, (canary - baseline, (a + b).sqrt()))
}
