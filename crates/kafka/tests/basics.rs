//! Topics, tables and plain reading against a real Kafka.
#![allow(clippy::unwrap_used)]

use std::time::Duration;
use weir_kafka::admin::{Admin, Partitions, TopicSpec, standard};
use weir_kafka::compacted::{Table, read_all};
use weir_kafka::{Appender, Brokers, Consumer, Tp};
use weir_model::codes;

const DEADLINE: Duration = Duration::from_secs(20);

fn brokers() -> Brokers {
    Brokers::new(weir_embedded::testing::kafka().address())
}

fn topic(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec {
        name: name.into(),
        partitions,
        exact: false,
        config: Vec::new(),
    }
}

#[test]
fn topics_are_created_once_and_keep_their_partitions() {
    let brokers = brokers();
    let admin = Admin::new(&brokers, DEADLINE).unwrap();
    let mut specs = standard(["made.up"], &Partitions::default());
    assert!(admin.ensure(&specs, -1).unwrap().len() > 10);
    assert!(admin.ensure(&specs, -1).unwrap().is_empty());
    let partials = specs
        .iter_mut()
        .find(|s| s.name == weir_model::topics::PARTIALS)
        .unwrap();
    partials.partitions = 8;
    let e = admin.ensure(&specs, -1).unwrap_err();
    assert_eq!(e.code(), codes::PARTITIONS_CHANGED, "{e}");

    let out = Appender::new(&brokers).unwrap();
    for i in 0..5 {
        out.send("weir.events.made.up", Some(2), None, Some(&[i]), &[])
            .unwrap();
    }
    out.flush().unwrap();
    let info = admin.topics(&["weir.events.made.up"]).unwrap();
    let ends: Vec<i64> = info[0].partitions.iter().map(|p| p.end).collect();
    assert_eq!(ends, [0, 0, 5, 0]);
}

#[test]
fn a_table_holds_the_last_value_of_each_key() {
    let brokers = brokers();
    let admin = Admin::new(&brokers, DEADLINE).unwrap();
    admin.ensure(&[topic("t.table", 2)], -1).unwrap();
    assert!(read_all(&brokers, "t.table", DEADLINE).unwrap().is_empty());
    assert!(
        read_all(&brokers, "t.nothing", DEADLINE)
            .unwrap()
            .is_empty()
    );
    let table = Table::new(&brokers, "t.table").unwrap();
    for (k, v) in [
        ("a", Some("1")),
        ("b", Some("2")),
        ("a", Some("3")),
        ("b", None),
    ] {
        table.put(k.as_bytes(), v.map(str::as_bytes)).unwrap();
    }
    assert_eq!(
        read_all(&brokers, "t.table", DEADLINE).unwrap(),
        [(b"a".to_vec(), b"3".to_vec())]
    );
}

#[test]
fn batches_carry_records_headers_and_ends() {
    let brokers = brokers();
    Admin::new(&brokers, DEADLINE)
        .unwrap()
        .ensure(&[topic("t.read", 1)], -1)
        .unwrap();
    let out = Appender::new(&brokers).unwrap();
    for i in 0..1000u32 {
        let headers: &[(&str, &[u8])] = if i == 7 { &[("weir-tick", b"12")] } else { &[] };
        out.send("t.read", Some(0), None, Some(&i.to_be_bytes()), headers)
            .unwrap();
    }
    out.flush().unwrap();
    let consumer = Consumer::assigned(&brokers, &[(Tp::new("t.read", 0), 5)]).unwrap();
    let (mut seen, mut end) = (Vec::new(), None);
    while end.is_none() {
        assert!(consumer.poll(Duration::ZERO).unwrap().is_none());
        let batch = consumer
            .next(Duration::from_millis(100), Duration::ZERO, 256)
            .unwrap();
        for m in batch.iter() {
            assert_eq!(
                i64::from(u32::from_be_bytes(m.value().unwrap().try_into().unwrap())),
                m.offset()
            );
            assert_eq!(m.meta().tick.is_some(), m.offset() == 7);
            seen.push(m.offset());
        }
        end = batch.ends().first().map(|e| e.next);
    }
    assert_eq!((seen, end), ((5..1000).collect(), Some(1000)));
    consumer.seek(&[(Tp::new("t.read", 0), 990)]).unwrap();
    let batch = consumer
        .next(Duration::from_secs(5), Duration::from_millis(300), 256)
        .unwrap();
    assert_eq!(
        batch.iter().map(|m| m.offset()).collect::<Vec<_>>(),
        (990..1000).collect::<Vec<_>>()
    );
}

#[test]
fn headers_are_asked_for_unless_a_value_begins_as_usual_and_no_mark_came() {
    let brokers = brokers();
    Admin::new(&brokers, DEADLINE)
        .unwrap()
        .ensure(&[topic("t.metas", 1)], -1)
        .unwrap();
    let out = Appender::new(&brokers).unwrap();
    let usual = [0, 0, 0, 0, 7];
    let (framed, other) = ([&usual[..], b"x"].concat(), [0, 0, 0, 0, 8]);
    let records = [
        (Some(&framed[..]), "weir-log-time", "1"),
        (Some(&other[..]), "weir-log-time", "2"),
        (None, "weir-replay", "begin"),
        (Some(&framed[..]), "weir-log-time", "4"),
    ];
    for (value, name, text) in records {
        out.send("t.metas", Some(0), None, value, &[(name, text.as_bytes())])
            .unwrap();
    }
    out.flush().unwrap();
    let consumer = Consumer::assigned(&brokers, &[(Tp::new("t.metas", 0), 0)]).unwrap();
    let batch = consumer
        .next(Duration::from_secs(5), Duration::from_millis(300), 256)
        .unwrap();
    let run = batch.runs().next().unwrap();
    let times = |usual| -> Vec<Option<i64>> {
        run.metas(usual)
            .map(|m| m.log_time.map(|t| t.0).or(m.mark.map(|_| 3)))
            .collect()
    };
    assert_eq!(times(Some(usual)), [None, Some(2), Some(3), Some(4)]);
    assert_eq!(times(None), [Some(1), Some(2), Some(3), Some(4)]);
}
