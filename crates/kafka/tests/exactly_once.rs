//! Two processes in one group, killed and stopped at random while records arrive: what they write
//! adds up to the input.
#![allow(clippy::unwrap_used)]

use rand::Rng as _;
use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use weir_kafka::admin::{Admin, TopicSpec};
use weir_kafka::batch::Run;
use weir_kafka::{
    Appender, Brokers, Committed, Consumer, Outbox, Stage, StageConfig, StageError, Tp, run_stage,
};
use weir_model::Micros;

const DEADLINE: Duration = Duration::from_secs(20);
/// Records that are there before the first process starts.
const HISTORY: usize = 1_500_000;

/// Keeps a running total per partition as metadata of the offset, and writes what each commit adds.
#[derive(Default)]
struct Summing {
    totals: BTreeMap<Tp, (u64, i64)>,
    added: BTreeMap<Tp, (u64, u64)>,
    /// Last offset: a stand-in for its time, so that partitions go through the history side by
    /// side.
    last: BTreeMap<Tp, i64>,
}

impl Stage for Summing {
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError> {
        for c in new {
            let total = if c.metadata.is_empty() {
                0
            } else {
                c.metadata.parse().unwrap()
            };
            assert!(
                self.totals
                    .insert(c.tp.clone(), (total, c.offset.unwrap_or(0)))
                    .is_none()
            );
        }
        // Reads some of what it knows again: those records must not count.
        Ok(new
            .iter()
            .map(|c| c.offset.map(|o| (o - 50).max(0)))
            .collect())
    }
    fn revoked(&mut self, gone: &[Tp]) {
        self.totals.retain(|tp, _| !gone.contains(tp));
        self.added.clear();
    }
    fn fold(&mut self, tp: &Tp, records: Run<'_>, _: &mut Outbox<'_>) -> Result<(), StageError> {
        self.last.insert(tp.clone(), records.last().offset());
        let (total, committed) = self.totals.get_mut(tp).unwrap();
        for m in records.split_at_offset(*committed).1.iter() {
            let x = u64::from_be_bytes(m.value().unwrap().try_into().unwrap());
            *total += x;
            let added = self.added.entry(tp.clone()).or_default();
            *added = (added.0 + x, added.1 + 1);
        }
        Ok(())
    }
    fn commit(&mut self, out: &mut Outbox<'_>) -> Result<(), StageError> {
        for (tp, (sum, n)) in std::mem::take(&mut self.added) {
            let value = format!("{sum} {n} {}", self.totals[&tp].0);
            out.send(
                &std::env::var("OUT").unwrap(),
                None,
                Some(tp.partition.to_string().as_bytes()),
                Some(value.as_bytes()),
                &[],
            );
        }
        Ok(())
    }
    fn log_time(&self, tp: &Tp) -> Option<Micros> {
        Some(self.last.get(tp).map_or(Micros::MIN, |o| Micros(*o)))
    }
    fn metadata(&self, tp: &Tp) -> String {
        self.totals[tp].0.to_string()
    }
}

/// The process that is killed: this binary again, with this test alone.
#[test]
#[ignore = "started by the test below"]
fn worker() {
    let (Ok(brokers), Ok(instance), Ok(input)) = (
        std::env::var("BROKERS"),
        std::env::var("INSTANCE"),
        std::env::var("INPUT"),
    ) else {
        return;
    };
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .init();
    let mut config = StageConfig::new(Brokers::new(brokers), "sum", 1, &instance, vec![input]);
    config.commit_interval = Duration::from_millis(10);
    run_stage(&config, &mut Summing::default(), &AtomicBool::new(false)).unwrap();
}

struct Worker {
    child: Child,
    brokers: String,
    instance: &'static str,
}

impl Worker {
    fn start(brokers: &str, instance: &'static str) -> Worker {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "worker", "--nocapture"])
            .envs([
                ("BROKERS", brokers),
                ("INSTANCE", instance),
                ("INPUT", "x.in"),
                ("OUT", "x.out"),
            ])
            .spawn()
            .unwrap();
        Worker {
            child,
            brokers: brokers.to_owned(),
            instance,
        }
    }
    fn restart(&mut self) {
        *self = Worker::start(&self.brokers, self.instance);
    }
    /// Starts it again where it ended by itself, as whoever runs a processor does.
    fn watch(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            eprintln!("{} ended with {status}", self.instance);
            self.restart();
        }
    }
    fn signal(&self, signal: i32) {
        // SAFETY: a child that was not waited for, so its id is its own.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn killed_and_stopped_instances_count_everything_once() {
    let address = weir_embedded::testing::kafka().address().to_string();
    let brokers = Brokers::new(&address);
    let spec = |name: &str| TopicSpec {
        name: name.into(),
        partitions: 4,
        exact: false,
        config: Vec::new(),
    };
    Admin::new(&brokers, DEADLINE)
        .unwrap()
        .ensure(&[spec("x.in"), spec("x.out")], -1)
        .unwrap();
    let out = Appender::new(&brokers).unwrap();
    let mut rng = rand::rng();
    // Per partition: sum and number of what was sent, and of what came.
    let (mut sent, mut got) = ([(0u64, 0u64); 4], [(0u64, 0u64); 4]);
    let send = |rng: &mut rand::rngs::ThreadRng, sent: &mut [(u64, u64); 4]| {
        let (x, to) = (
            rng.random_range(0..1_000_000u64),
            rng.random_range(0..4usize),
        );
        out.send("x.in", Some(to as i32), None, Some(&x.to_be_bytes()), &[])
            .unwrap();
        sent[to] = (sent[to].0 + x, sent[to].1 + 1);
    };
    // A history long enough to be read in another way than what comes live: the first faults fall
    // into it.
    for _ in 0..HISTORY {
        send(&mut rng, &mut sent);
    }
    out.flush().unwrap();
    let mut workers = [Worker::start(&address, "a"), Worker::start(&address, "b")];
    let seconds = std::env::var("WEIR_CHAOS_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(25);
    let (began, mut next_fault, mut continue_at) = (
        Instant::now(),
        Instant::now() + Duration::from_millis(800),
        None,
    );
    let (mut kills, mut stops) = (0, 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..20 {
            send(&mut rng, &mut sent);
        }
        out.poll();
        workers.iter_mut().for_each(Worker::watch);
        if let Some((at, w)) = continue_at
            && Instant::now() > at
        {
            let w: &Worker = &workers[w as usize];
            w.signal(libc::SIGCONT);
            continue_at = None;
        }
        if Instant::now() > next_fault && continue_at.is_none() {
            let which = rng.random_range(0..2usize);
            if rng.random_bool(0.6) {
                kills += 1;
                workers[which].signal(libc::SIGKILL);
                workers[which].restart();
            } else {
                stops += 1;
                workers[which].signal(libc::SIGSTOP);
                continue_at = Some((Instant::now() + Duration::from_millis(7500), which as u8));
            }
            next_fault = Instant::now() + Duration::from_millis(rng.random_range(500..3000));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    for w in &workers {
        w.signal(libc::SIGCONT);
    }
    out.flush().unwrap();

    let from: Vec<(Tp, i64)> = (0..4).map(|p| (Tp::new("x.out", p), 0)).collect();
    let reader = Consumer::assigned(&brokers, &from).unwrap();
    let mut last = Instant::now();
    // Longer than a session and a transaction may last, so that what comes too often is seen too;
    // what is missing may take as long as the calls to a broker may, one after the other.
    while last.elapsed() < Duration::from_secs(if got == sent { 8 } else { 120 }) {
        workers.iter_mut().for_each(Worker::watch);
        reader.poll(Duration::ZERO).unwrap();
        let batch = reader
            .next(Duration::from_millis(100), Duration::ZERO, 1000)
            .unwrap();
        for m in batch.iter() {
            let partition: usize = std::str::from_utf8(m.key().unwrap())
                .unwrap()
                .parse()
                .unwrap();
            let text = std::str::from_utf8(m.value().unwrap()).unwrap();
            let mut parts = text.split(' ').map(|x| x.parse::<u64>().unwrap());
            let of = &mut got[partition];
            *of = (of.0 + parts.next().unwrap(), of.1 + parts.next().unwrap());
            last = Instant::now();
        }
    }
    eprintln!("{kills} kills, {stops} stops");
    assert_eq!(got, sent, "sum and number per partition");
}
