//! Rounds of harm: a part of a running system is stopped for a while, or killed, while events come.
//! Each round must end with everything in ClickHouse and every part ready, and all of them together
//! with the numbers of a system that nothing happened to.

use crate::{Around, PATIENCE, System, binary, get, signal};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Faults, one after the other; there are 30 different ones.
    pub rounds: usize,
    /// The same seed gives the same faults in the same order.
    pub seed: u64,
    /// Multiplies weir's limits of time, and the pauses with them.
    pub scale: f64,
}

/// Days of a simulation, all of them in the past.
const START: &str = "2026-01-05";
const THROUGH: &str = "2026-01-07T00:00:00Z";
/// How long recovery may take from the moment at which everything runs again, unscaled: weir's
/// promise.
const RECOVERY: Duration = Duration::from_secs(30);
/// ... and what commands, starts and a busy machine take beside it.
const SLACK: Duration = Duration::from_secs(20);

/// Who is harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// `weir up`, with stages and a sink in it; its children go on, or die with it.
    Up,
    /// A processor of its own.
    Processor,
    /// A sink of its own.
    Sink,
    /// The broker.
    Kafka,
    /// The engine.
    ClickHouse,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Harm {
    Kill,
    /// Stands still for so many seconds, unscaled.
    Stop(f64),
}

const VICTIMS: [Victim; 5] = [
    Victim::Up,
    Victim::Processor,
    Victim::Sink,
    Victim::Kafka,
    Victim::ClickHouse,
];

/// Less than a session; more than that and than a transaction; more than a call may take; more than
/// a part may stand still; more than after which a process is taken for dead.
const HARMS: [Harm; 6] = [
    Harm::Kill,
    Harm::Stop(3.0),
    Harm::Stop(9.0),
    Harm::Stop(13.0),
    Harm::Stop(20.0),
    Harm::Stop(65.0),
];

/// All pairs in an order that the seed gives, again where more are asked for. The longest pause is
/// for one part each time: the others learn nothing from it.
fn schedule(plan: &Plan, rng: &mut ChaCha8Rng) -> Vec<(Victim, Harm)> {
    let mut all = Vec::new();
    while all.len() < plan.rounds {
        let longest = VICTIMS[rng.random_range(0..VICTIMS.len())];
        let pair = |v: Victim| HARMS.map(|h| (v, h));
        let mut some: Vec<(Victim, Harm)> = VICTIMS
            .into_iter()
            .flat_map(pair)
            .filter(|(v, h)| *h != HARMS[HARMS.len() - 1] || *v == longest)
            .collect();
        some.shuffle(rng);
        all.extend(some);
    }
    all.truncate(plan.rounds);
    all
}

/// A service in a process of its own, beside those in `weir up`.
struct Service {
    name: &'static str,
    http: String,
    child: Child,
}

impl Service {
    fn start(system: &System, name: &'static str) -> Service {
        // Free now; nobody else takes one at random in so short a time.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = free.local_addr().unwrap().to_string();
        drop(free);
        let child = Service::spawn(system, name, &http);
        Service { name, http, child }
    }

    fn spawn(system: &System, name: &str, http: &str) -> Child {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(system.dir().join(format!("{name}.log")))
            .unwrap();
        let mut command = Command::new(binary());
        command
            .env("WEIR_DATA_DIR", system.dir())
            .envs(system.around.set.iter().map(|(k, v)| (k, v)))
            .args([name, "--instance", "beside", "--http", http])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        command.spawn().unwrap()
    }

    /// Starts it again if it ended: a supervisor's part. True if it did.
    fn supervise(&mut self, system: &System) -> bool {
        let ended = self.child.try_wait().unwrap().is_some();
        if ended {
            self.child = Service::spawn(system, self.name, &self.http);
        }
        ended
    }

    fn log(&self, system: &System) -> String {
        fs::read_to_string(system.dir().join(format!("{}.log", self.name))).unwrap_or_default()
    }

    /// Asks it to end; it must, in order.
    fn stop(&mut self, system: &System) {
        signal(self.child.id(), libc::SIGTERM);
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            let log = || self.log(system);
            assert!(Instant::now() < until, "does not stop: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A system under harm.
struct Rounds {
    system: System,
    services: [Service; 2],
    plan: Plan,
    /// Processes that ended by themselves and were started again.
    ended: usize,
}

/// Runs the plan in a directory. Says on standard error what it does.
///
/// # Panics
/// Where a round does not end as it must.
pub fn run(plan: &Plan, dir: &Path) {
    eprintln!("{plan:?}");
    let scale = plan.scale.to_string();
    let around = Around {
        set: vec![("WEIR__TIMEOUTS__SCALE", scale)],
        ..Around::default()
    };
    let system = System::start_around(dir, None, &["--partials", "8"], around);
    let services = ["processor", "sink"].map(|name| Service::start(&system, name));
    let mut rounds = Rounds {
        system,
        services,
        plan: *plan,
        ended: 0,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    rounds.recovered("the start");
    for (i, (victim, harm)) in schedule(plan, &mut rng).into_iter().enumerate() {
        let after = Duration::from_millis(rng.random_range(50..1500));
        rounds.round(i, victim, harm, after);
    }
    eprintln!("{} processes ended by themselves", rounds.ended);
    rounds.compare();
}

impl Rounds {
    /// One fault while a tenant's events come.
    fn round(&mut self, i: usize, victim: Victim, harm: Harm, after: Duration) {
        let begun = Instant::now();
        let mut play = self.simulate(i);
        std::thread::sleep(after);
        self.harm(victim, harm);
        let going_on = Instant::now();
        // An importer that was refused says so, and goes on where it stopped when it is called
        // again.
        let mut tries = 0;
        while !play.wait().unwrap().success() {
            tries += 1;
            assert!(tries < 20, "round {i}: events cannot be published");
            std::thread::sleep(Duration::from_millis(500));
            play = self.simulate(i);
        }
        let what = format!("round {i}, seed {}: {victim:?} {harm:?}", self.plan.seed);
        self.recovered(&what);
        let (took, all) = (going_on.elapsed(), begun.elapsed());
        eprintln!(
            "{what} after {after:?}: well {took:.1?} after it, {all:.1?} in all, {tries} tries more"
        );
    }

    fn simulate(&self, i: usize) -> Child {
        let (seed, tenant) = (format!("{}", 100 + i), format!("t{i}"));
        let args = [
            "simulate",
            "--engineers",
            "5",
            "--days",
            "2",
            "--start",
            START,
            "--seed",
            &seed,
            "--tenant",
            &tenant,
            "--truth",
            "/dev/null",
        ];
        self.system.spawn(&args)
    }

    /// Returns when everything runs again.
    fn harm(&mut self, victim: Victim, harm: Harm) {
        match harm {
            Harm::Stop(seconds) => {
                let pid = self.pid(victim);
                signal(pid, libc::SIGSTOP);
                std::thread::sleep(Duration::from_secs_f64(seconds * self.plan.scale));
                // Without its broker nothing of it is of use, and it says so.
                let long = victim == Victim::Kafka && seconds > 10.0;
                let silent = long && self.unready().is_empty();
                signal(pid, libc::SIGCONT);
                assert!(!silent, "ready although the broker stands still");
            }
            Harm::Kill if victim == Victim::Up => {
                self.system.kill();
                self.system.up();
            }
            Harm::Kill => {
                let pid = self.pid(victim);
                signal(pid, libc::SIGKILL);
                let killed = self.services.iter_mut().find(|s| s.child.id() == pid);
                if let Some(service) = killed {
                    service.child.wait().unwrap();
                    service.supervise(&self.system);
                }
            }
        }
    }

    fn pid(&self, victim: Victim) -> u32 {
        match victim {
            Victim::Up => self.system.pid(),
            Victim::Processor => self.services[0].child.id(),
            Victim::Sink => self.services[1].child.id(),
            Victim::Kafka => self.system.child("java"),
            Victim::ClickHouse => self.system.child("clickhouse"),
        }
    }

    /// Waits until nothing waits and every part says that it is ready, within what is promised.
    fn recovered(&mut self, what: &str) {
        let until = Instant::now() + RECOVERY.mul_f64(self.plan.scale.max(0.5)) + SLACK;
        let mut quiet = 0;
        while quiet < 2 {
            for s in &mut self.services {
                self.ended += usize::from(s.supervise(&self.system));
            }
            let (lag, unready) = (self.lag(), self.unready());
            let well = lag == Some(0) && unready.is_empty();
            quiet = if well { quiet + 1 } else { 0 };
            if Instant::now() > until {
                let logs = self.services.each_ref().map(|s| tail(&s.log(&self.system)));
                let up = tail(&self.system.log());
                panic!("{what}: lag {lag:?}, not ready: {unready:#?}\nup: {up}\nbeside: {logs:#?}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Offsets still to be read by anybody; none while that cannot be said.
    fn lag(&self) -> Option<i64> {
        let said = self.system.weir(&["status", "--json"]).stdout;
        let status: serde_json::Value = serde_json::from_slice(&said).ok()?;
        let lags = status["lag"].as_array()?;
        lags.iter().map(|l| l["lag"].as_i64()).sum()
    }

    /// What is not ready, by process.
    fn unready(&self) -> Vec<String> {
        let up = self.system.http_address().unwrap_or_default();
        let others = self.services.iter().map(|s| (s.name, s.http.clone()));
        let all = std::iter::once(("up", up)).chain(others);
        let why = |(name, http): (&str, String)| match get(&http, "/readyz") {
            Ok((200, _)) => None,
            Ok((code, body)) => Some(format!("{name}: {code} {body}")),
            Err(e) => Some(format!("{name}: {e}")),
        };
        all.filter_map(why).collect()
    }

    /// Equal with a plain count of the log, and with what a system makes of the same log that
    /// nothing happens to.
    fn compare(mut self) {
        let verified = self.system.verify();
        let counted: u64 = verified.compared.values().sum();
        assert!(counted > 0, "nothing was compared");
        let harmed = self.settled_digest();
        for s in &mut self.services {
            s.stop(&self.system);
        }
        self.system.json(&["reprocess"]);
        self.system.stop();
        self.system.up();
        self.system.settle();
        assert_eq!(self.settled_digest(), harmed, "undisturbed, harmed");
        self.system.stop();
        eprintln!("{counted} rows equal, and the digest is that of an undisturbed fold");
    }

    /// The digest once it no longer changes: lag says that all was read, not that all is final.
    fn settled_digest(&self) -> serde_json::Value {
        let until = Instant::now() + PATIENCE;
        let mut last = self.system.digest(THROUGH);
        loop {
            std::thread::sleep(Duration::from_secs(2));
            let now = self.system.digest(THROUGH);
            if now == last {
                return now;
            }
            assert!(Instant::now() < until, "the digest goes on changing");
            last = now;
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
