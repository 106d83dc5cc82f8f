//! Partitions with records of very different sizes: while there is much to read they go through it
//! side by side; every record is folded once and in order, also where reading changes from one way
//! to the other.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weir_kafka::admin::{Admin, TopicSpec};
use weir_kafka::batch::Run;
use weir_kafka::{Appender, Brokers, Committed, Outbox, Stage, StageConfig, StageError, Tp};
use weir_model::Micros;

const DEADLINE: Duration = Duration::from_secs(20);
const TOPIC: &str = "side.in";
/// The last one stays empty.
const PARTITIONS: usize = 3;
const HISTORY: u64 = 150_000;
/// So many records are an hour.
const PER_HOUR: i64 = 20_000;

#[derive(Default)]
struct Seen {
    /// Number that the next record of each partition holds.
    next: [u64; PARTITIONS],
    /// How far the first two were apart after each run.
    distances: Vec<u64>,
}

struct Watching(Arc<Mutex<Seen>>);

impl Stage for Watching {
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError> {
        Ok(new.iter().map(|c| c.offset).collect())
    }
    fn revoked(&mut self, _: &[Tp]) {}
    fn fold(&mut self, tp: &Tp, records: Run<'_>, _: &mut Outbox<'_>) -> Result<(), StageError> {
        let mut seen = self.0.lock().unwrap();
        let next = &mut seen.next[tp.partition as usize];
        for m in records.iter() {
            let n = u64::from_be_bytes(*m.value().unwrap().first_chunk().unwrap());
            assert_eq!(n, *next, "in {tp}");
            *next += 1;
        }
        let distance = seen.next[0].abs_diff(seen.next[1]);
        seen.distances.push(distance);
        Ok(())
    }
    fn commit(&mut self, _: &mut Outbox<'_>) -> Result<(), StageError> {
        Ok(())
    }
    fn log_time(&self, tp: &Tp) -> Option<Micros> {
        let next = self.0.lock().unwrap().next[tp.partition as usize] as i64;
        Some(match next {
            0 => Micros::MIN,
            n => Micros(n * Micros::HOUR.0 / PER_HOUR),
        })
    }
}

/// Appends `more` records to each of the first two partitions: small ones to the first, large ones
/// to the second.
fn append(out: &Appender, sent: &mut u64, more: u64) {
    let padding = [[0; 16].as_slice(), [0; 500].as_slice()];
    for n in *sent..*sent + more {
        for (partition, padding) in padding.iter().enumerate() {
            let value = [n.to_be_bytes().as_slice(), padding].concat();
            out.send(TOPIC, Some(partition as i32), None, Some(&value), &[])
                .unwrap();
        }
        if n % 100 == 0 {
            out.poll();
        }
    }
    out.flush().unwrap();
    *sent += more;
}

fn wait(seen: &Mutex<Seen>, sent: u64) {
    let begun = Instant::now();
    while seen.lock().unwrap().next != [sent, sent, 0] {
        let so_far = seen.lock().unwrap().next;
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{so_far:?} of {sent}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The largest distance so far, and the one in the middle.
fn distances(seen: &Mutex<Seen>) -> (u64, u64) {
    let mut all = seen.lock().unwrap().distances.clone();
    all.sort_unstable();
    (all[all.len() - 1], all[all.len() / 2])
}

#[test]
fn a_long_log_is_read_side_by_side_and_a_short_one_as_it_comes() {
    let brokers = Brokers::new(weir_embedded::testing::kafka().address());
    let spec = TopicSpec {
        name: TOPIC.into(),
        partitions: PARTITIONS as u32,
        exact: false,
        config: Vec::new(),
    };
    Admin::new(&brokers, DEADLINE)
        .unwrap()
        .ensure(&[spec], -1)
        .unwrap();
    let (out, mut sent) = (Appender::new(&brokers).unwrap(), 0);
    append(&out, &mut sent, HISTORY);

    let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
    let config = StageConfig::new(brokers, "side", 1, "a", vec![TOPIC.into()]);
    let stage = {
        let (seen, stop) = (seen.clone(), stop.clone());
        std::thread::spawn(move || weir_kafka::run_stage(&config, &mut Watching(seen), &stop))
    };
    wait(&seen, sent);
    // As fetched, nearly all small records would be read before the large ones; an hour is the most
    // that one may run ahead of another that has nothing at hand.
    let (most, usual) = distances(&seen);
    assert!(most < 2 * PER_HOUR as u64 && usual < 2048, "{most} {usual}");

    for _ in 0..20 {
        append(&out, &mut sent, 10);
        wait(&seen, sent);
    }

    // Much again, while the stage reads as it comes: it is held up until all of that is in the log.
    // How far partitions are apart where reading changes depends on what was fetched by then; in
    // order and once is what counts.
    let held = seen.lock().unwrap();
    append(&out, &mut sent, HISTORY);
    drop(held);
    wait(&seen, sent);

    stop.store(true, Ordering::Relaxed);
    stage.join().unwrap().unwrap();
}
