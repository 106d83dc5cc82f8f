//! Optimising systems: what they save, how well, and at what price.

use super::hour::Hour;
use super::relations::SAVED_USD_PER_1000_TOKENS;
use rand::Rng;
use weir_events::OptimizationSampled;
use weir_model::Micros;

/// A system and the share of tokens that it saves.
pub const SYSTEMS: [(&str, f64); 3] = [
    ("smart-cache", 0.62),
    ("token-monitor", 0.66),
    ("content-loader", 0.7),
];
/// Minutes between two samples.
const EVERY: i64 = 20;

/// Systems that an organisation of so many engineers has.
pub fn systems(engineers: usize) -> usize {
    (1 + engineers / 20).min(SYSTEMS.len())
}

/// The samples of an hour.
pub fn hour(h: &mut Hour<'_>) {
    for (system, share) in &SYSTEMS[..systems(h.people.len())] {
        let phase = h.rng.random_range(0..60_000_000);
        for n in 0..60 / EVERY {
            let time = Micros(h.start.0 + n * EVERY * Micros::MINUTE.0 + phase);
            let sample = sample(h, system, *share);
            h.emit(time, &format!("{system}-1"), sample);
        }
    }
}

fn sample(h: &mut Hour<'_>, system: &'static str, share: f64) -> OptimizationSampled<'static> {
    // There is something to do at night as well.
    let requests = 30 + h.times(h.activity * 8.0) as i64;
    let before = requests * 1200;
    let saved = (before as f64 * (share + h.normal(0.0, 0.03))).clamp(0.0, before as f64) as i64;
    let usd = saved as f64 / 1000.0 * SAVED_USD_PER_1000_TOKENS;
    let (hits, errors) = (
        (requests as f64 * (0.86 + h.normal(0.0, 0.02)).min(1.0)) as i64,
        h.times(requests as f64 * 0.004) as i64,
    );
    let slow = h.log_normal(1400.0, 0.1);
    let cost_saved_usd = usd * h.normal(0.0, 0.1).exp();
    let spent_usd = cost_saved_usd * 0.2;
    OptimizationSampled {
        system: system.into(),
        team: "platform".into(),
        tokens_before: before,
        tokens_after: before - saved,
        cache_hits: hits.min(requests),
        cache_misses: (requests - hits).max(0),
        response_ms_before: Some(slow),
        response_ms_after: Some((slow * (1.0 - share * 0.6) * 10.0).round() / 10.0),
        compression_quality: Some(h.normal(91.0, 1.5).clamp(0.0, 100.0)),
        integrity_ok: Some(h.chance(0.999)),
        tasks_completed: requests / 4,
        tasks_failed: h.times(requests as f64 * 0.004) as i64,
        errors: errors.min(requests),
        requests,
        up_seconds: EVERY as f64 * 60.0 - errors as f64 * 0.5,
        down_seconds: errors as f64 * 0.5,
        budget_usd: Some(spent_usd / 0.9),
        spent_usd,
        cost_saved_usd,
        satisfaction: Some(h.normal(4.4, 0.15).clamp(1.0, 5.0)),
        accuracy: Some(h.normal(0.94, 0.01).clamp(0.0, 1.0)),
        utilization_percent: Some(h.normal(52.0, 5.0).clamp(0.0, 100.0)),
        ..OptimizationSampled::default()
    }
}
