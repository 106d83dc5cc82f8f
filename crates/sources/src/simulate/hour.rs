//! One simulated hour, as the systems fill it.

use super::labels::Labels;
use super::people::{self, Engineer};
use super::{Event, log_normal};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};
use weir_events::{Envelope, Event as _, Map, event_id};
use weir_model::Micros;

/// What a system needs to fill an hour, and where its events go.
pub struct Hour<'a> {
    pub people: &'a [Engineer],
    pub labels: &'a Labels,
    pub start: Micros,
    /// Whether it is the first one: settings are made in it.
    pub first: bool,
    /// People at work, each by how active they are.
    pub activity: f64,
    pub rng: ChaCha8Rng,
    tenant: &'a str,
    /// End of the simulation: nothing happens from here on.
    end: Micros,
    out: &'a mut Vec<(Micros, Event)>,
}

impl<'a> Hour<'a> {
    /// The hour that begins at `start`, for the system that `salt` stands for: what one system
    /// draws does not change what another does.
    pub fn new(
        options: &'a super::Options,
        people: &'a [Engineer],
        labels: &'a Labels,
        (start, end): (Micros, Micros),
        salt: u64,
        out: &'a mut Vec<(Micros, Event)>,
    ) -> Hour<'a> {
        let rhythm: f64 = people.iter().map(|p| people::rhythm(start, p)).sum();
        let number = (start.0 - options.start.0) / Micros::HOUR.0;
        let seed = options.seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
            ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ salt.rotate_left(17);
        Hour {
            people,
            labels,
            start,
            first: number == 0,
            activity: rhythm * options.intensity,
            rng: ChaCha8Rng::seed_from_u64(seed),
            tenant: &options.tenant,
            end,
            out,
        }
    }

    /// How often something happens that happens `mean` times.
    pub fn times(&mut self, mean: f64) -> u64 {
        Poisson::new(mean).map_or(0, |d| d.sample(&mut self.rng) as u64)
    }

    /// Whether something happens that happens in this share of cases.
    pub fn chance(&mut self, share: f64) -> bool {
        self.rng.random::<f64>() < share
    }

    /// A moment of the hour.
    pub fn moment(&mut self) -> Micros {
        let offset = self.rng.random_range(0..Micros::HOUR.0);
        self.start.plus(Micros(offset))
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.random_range(0..of.len())]
    }

    /// Somebody.
    pub fn anybody(&mut self) -> &'a Engineer {
        &self.people[self.rng.random_range(0..self.people.len())]
    }

    /// A value from a log-normal distribution with a given median, to three decimals.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        (log_normal(&mut self.rng, median, sigma) * 1e3).round() / 1e3
    }

    /// A value from a normal distribution.
    pub fn normal(&mut self, mean: f64, sigma: f64) -> f64 {
        Normal::new(mean, sigma).map_or(mean, |d| d.sample(&mut self.rng))
    }

    /// An identity that no other event has.
    pub fn identity(&mut self, of: &str) -> String {
        format!("{of}-{:012x}", self.rng.random::<u64>() >> 16)
    }

    /// Lets an event happen, unless the simulation is over by then. Most reach the log within
    /// seconds; a few come hours later, and a few twice.
    pub fn emit(&mut self, time: Micros, source: &str, event: impl Into<Event>) {
        if time >= self.end {
            return;
        }
        let mut event = event.into();
        let mut seed = [0u8; 16];
        self.rng.fill(&mut seed);
        event.set_envelope(Envelope {
            event_id: event_id(time, &seed),
            event_time: time,
            tenant: self.tenant.to_owned().into(),
            source: source.to_owned().into(),
            resource: Map::new(),
        });
        let delay = match self.rng.random_range(0..1000) {
            // What is set in the first hour holds from there on.
            0..2 if !self.first => self.rng.random_range(Micros::HOUR.0..8 * Micros::HOUR.0),
            _ => self.rng.random_range(50_000..5_000_000),
        };
        let log_time = time.plus(Micros(delay));
        if self.rng.random_range(0..1000) < 3 {
            let again = Micros(self.rng.random_range(1_000_000..60_000_000));
            self.out.push((log_time.plus(again), event.clone()));
        }
        self.out.push((log_time, event));
    }
}

/// Minutes as a span.
pub fn minutes(n: f64) -> Micros {
    Micros((n * Micros::MINUTE.0 as f64) as i64)
}
