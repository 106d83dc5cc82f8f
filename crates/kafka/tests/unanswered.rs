//! A change of assignment that nobody answers must not keep a consumer from closing, nor a stage
//! from going on.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use weir_kafka::admin::{Admin, TopicSpec};
use weir_kafka::batch::Run;
use weir_kafka::{
    Appender, Brokers, Change, Committed, Consumer, Error, Fetching, Outbox, Stage, StageConfig,
    StageError, Tp, run_stage,
};
use weir_model::codes;

const PATIENCE: Duration = Duration::from_secs(60);

fn brokers(topic: &str) -> Brokers {
    let brokers = Brokers::new(weir_embedded::testing::kafka().address());
    let topic = TopicSpec {
        name: topic.into(),
        partitions: 4,
        exact: false,
        config: Vec::new(),
    };
    let admin = Admin::new(&brokers, PATIENCE).unwrap();
    admin.ensure(&[topic], -1).unwrap();
    brokers
}

fn join(brokers: &Brokers, topic: &str, group: &str, instance: &str) -> Consumer {
    let topics = [topic.to_string()];
    Consumer::group(brokers, group, instance, &topics, Fetching::default()).unwrap()
}

fn accept(consumer: &Consumer, change: Change) {
    match change {
        Change::Assigned(assigned) => {
            let from: Vec<_> = assigned.parts().iter().map(|tp| (tp.clone(), 0)).collect();
            consumer.accept(assigned, &from, &[]).unwrap();
        }
        Change::Revoked(revoked) => consumer.release(revoked, &[]).unwrap(),
    }
}

/// The next change that `wanted` names; others are answered, of `others` too.
fn next(consumer: &Consumer, others: &[&Consumer], wanted: fn(&Change) -> bool) -> Change {
    let until = Instant::now() + PATIENCE;
    let wait = Duration::from_millis(20);
    loop {
        assert!(Instant::now() < until, "the group asks nothing");
        for other in others {
            if let Some(change) = other.poll(wait).unwrap() {
                accept(other, change);
            }
        }
        match consumer.poll(wait).unwrap() {
            Some(change) if wanted(&change) => return change,
            Some(change) => accept(consumer, change),
            None => {}
        }
    }
}

/// Closes within the time that the library's own threads need, not that of the limit after which it
/// is left behind.
fn closes(consumer: Consumer, brokers: &Brokers) {
    let begun = Instant::now();
    drop(consumer);
    let took = begun.elapsed();
    assert!(took < brokers.timeouts.close, "closing took {took:?}");
}

#[test]
fn a_consumer_closes_whatever_was_asked_last() {
    let brokers = brokers("u.close");
    let assigned = |c: &Change| matches!(c, Change::Assigned(a) if !a.parts().is_empty());
    let revoked = |c: &Change| matches!(c, Change::Revoked(_));

    // An error before the answer drops the change first and the consumer then.
    let consumer = join(&brokers, "u.close", "u-assigned", "a");
    drop(next(&consumer, &[], assigned));
    assert!(matches!(
        consumer.poll(Duration::ZERO),
        Err(Error::Unanswered)
    ));
    closes(consumer, &brokers);

    let consumer = join(&brokers, "u.close", "u-revoked", "a");
    let change = next(&consumer, &[], assigned);
    accept(&consumer, change);
    let other = join(&brokers, "u.close", "u-revoked", "b");
    drop(next(&consumer, &[&other], revoked));
    closes(consumer, &brokers);
    closes(other, &brokers);

    // Told, but not asked for.
    let consumer = join(&brokers, "u.close", "u-told", "a");
    std::thread::sleep(Duration::from_secs(3));
    closes(consumer, &brokers);
}

/// Counts, but only after its state could not be restored a few times.
struct Refusing {
    refusals: u32,
    counted: Arc<AtomicU64>,
}

impl Stage for Refusing {
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError> {
        if self.refusals > 0 && !new.is_empty() {
            self.refusals -= 1;
            let why = "a broker that has just started";
            return Err(StageError::new(codes::BROKER_UNREACHABLE, why));
        }
        Ok(new.iter().map(|_| None).collect())
    }
    fn revoked(&mut self, _: &[Tp]) {}
    fn fold(&mut self, _: &Tp, records: Run<'_>, _: &mut Outbox<'_>) -> Result<(), StageError> {
        self.counted
            .fetch_add(records.len() as u64, Ordering::SeqCst);
        Ok(())
    }
    fn commit(&mut self, _: &mut Outbox<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

#[test]
fn a_stage_whose_state_cannot_be_restored_tries_again() {
    let brokers = brokers("u.stage");
    let out = Appender::new(&brokers).unwrap();
    for p in 0..4 {
        out.send("u.stage", Some(p), None, Some(b"x"), &[]).unwrap();
    }
    out.flush().unwrap();
    let (counted, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let thread = {
        let (counted, stop) = (counted.clone(), stop.clone());
        std::thread::spawn(move || {
            let config = StageConfig::new(brokers, "refusing", 1, "a", vec!["u.stage".into()]);
            let mut stage = Refusing {
                refusals: 3,
                counted,
            };
            run_stage(&config, &mut stage, &stop)
        })
    };
    let begun = Instant::now();
    while counted.load(Ordering::SeqCst) < 4 {
        assert!(begun.elapsed() < PATIENCE, "it does not go on");
        assert!(!thread.is_finished(), "it ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    stop.store(true, Ordering::SeqCst);
    thread.join().unwrap().unwrap();
    assert_eq!(counted.load(Ordering::SeqCst), 4);
}
