//! What assistants do for engineers: tools, savings, memory; their machines, seats and budgets.

use super::hour::Hour;
use super::people::{self, Engineer};
use rand::Rng;
use std::collections::BTreeMap;
use weir_events::{
    AssistantRecorded, BudgetSet, EngineerRegistered, SavingsRecorded, SeatGranted, ToolCalled,
};
use weir_model::Micros;

/// Tools and how often they fail.
const TOOLS: [(&str, f64); 6] = [
    ("Read", 0.01),
    ("Edit", 0.04),
    ("Bash", 0.08),
    ("Grep", 0.01),
    ("WebFetch", 0.06),
    ("Write", 0.02),
];
/// Calls of tools by an engineer in an hour at the height of a working day.
const CALLS: f64 = 3.2;
/// Products with seats: their names and USD for 30 days. The second one may lie idle.
const SEATS: [(&str, f64); 2] = [("claude-code", 100.0), ("copilot", 39.0)];
/// USD that an engineer of a team may spend on models in a month.
const BUDGET: f64 = 400.0;
/// The same where the budget is to burst: about three days' use.
const TIGHT_BUDGET: f64 = 10.0;

/// USD for 30 days that a seat costs which nobody uses.
pub const IDLE_SEAT_USD: f64 = SEATS[1].1;

/// The events of an hour.
pub fn hour(h: &mut Hour<'_>, intensity: f64) {
    if h.first {
        budgets(h, intensity);
    }
    for who in h.people {
        if h.first {
            settings(h, who);
        }
        let rhythm = people::rhythm(h.start, who) * intensity;
        for _ in 0..h.times(CALLS * rhythm) {
            let time = h.moment();
            let call = tool(h, who);
            h.emit(time, &who.host, call);
        }
        // A day's totals at its end, of those who worked.
        let hour = h.start.0.div_euclid(Micros::HOUR.0).rem_euclid(24);
        if hour == (17 + who.shift).rem_euclid(24) && rhythm > 0.3 * intensity {
            totals(h, who, intensity);
        }
    }
}

fn tool(h: &mut Hour<'_>, who: &Engineer) -> ToolCalled<'static> {
    let (tool, failures) = h.pick(&TOOLS);
    let second = h.chance(0.3) && !h.labels.idle_seat(&who.email);
    let agent = SEATS[usize::from(second)].0;
    let asked = h.chance(0.3);
    let rejected = asked && h.chance(0.08);
    let failed = !rejected && h.chance(failures);
    ToolCalled {
        call_id: Some(h.identity("call").into()),
        engineer: who.named(),
        session_id: Some(format!("{}-{}", who.host, h.rng.random_range(0..4)).into()),
        agent: agent.into(),
        tool: tool.into(),
        success: (!rejected).then_some(!failed),
        exit_code: (tool == "Bash" && !rejected).then_some(i64::from(failed)),
        error_type: failed.then(|| "tool_error".into()),
        decision: match (asked, rejected) {
            (_, true) => "rejected".into(),
            (true, false) => "accepted".into(),
            (false, false) => "".into(),
        },
        decided_by: if asked { "user".into() } else { "".into() },
        waited_ms: asked.then(|| h.log_normal(3500.0, 0.8)),
        duration_ms: (!rejected).then(|| h.log_normal(180.0, 1.0)),
        result_tokens: (!rejected).then(|| h.log_normal(600.0, 1.0) as i64),
        ..ToolCalled::default()
    }
}

fn totals(h: &mut Hour<'_>, who: &Engineer, intensity: f64) {
    let use_of_day = who.capabilities_per_hour * 9.0 * intensity;
    let hits = h.times(use_of_day * 0.9) as i64;
    let time = h.moment();
    let event = AssistantRecorded {
        engineer: who.named(),
        assistant: SEATS[0].0.into(),
        memory_hits: hits,
        memory_misses: h.times(use_of_day * 0.1) as i64,
        context_injections: hits,
        avg_context_tokens: Some(h.log_normal(900.0, 0.3)),
        suggestions_accepted: h.times(use_of_day * 0.6) as i64,
        suggestions_rejected: h.times(use_of_day * 0.2) as i64,
        ..AssistantRecorded::default()
    };
    h.emit(time, &who.host, event);
    let calls = h.times(use_of_day * 0.2);
    let time = h.moment();
    let event = SavingsRecorded {
        engineer: who.named(),
        provider: "anthropic".into(),
        model: people::MODELS[0].name.into(),
        tokens_saved: (h.log_normal(800.0, 0.3) * calls as f64) as i64,
        api_calls_avoided: calls as i64,
        time_saved_minutes: (calls as f64 * 150.0).round() / 100.0,
        ..SavingsRecorded::default()
    };
    h.emit(time, &who.host, event);
}

fn settings(h: &mut Hour<'_>, who: &Engineer) {
    let time = h
        .start
        .plus(Micros(h.rng.random_range(1_000_000..60_000_000)));
    let event = EngineerRegistered {
        engineer: who.named(),
        host_name: who.host.clone().into(),
        platform: who.platform.into(),
        ram_gb: Some(h.pick(&[16.0, 32.0, 64.0])),
        product_version: "2.4.1".into(),
        installed_at: Some(h.start.minus(Micros(30 * Micros::DAY.0))),
        ..EngineerRegistered::default()
    };
    h.emit(time, &who.host, event);
    for (tool, usd) in SEATS {
        let event = SeatGranted {
            engineer: who.named(),
            tool: tool.into(),
            plan: "team".into(),
            seats: 1,
            cost_usd_per_30_days: usd,
            ..SeatGranted::default()
        };
        h.emit(time, "weir-cli", event);
    }
}

fn budgets(h: &mut Hour<'_>, intensity: f64) {
    let mut teams: BTreeMap<&str, f64> = BTreeMap::new();
    for who in h.people {
        *teams.entry(&who.team).or_default() += 1.0;
    }
    let time = h.start.plus(Micros(1_000_000));
    for (team, engineers) in teams {
        let each = if h.labels.tight_budget(team) {
            TIGHT_BUDGET
        } else {
            BUDGET
        };
        let event = BudgetSet {
            budget: format!("{team}-models").into(),
            scope: "team".into(),
            limit_usd: each * engineers * intensity,
            team: team.to_owned().into(),
            ..BudgetSet::default()
        };
        h.emit(time, "weir-cli", event);
    }
}
