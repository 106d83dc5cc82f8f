//! The identities of the ledger against a real Kafka.

#![allow(clippy::unwrap_used)]

use std::time::Duration;
use weir_kafka::Brokers;
use weir_kafka::admin::{Admin, Partitions, standard};
use weir_model::topics;
use weir_sources::ledger::identities::{self, Known, Scope};
use weir_sources::ledger::turn::Turn;
use weir_sources::publish::Publisher;

fn brokers() -> Brokers {
    Brokers::new(weir_embedded::testing::kafka().address())
}

fn keys(brokers: &Brokers) -> usize {
    weir_kafka::compacted::read_all(brokers, topics::IMPORTS, Duration::from_secs(30))
        .unwrap()
        .len()
}

#[test]
fn many_small_records_become_one_and_nothing_is_forgotten() {
    let brokers = brokers();
    let admin = Admin::new(&brokers, Duration::from_secs(30)).unwrap();
    let specs = standard(["llm.call"], &Partitions::default());
    admin.ensure(&specs, -1).unwrap();
    let scope = Scope::new("t", "llm.call");
    let id = |i: u32| identities::of("t", "llm.call", &i.to_string(), b"");
    let mut publisher = Publisher::new(&brokers, &scope.name()).unwrap();
    for i in 0..80 {
        let (key, value) = scope.record(&[id(i), id(1000 + i)]);
        publisher.note(key.as_bytes(), Some(&value)).unwrap();
        publisher.finish().unwrap();
    }
    let other = Scope::new("u", "llm.call").record(&[id(5000)]);
    publisher.note(other.0.as_bytes(), Some(&other.1)).unwrap();
    publisher.finish().unwrap();
    assert_eq!(keys(&brokers), 81);
    let (_, small) = scope.read(&brokers).unwrap();
    small.merge(scope, &mut publisher).unwrap();
    assert_eq!(keys(&brokers), 2);

    let (all, small) = scope.read(&brokers).unwrap();
    small.merge(scope, &mut publisher).unwrap();
    assert_eq!(keys(&brokers), 2);
    let mut asked: Vec<_> = (0..6000).map(|i| (id(i), i)).collect();
    asked.sort_unstable();
    let mut known = Known::new(all).unwrap();
    for (identity, i) in asked {
        let there = i < 80 || (1000..1080).contains(&i);
        assert_eq!(known.find(&identity).unwrap().is_some(), there, "{i}");
    }

    // Whoever takes the name of a scope ends the one that has it, which says so.
    let (mut turn, waited, _) = Turn::wait(&brokers, scope).unwrap();
    assert_eq!(waited, Duration::ZERO);
    turn.hold(&mut publisher).unwrap();
    publisher.finish().unwrap();
    let mut second = Publisher::new(&brokers, &scope.name()).unwrap();
    turn.hold(&mut publisher).unwrap_or_default();
    let refused = publisher.finish().unwrap_err().to_string();
    assert!(refused.starts_with("WEIR-0313: "), "{refused}");
    // It is still marked as running, in this process: a third one waits for it.
    std::thread::scope(|s| {
        let third = s.spawn(|| Turn::wait(&brokers, scope).unwrap().1);
        std::thread::sleep(Duration::from_secs(2));
        turn.end(&mut second).unwrap();
        second.finish().unwrap();
        let waited = third.join().unwrap();
        assert!(
            waited > Duration::from_secs(1) && waited < Duration::from_secs(9),
            "{waited:?}"
        );
    });
}
