//! A static member that dies between the two rounds of a cooperative rebalance: its partitions find
//! a reader all the same.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use weir_kafka::admin::{Admin, TopicSpec};
use weir_kafka::{Brokers, Change, Consumer, Error, Fetching, Tp};

const TOPIC: &str = "orphans.in";
const GROUP: &str = "orphans";

/// A member that only answers the group.
struct Reader {
    consumer: Option<Consumer>,
    has: BTreeSet<Tp>,
}

impl Reader {
    fn join(brokers: &Brokers, instance: &str) -> Reader {
        let consumer = Consumer::group(
            brokers,
            GROUP,
            instance,
            &[TOPIC.to_string()],
            Fetching::default(),
        )
        .unwrap();
        Reader {
            consumer: Some(consumer),
            has: BTreeSet::new(),
        }
    }
    fn change(&self) -> Result<Option<Change>, Error> {
        let wait = Duration::from_millis(20);
        self.consumer.as_ref().unwrap().poll(wait)
    }
    fn answer(&mut self, change: Change) {
        let consumer = self.consumer.as_ref().unwrap();
        match change {
            Change::Assigned(assigned) => {
                let from: Vec<_> = assigned.parts().iter().map(|tp| (tp.clone(), 0)).collect();
                consumer.accept(assigned, &from, &[]).unwrap();
                self.has.extend(from.into_iter().map(|(tp, _)| tp));
            }
            Change::Revoked(revoked) => {
                let parts = revoked.parts().to_vec();
                consumer.release(revoked, &[]).unwrap();
                self.has.retain(|tp| !parts.contains(tp));
            }
        }
    }
    fn serve(&mut self) -> Result<(), Error> {
        while let Some(change) = self.change()? {
            self.answer(change);
        }
        Ok(())
    }
}

#[test]
fn what_a_dead_member_was_to_give_up_is_read_again() {
    let brokers = Brokers::new(weir_embedded::testing::kafka().address());
    let topic = TopicSpec {
        name: TOPIC.into(),
        partitions: 4,
        exact: false,
        config: Vec::new(),
    };
    Admin::new(&brokers, Duration::from_secs(20))
        .unwrap()
        .ensure(&[topic], -1)
        .unwrap();
    let until = Instant::now() + Duration::from_secs(90);

    let mut b = Reader::join(&brokers, "b");
    while b.has.len() < 4 {
        assert!(Instant::now() < until, "one member takes all");
        b.serve().unwrap();
    }
    let mut a = Reader::join(&brokers, "a");
    loop {
        assert!(Instant::now() < until, "b is asked to give some up");
        a.serve().unwrap();
        match b.change().unwrap() {
            // Dies without an answer: no code of it runs any more.
            Some(Change::Revoked(revoked)) => break std::mem::forget(revoked),
            Some(change) => b.answer(change),
            None => {}
        }
    }
    // The id passes to its next life, so the old one cannot speak for it.
    std::mem::forget(b.consumer.take());
    let mut b = Reader::join(&brokers, "b");

    let (mut half, mut joined_anew) = (false, false);
    while a.has.len() + b.has.len() < 4 || a.has.is_empty() {
        assert!(
            Instant::now() < until,
            "all are read: {:?} {:?}",
            a.has,
            b.has
        );
        half |= b.has.len() == 2 && a.has.is_empty();
        for (reader, name) in [(&mut a, "a"), (&mut b, "b")] {
            match reader.serve() {
                Ok(()) => {}
                Err(Error::Orphaned { .. }) => {
                    joined_anew = true;
                    reader.consumer = None;
                    *reader = Reader::join(&brokers, name);
                }
                Err(e) => panic!("{e}"),
            }
        }
    }
    assert!(half && joined_anew, "the broker does the second round now");
    assert!(a.has.is_disjoint(&b.has));
}
