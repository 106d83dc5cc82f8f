//! Looks at the system: the pipeline through Kafka, spend and alerts through ClickHouse.

use super::frame::{Service, Shown};
use super::lock;
use crate::args::SystemArgs;
use crate::commands::analytics::Open;
use crate::system::System;
use anyhow::Result;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_ops::Pulse;
use weir_ops::analytics::{self, Overview};
use weir_runtime::config::Secret;

/// Most alerts that are read.
const ALERTS: usize = 20;
/// Spend moves slowly, and asking for it takes ClickHouse a while.
const SPEND: Duration = Duration::from_secs(5);

/// Where the api is, and what opens it.
pub struct ApiAt {
    pub url: String,
    pub token: Secret,
}

/// What is looked at, and what was seen last.
pub struct Looks {
    found: System,
    catalog: Arc<Catalog>,
    open: Open,
    before: Option<(Instant, Pulse)>,
    services: Vec<Service>,
    overview: Option<(Instant, Overview)>,
    trouble: Option<String>,
}

impl Looks {
    pub fn open(system: &SystemArgs, tenant: Option<&str>) -> Result<Looks> {
        Ok(Looks {
            found: system.find()?,
            catalog: system.catalog()?,
            open: Open::of(system, tenant)?,
            before: None,
            services: Vec::new(),
            overview: None,
            trouble: None,
        })
    }

    /// The api of this machine, where its owner asks for his own tenant: others are not told by it.
    pub fn api(&self) -> Option<ApiAt> {
        let own = self.open.source().reader.tenant() == weir_http::OWN_TENANT;
        let token = self.found.token().ok().flatten().filter(|_| own)?;
        let url = self.found.api.clone()?;
        Some(ApiAt { url, token })
    }

    /// Looks once. What does not answer is told in the frame.
    pub fn look(&mut self) {
        self.look_at_pipeline();
        self.look_at_spend();
    }

    fn look_at_pipeline(&mut self) {
        self.trouble = None;
        match Pulse::of(&self.found.brokers, &self.catalog) {
            Ok(pulse) => self.pulse(pulse),
            Err(e) => self.trouble = Some(format!("{e:#}")),
        }
    }

    fn look_at_spend(&mut self) {
        let due = self
            .overview
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= SPEND);
        if !due {
            return;
        }
        let source = self.open.source();
        match self.open.ask(analytics::overview(&source, ALERTS)) {
            Ok(told) => self.overview = Some((Instant::now(), told)),
            Err(e) => self.trouble = Some(format!("{e:#}")),
        }
    }

    fn pulse(&mut self, pulse: Pulse) {
        let now = Instant::now();
        let rate = |service: &str| {
            let (then, before) = self.before.as_ref()?;
            pulse.rate(service, before, now.duration_since(*then).as_secs_f64())
        };
        let of = pulse.services.iter().map(|s| Service {
            name: s.service.to_owned(),
            topics: s.topics,
            lag: s.lag,
            rate: rate(s.service),
        });
        self.services = of.collect();
        self.before = Some((now, pulse));
    }

    /// What was seen.
    pub fn shown(&self) -> Shown {
        let pulse = self.before.as_ref().map(|(_, p)| p);
        Shown {
            tenant: self.open.source().reader.tenant().to_owned(),
            run: pulse.map(|p| p.run),
            at: Micros(jiff::Timestamp::now().as_microsecond()),
            services: self.services.clone(),
            complete: pulse.and_then(|p| p.complete),
            dead_letters: pulse.map(|p| p.dead_letters),
            overview: self.overview.as_ref().map(|(_, o)| o.clone()),
            trouble: self.trouble.clone(),
            ..Shown::default()
        }
    }

    /// Goes on looking on a thread of its own; what comes live stays as it is.
    pub fn follow(mut self, shown: &Arc<Mutex<Shown>>, every: Duration) {
        let shown = shown.clone();
        std::thread::spawn(move || {
            loop {
                if !lock(&shown).paused {
                    // ClickHouse takes longer to answer: what is known is shown before.
                    self.look_at_pipeline();
                    self.show(&shown);
                    self.look_at_spend();
                    self.show(&shown);
                }
                std::thread::sleep(every);
            }
        });
    }

    fn show(&self, shown: &Mutex<Shown>) {
        let new = self.shown();
        let mut shown = lock(shown);
        *shown = Shown {
            live: shown.live.take(),
            paused: shown.paused,
            ..new
        };
    }
}
