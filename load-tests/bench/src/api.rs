//! The api under the load of many dashboards: new questions, questions that were asked before, and
//! streams of events, all at once.

use crate::report::Figure;
use crate::running::{Up, Weir};
use crate::system::beside;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the load is made of. A year of 1,000 engineers is what the goal is about; it takes hours.
#[derive(Args, Debug, Clone, Serialize)]
pub struct Options {
    /// Engineers who are simulated
    #[arg(long, default_value_t = 20)]
    engineers: u32,
    /// Days that are simulated, up to yesterday
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// Questions a second that nobody asked before
    #[arg(long, default_value_t = 10)]
    uncached: u32,
    /// Questions a second of which nine in ten name the ETag of the answer before
    #[arg(long, default_value_t = 100)]
    cached: u32,
    /// Streams of events that are open meanwhile
    #[arg(long, default_value_t = 200)]
    streams: u32,
    /// Seconds of load
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// A running api in place of one of its own (with --token)
    #[arg(long, requires = "token", value_name = "URL")]
    api: Option<String>,
    /// Tokens that open it, of one tenant
    #[arg(long, value_delimiter = ',', value_name = "TOKENS")]
    #[serde(skip)]
    token: Vec<String>,
    /// Another weir than the one beside this program
    #[arg(long, value_name = "PROGRAM")]
    weir: Option<PathBuf>,
}

/// The longest that half of the requests, and 99 in 100, took: from when each was due.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Took {
    requests: usize,
    p50_ms: f64,
    p99_ms: f64,
    most_ms: f64,
    failed: usize,
    /// Answered by 304.
    same: usize,
}

#[derive(Debug, Serialize)]
struct Measured {
    options: Options,
    uncached: Took,
    cached: Took,
    streams: u32,
    stream_events: u64,
    streams_lost: u64,
}

/// Tokens of a system of its own: one has a rate and a share of the streams.
const TOKENS: usize = 8;
/// The tenant of the simulation.
const TENANT: &str = "acme";
/// Who asks at once. More than are ever under way, so that none waits for another.
const ASKERS: usize = 48;
/// Nine in ten.
const IN_TEN: u64 = 9;
/// Goal of p99, in ms.
const GOAL: f64 = 300.0;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An api, and what opens it.
struct Target {
    url: String,
    tokens: Vec<String>,
    days: u32,
}

/// Figures of the api.
pub fn figures(options: &Options) -> Result<Vec<Figure>> {
    let measured = match &options.api {
        Some(url) => load(
            options,
            &Target {
                url: url.clone(),
                tokens: options.token.clone(),
                days: options.days,
            },
        )?,
        None => own(options)?,
    };
    Ok(told(options, &measured))
}

/// A system of its own, filled by a simulation.
fn own(options: &Options) -> Result<Measured> {
    let program = match &options.weir {
        Some(program) => program.clone(),
        None => beside("weir")?,
    };
    let dir = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
    let data = dir.path().join("data");
    let weir = Weir {
        program: &program,
        data: &data,
    };
    let (engineers, days) = (options.engineers.to_string(), options.days.to_string());
    eprintln!("api: {engineers} engineers over {days} days");
    let mut up = Up::start(&weir, 1)?;
    let simulate = ["simulate", "--engineers", &engineers, "--days", &days];
    weir.json(&[&simulate[..], &["--tenant", TENANT, "--json"][..]].concat())?;
    up.settle()?;
    let create = ["token", "create", "--tenant", TENANT, "--json"];
    let create = [&create[..], &["--scope", "read,persons"][..]].concat();
    let token = || -> Result<String> {
        let made = weir.json(&create)?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    };
    let tokens = (0..TOKENS).map(|_| token()).collect::<Result<Vec<_>>>()?;
    let status = weir.json(&["status", "--json"])?;
    let url = status["api"].as_str().context("no api")?.to_owned();
    let target = Target {
        url,
        tokens,
        days: options.days,
    };
    let measured = load(options, &target)?;
    up.stop()?;
    Ok(measured)
}

/// The load: all three kinds at once.
fn load(options: &Options, target: &Target) -> Result<Measured> {
    ensure!(!target.tokens.is_empty(), "no token opens the api");
    target.known()?;
    let (over, heard, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let seconds = options.seconds;
    std::thread::scope(|scope| {
        let streams = (0..options.streams as usize).map(|i| {
            let (over, heard, lost, target) = (&over, &heard, &lost, &target);
            std::thread::Builder::new()
                .stack_size(256 << 10)
                .spawn_scoped(scope, move || {
                    if target.listen(i, over, heard).is_err() && !over.load(Ordering::Relaxed) {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                })
        });
        let streams = streams.collect::<std::io::Result<Vec<_>>>()?;
        std::thread::sleep(Duration::from_secs(2));
        let asked = scope.spawn(|| paced(options.uncached, seconds, |n| target.fresh(n)));
        let tags = Tags::default();
        let cached = paced(options.cached, seconds, |n| target.again(n, &tags));
        let uncached = asked
            .join()
            .map_err(|_| anyhow::anyhow!("an asker ended"))?;
        over.store(true, Ordering::Relaxed);
        let measured = Measured {
            options: options.clone(),
            uncached,
            cached,
            streams: streams.len() as u32,
            stream_events: heard.load(Ordering::Relaxed),
            streams_lost: lost.load(Ordering::Relaxed),
        };
        eprintln!("{}", serde_json::to_string(&measured)?);
        Ok(measured)
    })
}

/// What came of a request: its status.
type Answered = Result<u16>;

/// Sends requests at a rate; how long each took counts from when it was due, so that one that
/// waits for those before it is not taken for fast.
fn paced(rate: u32, seconds: u32, ask: impl Fn(u64) -> Answered + Sync) -> Took {
    let (all, next) = (u64::from(rate) * u64::from(seconds), AtomicU64::new(0));
    let begun = Instant::now();
    let took = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..ASKERS.min(all as usize) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= all {
                        return;
                    }
                    let due = begun + Duration::from_secs_f64(n as f64 / f64::from(rate));
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let status = ask(n).ok();
                    let ms = due.elapsed().as_secs_f64() * 1e3;
                    if let Ok(mut took) = took.lock() {
                        took.push((ms, status));
                    }
                }
            });
        }
    });
    Took::of(took.into_inner().unwrap_or_default())
}

impl Took {
    fn of(mut all: Vec<(f64, Option<u16>)>) -> Took {
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at = |share: f64| {
            let place = (share * all.len() as f64).ceil() as usize;
            all.get(place.saturating_sub(1)).map_or(0.0, |(ms, _)| *ms)
        };
        let with = |status: u16| all.iter().filter(|(_, s)| *s == Some(status)).count();
        Took {
            requests: all.len(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            most_ms: at(1.0),
            failed: all.len() - with(200) - with(304),
            same: with(304),
        }
    }
}

/// ETags of what was asked, by path.
type Tags = Mutex<std::collections::HashMap<String, String>>;

impl Target {
    fn agent() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into()
    }

    fn token(&self, n: usize) -> String {
        format!("Bearer {}", self.tokens[n % self.tokens.len()])
    }

    /// Waits until all tokens open it.
    fn known(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        for n in 0..self.tokens.len() {
            while self.get("/v1/status", n, None)?.0 != 200 {
                ensure!(Instant::now() < until, "a token does not open the api");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Ok(())
    }

    /// Status and ETag of an answer that was read to its end.
    fn get(&self, path: &str, n: usize, tag: Option<&str>) -> Result<(u16, Option<String>)> {
        thread_local! {
            // Connections stay open, as those of a browser do.
            static AGENT: ureq::Agent = Target::agent();
        }
        let mut request = AGENT.with(|agent| agent.get(format!("{}{path}", self.url)));
        request = request.header("authorization", self.token(n));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let mut answer = request.call()?;
        let tag = answer.headers().get("etag");
        let tag = tag.and_then(|t| t.to_str().ok()).map(str::to_owned);
        answer
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_vec()?;
        Ok((answer.status().as_u16(), tag))
    }

    /// A question that nobody asked before: of other days each time.
    fn fresh(&self, n: u64) -> Answered {
        let (status, _) = self.get(&self.question(n), n as usize, None)?;
        Ok(status)
    }

    /// One of a few questions, nine times in ten with the ETag that it had.
    fn again(&self, n: u64, tags: &Tags) -> Answered {
        let path = self.question(n % 10);
        let lock = || tags.lock().map_err(|_| anyhow::anyhow!("an asker ended"));
        let known = match n / 10 % 10 < IN_TEN {
            true => lock()?.get(&path).cloned(),
            false => None,
        };
        let (status, tag) = self.get(&path, n as usize, known.as_deref())?;
        if let Some(tag) = tag {
            lock()?.insert(path, tag);
        }
        Ok(status)
    }

    /// Questions of a dashboard, each kind in turn, over a span of days that the number says.
    fn question(&self, n: u64) -> String {
        let back = |days: u64| {
            let today = jiff::Timestamp::now()
                .to_zoned(jiff::tz::TimeZone::UTC)
                .date();
            today.saturating_sub(jiff::Span::new().days(days as i64))
        };
        let days = u64::from(self.days.max(2));
        let (from, to) = (back(1 + n / 10 % days), back(n / 10 / days % 2));
        let span = format!("from={from}&to={to}");
        let limit = 1 + n / 10 % 200;
        match n % 10 {
            0 => format!("/v1/measures/llm.call.cost/values?{span}&by=team&step=day"),
            1 => format!("/v1/measures/llm.call.latency.p95/values?{span}&by=model"),
            2 => format!("/v1/kpis/cost_per_call/values?{span}&step=day"),
            3 => format!("/v1/kpis/spend_per_hour/windows?from={from}&limit={limit}"),
            4 => format!("/v1/alerts?limit={limit}"),
            5 => format!("/v1/anomalies?limit={limit}"),
            6 => format!("/v1/aggregates/llm.call?window=1d&by=team&from={from}&limit={limit}"),
            7 => format!("/v1/questions/spend-by-team?{span}"),
            8 => format!("/v1/measures/capability.executed.executions/values?{span}&by=capability"),
            _ => format!("/api/analytics/leaderboard?type=xp&limit={limit}"),
        }
    }

    /// Listens until it is over.
    fn listen(&self, n: usize, over: &AtomicBool, heard: &AtomicU64) -> Result<()> {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let asked = agent.get(format!("{}/v1/live", self.url));
        let answer = asked.header("authorization", self.token(n)).call()?;
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            if line?.starts_with("event: ") {
                heard.fetch_add(1, Ordering::Relaxed);
            }
            // Something, at least a heartbeat, comes every ten seconds.
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        anyhow::bail!("a stream ended")
    }
}

fn told(options: &Options, m: &Measured) -> Vec<Figure> {
    let figure = |name: &str, rate: u32, took: &Took| {
        let met = took.p99_ms <= GOAL && took.failed == 0;
        Figure {
            name: format!("api: {name}, p50 / p99"),
            goal: format!("p99 {GOAL:.0} ms"),
            least: String::new(),
            measured: format!("{:.0} / {:.0} ms", took.p50_ms, took.p99_ms),
            note: format!(
                "{rate} a second for {} s, from when each was due; {} requests, {} of them 304, {} \
                 failed; {} streams beside, {} of them lost; {} days of {} engineers",
                options.seconds,
                took.requests,
                took.same,
                took.failed,
                m.streams,
                m.streams_lost,
                options.days,
                options.engineers
            ),
            met: Some((met, met)),
            command: "api".into(),
            detail: serde_json::to_value(m).unwrap_or_default(),
        }
    };
    vec![
        figure("new questions", options.uncached, &m.uncached),
        figure("nine in ten by ETag", options.cached, &m.cached),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_requests() {
        let all = (1..=100).map(|n| (f64::from(n), Some(if n < 91 { 304 } else { 200 })));
        let took = Took::of(all.chain([(500.0, None)]).collect());
        assert_eq!((took.requests, took.failed, took.same), (101, 1, 90));
        assert_eq!(
            (took.p50_ms, took.p99_ms, took.most_ms),
            (51.0, 100.0, 500.0)
        );
        assert_eq!(Took::of(Vec::new()).requests, 0);
    }
}
