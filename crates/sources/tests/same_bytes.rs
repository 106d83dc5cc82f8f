//! What the simulator writes of assistants for a seed stays the same to the byte: snapshots, tests and demos
//! build on it.
#![allow(clippy::unwrap_used)]

use weir_model::Micros;
use weir_sources::simulate::{Options, Simulation, outgoing};
use xxhash_rust::xxh3::Xxh3;

/// The types that are written so.
const TYPES: [&str; 3] = ["llm.call", "capability.executed", "productivity.recorded"];
/// Events of 25 engineers in a week.
const RECORDS: usize = 18_761;
/// Hash of their topics, keys, values and log times. A schema that gains a field changes the
/// values: then write the new hash, after a look at whether anything else has changed.
const HASH: u64 = 0x31f4_7f79_2ec2_9260;

#[test]
fn a_seed_gives_the_same_bytes_for_ever() {
    let mut simulation = Simulation::new(Options {
        engineers: 25,
        days: 7,
        seed: 1,
        start: Micros::from_secs(1_762_128_000),
        tenant: "acme".into(),
        intensity: 1.0,
        anomalies: true,
        only: TYPES.map(str::to_owned).to_vec(),
    });
    let (mut hash, mut records) = (Xxh3::new(), 0);
    while let Some(hour) = simulation.next_hour() {
        for (log_time, event) in hour {
            let r = outgoing(log_time, &event);
            let value = r.value.unwrap();
            let time = r.log_time.unwrap().0.to_le_bytes();
            for part in [r.topic.as_bytes(), &r.key, &value, &time] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            records += 1;
        }
    }
    let hash = hash.digest();
    assert_eq!((records, hash), (RECORDS, HASH), "{hash:#018x} now");
}
