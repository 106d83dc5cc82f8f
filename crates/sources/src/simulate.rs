//! A plausible organisation from a seed: engineers in teams, daily and weekly rhythm, growth,
//! skewed use, log-normal latencies, a few late and repeated events, and labelled injected
//! anomalies; and around them four more systems whose numbers depend on each other as a truth file
//! says.

mod ai;
mod anomalies;
mod assistant;
mod delivery;
mod hour;
mod labels;
mod learning;
mod optimization;
mod people;
mod relations;

use crate::Outgoing;
use anomalies::{Anomalies, Aspect};
pub use anomalies::{Truth, TruthKind};
use hour::Hour;
use labels::Labels;
use learning::Learning;
use people::{CAPABILITIES, Engineer, organisation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Poisson};
pub use relations::Coefficient;
use weir_events::{
    AnyEvent, CapabilityExecuted, Envelope, Event as _, LlmCall, Map, ProductivityRecorded,
    event_id,
};
use weir_model::Micros;

/// A simulated event.
type Event = AnyEvent<'static>;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of engineers.
    pub engineers: usize,
    /// Number of days.
    pub days: u32,
    /// Seed: the same options and seed give the same events.
    pub seed: u64,
    /// Midnight (UTC) of the first day.
    pub start: Micros,
    /// Tenant.
    pub tenant: String,
    /// Multiplies the activity of everybody.
    pub intensity: f64,
    /// Whether anomalies are injected.
    pub anomalies: bool,
    /// Event types that are made; all where there is none.
    pub only: Vec<String>,
}

/// The simulator: hours of events in order of their log time.
pub struct Simulation {
    options: Options,
    people: Vec<Engineer>,
    anomalies: Anomalies,
    labels: Labels,
    learning: Learning,
    truth: Vec<Truth>,
    hour: u32,
    /// Events that arrive later than the hour they are made in.
    delayed: Vec<(Micros, Event)>,
}

impl Simulation {
    /// Prepares a simulation.
    pub fn new(options: Options) -> Simulation {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let people = organisation(&mut rng, options.engineers);
        let anomalies = if options.anomalies {
            Anomalies::plan(&mut rng, &people, options.start, options.days)
        } else {
            Anomalies::default()
        };
        let labels = if options.anomalies {
            Labels::plan(&options, &people)
        } else {
            Labels::default()
        };
        let truth = [anomalies.truth.as_slice(), labels.truth.as_slice()].concat();
        Simulation {
            options,
            people,
            anomalies,
            labels,
            learning: Learning::default(),
            truth,
            hour: 0,
            delayed: Vec::new(),
        }
    }

    /// What was injected.
    pub fn truth(&self) -> &[Truth] {
        &self.truth
    }

    /// How its numbers depend on each other.
    pub fn coefficients(&self) -> Vec<Coefficient> {
        relations::coefficients(self.people.len())
    }

    /// Hours in all.
    pub fn hours(&self) -> u32 {
        self.options.days * 24
    }

    /// End of the simulated time.
    pub fn end(&self) -> Micros {
        self.options
            .start
            .plus(Micros(i64::from(self.hours()) * Micros::HOUR.0))
    }

    /// The events that reach the log in the next hour, in order of their log time: `(log time,
    /// event)`. `None` at the end.
    pub fn next_hour(&mut self) -> Option<Vec<(Micros, Event)>> {
        if self.hour >= self.hours() {
            return None;
        }
        let start = self
            .options
            .start
            .plus(Micros(i64::from(self.hour) * Micros::HOUR.0));
        let end = start.plus(Micros::HOUR);
        // A generator for each hour: an hour does not depend on how many numbers others drew.
        let mut rng = ChaCha8Rng::seed_from_u64(
            self.options.seed ^ (u64::from(self.hour) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        );
        let mut events = Vec::new();
        for i in 0..self.people.len() {
            self.engineer_hour(&mut rng, i, start, &mut events);
        }
        self.systems(start, &mut events);
        let only = &self.options.only;
        if !only.is_empty() {
            events.retain(|(_, e)| only.iter().any(|t| t == e.event_type()));
        }
        for (log_time, event) in events {
            self.delayed.push((log_time, event));
        }
        self.hour += 1;
        let last = self.hour >= self.hours();
        let (mut now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.delayed)
            .into_iter()
            .partition(|(t, _)| last || *t < end);
        self.delayed = later;
        now.sort_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| a.1.event_id().cmp(&b.1.event_id()))
        });
        if last {
            // What would arrive after the end arrives at the end: nothing is lost.
            let limit = Micros(end.0 - 1);
            for e in &mut now {
                e.0 = e.0.min(limit);
            }
        }
        Some(now)
    }

    /// One event of some engineer at a given time, as it would happen in that hour: for live
    /// simulation.
    pub fn at(&self, rng: &mut impl Rng, time: Micros) -> Event {
        let who = &self.people[rng.random_range(0..self.people.len())];
        let event = match rng.random_range(0..20) {
            0 => self.productivity(rng, who, 1.0),
            1..=6 => self.capability(rng, who, 1.0),
            _ => self.call(rng, who, 1.0),
        };
        self.wrap(rng, who, time, event)
    }

    /// What the systems around the assistants do in an hour.
    fn systems(&mut self, start: Micros, out: &mut Vec<(Micros, Event)>) {
        let (options, people, labels) = (&self.options, &self.people, &self.labels);
        let time = (start, self.end());
        let mut of = |salt, fill: &mut dyn FnMut(&mut Hour<'_>)| {
            fill(&mut Hour::new(options, people, labels, time, salt, out));
        };
        of(1, &mut |h| assistant::hour(h, options.intensity));
        of(2, &mut optimization::hour);
        of(3, &mut delivery::hour);
        of(4, &mut ai::hour);
        let learning = &mut self.learning;
        of(5, &mut |h| learning.hour(h));
    }

    fn engineer_hour(
        &self,
        rng: &mut ChaCha8Rng,
        i: usize,
        start: Micros,
        out: &mut Vec<(Micros, Event)>,
    ) {
        let who = &self.people[i];
        let day = (start.0 - self.options.start.0) / Micros::DAY.0;
        let rhythm = people::rhythm(start, who) * self.options.intensity;
        // People use the assistants a little more every day.
        let growth = 1.0 + 0.004 * day as f64;
        let factor = |kind: Aspect| self.anomalies.factor(kind, who, start);
        let mut events =
            |rng: &mut ChaCha8Rng, mean: f64, make: &mut dyn FnMut(&mut ChaCha8Rng) -> Event| {
                if mean <= 0.0 {
                    return;
                }
                let n = Poisson::new(mean).map_or(0.0, |d| d.sample(rng)) as u64;
                for _ in 0..n {
                    let time = start.plus(Micros(rng.random_range(0..Micros::HOUR.0)));
                    let event = make(rng);
                    let event = self.wrap(rng, who, time, event);
                    // Most arrive within seconds; some laptops come back hours later; some sends
                    // are repeated.
                    let delay = match rng.random_range(0..1000) {
                        0..4 => rng.random_range(Micros::HOUR.0..20 * Micros::HOUR.0),
                        _ => rng.random_range(50_000..5_000_000),
                    };
                    let log_time = time.plus(Micros(delay));
                    if rng.random_range(0..1000) < 3 {
                        out.push((
                            log_time.plus(Micros(rng.random_range(1_000_000..60_000_000))),
                            event.clone(),
                        ));
                    }
                    out.push((log_time, event));
                }
            };
        let calls = who.calls_per_hour * rhythm * growth * factor(Aspect::Calls);
        let (latency, cost) = (factor(Aspect::Latency), factor(Aspect::Context));
        events(rng, calls, &mut |rng| {
            self.call_with(rng, who, latency, cost, start)
        });
        let failures = factor(Aspect::Failures);
        events(
            rng,
            who.capabilities_per_hour * rhythm * growth,
            &mut |rng| self.capability(rng, who, failures),
        );
        events(rng, who.changes_per_hour * rhythm, &mut |rng| {
            self.productivity(rng, who, 1.0)
        });
    }

    fn wrap(&self, rng: &mut impl Rng, who: &Engineer, time: Micros, mut event: Event) -> Event {
        let mut seed = [0u8; 16];
        rng.fill(&mut seed);
        event.set_envelope(Envelope {
            event_id: event_id(time, &seed),
            event_time: time,
            tenant: self.options.tenant.clone().into(),
            source: who.host.clone().into(),
            resource: Map::from([
                ("platform".into(), who.platform.into()),
                ("service.version".into(), "2.4.1".into()),
            ]),
        });
        if let AnyEvent::LlmCall(call) = &mut event {
            call.request_id = Some(format!("req_{}", call.event_id.simple()).into());
        }
        event
    }

    fn call(&self, rng: &mut impl Rng, who: &Engineer, cost: f64) -> Event {
        self.call_with(rng, who, 1.0, cost, Micros::MIN)
    }

    fn call_with(
        &self,
        rng: &mut impl Rng,
        who: &Engineer,
        latency: f64,
        context: f64,
        hour: Micros,
    ) -> Event {
        let model = who.model(rng);
        let latency = if hour == Micros::MIN {
            latency
        } else {
            latency * self.anomalies.model_latency(model.name, hour)
        };
        let context_tokens = log_normal(rng, model.context_median * context, 0.8);
        let read: f64 = rng.random_range(0.55..0.92);
        let write = rng.random_range(0.02..0.12);
        let output = log_normal(rng, 320.0, 0.9);
        let reasoning = if model.reasoning {
            log_normal(rng, 260.0, 1.0)
        } else {
            0.0
        };
        let ok = rng.random_range(0..1000) >= 12;
        let ms = latency
            * (model.first_token_ms + (output + reasoning) / model.tokens_per_ms)
            * log_normal(rng, 1.0, 0.25);
        let first = latency * model.first_token_ms * log_normal(rng, 1.0, 0.2);
        AnyEvent::from(LlmCall {
            engineer: who.named(),
            session_id: Some(format!("{}-{}", who.host, rng.random_range(0..4)).into()),
            provider: model.provider.into(),
            model: model.name.into(),
            category: ["coding", "coding", "coding", "review", "chat", "planning"]
                [rng.random_range(0..6)]
            .into(),
            tokens_input: Some((context_tokens * (1.0 - read - write).max(0.0)) as i64),
            tokens_cache_read: Some((context_tokens * read) as i64),
            tokens_cache_write: Some((context_tokens * write) as i64),
            tokens_cache_write_5m: None,
            tokens_cache_write_1h: None,
            tokens_output: Some(if ok { output as i64 } else { 0 }),
            tokens_reasoning: Some(if ok { reasoning as i64 } else { 0 }),
            latency_ms: Some((ms * 10.0).round() / 10.0),
            first_token_ms: Some((first * 10.0).round() / 10.0),
            success: ok,
            error_type: (!ok)
                .then(|| ["overloaded", "timeout", "rate_limited"][rng.random_range(0..3)].into()),
            stop_reason: ok.then(|| {
                ["end_turn", "tool_use", "tool_use", "max_tokens"][rng.random_range(0..4)].into()
            }),
            ..LlmCall::default()
        })
    }

    fn capability(&self, rng: &mut impl Rng, who: &Engineer, failures: f64) -> Event {
        let c = &CAPABILITIES[people::skewed(rng, CAPABILITIES.len())];
        let ok = rng.random::<f64>() >= (c.failure_share * failures).min(0.95);
        let speed = if who.platform == "Windows" { 1.25 } else { 1.0 };
        AnyEvent::from(CapabilityExecuted {
            engineer: who.named(),
            capability: c.name.into(),
            duration_ms: (log_normal(rng, c.median_ms * speed, 0.5) * 10.0).round() / 10.0,
            success: ok,
            error_type: (!ok).then(|| {
                ["timeout", "context_overflow", "tool_error"][rng.random_range(0..3)].into()
            }),
            tokens_saved: if ok {
                log_normal(rng, 900.0, 0.7) as i64
            } else {
                0
            },
            api_calls_avoided: if ok { rng.random_range(0..3) } else { 0 },
            time_saved_minutes: if ok {
                (log_normal(rng, 2.0, 0.6) * 100.0).round() / 100.0
            } else {
                0.0
            },
            context_size_tokens: log_normal(rng, 12_000.0, 0.6) as i64,
            ..CapabilityExecuted::default()
        })
    }

    fn productivity(&self, rng: &mut impl Rng, who: &Engineer, _: f64) -> Event {
        let kind = ["commit", "commit", "commit", "test", "merge"][rng.random_range(0..5)];
        let assisted = rng.random::<f64>() < who.assisted_share;
        let mut hash = [0u8; 20];
        rng.fill(&mut hash);
        let mut change = ProductivityRecorded {
            engineer: who.named(),
            repository: Some(format!("{}-service", who.team).into()),
            change_kind: kind.into(),
            assistant: assisted.then(|| "claude".into()),
            change_id: Some(
                hash.iter()
                    .map(|b| format!("{b:02x}"))
                    .collect::<String>()
                    .into(),
            ),
            commits: 1,
            prs_created: i64::from(rng.random_range(0..3) == 0),
            prs_merged: i64::from(kind == "merge"),
            lines_added: log_normal(rng, 35.0, 1.1) as i64,
            lines_deleted: log_normal(rng, 14.0, 1.1) as i64,
            files_changed: 1 + rng.random_range(0..6),
            test_coverage_percent: Some(
                (who.coverage * 10.0 + rng.random_range(-20.0..20.0f64)).round() / 10.0,
            ),
            bugs_fixed: i64::from(rng.random_range(0..5) == 0),
            code_reviews_completed: i64::from(rng.random_range(0..3) == 0),
            ..ProductivityRecorded::default()
        };
        // Large changes come with their tests.
        let with_tests = kind == "test" || (kind == "commit" && change.files_changed > 4);
        change.commits_with_tests = Some(i64::from(with_tests));
        AnyEvent::from(change)
    }
}

/// A value from a log-normal distribution with a given median.
fn log_normal(rng: &mut impl Rng, median: f64, sigma: f64) -> f64 {
    LogNormal::new(median.max(1e-9).ln(), sigma).map_or(median, |d| d.sample(rng))
}

/// The record of a simulated event, to be written under replay.
pub fn outgoing(log_time: Micros, event: &Event) -> Outgoing {
    Outgoing {
        log_time: Some(log_time),
        ..Outgoing::of(event)
    }
}

#[cfg(test)]
mod tests;
